"""Practices of a new register, in every commune where synthetic people live, and everybody in the list of one of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from sqlalchemy import delete, insert

from sild.registries.care.practices import GROUNDS, PRACTICE
from sild.registries.care.tables import practices
from sild.registries.identity_codes import Country
from sild.registries.kernel import Kernel
from sild.registries.profiles import profile
from sild.registries.synthetic import AS_OF, SyntheticPerson, synthetic_people

__all__ = ["SOURCE", "fill"]

SOURCE = "the register of before"
NAMES: dict[Country, tuple[str, ...]] = {
    "EE": ("Kesklinna perearstid", "Tamme perearstikeskus", "Perearst Liivi Kask", "Pärna tervisekeskus"),
    "VN": ("Trạm Y tế Trung tâm", "Phòng khám Hoa Sen", "Trạm Y tế phía Đông", "Phòng khám Sao Mai"),
}
AT_LEAST = 3  # one is full, one may be one's own: so that there is a choice
ONE_LIST = 400
"""People to a practice; its list has room for a sixth more, but the first of a commune is full."""


def fill(kernel: Kernel, count: int) -> None:
    """An empty register. Facts come last: by them it is known to be filled."""
    by_place: dict[tuple[Country, str], list[SyntheticPerson]] = defaultdict(list)
    for person in synthetic_people(count):
        if person.home is not None and person.died is None:
            unit = profile(person.country).resolve(person.home.division, AS_OF)[0]
            by_place[person.country, unit.code].append(person)
    rows: list[dict[str, Any]] = []  # of the table
    listed: list[dict[str, Any]] = []  # facts
    for (country, division), people in sorted(by_place.items()):
        for practice, theirs in _practices(country, division, people):
            rows.append(practice)
            listed += [_listed(practice, one) for one in theirs]
    with kernel.engine.begin() as connection:
        connection.execute(delete(practices))
        connection.execute(insert(practices), rows)
    with kernel.filling() as facts:
        facts.record_many(listed)


def _practices(
    country: Country, division: str, people: list[SyntheticPerson]
) -> Iterator[tuple[dict[str, Any], list[SyntheticPerson]]]:
    """Households stay together as far as their order in the population has them so."""
    count = max(AT_LEAST, -(-len(people) // ONE_LIST))
    size = -(-len(people) // count)
    for number in range(count):
        theirs = people[number * size : (number + 1) * size]
        names = NAMES[country]
        name = names[number % len(names)] + (f" {number // len(names) + 1}" if number >= len(names) else "")
        room = 0 if number == 0 else max(5, len(theirs) // 6)
        yield (
            {
                "id": f"{country}-{division}-{number + 1}",
                "name": name,
                "division": division,
                "capacity": len(theirs) + room,
                "listed": len(theirs),
            },
            theirs,
        )


def _listed(practice: dict[str, Any], person: SyntheticPerson) -> dict[str, Any]:
    return {
        "entity": person.code,
        "name": PRACTICE,
        "value": {
            name: practice[key]
            for name, key in (("practice", "id"), ("name", "name"), ("division", "division"))
        },
        "valid_from": max(person.born, person.moved_in or person.born),
        "source": SOURCE,
        "basis": GROUNDS[person.country],
    }
