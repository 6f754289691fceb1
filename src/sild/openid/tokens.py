"""Signing and checking JSON Web Tokens (RFC 7515, 7517, 7519, 8725).

The algorithm is the key's own and never the token's choice: `none`, HMAC with a public key as the secret, or a weaker one
than registered cannot even be asked for. Tokens of one kind cannot pass for another: `typ` is checked (RFC 8725 3.11).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, cast

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey, import_key

from sild.errors import TrustError
from sild.openid.claims import Claims
from sild.openid.clients import SigningAlgorithm

__all__ = [
    "SigningKey",
    "TokenType",
    "VerificationKeys",
    "load_signing_key",
    "new_signing_key",
    "parse_jwks",
    "render_jwks",
    "sign_token",
    "verify_token",
]

TokenType = Literal["JWT", "at+jwt", "logout+jwt", "client-authentication+jwt", "acting+jwt"]
CLOCK_SKEW = timedelta(seconds=30)
MAX_TOKEN = 32_768
MAX_KEYS = 20


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key of the issuer. `key_id`: its thumbprint (RFC 7638)."""

    key_id: str
    algorithm: SigningAlgorithm
    key: ECKey | RSAKey

    def to_pem(self, password: str) -> bytes:
        """PKCS#8, encrypted."""
        return self.key.as_pem(private=True, password=password)

    @property
    def public(self) -> dict[str, object]:
        """The JSON Web Key, with `use` and `alg`."""
        return {**self.key.as_dict(private=False), "kid": self.key_id, "use": "sig", "alg": self.algorithm}


@dataclass(frozen=True, slots=True)
class VerificationKeys:
    """Public keys of one party, told apart by `kid`, each for one algorithm."""

    keys: Mapping[str, tuple[ECKey | RSAKey, str]]


def new_signing_key(algorithm: SigningAlgorithm) -> SigningKey:
    """A fresh key: the one place here that takes randomness, from the system, because a key is nothing else."""
    made: ECKey | RSAKey = ECKey.generate_key("P-256") if algorithm == "ES256" else RSAKey.generate_key(2048)
    return SigningKey(made.thumbprint(), algorithm, made)


def load_signing_key(pem: bytes, algorithm: SigningAlgorithm, password: str) -> SigningKey:
    """Raises TrustError (`key_unreadable`): a wrong password, or no key."""
    kind = ECKey if algorithm == "ES256" else RSAKey
    try:
        key = kind.import_key(pem, password=password)
    except (JoseError, ValueError, TypeError) as error:
        raise TrustError("a signing key cannot be read with this password", code="key_unreadable") from error
    return SigningKey(key.thumbprint(), algorithm, key)


def render_jwks(keys: Sequence[SigningKey]) -> dict[str, object]:
    return {"keys": [key.public for key in keys]}


def parse_jwks(document: object) -> VerificationKeys:
    """Read a JSON Web Key Set: EC P-256 and RSA of 2048 bits or more, public. Others are passed over, as RFC 7517 5 says.

    Raises TrustError (`invalid_jwks`): no set, a private or symmetric key, or no key that can be used.
    """
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list) or len(listed) > MAX_KEYS:
        raise TrustError("not a JSON Web Key Set", code="invalid_jwks")
    keys: dict[str, tuple[ECKey | RSAKey, str]] = {}
    for entry in listed:
        if not isinstance(entry, dict) or entry.get("kty") not in ("EC", "RSA") or entry.get("use") == "enc":
            continue
        try:
            key = import_key(entry)
            algorithm = _algorithm(cast("ECKey | RSAKey", key), entry.get("alg"))
            private, key_id = key.is_private, entry.get("kid") or key.thumbprint()
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise TrustError("a key of the set cannot be read", code="invalid_jwks") from error
        if private or not isinstance(key_id, str):
            raise TrustError("a key of the set is private or has no usable kid", code="invalid_jwks")
        if algorithm is not None:
            keys[key_id] = cast("ECKey | RSAKey", key), algorithm
    if not keys:
        raise TrustError("the set has no key for ES256, RS256 or PS256", code="invalid_jwks")
    return VerificationKeys(keys)


def _algorithm(key: ECKey | RSAKey, wanted: object) -> str | None:
    if isinstance(key, ECKey):
        return "ES256" if key.curve_name == "P-256" and wanted in (None, "ES256") else None
    if key.raw_value.key_size < 2048:
        return None
    return str(wanted) if wanted in ("RS256", "PS256") else "RS256" if wanted is None else None


def sign_token(claims: Claims, key: SigningKey, token_type: TokenType = "JWT") -> str:  # noqa: S107  no password
    """Compact serialisation, signed with the key's own algorithm; `kid` and `typ` in the header."""
    header = {"alg": key.algorithm, "kid": key.key_id, "typ": token_type}
    return jwt.encode(header, dict(claims), key.key, algorithms=[key.algorithm])


def verify_token(
    token: str,
    keys: VerificationKeys,
    *,
    issuer: str,
    audience: str | Collection[str],
    at: datetime,
    token_type: TokenType | None = "JWT",  # noqa: S107  no password
    expired_too: bool = False,
    max_lifetime: timedelta | None = None,
) -> Claims:
    """Check signature, issuer, audience, type and times; what a client or a register does with our tokens, and we with theirs.

    audience: one of these must be in `aud`.  token_type None: any or none (a client's assertion).
    expired_too: for `id_token_hint`, which may be old (RP-Initiated Logout 2).  max_lifetime: between now and `exp`.
    Raises TrustError (`invalid_token`).
    """
    claims = _verify_signature(token, keys, token_type)
    wanted = {audience} if isinstance(audience, str) else set(audience)
    named = claims.get("aud")
    listed = [named] if isinstance(named, str) else named if isinstance(named, list) else []
    audiences = {one for one in listed if isinstance(one, str)}
    if claims.get("iss") != issuer or not wanted & audiences:
        raise _invalid("the token is another issuer's or for another audience")
    now, skew = at.timestamp(), CLOCK_SKEW.total_seconds()
    expires = _time(claims, "exp")
    if expires is None or (expires + skew <= now and not expired_too):
        raise _invalid("the token has expired")
    if max_lifetime is not None and expires > now + max_lifetime.total_seconds() + skew:
        raise _invalid("the token lives too long")
    for name in ("nbf", "iat"):
        since = _time(claims, name)
        if since is not None and since > now + skew:
            raise _invalid("the token is not valid yet")
    return claims


def _verify_signature(token: str, keys: VerificationKeys, token_type: TokenType | None) -> Claims:
    if len(token) > MAX_TOKEN:
        raise _invalid("the token is too long")
    try:
        header = _header(token)
        key_id = header.get("kid")
        if key_id is None and len(keys.keys) == 1:
            key_id = next(iter(keys.keys))
        if not isinstance(key_id, str) or key_id not in keys.keys:
            raise _invalid("the token's key is not known")
        key, algorithm = keys.keys[key_id]
        if header.get("alg") != algorithm or "crit" in header:
            raise _invalid("the token's algorithm is not its key's")
        kind = header.get("typ")
        if token_type is not None and not (isinstance(kind, str) and kind.lower() == token_type.lower()):
            raise _invalid("a token of another kind")
        decoded = jwt.decode(token, key, algorithms=[algorithm])
    except (JoseError, ValueError, TypeError, RecursionError) as error:
        raise _invalid("the token's signature does not fit") from error
    if not isinstance(decoded.claims, dict):
        raise _invalid("the token holds no claims")
    return dict(decoded.claims)


def _header(token: str) -> Mapping[str, object]:
    first = token.partition(".")[0]
    header = json.loads(base64.urlsafe_b64decode(first + "=" * (-len(first) % 4)))
    if not isinstance(header, dict):
        raise _invalid("the token has no header")
    return header


def _time(claims: Claims, name: str) -> float | None:
    found = claims.get(name)
    if found is None:
        return None
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise _invalid(f"{name} is no time")
    try:
        return float(found)
    except OverflowError:
        raise _invalid(f"{name} is no time") from None


def _invalid(message: str) -> TrustError:
    return TrustError(message, code="invalid_token")
