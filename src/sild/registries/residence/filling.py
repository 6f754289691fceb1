"""Synthetic people move into their homes, in an empty register."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Connection, insert

from sild.registries.kernel import Facts
from sild.registries.residence.addresses import search_words
from sild.registries.residence.leases import LEASE, lease_number
from sild.registries.residence.tables import addresses, dwellings, persons, residents
from sild.registries.synthetic import SyntheticHome, SyntheticLease, SyntheticPerson, synthetic_leases

__all__ = ["fill"]

BUILT = date(1990, 1, 1)


def fill(
    connection: Connection,
    facts: Facts,
    people: Sequence[SyntheticPerson],
    homes: Sequence[SyntheticHome],
    source: str,
) -> None:
    """source: the register itself, `INSTANCE/CLASS/CODE/SUBSYSTEM`."""
    houses = {_address_id(home): home for home in homes}
    connection.execute(insert(addresses), [_address(key, home) for key, home in houses.items()])
    connection.execute(
        insert(dwellings),
        [
            {"id": _dwelling_id(home), "address": _address_id(home), "apartment": home.apartment}
            for home in homes
        ],
    )
    connection.execute(insert(persons), [{"code": person.code} for person in people])
    connection.execute(
        insert(residents),
        [
            {"dwelling": _dwelling_id(person.home), "person": person.code}
            for person in people
            if person.home is not None
        ],
    )
    said = {"source": source, "basis": "synthetic"}
    facts.record_many(row | said for home in homes for row in _dwelling_facts(home))
    facts.record_many(row | said for person in people for row in _person_facts(person))
    facts.record_many(_lease(one) | said for one in synthetic_leases(people, homes))


def _lease(lease: SyntheticLease) -> dict[str, Any]:
    home = _dwelling_id(lease.home)
    value = {"number": lease_number(home), "lessor": lease.lessor}
    return {
        "entity": lease.lessee.code,
        "name": LEASE,
        "key": home,
        "value": value,
        "valid_from": lease.since,
    }


def _address_id(home: SyntheticHome) -> str:
    return f"{home.country}-A{home.house_number:07d}"


def _dwelling_id(home: SyntheticHome) -> str:
    return f"{home.country}-D{home.number:07d}"


def _address(key: str, home: SyntheticHome) -> dict[str, str]:
    words = f"{home.street} {home.house} {home.municipality} {home.region} {home.postal_code}"
    return {
        "id": key,
        "country": home.country,
        "division": home.division,
        "region": home.region,
        "municipality": home.municipality,
        "street": home.street,
        "house": home.house,
        "postal_code": home.postal_code,
        "search_text": search_words(words),
    }


def _dwelling_facts(home: SyntheticHome) -> Iterator[dict[str, Any]]:
    entity = _dwelling_id(home)
    yield {"entity": entity, "name": "floor_area", "value": home.floor_area, "valid_from": BUILT}
    for owner in home.owners:
        kind = "person" if owner.name is None else "company"
        value = {"kind": kind, "share": owner.share, "name": owner.name}
        yield {
            "entity": entity,
            "name": "owner",
            "key": owner.code,
            "value": value,
            "valid_from": owner.since,
        }


def _person_facts(person: SyntheticPerson) -> Iterator[dict[str, Any]]:
    if person.died is not None:
        day = person.died + timedelta(days=1)
        yield {"entity": person.code, "name": "died", "value": person.died.isoformat(), "valid_from": day}
    if person.home is None or person.moved_in is None:
        return
    place: dict[str, Any] = dict.fromkeys(("dwelling", "division", "household", "country", "address", "move"))
    if person.before is not None:
        division, since = person.before
        value = {**place, "level": "commune", "division": division, "country": person.country}
        yield _residence(person.code, value, since, person.moved_in)
    dwelling = _dwelling_id(person.home)
    value = {
        **place,
        "level": "dwelling",
        "dwelling": dwelling,
        "division": person.home.division,
        "country": person.country,
        "household": f"H-{dwelling}",
    }
    yield _residence(person.code, value, person.moved_in, None)


def _residence(code: str, value: dict[str, Any], since: date, until: date | None) -> dict[str, Any]:
    return {"entity": code, "name": "residence", "value": value, "valid_from": since, "valid_to": until}
