"""What a page shows of a document, so that what is read is what is signed: plain text as it is, JSON of FHIR line by line."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator
from typing import Any

__all__ = ["FHIR_JSON", "TEXT", "is_plain", "shown"]

TEXT, FHIR_JSON = "text/plain", "application/fhir+json"
MOST_CHARACTERS = 20_000
DEEPEST = 20


def is_plain(text: str) -> bool:
    """Nothing that a page would show otherwise than it is: no control signs, no signs of direction, no private ones; composed."""
    strange = (
        sign != "\n" and unicodedata.category(sign) in ("Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp")
        for sign in text
    )
    return len(text) <= MOST_CHARACTERS and unicodedata.is_normalized("NFC", text) and not any(strange)


def shown(media_type: str, document: str) -> str:
    """JSON as a line for each value, in its order, texts in quotation marks. Raises ValueError: what cannot be shown as it is."""
    if media_type == TEXT:
        text = document
    elif media_type == FHIR_JSON:
        try:
            text = "\n".join(_lines(json.loads(document, object_pairs_hook=_no_name_twice), 0))
        except RecursionError as error:
            raise ValueError("too deep") from error
    else:
        raise ValueError("only plain text and FHIR in JSON can be shown")
    if not text or not is_plain(document) or not is_plain(text):
        raise ValueError("the document is too long, or has signs that are not seen or mislead")
    return text


def _lines(value: Any, depth: int) -> Iterator[str]:
    """value: any JSON."""
    if depth > DEEPEST:
        raise ValueError("too deep")
    indent = "  " * depth
    named = value.items() if isinstance(value, dict) else ((f"{i}", one) for i, one in enumerate(value, 1))
    for name, one in named:
        if isinstance(one, (dict, list)):
            yield f"{indent}{name}:"
            yield from _lines(one, depth + 1)
        else:
            yield f"{indent}{name}: {json.dumps(one, ensure_ascii=False)}"


def _no_name_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Of a name that stands twice one value would be signed and not shown."""
    found = dict(pairs)
    if len(found) < len(pairs) or any("\n" in name for name in found):
        raise ValueError("a name stands twice in one object")
    return found
