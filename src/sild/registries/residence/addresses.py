"""National address data: found as people type addresses, with or without accents, in any order of words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection, Row, and_, func, select

from sild.errors import CallerError
from sild.i18n import folded
from sild.registries.identity_codes import Country
from sild.registries.kernel import Use
from sild.registries.residence.tables import addresses, dwellings

__all__ = [
    "Address",
    "Dwelling",
    "address",
    "dwelling",
    "dwelling_texts",
    "dwellings_at",
    "find_addresses",
    "search_words",
]

WORD = re.compile(r"[\w/]+")
APARTMENT = re.compile(r"(?<=\d|\w)-\s*\d+\b")
MOST_WORDS = 8
AT_ONCE = 500  # dwellings in one question to the database
AREA_PER_PERSON = {"VN": 8}
"""m² that one person must have, where a law says so (Luật Cư trú 2020, Điều 20.3; provinces may ask for more)."""


@dataclass(frozen=True, slots=True)
class Address:
    """A house. division: code of its municipality or commune."""

    id: str
    country: Country
    division: str
    region: str
    municipality: str
    street: str
    house: str
    postal_code: str

    def text(self, apartment: str | None = None) -> str:
        """As the country writes it."""
        if self.country == "VN":
            flat = f"{apartment}, " if apartment else ""
            return f"{flat}{self.house} {self.street}, {self.municipality}, {self.region}"
        flat = f"-{apartment}" if apartment else ""
        return f"{self.street} {self.house}{flat}, {self.municipality}, {self.region}, {self.postal_code}"


@dataclass(frozen=True, slots=True)
class Dwelling:
    """floor_area: m².  capacity: how many may live there; None: no law says."""

    id: str
    address: Address
    apartment: str | None
    floor_area: float | None
    floor_area_fact: int | None
    capacity: int | None

    @property
    def text(self) -> str:
        return self.address.text(self.apartment)


def search_words(text: str) -> str:
    """What is searched: each word with a space before and after."""
    return f" {' '.join(WORD.findall(folded(text)))} "


def find_addresses(
    use: Use, text: str, *, country: Country | None, division: str | None, limit: int
) -> tuple[tuple[tuple[Address, int], ...], int]:
    """Addresses that have every word of `text`, numbers whole and words by their beginning, with how many dwellings; and how many in all.

    Raises CallerError (`too_broad`) without any word.
    """
    words = WORD.findall(folded(APARTMENT.sub("", text)))[:MOST_WORDS]
    if not words:
        raise CallerError("a street, a house or a place is needed", code="too_broad")
    conditions = [
        addresses.c.search_text.contains(f" {word} " if word[0].isdigit() else f" {word}", autoescape=True)
        for word in words
    ]
    if country is not None:
        conditions.append(addresses.c.country == country)
    if division is not None:
        conditions.append(addresses.c.division == division)
    matching = and_(*conditions)
    total = use.connection.scalar(select(func.count()).select_from(addresses).where(matching)) or 0
    homes = (
        select(func.count())
        .select_from(dwellings)
        .where(dwellings.c.address == addresses.c.id)
        .scalar_subquery()
        .label("homes")
    )
    query = select(addresses, homes).where(matching).order_by(addresses.c.search_text, addresses.c.id)
    rows = use.connection.execute(query.limit(limit)).all()
    return tuple((_address(row), row.homes) for row in rows), total


def address(connection: Connection, address_id: str) -> Address:
    """Raises CallerError (`unknown_address`)."""
    row = connection.execute(select(addresses).where(addresses.c.id == address_id)).one_or_none()
    if row is None:
        raise CallerError("no such address", code="unknown_address")
    return _address(row)


def dwellings_at(connection: Connection, address_id: str) -> list[tuple[str, str | None]]:
    """Id and apartment of each."""
    query = select(dwellings.c.id, dwellings.c.apartment).where(dwellings.c.address == address_id)
    found = [(row.id, row.apartment) for row in connection.execute(query)]
    return sorted(found, key=lambda one: (len(one[1] or ""), one[1] or "", one[0]))


def dwelling(use: Use, dwelling_id: str, *, on: date | None = None) -> Dwelling:
    """Raises CallerError (`unknown_dwelling`)."""
    row = use.connection.execute(
        select(dwellings.c.apartment, addresses)
        .join_from(dwellings, addresses)
        .where(dwellings.c.id == dwelling_id)
    ).one_or_none()
    if row is None:
        raise CallerError("no such dwelling", code="unknown_dwelling")
    fact = use.facts.fact(dwelling_id, "floor_area", on=on or use.today)
    area = None if fact is None else fact.value
    per_person = AREA_PER_PERSON.get(row.country)
    capacity = int(area // per_person) if per_person is not None and area is not None else None
    return Dwelling(dwelling_id, _address(row), row.apartment, area, fact.id if fact else None, capacity)


def dwelling_texts(use: Use, ids: Sequence[str]) -> dict[str, str]:
    """The address of each, as the country writes it; of what is no dwelling, none."""
    found: dict[str, str] = {}
    for start in range(0, len(ids), AT_ONCE):
        query = (
            select(dwellings.c.id.label("dwelling"), dwellings.c.apartment, addresses)
            .join_from(dwellings, addresses)
            .where(dwellings.c.id.in_(ids[start : start + AT_ONCE]))
        )
        found |= {row.dwelling: _address(row).text(row.apartment) for row in use.connection.execute(query)}
    return found


def _address(row: Row[Any]) -> Address:
    return Address(
        id=row.id,
        country=row.country,
        division=row.division,
        region=row.region,
        municipality=row.municipality,
        street=row.street,
        house=row.house,
        postal_code=row.postal_code,
    )
