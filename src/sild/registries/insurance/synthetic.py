"""Who is insured in a new register: children by rule, workers by their work, the old by their pension."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from sild.registries.employment import AS_OF, employment
from sild.registries.insurance.rules import ground
from sild.registries.synthetic import SyntheticPerson, synthetic_people

__all__ = ["insured_people"]

SOURCE = "the fund's own"
CHILD_UNTIL = {"EE": 19, "VN": 6}
"""In years, as the rule packages of cover have it."""


def insured_people(count: int, name: str) -> Iterator[dict[str, Any]]:
    """Rows for `Facts.record_many`: fact `name` of everybody alive who is insured."""
    for person in synthetic_people(count):
        if person.died is None:
            yield from _cover(person, name)


def _cover(person: SyntheticPerson, name: str) -> Iterator[dict[str, Any]]:
    row = {"entity": person.code, "name": name, "source": SOURCE, "basis": ground(person.country)}
    until = _birthday(person.born, CHILD_UNTIL[person.country])
    if until > AS_OF:
        value = {"kind": "child", "country": person.country}
        yield {**row, "value": value, "valid_from": person.born, "valid_to": until}
        return
    work = employment(person.code, person.country, person.born)
    if work is None or work.months:
        kind = "worker" if work else "pupil" if (AS_OF - person.born).days < 25 * 365 else "pensioner"
        value = {"kind": kind, "country": person.country}
        yield {**row, "value": value, "valid_from": AS_OF.replace(year=AS_OF.year - 2)}


def _birthday(born: date, age: int) -> date:
    return (
        date(born.year + age, 3, 1)
        if (born.month, born.day) == (2, 29)
        else born.replace(year=born.year + age)
    )
