"""Kindergartens of a new register, one or more in every commune where synthetic children live, nine places for ten of them; the school of each home."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, insert

from sild.registries.education.facts import place_value
from sild.registries.education.rules import QUEUE, age_in_years, ground
from sild.registries.education.schooling import school_value
from sild.registries.education.schools import SCHOOL, SCHOOL_GROUNDS, attendance, school_of
from sild.registries.education.tables import children, groups, kindergartens
from sild.registries.identity_codes import Country, parse_identity_code
from sild.registries.kernel.facts import Facts
from sild.registries.synthetic import AS_OF, SyntheticPerson, synthetic_people

__all__ = ["fill"]

NAMES = {
    "EE": ("Mesimumm", "Päikesejänku", "Lepatriinu", "Rõõmupall", "Pääsupesa", "Sipsik"),
    "VN": ("Hoa Sen", "Hoa Mai", "Sao Mai", "Ánh Dương", "Họa Mi", "Bình Minh"),
}
SOURCE = "the residence register"
AGES = ((0, 3), (3, 7))
JOINED_AT = datetime(AS_OF.year - 2, 9, 1, tzinfo=UTC)
ONE_HOUSE = 60  # children


def fill(connection: Connection, facts: Facts, count: int, system: str) -> None:
    """An empty register. facts: of the same transaction.  system: the register, which says so."""
    by_place: dict[tuple[Country, str], list[SyntheticPerson]] = defaultdict(list)
    for person in synthetic_people(count):
        if person.home is not None and person.died is None and age_in_years(person.born, AS_OF) < AGES[-1][1]:
            by_place[(person.country, person.home.division)].append(person)
    facts.record_many(_schools(count))
    for (country, division), young in sorted(by_place.items()):
        facts.record_many(_commune(connection, country, division, young, system))


def _schools(count: int) -> Iterator[dict[str, Any]]:
    """Rows for `Facts.record_many`."""
    for person in synthetic_people(count):
        attends = attendance(parse_identity_code(person.code))
        if person.home is None or person.died is not None or attends.until <= AS_OF:
            continue
        school = school_of(person.country, person.home.division, person.home.street, AS_OF)
        if school is not None:
            yield {
                "entity": person.code,
                "name": SCHOOL,
                "value": school_value(school, person.home.division, attends.since),
                "valid_from": max(person.born, person.moved_in or person.born),
                "valid_to": attends.until,
                "source": SOURCE,
                "basis": SCHOOL_GROUNDS[person.country],
            }


def _commune(
    connection: Connection, country: Country, division: str, young: list[SyntheticPerson], system: str
) -> Iterator[dict[str, Any]]:
    """Rows for `Facts.record_many`."""
    houses = len(young) // ONE_HOUSE + 1
    for number in range(houses):
        own, name = young[number::houses], NAMES[country][number % len(NAMES[country])]
        key = connection.scalar(
            insert(kindergartens).values(name=name, division=division).returning(kindergartens.c.id)
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
            for row in rows:
                yield {
                    "entity": row["child"],
                    "name": QUEUE,
                    "value": place_value(
                        state=row["state"],
                        joined_at=row["joined_at"],
                        kindergarten=name,
                        group=group,
                        wanted_from=row["wanted_from"],
                    ),
                    "valid_from": row["wanted_from"],
                    "source": system,
                    "basis": ground(country),
                }


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
