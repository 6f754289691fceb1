"""A step made ready: which screen comes first, and what of a person's words already answers its questions. They review and sign it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sild.assistant.words import clean, folded

__all__ = ["Step", "step_for", "without_addresses"]

_NAMED = re.compile(
    r"\b([A-ZÕÄÖÜŠŽ][^\W\d_]+(?: (?:mnt|tn|tee|pst))?) (\d{1,4}[a-z]?(?:-\d{1,4})?)\b(?:,? ([A-ZÕÄÖÜŠŽ][^\W\d_]+))?"
)
_NUMBER_FIRST = re.compile(
    r"\b(\d{1,4}[a-z]?) ([A-ZĐ][^\W\d_]+(?: [A-ZĐ][^\W\d_]+)+)(?:, ([A-ZĐ][^\W\d_]+(?: [A-ZĐ][^\W\d_]+)*))?"
)
_AFTER_TO = re.compile(
    r"\b(?:to|aadressile|kolin|kolime|kolisin) ([^\W\d_]{3,30}) (\d{1,4}[a-z]?(?:-\d{1,4})?)\b(?:,? ([^\W\d_]{3,20}))?"
)
_NOT_STREETS = frozenset(
    (
        "within",
        "after",
        "before",
        "about",
        "over",
        "kuni",
        "umbes",
        "pärast",
        "viimase",
        "the",
        "last",
        "next",
    )
)
_ON_ONE_SCREEN = {"removal": "removal.request", "lease": "lease.say"}
_ABROAD = re.compile(r"\b(abroad|another country|emigrat\w*|valismaale|teise riiki|nuoc ngoai|nuoc khac)\b")


@dataclass(frozen=True, slots=True)
class Step:
    """screen: the first one of the service.  values: a draft of its answers, by field."""

    service: str
    screen: str
    values: Mapping[str, Sequence[str]]


def step_for(service: str, said: Sequence[str]) -> Step | None:
    """said: the person's questions, the newest last. None: the service is not begun on a screen of its own."""
    if service == "move":
        return Step(service, "move.place", _place(said))
    if service in _ON_ONE_SCREEN:
        return Step(service, _ON_ONE_SCREEN[service], {})
    return None


def _place(said: Sequence[str]) -> Mapping[str, Sequence[str]]:
    for text in reversed(said):
        if _ABROAD.search(folded(clean(text))):
            return {"where": ["abroad"]}
        if (address := _address(text)) is not None:
            return {"where": ["here"], "words": [address]}
    return {"where": ["here"]}


def without_addresses(text: str) -> str:
    """A question without the address it names: that is no word of the matter."""
    for form in (_NAMED, _NUMBER_FIRST, _AFTER_TO):
        text = form.sub(lambda found: found[0] if found[1].lower() in _NOT_STREETS else " ", text)
    return text


def _address(text: str) -> str | None:
    """`Pikk 7 Tartu`, `7 Hàng Bài, Hà Nội`, or in small letters behind a word of moving."""
    plain = " ".join(text.split())
    for form in (_NAMED, _NUMBER_FIRST, _AFTER_TO):
        for found in form.finditer(plain):
            if found[1].lower() not in _NOT_STREETS:
                return " ".join(part for part in found.groups() if part)
    return None
