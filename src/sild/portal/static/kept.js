// A paper kept on this device, to be shown without a connection. Nobody is logged in then, so the portal's secret is not there: the
// key is made of a code that the person chooses and remembers, and of a salt of the paper's own. What stands in clear is the paper's
// title and the day. It goes with a press of a button, at log-out, or when the portal says that the paper no longer holds.
"use strict";
const kept = (() => {
  const of = (request) => new Promise((yes, no) => { request.onsuccess = () => yes(request.result); request.onerror = () => no(request.error); });
  const utf8 = (text) => new TextEncoder().encode(text);
  let opened;
  const rows = async (mode) => {
    opened ||= new Promise((yes, no) => {
      const asked = indexedDB.open("papers", 1);
      asked.onupgradeneeded = () => asked.result.createObjectStore("kept");
      asked.onsuccess = () => {
        asked.result.onversionchange = () => { asked.result.close(); opened = null; }; // somebody logs out in another window
        yes(asked.result);
      };
      asked.onerror = () => no(asked.error);
    });
    return (await opened).transaction("kept", mode, { durability: "strict" }).objectStore("kept");
  };
  const written = async (write) => {
    const store = await rows("readwrite");
    await new Promise((yes, no) => { write(store); store.transaction.oncomplete = yes; store.transaction.onabort = () => no(store.transaction.error); });
  };
  const key = async (code, salt) => {
    const base = await crypto.subtle.importKey("raw", utf8(code.normalize("NFKC")), "PBKDF2", false, ["deriveKey"]);
    const how = { name: "PBKDF2", hash: "SHA-256", salt, iterations: 600000 };
    return crypto.subtle.deriveKey(how, base, { name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
  };
  const bound = (at, title) => utf8(JSON.stringify([at, title])); // nobody makes it younger
  return {
    can: Boolean(globalThis.crypto?.subtle && globalThis.indexedDB),
    put: async (place, title, content, code) => {
      const at = Date.now(), salt = crypto.getRandomValues(new Uint8Array(32)), iv = crypto.getRandomValues(new Uint8Array(12));
      const how = { name: "AES-GCM", iv, additionalData: bound(at, title) };
      const data = await crypto.subtle.encrypt(how, await key(code, salt), utf8(JSON.stringify(content)));
      await written((store) => store.put({ at, title, salt, iv, data }, place));
    },
    open: async ({ at, title, salt, iv, data }, code) => {
      const how = { name: "AES-GCM", iv, additionalData: bound(at, title) };
      return JSON.parse(new TextDecoder().decode(await crypto.subtle.decrypt(how, await key(code, salt), data)));
    },
    get: async (place) => of((await rows()).get(place)),
    drop: async (place) => written((store) => store.delete(place)),
    all: async () => {
      const store = await rows();
      const [places, papers] = await Promise.all([of(store.getAllKeys()), of(store.getAll())]);
      return places.map((place, number) => ({ place, ...papers[number] }));
    },
  };
})();
(() => {
  const language = document.documentElement.lang;
  const add = (parent, name, text, attributes = {}) => {
    const made = document.createElement(name);
    if (text) made.textContent = text;
    for (const [each, value] of Object.entries(attributes)) made.setAttribute(each, value);
    parent.append(made);
    return made;
  };
  const since = (at) => {
    const days = Math.floor((Date.now() - at) / 86400000);
    const ago = new Intl.RelativeTimeFormat(language, { numeric: "auto" }).format(-days, "day").toLocaleLowerCase(language);
    return `${new Date(at).toLocaleString(language, { dateStyle: "long", timeStyle: "short" })} (${ago})`;
  };

  const keep = document.getElementById("keep"); // on a paper's own page
  const place = `${document.body.dataset.who} ${location.pathname}`;
  if (document.getElementById("no-paper") && kept.can) kept.drop(place).catch(() => {}); // it no longer holds
  if (keep && kept.can && document.body.dataset.who) {
    const said = document.getElementById("keep-said"), drop = document.getElementById("keep-drop"), code = document.getElementById("keep-code");
    const tell = async () => {
      const found = await kept.get(place);
      drop.hidden = !found;
      said.textContent = found ? `${keep.dataset.since} ${since(found.at)}` : "";
    };
    tell().then(() => { keep.hidden = false; }).catch(() => {});
    document.getElementById("keep-form").addEventListener("submit", async (event) => {
      event.preventDefault();
      const lines = [...document.querySelectorAll("#claims > *")].map((one) => one.textContent);
      const content = { code: document.querySelector(".paper-code").innerHTML, lines };
      try { await kept.put(place, keep.dataset.title, content, code.value); code.value = ""; await tell(); } catch { said.textContent = keep.dataset.failed; }
    });
    drop.addEventListener("click", async () => { await kept.drop(place).catch(() => {}); await tell(); });
  }

  const list = document.getElementById("kept"); // on the page without a connection
  const show = async () => {
    const papers = await kept.all();
    list.hidden = papers.length === 0;
    papers.forEach((paper, number) => one(add(list, "section", "", { class: "sheet stack" }), paper, `kept-${number}`));
  };
  const one = (box, paper, id) => {
    add(box, "h2", paper.title);
    add(box, "p", `${list.dataset.since} ${since(paper.at)}`, { class: "small" });
    const asked = add(box, "form", "", { class: "stack", action: "#kept" });
    add(asked, "label", list.dataset.code, { for: id });
    const code = add(asked, "input", "", { id, type: "password", required: "", autocomplete: "off" });
    const said = add(asked, "p", "", { role: "alert" });
    add(asked, "button", list.dataset.show);
    const drop = add(box, "button", list.dataset.drop, { type: "button", class: "quiet" });
    drop.addEventListener("click", async () => { await kept.drop(paper.place).catch(() => {}); box.remove(); });
    asked.addEventListener("submit", async (event) => {
      event.preventDefault();
      try {
        const content = await kept.open(paper, code.value);
        asked.replaceWith(shown(content));
      } catch { said.textContent = list.dataset.wrong; code.select(); }
    });
  };
  const shown = (content) => {
    const box = document.createElement("div");
    box.className = "stack";
    const picture = add(box, "div", "", { class: "paper-code", role: "img", "aria-label": list.dataset.picture });
    const drawn = new DOMParser().parseFromString(content.code, "image/svg+xml").documentElement;
    picture.append(document.importNode(drawn, true));
    const lines = add(box, "dl", "", { class: "kv" });
    content.lines.forEach((line, number) => add(lines, number % 2 ? "dd" : "dt", line));
    add(box, "p", list.dataset.unknown, { class: "note" });
    return box;
  };
  if (list && kept.can) show().catch(() => {});
})();
