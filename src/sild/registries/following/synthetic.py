"""Where people stand in a new register: by the homes they have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sild.registries.following.duties import Duty, Home
from sild.registries.profiles import profile
from sild.registries.synthetic import AS_OF, synthetic_people

__all__ = ["standing_people"]

SOURCE = "the residence register"


def standing_people(count: int, duty: Duty) -> Iterator[dict[str, Any]]:
    """Rows for `Facts.record_many`, of everybody alive who has a home."""
    for person in synthetic_people(count):
        if person.died is not None or person.home is None:
            continue
        unit = profile(person.country).resolve(person.home.division, AS_OF)[0]
        since = person.moved_in or person.born
        standing = duty.standing(Home(unit.code, unit.name, person.country, since), person.born)
        if standing is not None:
            yield {
                "entity": person.code,
                "name": duty.fact,
                "value": standing,
                "valid_from": since,
                "source": SOURCE,
                "basis": duty.grounds[person.country],
            }
