"""Proof that somebody has a private key, in a token signed with it: a wallet's key proof (OpenID4VCI 1.0 F.1) and DPoP (RFC 9449).

The key stands in the token's own header, so the token proves that key and nothing else; what it is for, and when it was made, is in
what was signed. ES256 and nothing else: `none`, HMAC with the public key as the secret, or another curve cannot be asked for.
"""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from sild.openid.errors import OpenIDError

__all__ = ["HolderKey", "verify_dpop", "verify_key_proof"]

KEY_PROOF_TYPE = "openid4vci-proof+jwt"
DPOP_TYPE = "dpop+jwt"
MAX_PROOF = 8_192
MAX_TEXT = 512
SKEW = timedelta(seconds=60)
KEY_PROOF_AGE = timedelta(minutes=5)
DPOP_AGE = timedelta(seconds=60)
"""How old a proof may be, besides the skew of clocks. A key proof's nonce says the time of the server, too."""
COORDINATE_BYTES = 32


@dataclass(frozen=True, slots=True)
class HolderKey:
    """jwk: public, `kty crv x y` and nothing else.  thumbprint: RFC 7638.  once: what this proof may be used for once, its nonce or `jti`.

    ends: from then on the proof is too old.
    """

    jwk: Mapping[str, str]
    thumbprint: str
    once: str
    ends: datetime


def verify_key_proof(text: str, *, audience: str, at: datetime) -> HolderKey:
    """OpenID4VCI 1.0 F.4, but for whose `nonce` it is, which the caller knows. audience: the credential issuer's identifier.

    Raises OpenIDError (`invalid_proof`).
    """
    code = "invalid_proof"
    key, said = _verified(text, KEY_PROOF_TYPE, code)
    if said.get("aud") != audience:
        raise OpenIDError("the key proof is for another credential issuer", code=code)
    nonce = said.get("nonce")
    if not isinstance(nonce, str) or not 0 < len(nonce) <= MAX_TEXT:
        raise OpenIDError("the key proof has no c_nonce", code=code)
    return _held(key, nonce, _made(said, at, KEY_PROOF_AGE, code) + KEY_PROOF_AGE + SKEW)


def verify_dpop(
    text: str, *, method: str, url: str, at: datetime, access_token: str | None = None
) -> HolderKey:
    """RFC 9449 4.3. url: of the request, without query.  access_token: with which it is sent; None: one is being asked for.

    Raises OpenIDError (`invalid_dpop_proof`).
    """
    code = "invalid_dpop_proof"
    key, said = _verified(text, DPOP_TYPE, code)
    if said.get("htm") != method or said.get("htu") != url:
        raise OpenIDError("the DPoP proof is for another request", code=code)
    token_id = said.get("jti")
    if not isinstance(token_id, str) or not 0 < len(token_id) <= MAX_TEXT:
        raise OpenIDError("the DPoP proof has no jti", code=code)
    if access_token is not None:
        digest = base64.urlsafe_b64encode(sha256(access_token.encode()).digest()).rstrip(b"=")
        given = said.get("ath")
        if not isinstance(given, str) or not hmac.compare_digest(given.encode(), digest):
            raise OpenIDError("the DPoP proof is for another access token", code=code)
    return _held(key, token_id, _made(said, at, DPOP_AGE, code) + DPOP_AGE + SKEW)


def _verified(text: str, kind: str, code: str) -> tuple[ECKey, dict[str, Any]]:
    """The key in the header, by which the token is signed, and what it says."""
    header, said = _parts(text, code)
    if header.get("typ") != kind or header.get("alg") != "ES256":
        raise OpenIDError(f"the proof must be {kind} and ES256", code=code)
    if {"kid", "x5c", "crit", "trust_chain"} & header.keys():
        raise OpenIDError("the key must stand in the header as jwk, alone", code=code)
    key = _public_key(header.get("jwk"), code)
    try:
        jws.deserialize_compact(text.encode(), key, algorithms=["ES256"])
    except (JoseError, ValueError) as error:
        raise OpenIDError("the proof is not signed with the key that it names", code=code) from error
    return key, said


def _parts(text: str, code: str) -> tuple[dict[str, Any], dict[str, Any]]:
    try:
        if len(text) > MAX_PROOF or not text.isascii():
            raise ValueError("too long, or not ASCII")
        head, body, _signature = text.split(".")
        header, said = (json.loads(_decoded(part)) for part in (head, body))
    except (ValueError, RecursionError):
        raise OpenIDError("the proof is no JWT", code=code) from None
    if not isinstance(header, dict) or not isinstance(said, dict):
        raise OpenIDError("the proof is no JWT", code=code)
    return header, said


def _public_key(jwk: Any, code: str) -> ECKey:
    if not isinstance(jwk, dict) or jwk.get("kty") != "EC" or jwk.get("crv") != "P-256" or "d" in jwk:
        raise OpenIDError("the key must be a public JWK, EC and P-256", code=code)
    try:
        point = {name: jwk[name] for name in ("x", "y")}
        if any(len(_decoded(each)) != COORDINATE_BYTES for each in point.values()):
            raise ValueError("a coordinate has 32 bytes")
        return ECKey.import_key({"kty": "EC", "crv": "P-256", **point})
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        raise OpenIDError("the key is no point of P-256", code=code) from None


def _made(said: Mapping[str, Any], at: datetime, age: timedelta, code: str) -> datetime:
    made = said.get("iat")
    if isinstance(made, bool) or not isinstance(made, int | float):
        raise OpenIDError("the proof does not say when it was made", code=code)
    try:
        moment = datetime.fromtimestamp(made, UTC)
    except (OverflowError, OSError, ValueError):
        raise OpenIDError("the proof does not say when it was made", code=code) from None
    if not at - age - SKEW <= moment <= at + SKEW:
        raise OpenIDError("the proof was not made just now", code=code)
    return moment


def _held(key: ECKey, once: str, ends: datetime) -> HolderKey:
    public = key.as_dict(private=False)
    jwk = {name: str(public[name]) for name in ("kty", "crv", "x", "y")}
    return HolderKey(jwk, key.thumbprint(), once, ends)


def _decoded(text: str) -> bytes:
    """Base64url without padding."""
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
