"""Leases of the synthetic landlords' dwellings: of those who live there, and of some who are about to move into an empty one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from sild.registries.synthetic.homes import SyntheticHome

if TYPE_CHECKING:
    from sild.registries.synthetic.people import SyntheticPerson

__all__ = ["SyntheticLease", "synthetic_leases"]

NEW_SINCE = date(2026, 1, 15)
EVERY = 3
"""Of the empty dwellings one in so many is rented already."""
STEP = 37
GROWN = 18 * 365  # days


@dataclass(frozen=True, slots=True)
class SyntheticLease:
    """lessor: code of the owner.  since: its first day; it has no last one."""

    home: SyntheticHome
    lessee: SyntheticPerson
    lessor: str
    since: date


def synthetic_leases(
    people: Sequence[SyntheticPerson], homes: Sequence[SyntheticHome]
) -> Iterator[SyntheticLease]:
    """homes: of these people. The same for the same arguments."""
    lives: dict[SyntheticHome, list[SyntheticPerson]] = {}
    for person in people:
        if person.home is not None and person.died is None:
            lives.setdefault(person.home, []).append(person)
    for country in ("EE", "VN"):
        grown = [
            person
            for there in lives.values()
            for person in there
            if person.country == country and _is_grown(person, NEW_SINCE)
        ]
        empty = 0
        for home in (one for one in homes if one.country == country):
            landlord, there = home.owners[0].code, lives.get(home, [])
            if there:
                renting = next((one for one in there if _is_grown(one, one.moved_in)), None)
                if renting is not None and renting.moved_in is not None and landlord not in _codes(there):
                    yield SyntheticLease(home, renting, landlord, max(renting.moved_in, home.owners[0].since))
            elif grown:
                empty += 1
                lessee = grown[empty * STEP % len(grown)]
                if empty % EVERY == 0 and lessee.code != landlord:
                    yield SyntheticLease(home, lessee, landlord, max(NEW_SINCE, home.owners[0].since))


def _is_grown(person: SyntheticPerson, on: date | None) -> bool:
    return on is not None and (on - person.born).days > GROWN


def _codes(people: Sequence[SyntheticPerson]) -> set[str]:
    return {person.code for person in people}
