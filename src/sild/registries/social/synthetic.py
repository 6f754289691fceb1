"""Who has contributed in a new register: workers by their work; of some nobody here knows anything."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sild.registries.employment import AS_OF, employment
from sild.registries.social.ledger import CONTRIBUTION, first_day
from sild.registries.synthetic import synthetic_people

__all__ = ["contributions"]

KNOWN_SINCE = 12 * (AS_OF.year - 3)
SOURCE = "employers' declarations"
BASES = {"EE": "SMS § 2", "VN": "Luật BHXH 2024, Điều 31"}


def contributions(count: int) -> Iterator[dict[str, Any]]:
    """Rows for `Facts.record_many`."""
    for person in synthetic_people(count):
        work = employment(person.code, person.country, person.born) if person.died is None else None
        if work is None or not work.declared:
            continue
        row = {"entity": person.code, "name": CONTRIBUTION, "source": SOURCE, "basis": BASES[person.country]}
        begin = 12 * AS_OF.year - work.months
        nothing = {"amount": "0", "currency": work.currency, "country": person.country}
        known = first_day(KNOWN_SINCE)
        if not work.months:
            yield {**row, "value": nothing, "valid_from": known}
            continue
        yield {**row, "value": nothing, "valid_from": known, "valid_to": first_day(begin)}
        pay = {**nothing, "amount": str(work.monthly)}
        yield {**row, "key": work.employer, "value": pay, "valid_from": first_day(begin)}
