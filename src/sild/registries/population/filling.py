"""Synthetic people move into an empty register."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Connection, insert

from sild.i18n import folded
from sild.registries.kernel import Facts
from sild.registries.population.tables import persons
from sild.registries.synthetic import AS_OF, SyntheticPerson

__all__ = ["fill"]


def fill(connection: Connection, facts: Facts, people: Sequence[SyntheticPerson], source: str) -> None:
    """source: the register itself, `INSTANCE/CLASS/CODE/SUBSYSTEM`."""
    said = {"source": source, "basis": "synthetic"}
    connection.execute(
        insert(persons),
        [
            {
                "code": person.code,
                "country": person.country,
                "search_name": folded(f"{person.family_name} {person.given_names}"),
                "born": person.born,
            }
            for person in people
        ],
    )
    facts.record_many(row | said for person in people for row in _facts(person))


def _facts(person: SyntheticPerson) -> Iterator[dict[str, Any]]:
    code, born = person.code, person.born

    def fact(
        name: str, value: Any, *, key: str = "", since: date = born, until: date | None = None
    ) -> dict[str, Any]:
        return {
            "entity": code,
            "name": name,
            "key": key,
            "value": value,
            "valid_from": since,
            "valid_to": until,
        }

    yield fact("given_names", person.given_names)
    if person.birth_name is not None and person.married_on is not None:
        yield fact("family_name", person.birth_name, until=person.married_on)
        yield fact("family_name", person.family_name, since=person.married_on)
    else:
        yield fact("family_name", person.family_name)
    yield fact("sex", person.sex)
    yield fact("born", born.isoformat())
    yield fact("birth_place", person.birth_place)
    yield fact("citizenship", True, key=person.country)
    if person.died is not None:
        yield fact("died", person.died.isoformat(), since=person.died)
    yield from _family(person, fact)


def _family(person: SyntheticPerson, fact: Callable[..., dict[str, Any]]) -> Iterator[dict[str, Any]]:
    grown = _years_later(person.born, 18)
    custody = "joint" if person.mother is not None and person.father is not None else "sole"
    for parent, role in ((person.mother, "mother"), (person.father, "father")):
        if parent is None:
            continue
        yield fact("parent", role, key=parent.code)
        if grown > AS_OF and parent.died is None:
            yield fact("custody", custody, key=parent.code, until=grown)
    if person.guardian is not None:
        yield fact("guardian", "guardian", key=person.guardian.code, until=grown)
    if person.spouse is not None and person.married_on is not None:
        ends = [died for died in (person.died, person.spouse.died) if died is not None]
        end = min(ends, default=None)
        word = "wife" if person.spouse.sex == "F" else "husband"
        since = person.married_on
        yield fact(
            "spouse",
            word,
            key=person.spouse.code,
            since=since,
            until=max(end, since + timedelta(days=1)) if end else None,
        )


def _years_later(day: date, years: int) -> date:
    """29 February becomes 1 March."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return date(day.year + years, 3, 1)
