"""Practices as rows, and who is in whose list: the fact is the person's, the number the practice's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select, update

from sild.errors import CallerError
from sild.registries.care.tables import practices
from sild.registries.identity_codes import Country, parse_identity_code
from sild.registries.kernel import Fact, Provenance, Use

__all__ = [
    "GROUNDS",
    "PRACTICE",
    "PracticeRow",
    "enter",
    "find_practice",
    "ground",
    "leave",
    "listed_in",
    "practices_in",
    "take_up",
]

PRACTICE = "practice"
GROUNDS: Mapping[Country, str] = {"EE": "TTKS § 8", "VN": "Luật BHYT 2008, Điều 26"}
"""The legal ground on which the register asks others, and lists people; for demonstration: verify before relying on it."""


@dataclass(frozen=True, slots=True)
class PracticeRow:
    """division: of the place.  free: of its list; never under nought, though newborns are taken beyond it."""

    id: str
    name: str
    division: str
    capacity: int
    listed: int

    @property
    def free(self) -> int:
        return max(0, self.capacity - self.listed)


def practices_in(use: Use, division: str) -> list[PracticeRow]:
    """The freest first."""
    rows = use.connection.execute(select(practices).where(practices.c.division == division))
    found = [PracticeRow(row.id, row.name, row.division, row.capacity, row.listed) for row in rows]
    return sorted(found, key=lambda one: (-one.free, one.name))


def find_practice(use: Use, number: str) -> PracticeRow:
    """Raises CallerError (`unknown_practice`)."""
    row = use.connection.execute(select(practices).where(practices.c.id == number)).one_or_none()
    if row is None:
        raise CallerError("there is no such practice", code="unknown_practice")
    return PracticeRow(row.id, row.name, row.division, row.capacity, row.listed)


def listed_in(use: Use, person: str, *, on: date) -> Fact | None:
    return use.facts.fact(person, PRACTICE, on=on)


def enter(use: Use, person: str, practice: PracticeRow, *, since: date, provenance: Provenance) -> None:
    """From a day on; whoever was in another list leaves it then."""
    leave(use, person, on=since)
    _count(use, practice.id, +1)
    value = {"practice": practice.id, "name": practice.name, "division": practice.division}
    use.facts.record(person, PRACTICE, value, valid_from=since, provenance=provenance)


def leave(use: Use, person: str, *, on: date) -> None:
    """What was said of that day and later is no longer so, an entry that was to begin later included. Who is about to leave a list was
    taken off its number when they chose another."""
    for held in use.facts.history(person, PRACTICE):
        if held.known_to is None and (held.valid_to is None or held.valid_to > on):
            if held.valid_to is None:
                _count(use, held.value["practice"], -1)
            use.facts.retract(person, PRACTICE, valid_from=max(held.valid_from, on), valid_to=held.valid_to)


def take_up(use: Use, person: str, since: datetime) -> bool:
    """In the list again that they left, or were to enter, since then; False: there was none."""
    found = use.facts.take_up(person, PRACTICE, valid_from=date.min, since=since)
    for held in found:
        if held.valid_to is None:
            _count(use, held.value["practice"], +1)
    return bool(found)


def _count(use: Use, number: str, step: int) -> None:
    use.connection.execute(
        update(practices).where(practices.c.id == number).values(listed=practices.c.listed + step)
    )


def ground(person: str) -> str:
    return GROUNDS[parse_identity_code(person).country]
