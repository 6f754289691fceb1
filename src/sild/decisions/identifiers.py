"""Identifiers of decisions and of the people in them."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from uuid import UUID

__all__ = ["pseudonym", "uuid7", "uuid7_time"]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def uuid7(at: datetime, random: bytes) -> UUID:
    """A UUIDv7 (RFC 9562 5.7): milliseconds of `at`, then 74 bits out of `random` (10 bytes)."""
    milliseconds = (at - EPOCH) // timedelta(milliseconds=1)
    rest = int.from_bytes(random[:10], "big")
    value = milliseconds << 80 | 0x7 << 76 | (rest >> 62 & 0xFFF) << 64 | 0b10 << 62 | rest & (1 << 62) - 1
    return UUID(int=value)


def uuid7_time(identifier: UUID) -> datetime:
    """When it was made, to the millisecond."""
    return EPOCH + timedelta(milliseconds=identifier.int >> 80)


def pseudonym(key: bytes, code: str) -> str:
    """The reference to a person in the decisions of one body: without its key nobody can try codes until one fits."""
    return "p-" + hmac.new(key, code.encode(), hashlib.sha256).hexdigest()[:40]
