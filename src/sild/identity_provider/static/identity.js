"use strict";
/* Passkeys (WebAuthn) and the identity card (Web eID): the two ways to log in that a page alone cannot do. */

const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0)).buffer;
const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
const failed = document.getElementById("failed");

function show(reason, way) {
  const names = { login_expired: "expired", forged_form: "expired", too_many: "many", level_too_low: "level", unavailable: "unavailable",
    passkey_refused: "passkey", card_refused: "card", extension: "extension", cancelled: "cancelled", another_person: "person" };
  failed.textContent = failed.dataset[names[reason]] || failed.dataset[way] || failed.dataset.expired;
  failed.hidden = false;
  failed.focus();
}

async function post(url, token, body) {
  const answer = await fetch(url, { method: "POST", body: JSON.stringify(body ?? {}), credentials: "same-origin",
    headers: { "Content-Type": "application/json", "X-Form-Token": token } });
  const said = await answer.json();
  if (!answer.ok) throw new Error(said.error);
  return said;
}

function credentialJson(credential) {
  const response = { clientDataJSON: text(credential.response.clientDataJSON) };
  for (const name of ["attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (credential.response[name]) response[name] = text(credential.response[name]);
  }
  return { id: credential.id, rawId: text(credential.rawId), type: credential.type, response,
    authenticatorAttachment: credential.authenticatorAttachment, clientExtensionResults: credential.getClientExtensionResults() };
}

async function logIn(place) {
  const options = await post(`${place.dataset.login}/${place.dataset.login.endsWith("/device") ? "" : "passkey/"}options`, place.dataset.token);
  const publicKey = { ...options, challenge: bytes(options.challenge),
    allowCredentials: (options.allowCredentials || []).map((one) => ({ ...one, id: bytes(one.id) })) };
  const credential = await navigator.credentials.get({ publicKey });
  return post(`${place.dataset.login}/passkey`, place.dataset.token, credentialJson(credential));
}

async function register(place) {
  const options = await post(`${place.dataset.register}/options`, place.dataset.token);
  const publicKey = { ...options, challenge: bytes(options.challenge), user: { ...options.user, id: bytes(options.user.id) },
    excludeCredentials: (options.excludeCredentials || []).map((one) => ({ ...one, id: bytes(one.id) })) };
  const credential = await navigator.credentials.create({ publicKey });
  const label = encodeURIComponent(document.getElementById("label").value);
  return post(`${place.dataset.register}?label=${label}`, place.dataset.token, credentialJson(credential));
}

/* The Web eID browser extension listens for messages of the page; its library does no more than this. */
function askExtension(message) {
  return new Promise((resolve, reject) => {
    const silent = setTimeout(() => reject(new Error("extension")), 3000);
    addEventListener("message", function heard(event) {
      const said = event.data || {};
      if (event.source !== window || typeof said.action !== "string" || !said.action.startsWith(`web-eid:${message.action.slice(8)}-`)) return;
      clearTimeout(silent);
      if (said.action.endsWith("-ack")) return;
      removeEventListener("message", heard);
      if (said.action.endsWith("-success")) resolve(said);
      else reject(new Error(said.error && said.error.code === "ERR_WEBEID_USER_CANCELLED" ? "cancelled" : "card_refused"));
    });
    postMessage(message, origin);
  });
}

async function card(place) {
  const { nonce } = await post(`${place.dataset.login}/card/nonce`, place.dataset.token);
  const said = await askExtension({ action: "web-eid:authenticate", challengeNonce: nonce, options: { lang: document.documentElement.lang } });
  const { unverifiedCertificate, algorithm, signature, format, appVersion } = said;
  return post(`${place.dataset.login}/card`, place.dataset.token, { unverifiedCertificate, algorithm, signature, format, appVersion });
}

function offer(id, way, act) {
  const button = document.getElementById(id);
  if (!button) return;
  button.hidden = false;
  button.addEventListener("click", async () => {
    button.disabled = true;
    failed.hidden = true;
    try {
      location.assign((await act(button.closest("[data-token]"))).next);
    } catch (error) {
      show(error.name === "NotAllowedError" ? "cancelled" : error.message, way);
      button.disabled = false;
    }
  });
}

if (window.PublicKeyCredential) {
  offer("passkey", "passkey", logIn);
  offer("register", "passkey", register);
  const naming = document.getElementById("naming");
  if (naming) naming.hidden = false;
}
offer("card", "card", card);
