"""The second lock: what a prompt must not hold when it goes abroad, whatever its slots claim. Pure.

The first lock is the class of each slot. Detectors miss: this one only ever closes, it lets nothing through that the first refused,
and it masks nothing. A hit sends the call to a local model or refuses it, and the hit's kind (never the value) is on record.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sild.ai_gateway.identifiers import find_identifiers, unmask
from sild.ai_gateway.names import Gazetteer

__all__ = ["Canaries", "SecondLock"]

_WORD = re.compile(r"\S+")
_SECRET_LENGTH = 20
_SECRET_BITS = 3.8
"""Bits a character; words and file paths stay below, keys and tokens of 20 characters and more above."""
_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")

_ORDERS = re.compile(
    r"ignore (?:all |any |the )*(?:previous|prior|above|earlier) (?:instructions|prompts?|rules)"
    r"|disregard (?:all |the )*(?:previous|above|prior)"
    r"|(?:reveal|print|repeat|show)[^.\n]{0,30}(?:system prompt|instructions above|your instructions)"
    r"|you are now (?:a|an|in|the)\b|developer mode"
    r"|unusta (?:kõik )?(?:eelnev|varasem)|eira (?:kõiki )?(?:eelnev|varasem|juhis)"
    r"|b[oỏ] qua (?:m[oọ]i |t[aấ]t c[aả] )?(?:c[aá]c )?(?:h[uư][oớ]ng d[aẫ]n|ch[iỉ] d[aẫ]n|l[eệ]nh)",
    re.IGNORECASE,
)
_CONTROL = re.compile(r"<\|[a-z_]+\|>|<(?:start|end)_of_turn>|\[/?INST\]|<</?SYS>>|</?s>", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Canaries:
    """Values planted where no prompt may come from: a person in each register who does not exist, a made-up key in a vault."""

    values: frozenset[str] = frozenset()
    _packed: frozenset[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_packed", frozenset(map(_pack, self.values)))

    def sing(self, text: str) -> bool:
        """Whether one stands in `text`, however it is spaced, cased or split."""
        packed = _pack(text)
        return any(value in packed for value in self._packed)

    def heard(self, text: str) -> frozenset[str]:
        """Those that stand in `text`, as they were planted."""
        packed = _pack(text)
        return frozenset(value for value in self.values if _pack(value) in packed)


@dataclass(frozen=True, slots=True)
class SecondLock:
    """most_characters: of all values of a prompt that goes abroad."""

    gazetteer: Gazetteer
    canaries: Canaries
    most_characters: int = 20_000

    def hits(self, values: Mapping[str, str], *, numeric: frozenset[str] = frozenset()) -> tuple[str, ...]:
        """Kinds of what was found, sorted: nothing that was found is repeated.

        values: by slot.  numeric: slots of a numeric type.  All values are read once more as one text: an identifier may be split.
        """
        found: set[str] = set()
        plain = {name: unmask(value) for name, value in values.items()}
        for name, text in plain.items():
            found.update(find_identifiers(text, numbers_declared=name in numeric))
            if self.gazetteer.has_a_person(text):
                found.add("person_name")
            if holds_a_secret(text):
                found.add("high_entropy")
        together = " ".join(plain.values())
        found.update(kind for kind in find_identifiers(together) if kind in _CHECKED)
        if self.gazetteer.has_a_person(together):
            found.add("person_name")
        if self.canaries.sing(together):
            found.add("canary")
        if sum(map(len, values.values())) > self.most_characters:
            found.add("too_long")
        return tuple(sorted(found))


_CHECKED = frozenset({"isikukood", "iban"})  # those whose check digits make a chance hit over a seam unlikely


def holds_a_secret(text: str) -> bool:
    """A private key, or a word that is long and as random as keys and tokens are."""
    if _PRIVATE_KEY.search(text):
        return True
    return any(_is_random(word.strip(".,;:()[]{}\"'")) for word in _WORD.findall(text))


def orders_in(text: str) -> bool:
    """Whether data speak to the model: 'ignore previous instructions' in et, vi or en. A sign, not a proof."""
    return _ORDERS.search(unmask(text)) is not None


def control_tokens_in(text: str) -> bool:
    """Whether data hold marks by which chat templates tell who speaks: never right in a value."""
    return _CONTROL.search(unmask(text)) is not None


def _is_random(word: str) -> bool:
    if len(word) < _SECRET_LENGTH or not word.isascii() or "://" in word:
        return False
    kinds = (any(map(test, word)) for test in (str.isdigit, str.isupper, str.islower))
    if sum(kinds) < 2:
        return False
    counts = Counter(word)
    bits = -sum(n / len(word) * math.log2(n / len(word)) for n in counts.values())
    return bits > _SECRET_BITS or (len(word) >= 32 and all(c in "0123456789abcdef" for c in word.lower()))


def _pack(text: str) -> str:
    return "".join(character for character in unmask(text).casefold() if character.isalnum())


def any_of(values: Iterable[str]) -> Canaries:
    """Canaries of `values`; empty lines do not count."""
    return Canaries(frozenset(value.strip() for value in values if len(value.strip()) >= 6))
