"""Kindergartens of a new register, one or more in every commune where synthetic children live, nine places for ten of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, insert

from sild.registries.education.rules import age_in_years
from sild.registries.education.tables import children, groups, kindergartens
from sild.registries.synthetic import AS_OF, SyntheticPerson, synthetic_people

__all__ = ["fill"]

NAMES = {
    "EE": ("Mesimumm", "Päikesejänku", "Lepatriinu", "Rõõmupall", "Pääsupesa", "Sipsik"),
    "VN": ("Hoa Sen", "Hoa Mai", "Sao Mai", "Ánh Dương", "Họa Mi", "Bình Minh"),
}
AGES = ((0, 3), (3, 7))
JOINED_AT = datetime(AS_OF.year - 2, 9, 1, tzinfo=UTC)
ONE_HOUSE = 60  # children


def fill(connection: Connection, count: int) -> None:
    """An empty register."""
    by_place: dict[tuple[str, str], list[SyntheticPerson]] = defaultdict(list)
    for person in synthetic_people(count):
        if person.home is not None and person.died is None and age_in_years(person.born, AS_OF) < AGES[-1][1]:
            by_place[(person.country, person.home.division)].append(person)
    for (country, division), young in sorted(by_place.items()):
        _commune(connection, country, division, young)


def _commune(connection: Connection, country: str, division: str, young: list[SyntheticPerson]) -> None:
    houses = len(young) // ONE_HOUSE + 1
    for number in range(houses):
        own = young[number::houses]
        key = connection.scalar(
            insert(kindergartens)
            .values(name=NAMES[country][number % len(NAMES[country])], division=division)
            .returning(kindergartens.c.id)
        )
        for age_from, age_to in AGES:
            fitting = [p for p in own if age_from <= age_in_years(p.born, AS_OF) < age_to]
            group = connection.scalar(
                insert(groups)
                .values(
                    kindergarten=key,
                    age_from=age_from,
                    age_to=age_to,
                    capacity=max(3, len(fitting) * 9 // 10),
                )
                .returning(groups.c.id)
            )
            rows = list(_attending(fitting, division, group))
            if rows:
                connection.execute(insert(children), rows)


def _attending(fitting: list[SyntheticPerson], division: str, group: int | None) -> Iterator[dict[str, Any]]:
    """Two thirds of the children: there is room, and there is a queue where many were born."""
    for person in fitting[: len(fitting) * 2 // 3]:
        parents = [parent.code for parent in (person.mother, person.father) if parent is not None]
        yield {
            "child": person.code,
            "born": person.born,
            "division": division,
            "parents": parents,
            "siblings": [],
            "joined_at": JOINED_AT,
            "state": "attending",
            "wanted": group,
            "wanted_from": JOINED_AT.date(),
        }
