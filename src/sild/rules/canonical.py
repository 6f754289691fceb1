"""JSON of one form only, and its hash: RFC 8785 for text, whole numbers, truth values, None, lists and objects.

Rules give no floats away (money is a decimal string), so that sorted keys, no spaces and UTF-8 are the whole of it; keys are ASCII,
for which the order of code points is that of UTF-16 units.
"""

from __future__ import annotations

import hashlib
import json

__all__ = ["canonical_json", "sha256_of"]


def canonical_json(value: object) -> bytes:
    """Raises ValueError for a float that is no number, TypeError for what JSON has not."""
    return json.dumps(
        value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
    ).encode()


def sha256_of(value: object) -> str:
    """Hexadecimal, of the canonical form."""
    return hashlib.sha256(canonical_json(value)).hexdigest()
