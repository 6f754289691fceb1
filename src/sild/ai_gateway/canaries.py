"""Canaries: values of people who never lived, planted in registers, which no prompt may hold and no model may say. Pure.

A set has one for each guarded class. The person has a code that nobody alive can have (born on a day of 1850 in Estonia, of 1900 in
Viet Nam) and a name of made-up syllables; the other classes have a word that stands nowhere else. Rotating makes a new set; those
planted before are listened for as long as the gateway keeps them: what left long ago may come back in an answer years later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Literal

from stdnum.ee import ik

from sild.ai_gateway.classes import DataClass
from sild.ai_gateway.second_lock import Canaries

__all__ = ["PLANTED", "Canary", "CanaryKind", "Listening", "make_canaries"]

CanaryKind = Literal["code", "given_names", "family_name", "word"]

PLANTED: tuple[DataClass, ...] = ("internal", "personal", "tax", "health", "child", "secret")
"""Classes that have one: what of them stands in a prompt, stands there by mistake or by theft."""
_CONSONANTS, _VOWELS = "bdghjklmnprstv", "aeiouõäöü"
_PLAIN = "aeiou"
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"


@dataclass(frozen=True, slots=True)
class Canary:
    """batch: of the set it was made in; person: the code of its person.  given_up_at: when a newer set took its place; it is listened for still."""

    id: str
    batch: str
    data_class: DataClass
    kind: CanaryKind
    person: str
    value: str
    made_at: datetime
    given_up_at: datetime | None = None


def make_canaries(country: str, batch: str, at: datetime, *, random: Random) -> tuple[Canary, ...]:
    """One set. country: whose code the person has, `VN`, or Estonia's.  random: nobody may guess it (`SystemRandom`)."""
    code = _vietnamese(random) if country == "VN" else _estonian(random)
    given, family = _name(random, 2), _name(random, 3)
    values: list[tuple[DataClass, CanaryKind, str]] = [
        ("personal", "code", code),
        ("personal", "given_names", given),
        ("personal", "family_name", family),
    ]
    values += [(each, "word", _word(random)) for each in PLANTED if each != "personal"]
    return tuple(
        Canary(f"{batch}/{data_class}/{kind}", batch, data_class, kind, code, value, at)
        for data_class, kind, value in values
    )


@dataclass(frozen=True, slots=True)
class Listening:
    """What is listened for. classes: of each value."""

    canaries: Canaries
    classes: dict[str, DataClass]

    def heard_class(self, text: str) -> str | None:
        """Of the most guarded one that stands in `text`: its class, `other` for one of a file; None: there is none."""
        heard = self.canaries.heard(text)
        if not heard:
            return None
        known = [self.classes[value] for value in heard if value in self.classes]
        return max(known, key=PLANTED.index) if known else "other"


def listen_for(planted: Iterable[Canary], filed: frozenset[str]) -> Listening:
    """filed: values of the operator's own file. A name is listened for whole, in either order: half of one could be anybody's."""
    classes: dict[str, DataClass] = {}
    names: dict[str, dict[str, str]] = {}
    for each in planted:
        if each.kind in ("given_names", "family_name"):
            names.setdefault(each.batch, {})[each.kind] = each.value
        else:
            classes[each.value] = each.data_class
    for name in names.values():
        given, family = name["given_names"], name["family_name"]
        classes |= {f"{given} {family}": "personal", f"{family} {given}": "personal"}
    return Listening(Canaries(filed | classes.keys()), classes)


def standing(planted: Sequence[Canary], of: Callable[[Canary], bool]) -> dict[str, int]:
    """How many by class, of those that `of` takes."""
    counts: dict[str, int] = {}
    for each in planted:
        if of(each):
            counts[each.data_class] = counts.get(each.data_class, 0) + 1
    return {name: counts[name] for name in PLANTED if name in counts}


def _estonian(random: Random) -> str:
    body = f"{random.choice('12')}50{random.randint(1, 12):02}{random.randint(1, 28):02}{random.randint(1, 999):03}"
    return body + str(ik.calc_check_digit(f"{body}0"))  # it passes over the last digit


def _vietnamese(random: Random) -> str:
    return f"0{random.choice(('01', '48', '79'))}{random.choice('01')}00{random.randint(0, 999_999):06}"


def _name(random: Random, syllables: int) -> str:
    """`Kõvamutä`: a capital, and no name that anybody has."""
    parts = (
        random.choice(_CONSONANTS) + random.choice(_VOWELS) + random.choice(_PLAIN) for _ in range(syllables)
    )
    return "".join(parts).capitalize()


def _word(random: Random) -> str:
    """`kv-7fq2-m8xa-p3tz`: sixty bits, however it is spaced or cased."""
    return "kv-" + "-".join("".join(random.choice(_LETTERS) for _ in range(4)) for _ in range(3))
