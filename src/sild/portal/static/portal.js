// Betters the pages, never carries them: drafts save themselves, what was written offline waits, news wake the phone.
"use strict";
const words = document.body.dataset;
const answers = (form) => [...new FormData(form)].filter(([name, value]) => name.startsWith("f.") && typeof value === "string");

// What is written offline waits on this device, sealed. The key is made of a secret that the portal tells this person's pages alone and
// of a salt that this device alone has, and cannot be taken out; who logs out takes the salts along. Where that cannot be, nothing is kept.
const shelf = (() => {
  const { who, shelf: secret } = words;
  const utf8 = (text) => new TextEncoder().encode(text);
  const of = (request) => new Promise((yes, no) => { request.onsuccess = () => yes(request.result); request.onerror = () => no(request.error); });
  const written = (rows, write) => new Promise((yes, no) => { write(rows); rows.transaction.oncomplete = yes; rows.transaction.onabort = () => no(rows.transaction.error); });
  delete words.shelf;
  let opened;
  const rows = async (name, mode) => {
    opened ||= new Promise((yes, no) => {
      const asked = indexedDB.open("drafts", 1);
      asked.onupgradeneeded = () => { asked.result.createObjectStore("salts"); asked.result.createObjectStore("sealed"); };
      asked.onsuccess = () => yes(asked.result); asked.onerror = () => no(asked.error);
    });
    return (await opened).transaction(name, mode, { durability: "strict" }).objectStore(name); // kept is said of what is on the disk
  };
  const derived = async (algorithm, info, uses, make = false) => {
    let salt = await of((await rows("salts")).get(who));
    if (!salt) {
      if (!make) return null;
      salt = crypto.getRandomValues(new Uint8Array(32));
      await written(await rows("salts", "readwrite"), (row) => row.add(salt, who)).catch(() => {}); // another window's came first
      salt = await of((await rows("salts")).get(who));
    }
    const base = await crypto.subtle.importKey("raw", utf8(secret), "HKDF", false, ["deriveKey"]);
    return crypto.subtle.deriveKey({ name: "HKDF", hash: "SHA-256", salt, info: utf8(info) }, base, algorithm, false, uses);
  };
  const sealing = (make) => derived({ name: "AES-GCM", length: 256 }, "draft", ["encrypt", "decrypt"], make);
  const place = async (path) => {
    const key = await derived({ name: "HMAC", hash: "SHA-256", length: 256 }, "place", ["sign"]);
    return key && `${who} ${btoa(String.fromCharCode(...new Uint8Array(await crypto.subtle.sign("HMAC", key, utf8(path)))))}`;
  };
  const open = async ({ iv, data }) => JSON.parse(new TextDecoder().decode(await crypto.subtle.decrypt({ name: "AES-GCM", iv }, await sealing(), data)));
  const can = Boolean(who && secret && globalThis.crypto?.subtle && globalThis.indexedDB);
  const when = (then, otherwise) => async (...given) => { try { return can ? await then(...given) : otherwise; } catch { return otherwise; } };
  return {
    put: when(async (path, draft) => {
      const iv = crypto.getRandomValues(new Uint8Array(12));
      const data = await crypto.subtle.encrypt({ name: "AES-GCM", iv }, await sealing(true), utf8(JSON.stringify({ ...draft, path })));
      const at = await place(path);
      await written(await rows("sealed", "readwrite"), (row) => row.put({ iv, data }, at));
      return true;
    }, false),
    get: when(async (path) => {
      const at = await place(path);
      const found = at && await of((await rows("sealed")).get(at));
      return found ? await open(found) : null;
    }, null),
    drop: when(async (path) => {
      const at = await place(path);
      if (at) await written(await rows("sealed", "readwrite"), (row) => row.delete(at));
    }),
    all: when(async () => {
      const found = [];
      for (const one of await of((await rows("sealed")).getAll(IDBKeyRange.bound(`${who} `, `${who}!`)))) {
        try { found.push(await open(one)); } catch { } // sealed before somebody logged out in another window: nobody's any more
      }
      return found.filter((one) => one.path.startsWith("/"));
    }, []),
    wipe: when(async () => { for (const name of ["salts", "sealed"]) await written(await rows(name, "readwrite"), (row) => row.clear()); }),
  };
})();
for (const name of Object.keys(localStorage)) if (name.startsWith("draft:")) localStorage.removeItem(name); // unsealed ones of before
document.querySelector("form[action='/logout']")?.addEventListener("submit", (event) => {
  event.preventDefault();
  const papers = new Promise((done) => { // those kept to be shown without a connection, see kept.js
    try { const gone = indexedDB.deleteDatabase("papers"); gone.onsuccess = gone.onerror = done; } catch { done(); }
  });
  Promise.race([Promise.all([shelf.wipe(), papers]), new Promise((late) => setTimeout(late, 1000))]).then(() => event.target.submit());
});

if ("serviceWorker" in navigator) navigator.serviceWorker.register("/worker.js").catch(() => {});

const notice = document.getElementById("offline");
function tellOffline() {
  if (!notice) return;
  notice.hidden = navigator.onLine;
  notice.textContent = words.offline;
}
addEventListener("online", () => { tellOffline(); offerWaiting(); });
addEventListener("offline", tellOffline);
if (!navigator.onLine) tellOffline();

const form = document.getElementById("screen");
if (form) {
  const said = document.getElementById("saved");
  let timer, waits = false;
  const save = async () => {
    if (!navigator.onLine) return keepHere();
    const body = new URLSearchParams(answers(form));
    const headers = { "X-Form-Token": form.elements.form_token.value, "X-Requested-By": "portal" };
    try {
      const answer = await fetch(form.dataset.draft + location.search, { method: "POST", body, headers });
      if ([404, 409, 410].includes(answer.status)) { await shelf.drop(location.pathname); return; } // over: nothing waits
      if (!answer.ok) throw new Error();
      if (waits) { waits = false; await shelf.drop(location.pathname); }
      said.textContent = words.saved + " " + new Date().toLocaleTimeString(document.documentElement.lang, { hour: "2-digit", minute: "2-digit" });
    } catch { keepHere(); }
  };
  const keepHere = async () => {
    const draft = { at: Date.now(), title: document.querySelector("h1").textContent, fields: answers(form) };
    waits = await shelf.put(location.pathname, draft);
    said.textContent = waits ? [words.kept, form.dataset.files].filter(Boolean).join(" ") : words.offline;
  };
  addEventListener("online", () => { if (waits) save(); });
  form.addEventListener("input", () => { conditions(); clearTimeout(timer); timer = setTimeout(save, 1200); });
  form.addEventListener("submit", (event) => {
    clearTimeout(timer);
    if (!navigator.onLine) { event.preventDefault(); keepHere(); said.scrollIntoView({ block: "center" }); return; }
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "1";
    setTimeout(() => { delete form.dataset.sent; }, 8000);
  });
  addEventListener("pageshow", () => { delete form.dataset.sent; });
  const conditions = () => {
    for (const part of form.querySelectorAll("[data-if]")) {
      const chosen = [...form.querySelectorAll(`[name="${part.dataset.if}"]:checked`)].map((one) => one.value);
      part.hidden = !chosen.includes(part.dataset.is);
    }
  };
  conditions();
  shelf.get(location.pathname).then((kept) => kept && offer(kept, () => {
    for (const input of form.elements) {
      if (!input.name.startsWith("f.")) continue;
      const given = kept.fields.filter(([name]) => name === input.name).map(([, value]) => value);
      if (input.type === "radio" || input.type === "checkbox") input.checked = given.includes(input.value);
      else if (input.type !== "file") input.value = given[0] || "";
    }
    shelf.drop(location.pathname);
    conditions();
    save();
  }, () => shelf.drop(location.pathname)));
}

function button(text, then, quiet) {
  const made = document.createElement("button");
  made.type = "button"; made.textContent = text; if (quiet) made.className = "quiet";
  made.addEventListener("click", then);
  return made;
}
function offer(kept, put, drop) {
  const box = document.createElement("div");
  box.className = "note warn stack"; box.setAttribute("role", "status");
  const text = document.createElement("p");
  text.textContent = `${words.waiting} ${kept.title} (${new Date(kept.at).toLocaleString(document.documentElement.lang)})`;
  box.append(text, button(words.putIn, () => { put(); box.remove(); }), button(words.drop, () => { drop(); box.remove(); }, true));
  document.getElementById("main").prepend(box);
}
async function isOver(path) {
  try {
    const answer = await fetch(path);
    return answer.status === 404 || (answer.ok && !answer.redirected && !(await answer.text()).includes('id="screen"'));
  } catch { return false; }
}
async function offerWaiting() {
  if (form) return;
  for (const kept of await shelf.all()) {
    if (await isOver(kept.path)) { await shelf.drop(kept.path); continue; } // what cannot be sent any more asks nobody to
    if (document.getElementById("w" + kept.path)) continue;
    const box = document.createElement("p");
    box.className = "note warn"; box.id = "w" + kept.path;
    const link = document.createElement("a");
    link.href = kept.path; link.textContent = `${words.check}: ${kept.title}`;
    box.append(link);
    document.getElementById("main").prepend(box);
  }
}
offerWaiting();

const push = document.getElementById("push");
if (push && "PushManager" in window) {
  push.hidden = false;
  const said = document.getElementById("push-said");
  document.getElementById("push-on").addEventListener("click", async () => {
    try {
      if (await Notification.requestPermission() !== "granted") throw new Error();
      const worker = await navigator.serviceWorker.ready;
      const raw = atob(push.dataset.key.replace(/-/g, "+").replace(/_/g, "/"));
      const key = Uint8Array.from(raw, (sign) => sign.charCodeAt(0));
      const address = await worker.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
      const headers = { "X-Form-Token": push.dataset.token, "X-Requested-By": "portal", "Content-Type": "application/json" };
      const answer = await fetch("/settings/push", { method: "POST", headers, body: JSON.stringify(address) });
      if (!answer.ok) throw new Error();
      location.reload();
    } catch { said.textContent = push.dataset.refused; }
  });
}
const news = document.getElementById("news"); // shown: read
if (news) {
  const told = news.querySelector("form");
  const headers = { "X-Form-Token": told.elements.form_token.value, "X-Requested-By": "portal" };
  fetch(told.action, { method: "POST", headers }).then((answer) => {
    if (!answer.ok) return;
    told.remove();
    const count = document.querySelector(".tabs .count"), left = Number(count?.firstChild.data) - news.querySelectorAll("li").length;
    if (left > 0) count.firstChild.data = left; else count?.remove();
  }).catch(() => {});
}
addEventListener("beforeprint", () => { for (const folded of document.querySelectorAll("main details")) folded.open = true; });
const errors = document.getElementById("errors");
if (errors) errors.focus();
