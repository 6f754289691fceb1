"""Tokens that are forged, replayed elsewhere, or say they need no signature: none is believed."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jwt

from sild.errors import TrustError
from sild.openid import (
    SigningKey,
    load_signing_key,
    new_signing_key,
    parse_jwks,
    render_jwks,
    sign_token,
    verify_token,
)

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
ISSUER = "https://login.example"
KEY = new_signing_key("ES256")
RSA = new_signing_key("RS256")
KEYS = parse_jwks(render_jwks([KEY, RSA]))


def claims(**changed: object) -> dict[str, Any]:
    now = int(NOW.timestamp())
    return {"iss": ISSUER, "aud": "service", "sub": "EE60001019906", "iat": now, "exp": now + 300, **changed}


def verify(token: str, **changed: Any) -> dict[str, object]:
    return verify_token(token, KEYS, **{"issuer": ISSUER, "audience": "service", "at": NOW, **changed})


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


@pytest.mark.parametrize("key", [KEY, RSA])
def test_ours_is_believed_and_public_libraries_agree(key: SigningKey) -> None:
    token = sign_token(claims(), key)
    assert verify(token)["sub"] == "EE60001019906"
    assert jwt.decode(token, key.key, algorithms=[key.algorithm]).claims == claims()


@pytest.mark.parametrize("algorithm", ["none", "None", "nOnE", "", None])
def test_no_signature(algorithm: str | None) -> None:
    header = {"alg": algorithm, "typ": "JWT", "kid": KEY.key_id}
    for signature in ("", sign_token(claims(), KEY).split(".")[2]):
        with pytest.raises(TrustError):
            verify(f"{part(header)}.{part(claims())}.{signature}")


def test_the_public_key_as_an_hmac_secret() -> None:
    header = {"alg": "HS256", "typ": "JWT", "kid": RSA.key_id}
    pem = RSA.key.raw_value.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for secret in (pem, pem.strip(), json.dumps(RSA.public).encode()):
        signed = f"{part(header)}.{part(claims())}"
        mac = (
            base64.urlsafe_b64encode(hmac.new(secret, signed.encode(), hashlib.sha256).digest())
            .rstrip(b"=")
            .decode()
        )
        with pytest.raises(TrustError, match="algorithm"):
            verify(f"{signed}.{mac}")


def test_a_key_the_token_brings_along() -> None:
    mine = new_signing_key("ES256")
    for header in (
        {"alg": "ES256", "typ": "JWT", "jwk": mine.public},
        {"alg": "ES256", "typ": "JWT", "kid": mine.key_id, "jku": "https://evil.example/jwks"},
        {"alg": "ES256", "typ": "JWT", "kid": KEY.key_id},
        {"alg": "ES256", "typ": "JWT", "kid": KEY.key_id, "crit": ["exp"]},
    ):
        signed = f"{part(header)}.{part(claims())}"
        r, s = decode_dss_signature(mine.key.raw_value.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        raw = base64.urlsafe_b64encode(r.to_bytes(32, "big") + s.to_bytes(32, "big")).rstrip(b"=").decode()
        token = f"{signed}.{raw}"
        with pytest.raises(TrustError):
            verify(token)


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "https://evil.example"},
        {"iss": ISSUER + "/"},
        {"aud": "other"},
        {"aud": ["other"]},
        {"aud": None},
        {"exp": int(NOW.timestamp()) - 31},
        {"exp": None},
        {"exp": "tomorrow"},
        {"exp": True},
        {"nbf": int(NOW.timestamp()) + 31},
        {"iat": int(NOW.timestamp()) + 31},
    ],
)
def test_anothers_or_at_another_time(changed: dict[str, object]) -> None:
    with pytest.raises(TrustError) as refused:
        verify(sign_token(claims(**changed), KEY))
    assert refused.value.code == "invalid_token"


def test_one_kind_of_token_is_not_another() -> None:
    with pytest.raises(TrustError, match="kind"):
        verify(sign_token(claims(), KEY, "at+jwt"))
    with pytest.raises(TrustError, match="kind"):
        verify(sign_token(claims(), KEY), token_type="logout+jwt")


def test_every_character_counts() -> None:
    token = sign_token(claims(), KEY)
    for place in range(0, len(token), 7):
        other = "A" if token[place] != "A" else "B"
        spoilt = token[:place] + other + token[place + 1 :]
        with pytest.raises(TrustError):
            verify(spoilt)
    for cut in ("", ".", "..", token[:-1], token + ".x", "x" * 40_000, token.encode().hex()):
        with pytest.raises(TrustError):
            verify(cut)


def test_an_old_hint_and_a_long_life() -> None:
    old = sign_token(claims(exp=int(NOW.timestamp()) - 86_400), KEY)
    assert verify(old, expired_too=True)
    with pytest.raises(TrustError, match="too long"):
        verify(sign_token(claims(), KEY), max_lifetime=timedelta(seconds=60))


@pytest.mark.parametrize(
    "document",
    [
        None,
        {},
        {"keys": {}},
        {"keys": []},
        {"keys": [KEY.public] * 21},
        {"keys": [{"kty": "oct", "k": "AAAA", "kid": "x"}]},
        {"keys": [{**KEY.public, "x": "AAAA"}]},
        {"keys": [{"kty": "EC", "crv": "P-256"}]},
        {"keys": [{**KEY.key.as_dict(private=True), "kid": "x"}]},
        {"keys": [{**KEY.public, "use": "enc"}]},
    ],
)
def test_key_sets_that_are_none(document: object) -> None:
    with pytest.raises(TrustError):
        parse_jwks(document)


def test_a_key_is_kept_behind_its_password() -> None:
    pem = KEY.to_pem("secret")
    assert b"ENCRYPTED" in pem
    assert load_signing_key(pem, "ES256", "secret").key_id == KEY.key_id
    with pytest.raises(TrustError) as refused:
        load_signing_key(pem, "ES256", "guess")
    assert refused.value.code == "key_unreadable"
