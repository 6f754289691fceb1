"""Who somebody is: ACME requests, forms, OpenID requests and tokens, key sets, identity cards."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlencode

from joserfc import jws
from joserfc.jwk import ECKey

from fuzz.target import Target, content_type_first
from sild.errors import PlatformError
from sild.openid import (
    new_signing_key,
    parse_jwks,
    parse_web_eid_token,
    render_jwks,
    sign_token,
    verify_token,
    verify_web_eid_token,
)
from sild.openid.authorization import (
    find_redirect_uri,
    parse_authorization_request,
    parse_parameters,
    verify_code_verifier,
)
from sild.openid.clients import Client
from sild.trust_services.acme_jws import import_public_key, parse_binding, parse_inner, parse_request, verify
from sild.trust_services.form import parse_form
from support.identity_card import IdentityCard
from support.pki import NOW, Pki

KEY = new_signing_key("ES256")
JWKS = json.loads(json.dumps(render_jwks([KEY])))
KEYS = parse_jwks(JWKS)
AT = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
CLAIMS = {
    "iss": "https://login.example", "aud": "portal", "exp": AT.timestamp() + 600, "iat": AT.timestamp(), "sub": "EE1"
}  # fmt: skip
TOKEN = sign_token(CLAIMS, KEY).encode()
CLIENT = Client(
    "portal",
    "Portal",
    ("https://portal.example/back",),
    "client_secret_basic",
    scopes=("openid", "representee"),
)
ASKED = {
    "response_type": "code",
    "client_id": "portal",
    "redirect_uri": "https://portal.example/back",
    "scope": "openid representee.EE10000001",
    "state": "s",
    "nonce": "n",
    "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    "code_challenge_method": "S256",
    "acr_values": "high",
    "max_age": "600",
    "prompt": "login consent",
    "ui_locales": "et en",
    "claims": '{"id_token":{"auth_time":{"essential":true}}}',
}
ACCOUNT = ECKey.generate_key("P-256")
PKI = Pki()
ORIGIN, NONCE = "https://login.example", "x" * 44


def _signed_request() -> bytes:
    header = {
        "alg": "ES256",
        "nonce": "n",
        "url": "https://ca/acme/new-order",
        "jwk": ACCOUNT.as_dict(private=False),
    }
    body = json.dumps({"identifiers": [{"type": "dns", "value": "ss.example"}]}).encode()
    registry = jws.JWSRegistry(algorithms=["ES256"], strict_check_header=False)
    parts = jws.serialize_compact(header, body, ACCOUNT, registry=registry).split(".")
    return json.dumps(dict(zip(("protected", "payload", "signature"), parts, strict=True))).encode()


def _acme(data: bytes) -> None:
    request = parse_request(data)
    repr((request.url, request.nonce, request.kid))
    for inner in (parse_inner, parse_binding):
        for value in (request.payload or {}).values():
            with suppress(PlatformError):
                inner(value)
    verify(request, import_public_key(request.jwk))


def _openid(data: bytes) -> None:
    pairs = parse_qsl(data.decode("utf-8", "replace"), keep_blank_values=True)
    parameters = parse_parameters(pairs)
    with suppress(PlatformError):
        verify_code_verifier(ASKED["code_challenge"], parameters.get("nonce"))
    find_redirect_uri(parameters, CLIENT)
    parse_authorization_request(parameters, replace(CLIENT))


def _token(data: bytes) -> None:
    """As the edges read them: bytes of a header or a form field."""
    text = data.decode("utf-8", "replace")
    verify_token(text, KEYS, issuer="https://login.example", audience="portal", at=AT)


def _own_token(data: bytes) -> None:
    """Claims of somebody whose key is trusted."""
    try:
        claims = json.loads(data)
        token = sign_token(claims, KEY)
    except (ValueError, TypeError, AttributeError, RecursionError, OverflowError):
        return
    verify_token(token, KEYS, issuer="https://login.example", audience="portal", at=AT)


def _key_set(data: bytes) -> None:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return
    parse_jwks(document)


def _card(data: bytes) -> None:
    token = parse_web_eid_token(data)
    verify_web_eid_token(token, origin=ORIGIN, nonce=NONCE, anchors=[PKI.ca.certificate], at=NOW)


def _card_seeds() -> list[bytes]:
    kinds = ("ec-p256", "rsa-2048")
    return [
        IdentityCard.issue(PKI, "60001019906", "Mari", "Maasikas", kind=kind).token(ORIGIN, NONCE)
        for kind in kinds
    ]


FORM = (
    b'multipart/form-data; boundary="b"\n--b\r\nContent-Disposition: form-data; name="type"\r\n\r\nauth\r\n--b\r\n'
    b"Content-Disposition: form-data; name=\"request\"; filename*=utf-8''a%20b.csr\r\nContent-Type: a/b\r\n\r\n\x30\x00\r\n--b--\r\n"
)
TARGETS = (
    Target("acme_request", "jws", _acme, lambda: [_signed_request()]),
    Target("form", "mime", lambda data: parse_form(*content_type_first(data)), lambda: [FORM]),
    Target("openid_request", "bytes", _openid, lambda: [urlencode(ASKED).encode()], max_bytes=16_384),
    Target("token", "jws", _token, lambda: [TOKEN]),
    Target("claims", "json", _own_token, lambda: [json.dumps(CLAIMS).encode()], max_bytes=16_384),
    Target("key_set", "json", _key_set, lambda: [json.dumps(JWKS).encode()]),
    Target("web_eid_token", "jws", _card, _card_seeds),
)  # fmt: skip
