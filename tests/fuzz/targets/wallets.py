"""What wallets send and holders show: key proofs, DPoP, requests for tokens and credentials, presentations."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256
from urllib.parse import parse_qsl, urlencode

from joserfc import jwt
from joserfc.jwk import ECKey

from fuzz.target import Target
from sild.documents import KeyBinding, present, verify_presentation
from sild.openid import (
    CredentialKind,
    parse_credential_request,
    parse_notification,
    parse_parameters,
    parse_token_request,
    verify_dpop,
    verify_key_proof,
)
from sild.registries.credentials import CredentialIssuer

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
ISSUER = "https://portal.example/papers/card"
KIND = CredentialKind(ISSUER, "card", "urn:card", {"en": "Card"}, {"name": {"en": "Name"}})
KEY, WALLET = ECKey.generate_key("P-256"), ECKey.generate_key("P-256")
JWK = {name: WALLET.as_dict(private=False)[name] for name in ("kty", "crv", "x", "y")}
ASKED = KeyBinding("https://chemist.example", "n")
URL = f"{ISSUER}/wallet/token"
FORM = {
    "grant_type": "urn:ietf:params:oauth:grant-type:pre-authorized_code",
    "pre-authorized_code": "c" * 43,
    "tx_code": "123456",
    "authorization_details": '[{"type":"openid_credential","credential_configuration_id":"card"}]',
}
REQUEST = {"credential_configuration_id": "card", "proofs": {"jwt": ["x.y.z"]}}
TOLD = {"notification_id": "n", "event": "credential_accepted"}


def _signed(kind: str, **said: object) -> str:
    header = {"typ": kind, "alg": "ES256", "jwk": JWK}
    return jwt.encode(header, {"iat": int(AT.timestamp()), **said}, WALLET, algorithms=["ES256"])


@cache
def _issuer() -> CredentialIssuer:
    return CredentialIssuer(KEY, ISSUER, "urn:card", "SILD/GOV/1")


def _presentations() -> list[bytes]:
    made = [
        present(
            _issuer().issue({"name": "Mari", "n": 1}, at=AT, until=AT + timedelta(days=9), status_index=9, holder=one),
            ["name"],
        )
        for one in (None, JWK)
    ]  # fmt: skip
    digest = base64.urlsafe_b64encode(sha256(made[1].encode()).digest()).rstrip(b"=").decode()
    header = {"typ": "kb+jwt", "alg": "ES256"}
    said = {"iat": int(AT.timestamp()), "aud": ASKED.audience, "nonce": ASKED.nonce, "sd_hash": digest}
    made[1] += jwt.encode(header, said, WALLET, algorithms=["ES256"])
    return [one.encode() for one in made]


def _presented(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    verify_presentation(
        text,
        _issuer().metadata(),
        at=AT,
        kinds=["urn:card"],
        status_list=_issuer().status_list([8], at=AT),
        asked=ASKED,
    )


def _form(data: bytes) -> None:
    pairs = parse_qsl(data.decode("utf-8", "replace"), keep_blank_values=True)
    parse_token_request(parse_parameters(pairs), KIND)


def _credential(data: bytes) -> None:
    parse_credential_request(data, KIND, with_details=False)


TARGETS = (
    Target("key_proof", "jws", lambda data: verify_key_proof(data.decode("utf-8", "replace"), audience=ISSUER, at=AT),
           lambda: [_signed("openid4vci-proof+jwt", aud=ISSUER, nonce="n").encode()]),
    Target("dpop", "jws", lambda data: verify_dpop(data.decode("utf-8", "replace"), method="POST", url=URL, at=AT),
           lambda: [_signed("dpop+jwt", htm="POST", htu=URL, jti="1").encode()]),
    Target("wallet_token_request", "bytes", _form, lambda: [urlencode(FORM).encode()], max_bytes=16_384),
    Target("credential_request", "json", _credential, lambda: [json.dumps(REQUEST).encode()]),
    Target("wallet_notification", "json", parse_notification, lambda: [json.dumps(TOLD).encode()]),
    Target("presentation", "bytes", _presented, _presentations),
)  # fmt: skip
