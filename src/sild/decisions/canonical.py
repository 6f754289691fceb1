"""JSON of one form only (RFC 8785, JCS) and its hash.

Decisions hold no floats: money is a decimal string. What is left of RFC 8785 is then short: names in the order of their UTF-16
code units (3.2.3), no blanks, the shortest escapes (3.2.2.2), UTF-8. Whole numbers stay within 2**53 - 1, which every reader of
JSON holds exactly (RFC 7493 2.2).
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime

__all__ = ["canonical_json", "instant_text", "sha256_of"]

GREATEST = 2**53 - 1


def canonical_json(value: object) -> bytes:
    """value: dicts with text for names, lists, tuples, text, whole numbers, truth values, None.

    Raises ValueError for anything else, floats among them, and for text that is no Unicode.
    """
    return _render(value).encode("utf-8")  # a lone surrogate raises UnicodeEncodeError, a ValueError


def sha256_of(value: object) -> str:
    """Of the canonical form; hexadecimal."""
    return hashlib.sha256(canonical_json(value)).hexdigest()


def instant_text(at: datetime) -> str:
    """RFC 3339 in UTC, to the microsecond if it has any: `2026-03-02T09:00:00.123456Z`."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _render(value: object) -> str:
    match value:
        case None | bool() | str():
            return json.dumps(value, ensure_ascii=False)
        case int():
            if abs(value) > GREATEST:
                raise ValueError("a whole number beyond 2**53 - 1: write it as text")
            return str(value)
        case dict():
            if not all(isinstance(name, str) for name in value):
                raise ValueError("a name in JSON is text")
            names = sorted(value, key=lambda name: name.encode("utf-16-be"))
            return "{" + ",".join(f"{_render(name)}:{_render(value[name])}" for name in names) + "}"
        case list() | tuple():
            return "[" + ",".join(map(_render, value)) + "]"
        case _:
            raise ValueError(f"{type(value).__name__} has no place in a decision")
