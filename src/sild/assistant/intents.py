"""What a question is about besides its words, by rules kept as data (`intents.toml`): own cases, others' data, orders to a machine."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from sild.assistant.words import clean, folded

__all__ = ["Intent", "intent_of"]

_CASE = re.compile(r"\b[a-z]-[0-9]{4}-[0-9]{3,9}\b")
_PERSON = re.compile(r"\b(?:[a-z]{2})?[1-8][0-9]{10}\b|\b[0-9]{12}\b")
"""An Estonian or a Vietnamese personal code, or what looks like one."""


@dataclass(frozen=True, slots=True)
class Intent:
    """cases: numbers named, as people see them: `S-2026-000017`."""

    own: bool
    others: bool
    orders: bool
    cases: tuple[str, ...]


def intent_of(question: str) -> Intent:
    plain = " ".join(folded(clean(question)).split())
    cases = tuple(dict.fromkeys(number.upper() for number in _CASE.findall(plain)))
    others = _matches("others", plain) or _PERSON.search(plain) is not None
    orders = _matches("orders", plain)
    own = bool(cases) or (_matches("own", plain) and not others)
    return Intent(own and not orders, others, orders, cases)


def _matches(name: str, plain: str) -> bool:
    return any(pattern.search(plain) for pattern in _patterns()[name])


@cache
def _patterns() -> dict[str, list[re.Pattern[str]]]:
    """In every language at once: people mix them."""
    content = tomllib.loads((Path(__file__).parent / "intents.toml").read_text("utf-8"))
    return {
        name: [re.compile(folded(pattern)) for patterns in found.values() for pattern in patterns]
        for name, found in content.items()
    }
