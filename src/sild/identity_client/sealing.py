"""Secrets of browsers: kept as hashes, and what a cookie alone opens."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

__all__ = ["hashed", "new_secret", "seal", "unseal"]


def hashed(secret: str) -> str:
    """SHA-256, hexadecimal: enough for secrets of 256 random bits."""
    return hashlib.sha256(secret.encode()).hexdigest()


def new_secret() -> str:
    """256 random bits, base64url."""
    return secrets.token_urlsafe(32)


def seal(cookie: str, value: Any) -> bytes:  # any JSON
    """Readable only with the cookie: the database alone gives nobody a token or what somebody wrote."""
    return _box(cookie).encrypt(json.dumps(value).encode())


def unseal(cookie: str, sealed: bytes) -> Any:
    """None when the cookie is another."""
    try:
        return json.loads(_box(cookie).decrypt(sealed))
    except InvalidToken:
        return None


def _box(cookie: str) -> Fernet:
    derived = HKDF(SHA256(), 32, salt=None, info=b"sild portal").derive(cookie.encode())
    return Fernet(base64.urlsafe_b64encode(derived))
