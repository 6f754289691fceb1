"""Whom a protection order is against does not learn here where the protected were born, or of the order: one rule for every answer.

An order that protects a parent covers their minor children, named in it or not, born before it or under it: where a child is, there the
parent is. Every register hears of each (`civil.protection.ordered`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date

from sild.registries.kernel import Fact, Use, provenance
from sild.registries.kernel.facts import Json
from sild.registries.population.records import Birth, Person

__all__ = [
    "cover_child",
    "feared_by_family",
    "is_kept",
    "kept_birth",
    "kept_persons",
    "open_facts",
    "protect",
]

ORDER = "protection"

OF_A_PLACE = ("birth_place", "birth_notice", "death_place", "death_notice")
"""Facts that say where somebody is, or was: a notice names the hospital, and who was asked there."""


def is_kept(use: Use, about: Collection[str], *readers: str | None) -> bool:
    """Whether an order that protects one of these is against a reader; of none: who acts in this use, or is acted for."""
    return bool(_kept(use, about, *readers))


def _kept(use: Use, about: Collection[str], *readers: str | None) -> set[str]:
    against = {reader for reader in (readers or (use.usage.actor, use.usage.principal)) if reader}
    if not against or not about:  # a body at its own work
        return set()
    return {person for person, feared in _feared(use, about).items() if feared & against}


def feared_by_family(use: Use, code: str) -> set[str]:
    """Against whom an order in force protects the person, or a parent of theirs: whoever speaks for a child is told where it lives."""
    return _feared(use, [code])[code]


def _feared(use: Use, about: Collection[str]) -> dict[str, set[str]]:
    found = use.facts.current_of(list(about), ["parent"], on=use.today)
    family = {person: {person, *(fact.key for fact in links)} for person, links in found.items()}
    everybody = sorted({one for those in family.values() for one in those})
    orders = use.facts.current_of(everybody, [ORDER], on=use.today)
    return {person: {order.key for one in those for order in orders[one]} for person, those in family.items()}


def protect(
    use: Use,
    person: str,
    value: Mapping[str, Json],
    *,
    against: str,
    begins: date,
    ends: date | None,
    through: str | None = None,
) -> None:
    """value: {order, protected}.  through: the parent by whose order a child is covered that it does not name. Event:
    `civil.protection.ordered`.
    """
    use.facts.record(
        person, ORDER, dict(value), key=against, valid_from=begins, valid_to=ends, provenance=provenance(use)
    )
    data = {"against": against, "valid_from": begins.isoformat(), "valid_to": ends and ends.isoformat()}
    use.publish("civil.protection.ordered", person, data | ({"through": through} if through else {}))


def cover_child(use: Use, child: str, parent: str, *, until: date) -> None:
    """Of a child that has a parent since now: by the orders that protect the parent, or will. until: the child is of age."""
    for order in use.facts.history(parent, ORDER):
        lasts = order.valid_to is None or order.valid_to > use.today
        if order.known_to is None and lasts and order.key != child:
            ends = min(order.valid_to or until, until)
            if order.valid_from < ends:
                protect(
                    use,
                    child,
                    order.value,
                    against=order.key,
                    begins=order.valid_from,
                    ends=ends,
                    through=parent,
                )


def open_facts(use: Use, facts: Iterable[Fact]) -> list[Fact]:
    """Without the orders against whoever asks, and without the places of whom they protect."""
    readers = (use.usage.actor, use.usage.principal)
    found = [fact for fact in facts if not (fact.name == "protection" and fact.key in readers)]
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
