"""Remote signing before the signing service's keys: the API of the Cloud Signature Consortium (v2), and the page that asks.

    info                      what there is                              everybody
    credentials/list, /info   a person's key and certificates            a client that may ask for signatures
    oauth2/pushed_authorize   what is to be signed (RFC 9126)            the same
    oauth2/authorize          the page: the document and a log-in        the person's browser, once
    oauth2/token              a code for a token                         the client
    signatures/signHash       the signature                              whoever holds the token

The log-in on that page *is* the word: made for this document alone, at level high, by whoever the key belongs to. It begins no session,
and no session, however fresh, answers instead.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from typing import Any

from starlette.responses import JSONResponse, Response

from sild.errors import CallerError, TrustError
from sild.identity_provider.browser import Browser
from sild.identity_provider.clients import Clients
from sild.identity_provider.edge import Call, redirect
from sild.identity_provider.logins import Logins
from sild.identity_provider.people import People
from sild.identity_provider.sessions import LogIn
from sild.identity_provider.settings import IdentityProviderSettings
from sild.identity_provider.store import Store
from sild.openid import (
    SIGNING_SCOPE,
    AuthorizationRequest,
    Client,
    LevelOfAssurance,
    OpenIDError,
    find_redirect_uri,
    parse_parameters,
    with_query,
)
from sild.pki import der
from sild.remote_signing import (
    Credential,
    RemoteSigning,
    SigningRequest,
    parse_pushed,
    parse_sign_hash,
    shown,
)

__all__ = ["BASE", "NoSigning", "SigningApi", "SigningPage"]

BASE = "/csc/v2"
SPECIFICATION = "2.0.0.2"
P256 = "1.2.840.10045.3.1.7"
EC_KEY, ECDSA_SHA256, SHA256 = "1.2.840.10045.2.1", "1.2.840.10045.4.3.2", "2.16.840.1.101.3.4.2.1"
METHODS = [
    "credentials/list",
    "credentials/info",
    "oauth2/pushed_authorize",
    "oauth2/authorize",
    "oauth2/token",
    "signatures/signHash",
]


class NoSigning(CallerError):
    code = "not_found"


@dataclass(frozen=True, slots=True)
class Asked:
    """What the page shows. digest: SHA-256 of the document, hexadecimal."""

    subject: str
    name: str
    document: str
    digest: str


class SigningPage:
    """What the log-in's screens know of signing."""

    def __init__(self, store: Store, signing: RemoteSigning, settings: IdentityProviderSettings) -> None:
        self._store = store
        self._signing = signing
        self._issuer = settings.issuer

    def shown(self, request_id: str) -> Asked:
        """Raises OpenIDError: it is over."""
        found = self._signing.find(request_id)
        digest = hashlib.sha256(found.document.encode()).hexdigest()
        return Asked(found.subject, found.name, shown(found.media_type, found.document), digest)

    def authorise(self, request_id: str, done: LogIn) -> str:
        """The client's address with the code. Raises TrustError (`another_person`), OpenIDError."""
        person = done.person.subject
        try:
            found, code = self._signing.authorise(request_id, person, way=done.amr)
        except OpenIDError as error:
            if error.code == "access_denied":
                raise TrustError(error.message, code="another_person") from error
            raise
        with self._store.change() as change:
            detail = {"hash": found.hash, "amr": done.amr}
            change.audit("sign", actor=person, subject=person, client_id=found.client_id, detail=detail)
        return with_query(found.redirect_uri, {"code": code, "state": found.state, "iss": self._issuer})


class SigningApi:
    """signing None: nobody signs here, and every method says so (`not_found`)."""

    def __init__(
        self,
        settings: IdentityProviderSettings,
        store: Store,
        browser: Browser,
        clients: Clients,
        people: People,
        logins: Logins,
        signing: RemoteSigning | None,
    ) -> None:
        self._settings = settings
        self._store = store
        self._browser = browser
        self._clients = clients
        self._people = people
        self._logins = logins
        self._offered = signing

    @property
    def _signing(self) -> RemoteSigning:
        if self._offered is None:
            raise NoSigning("nobody signs here")
        return self._offered

    def info(self, _call: Call) -> Response:
        """11.1."""
        _ = self._signing
        return JSONResponse(
            {
                "specs": SPECIFICATION,
                "name": self._settings.name,
                "logo": "",
                "region": "",
                "lang": self._settings.languages[0],
                "description": "Remote signing; only of documents that are pushed and shown",
                "authType": ["basic", "oauth2code"],
                "oauth2": self._settings.issuer + BASE,
                "asynchronousOperationMode": False,
                "methods": METHODS,
                "signAlgorithms": {"algos": [ECDSA_SHA256]},
                "signature_formats": {"formats": [], "envelope_properties": []},
                "conformance_levels": [],
            }
        )

    def credentials_list(self, call: Call) -> Response:
        """11.4, of the person `userID`; their key is made now if there is none."""
        self._client(call)
        said = _json(call)
        subject = str(said.get("userID", ""))
        with self._store.change() as change:
            person, _is_test, _handle = self._people.known(change.connection, subject)
        credential = self._signing.credential_of(person)
        answer: dict[str, Any] = {"credentialIDs": [credential.id]}
        if said.get("credentialInfo") is True:
            answer["credentialInfos"] = [{"credentialID": credential.id, **_described(credential)}]
        return JSONResponse(answer)

    def credentials_info(self, call: Call) -> Response:
        """11.5."""
        self._client(call)
        found = self._signing.credential(str(_json(call).get("credentialID", "")))
        return JSONResponse(_described(found))

    def pushed_authorize(self, call: Call) -> Response:
        """8.2.3."""
        form = parse_parameters(call.form)
        client = self._client(call, form)
        redirect_uri = find_redirect_uri(form, client)
        uri, seconds = self._signing.push(client.client_id, redirect_uri, parse_pushed(form))
        return JSONResponse({"request_uri": uri, "expires_in": seconds}, 201)

    def authorize(self, call: Call) -> Response:
        """8.2.2, of a pushed request alone: to the page, in the browser that asked first and no other."""
        parameters = parse_parameters([pair for pair in call.query if pair[0] != "lang"])
        client = self._clients.find(parameters.get("client_id", ""))
        found = self._signing.begin(parameters.get("request_uri", ""), client.client_id)
        browser = self._browser.cookie(call)
        login_id = self._logins.begin(_request(found), browser, signing=found.id)
        return self._browser.keep(call, redirect(f"/login/{login_id}"))

    def token(self, call: Call) -> Response:
        """8.2.4."""
        form = parse_parameters(call.form)
        client = self._client(call, form)
        token = self._signing.redeem(client.client_id, form)
        answer = {
            "access_token": token.value,
            "token_type": "SAD",
            "expires_in": token.seconds,
            "credentialID": token.credential_id,
        }
        return JSONResponse(answer, headers={"Pragma": "no-cache"})

    def sign_hash(self, call: Call) -> Response:
        """11.13. The token stands in the Authorization header and nowhere else."""
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        if scheme.lower() not in ("bearer", "sad") or not token:
            raise OpenIDError("a token is needed", code="invalid_token")
        signatures = self._signing.sign(token.strip(), parse_sign_hash(_json(call)))
        return JSONResponse({"signatures": [base64.b64encode(one).decode() for one in signatures]})

    def _client(self, call: Call, form: dict[str, str] | None = None) -> Client:
        """Of those that may ask for signatures. Raises OpenIDError (`invalid_client`, `access_denied`)."""
        client = self._clients.authenticate(call.headers, form or {}, address=call.address)
        if SIGNING_SCOPE not in client.scopes:
            raise OpenIDError("the client may not ask for signatures", code="access_denied")
        return client


def _request(found: SigningRequest) -> AuthorizationRequest:
    """The log-in it takes: made for it, at level high."""
    return AuthorizationRequest(
        client_id=found.client_id,
        redirect_uri=found.redirect_uri,
        scopes=(SIGNING_SCOPE,),
        state=found.state,
        nonce=None,
        code_challenge="",
        prompts=("login",),
        max_age=0,
        level=LevelOfAssurance.HIGH,
        ui_locales=(found.language,) if found.language else (),
        representee=None,
        login_hint=found.subject,
    )


def _described(credential: Credential) -> dict[str, Any]:
    """Of credentials/info: key, certificates (base64 of DER), and that each signature is authorised for its hash (SCAL2)."""
    first = credential.certificates[0]
    return {
        "key": {"status": "enabled", "algo": [EC_KEY, ECDSA_SHA256], "len": 256, "curve": P256},
        "cert": {
            "status": "valid",
            "certificates": [base64.b64encode(der(one)).decode() for one in credential.certificates],
            "issuerDN": first.issuer.rfc4514_string(),
            "subjectDN": first.subject.rfc4514_string(),
            "serialNumber": f"{first.serial_number:x}",
            "validFrom": f"{first.not_valid_before_utc:%Y%m%d%H%M%SZ}",
            "validTo": f"{first.not_valid_after_utc:%Y%m%d%H%M%SZ}",
        },
        "auth": {"mode": "oauth2code"},
        "SCAL": "2",
        "multisign": 1,
    }


def _json(call: Call) -> dict[str, Any]:
    try:
        said = json.loads(call.body or b"{}")
    except (ValueError, RecursionError) as error:
        raise OpenIDError("the body must be JSON") from error
    if not isinstance(said, dict):
        raise OpenIDError("the body must be a JSON object")
    return said
