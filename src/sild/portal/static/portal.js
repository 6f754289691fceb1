// Betters the pages, never carries them: drafts save themselves, what was written offline waits, news wake the phone.
"use strict";
const words = document.body.dataset;
const shelf = (path) => `draft:${words.who}:${path}`;
const answers = (form) => [...new FormData(form)].filter(([name, value]) => name.startsWith("f.") && typeof value === "string");

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
  let timer, dirty = false;
  const save = async () => {
    dirty = false;
    const body = new URLSearchParams(answers(form));
    const headers = { "X-Form-Token": form.elements.form_token.value, "X-Requested-By": "portal" };
    try {
      const answer = await fetch(form.dataset.draft + location.search, { method: "POST", body, headers });
      if ([404, 409, 410].includes(answer.status)) { localStorage.removeItem(shelf(location.pathname)); return; } // over: nothing waits
      if (!answer.ok) throw new Error();
      said.textContent = words.saved + " " + new Date().toLocaleTimeString(document.documentElement.lang, { hour: "2-digit", minute: "2-digit" });
    } catch { keepHere(); }
  };
  const keepHere = () => {
    if (!words.who) { said.textContent = words.offline; return; }
    localStorage.setItem(shelf(location.pathname), JSON.stringify({ at: Date.now(), title: document.querySelector("h1").textContent, fields: answers(form) }));
    said.textContent = [words.kept, form.dataset.files].filter(Boolean).join(" ");
  };
  form.addEventListener("input", () => { dirty = true; conditions(); clearTimeout(timer); timer = setTimeout(save, 1200); });
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
  const kept = localStorage.getItem(shelf(location.pathname));
  if (kept) offer(JSON.parse(kept), () => {
    const fields = JSON.parse(kept).fields;
    for (const input of form.elements) {
      if (!input.name.startsWith("f.")) continue;
      const given = fields.filter(([name]) => name === input.name).map(([, value]) => value);
      if (input.type === "radio" || input.type === "checkbox") input.checked = given.includes(input.value);
      else input.value = given[0] || "";
    }
    localStorage.removeItem(shelf(location.pathname));
    conditions();
    save();
  }, () => localStorage.removeItem(shelf(location.pathname)));
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
  if (form || !words.who) return;
  for (const name of Object.keys(localStorage)) {
    if (!name.startsWith(`draft:${words.who}:`)) continue;
    const path = name.slice(`draft:${words.who}:`.length);
    if (!path.startsWith("/")) continue;
    if (await isOver(path)) { localStorage.removeItem(name); continue; } // what cannot be sent any more asks nobody to
    const kept = JSON.parse(localStorage.getItem(name));
    if (document.getElementById("w" + path)) continue;
    const box = document.createElement("p");
    box.className = "note warn"; box.id = "w" + path;
    const link = document.createElement("a");
    link.href = path; link.textContent = `${words.check}: ${kept.title}`;
    box.append(link);
    document.getElementById("main").prepend(box);
  }
}
if (navigator.onLine) offerWaiting();

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
const errors = document.getElementById("errors");
if (errors) errors.focus();
