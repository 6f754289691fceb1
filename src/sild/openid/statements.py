"""What exactly somebody said, as a hash that stands in the identity provider's token: they vouch for the words without reading them.

    salt = new_salt()
    statement_hash({"says": "consent", "to": {...}, "people": [...]}, salt)

The salt, which stays with who asked and goes to whoever is to believe it, keeps the provider from finding out by trying what was said.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

__all__ = ["new_salt", "statement_hash"]


def new_salt() -> str:
    """128 bits, in hexadecimal."""
    return secrets.token_hex(16)


def statement_hash(statement: Mapping[str, Any], salt: str) -> str:
    """SHA-256 in hexadecimal. statement: JSON of strings, whole numbers, lists and objects; the order of an object's names does not matter."""
    text = json.dumps([salt, statement], sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return sha256(text.encode()).hexdigest()
