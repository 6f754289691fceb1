"""Values that a record does not show: sealed under a key each, and committed to in the record by a salted hash.

commitment  HMAC-SHA-256 under a salt of 32 bytes over the canonical value: whoever does not have the salt learns nothing from it,
            however few values are possible
content     AES-256-GCM of the canonical value, key and nonce its own, bound to its reference and its record

Key and salt lie in a row of their own, wrapped under the body's key. To shred is to delete that row: the value is gone, record,
hashes, seals and proofs are as they were.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from sild.decisions.canonical import canonical_json
from sild.errors import TrustError

__all__ = ["BodyKeys", "Opened", "SealedRow", "can_unwrap", "commitment", "open_value", "seal_value"]

SALT_BYTES = 32
KEY_BYTES = 32
NONCE_BYTES = 12


class BodyKeys:
    """The secret of a deciding body, and the keys that come of it: for pseudonyms, and to wrap keys of values.

    secret: 32 bytes or more; without it no sealed value can be opened and no person found. Raises ValueError if shorter.
    """

    def __init__(self, secret: bytes) -> None:
        if len(secret) < KEY_BYTES:
            raise ValueError("the secret of a deciding body has 32 bytes or more")
        self.subjects = self._derive(secret, b"sild.decisions.subjects")
        self.values = self._derive(secret, b"sild.decisions.values")
        self.fingerprint = self._derive(secret, b"sild.decisions.fingerprint").hex()
        """By which the same secret is known, and nothing else."""

    @staticmethod
    def _derive(secret: bytes, purpose: bytes) -> bytes:
        return HKDF(hashes.SHA256(), KEY_BYTES, salt=None, info=purpose).derive(secret)


def can_unwrap(wrapped: bytes, *, record: str, ref: str, keys: BodyKeys) -> bool:
    """Whether the key of a value was wrapped by these."""
    try:
        AESGCM(keys.values).decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], f"{record}/{ref}".encode())
    except (InvalidTag, ValueError):
        return False
    return True


@dataclass(frozen=True, slots=True)
class SealedRow:
    ref: str
    sha256: str  # the commitment
    nonce: bytes
    content: bytes
    wrapped: bytes


@dataclass(frozen=True, slots=True)
class Opened:
    """value: JSON.  salt: with which anybody can recompute the commitment."""

    value: Any  # JSON
    salt: bytes


def commitment(salt: bytes, value: object) -> str:
    return hmac.new(salt, canonical_json(value), hashlib.sha256).hexdigest()


def seal_value(
    value: object,
    *,
    ref: str,
    record: str,
    keys: BodyKeys,
    random: Callable[[int], bytes] = secrets.token_bytes,
) -> SealedRow:
    salt, key, nonce, wrap_nonce = (
        random(SALT_BYTES),
        random(KEY_BYTES),
        random(NONCE_BYTES),
        random(NONCE_BYTES),
    )
    bound = f"{record}/{ref}".encode()
    return SealedRow(
        ref,
        commitment(salt, value),
        nonce,
        AESGCM(key).encrypt(nonce, canonical_json(value), bound),
        wrap_nonce + AESGCM(keys.values).encrypt(wrap_nonce, key + salt, bound),
    )


def open_value(row: SealedRow, *, record: str, keys: BodyKeys) -> Opened:
    """Raises TrustError (`sealed_value_altered`) if row, record or commitment do not belong together, or the secret is another."""
    bound = f"{record}/{row.ref}".encode()
    try:
        unwrapped = AESGCM(keys.values).decrypt(row.wrapped[:NONCE_BYTES], row.wrapped[NONCE_BYTES:], bound)
        key, salt = unwrapped[:KEY_BYTES], unwrapped[KEY_BYTES:]
        value = json.loads(AESGCM(key).decrypt(row.nonce, row.content, bound))
    except (InvalidTag, ValueError):
        raise TrustError(
            f"the sealed value {row.ref} cannot be opened", code="sealed_value_altered"
        ) from None
    if commitment(salt, value) != row.sha256:
        raise TrustError(
            f"the sealed value {row.ref} is not the one the record commits to", code="sealed_value_altered"
        )
    return Opened(value, salt)
