// What is needed without a network: the look, the script and one page that says so. Nothing personal is kept here.
const CACHE = "sild-" + SETTINGS.files.join("|").replace(/[^a-z0-9]/g, "").slice(-200);
addEventListener("install", (event) => {
  event.waitUntil((async () => {
    const cache = await caches.open(CACHE);
    await cache.addAll(SETTINGS.files);
    await cache.put("/offline", await fetch("/offline", { credentials: "omit" }));
    await skipWaiting();
  })());
});
addEventListener("activate", (event) => {
  event.waitUntil((async () => {
    for (const name of await caches.keys()) if (name !== CACHE) await caches.delete(name);
    await clients.claim();
  })());
});
addEventListener("fetch", (event) => {
  const request = event.request;
  if (request.mode === "navigate" && request.method === "GET") {
    event.respondWith(fetch(request).catch(() => caches.match("/offline")));
  } else if (new URL(request.url).pathname.startsWith("/static/")) {
    event.respondWith(caches.match(request).then((found) => found || fetch(request)));
  }
});
addEventListener("push", (event) => {
  let language = "en";
  try { language = event.data.json().language; } catch {}
  const body = SETTINGS.words[language] || SETTINGS.words.en;
  event.waitUntil(registration.showNotification(SETTINGS.name, { body, icon: SETTINGS.files[3], tag: "news", data: "/inbox" }));
});
addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(clients.openWindow(event.notification.data));
});
