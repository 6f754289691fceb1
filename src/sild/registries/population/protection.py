"""Whom a protection order is against does not learn here where the protected were born, or of the order: one rule for every answer.

Whom an order keeps from whom is worked out in orders.py.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from sild.registries.kernel import Fact, Use
from sild.registries.population.orders import PROTECTION, kept_away
from sild.registries.population.records import Birth, Person

__all__ = [
    "feared_by_family",
    "is_kept",
    "kept_birth",
    "kept_persons",
    "open_facts",
]

OF_A_PLACE = ("birth_place", "birth_notice", "death_place", "death_notice")
"""Facts that say where somebody is, or was: a notice names the hospital, and who was asked there."""


def is_kept(use: Use, about: Collection[str], *readers: str | None) -> bool:
    """Whether an order keeps a reader from one of these; of no reader: who acts in this use, or is acted for."""
    return bool(_kept(use, about, *readers))


def _kept(use: Use, about: Collection[str], *readers: str | None) -> set[str]:
    against = {reader for reader in (readers or (use.usage.actor, use.usage.principal)) if reader}
    if not against or not about:  # a body at its own work
        return set()
    return {person for person, feared in _feared(use, about).items() if feared & against}


def feared_by_family(use: Use, code: str) -> set[str]:
    """Whom an order in force keeps from the person, also one of a parent's that covers them as a child: whoever speaks for a child is
    told where it lives.
    """
    return _feared(use, [code])[code]


def _feared(use: Use, about: Collection[str]) -> dict[str, set[str]]:
    found = use.facts.current_of(list(about), ["parent", PROTECTION], on=use.today)
    own = {person: {one.key for one in facts if one.name == PROTECTION} for person, facts in found.items()}
    parents = {person: {one.key for one in facts if one.name == "parent"} for person, facts in found.items()}
    everybody = sorted({one for those in parents.values() for one in those})
    orders = use.facts.current_of(everybody, [PROTECTION], on=use.today)
    return {
        person: kept_away(use, person)
        if own[person] or any(orders[one] for one in parents[person])
        else set()
        for person in own
    }


def open_facts(use: Use, facts: Iterable[Fact]) -> list[Fact]:
    """Without the orders against whoever asks, and without the places of whom they protect."""
    readers = (use.usage.actor, use.usage.principal)
    found = [fact for fact in facts if not (fact.name == PROTECTION and fact.key in readers)]
    kept = _kept(use, {fact.entity for fact in found if fact.name in OF_A_PLACE})
    return [fact for fact in found if fact.name not in OF_A_PLACE or fact.entity not in kept]


def kept_persons(use: Use, persons: Sequence[Person]) -> list[Person]:
    kept = _kept(use, {person.code for person in persons})
    return [replace(one, birth_place=None) if one.code in kept else one for one in persons]


def kept_birth(use: Use, birth: Birth) -> Birth:
    """Without the hospital, and what its notice says besides whom it named."""
    about = [one for one in (birth.child.code, birth.child.mother, birth.child.father) if one]
    if not is_kept(use, about):
        return birth
    notice = {name: value for name, value in birth.notice.items() if name in ("father", "order")}
    return replace(birth, child=replace(birth.child, birth_place=None), notice=notice)
