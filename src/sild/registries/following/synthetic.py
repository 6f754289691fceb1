"""Where people stand in a new register: by the homes they have."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from sild.registries.following.duties import Duty, Home, Standing
from sild.registries.following.zones import zone_of
from sild.registries.profiles import profile
from sild.registries.synthetic import AS_OF, SyntheticPerson, synthetic_people

__all__ = ["standing_people"]

SOURCE = "the residence register"
ISSUED, UNTIL = date(2025, 1, 1), date(2031, 1, 1)
"""Of permits to park: the first day of the oldest, and the first on which none holds."""
LETTERS = "ABCDEFGHJKLMNPRSTUVXYZ"


def standing_people(count: int, duty: Duty) -> Iterator[dict[str, Any]]:
    """Rows for `Facts.record_many`, of everybody alive who has a home; of what only some hold, of those."""
    if duty.of_holders:
        yield from _permits(count, duty)
        return
    for person in synthetic_people(count):
        if person.died is not None or person.home is None:
            continue
        unit = profile(person.country).resolve(person.home.division, AS_OF)[0]
        since = person.moved_in or person.born
        standing = duty.standing(Home(unit.code, unit.name, person.country, since), person.born, None)
        if standing is not None:
            yield {
                "entity": person.code,
                "name": duty.kind.name,
                "value": standing,
                "valid_from": since,
                "source": SOURCE,
                "basis": duty.grounds[person.country],
            }


def _permits(count: int, duty: Duty) -> Iterator[dict[str, Any]]:
    """Every second adult in a zone has a car to park there."""
    for person in synthetic_people(count):
        if person.died is None and (permit := _permit(person)) is not None:
            yield {
                "entity": person.code,
                "name": duty.kind.name,
                "value": permit,
                "valid_from": max(ISSUED, person.moved_in or person.born),
                "valid_to": UNTIL,
                "source": SOURCE,
                "basis": duty.grounds[person.country],
            }


def _permit(person: SyntheticPerson) -> Standing | None:
    number = int(person.code[-5:])
    if person.home is None or (AS_OF.year - person.born.year) < 19 or number % 2 == 0:
        return None
    unit = profile(person.country).resolve(person.home.division, AS_OF)[0]
    zone = zone_of(unit.code, person.home.street)
    if zone is None:
        return None
    letters = "".join(LETTERS[number // step % len(LETTERS)] for step in (1, 22, 484))
    return {
        "plate": f"{number % 900 + 100} {letters}",
        "zone": zone,
        "division": unit.code,
        "name": unit.name,
    }
