"""Places: addresses, dwellings, divisions, competence. No personal data: who asks is recorded, a ground is not needed."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from typing import Annotated

from fastapi import FastAPI, Path, Query
from pydantic import Field

from sild.catalogue import Division
from sild.registries.identity_codes import Country
from sild.registries.kernel import Kernel
from sild.registries.kernel.http import AnyUsage, Model
from sild.registries.residence.addresses import address, dwelling, dwellings_at, find_addresses
from sild.registries.residence.divisions import competent, division, division_on, find_divisions

__all__ = ["PLACE_TITLES", "AddressState", "Unit", "add_place_paths", "unit"]

PLACE_TITLES: dict[str, tuple[int, str]] = {
    "unknown_address": (404, "Unknown address"),
    "unknown_dwelling": (404, "Unknown dwelling"),
    "unknown_division": (404, "Unknown division"),
    "nobody_competent": (404, "Nobody decides this there"),
    "too_broad": (400, "The search is too broad"),
}


class Unit(Model):
    code: str
    name: str
    tier: str


class AddressState(Model):
    id: str
    text: str
    country: Country
    division: str
    region: str
    municipality: str
    street: str
    house: str
    postal_code: str


class FoundAddress(AddressState):
    dwellings: int


class FoundAddresses(Model):
    items: list[FoundAddress]
    total: int


class DwellingAt(Model):
    id: str
    apartment: str | None = None


class AddressWithDwellings(AddressState):
    dwellings: list[DwellingAt]


class DwellingState(Model):
    id: str
    address: str
    text: str
    country: Country
    division: str
    apartment: str | None = None
    floor_area: float | None = Field(default=None, description="m²")
    floor_area_fact: int | None = None
    capacity: int | None = Field(
        default=None, description="How many the law lets live there; none: it does not say"
    )


class DivisionState(Unit):
    parent: str | None = None
    began: date
    ended: date | None = None
    on: date
    now: list[Unit] = Field(description="What it is on that day")


class FoundDivision(Unit):
    country: Country
    parent: str | None = None


class FoundDivisions(Model):
    items: list[FoundDivision]


class CompetenceState(Model):
    matter: str
    place: str
    on: date
    unit: Unit
    office: dict[str, str] = Field(description="By language")
    basis: str
    received_within: Unit | None = Field(
        default=None, description="Anywhere in this unit it may be handed in"
    )


def add_place_paths(app: FastAPI, kernel: Kernel) -> None:
    _add_addresses(app, kernel)
    _add_divisions(app, kernel)


def unit(one: Division) -> Unit:
    return Unit(code=one.code, name=one.name, tier=one.tier)


def _add_addresses(app: FastAPI, kernel: Kernel) -> None:
    @app.get("/addresses", operation_id="findAddresses")
    def find(
        usage: AnyUsage,
        q: Annotated[str, Query(max_length=200, description="Words in any order; case and accents aside")],
        country: Country | None = None,
        division: Annotated[str | None, Query(max_length=10)] = None,
        limit: Annotated[int, Query(ge=1, le=100)] = 20,
    ) -> FoundAddresses:
        """Addresses by any of their words."""
        with kernel.used("findAddresses", usage) as use:
            found, total = find_addresses(use, q, country=country, division=division, limit=limit)
            items = [FoundAddress(**asdict(one), text=one.text(), dwellings=homes) for one, homes in found]
            return FoundAddresses(items=items, total=total)

    @app.get("/addresses/{address_id}", operation_id="getAddress", response_model_exclude_none=True)
    def get_address(address_id: Annotated[str, Path(max_length=20)], usage: AnyUsage) -> AddressWithDwellings:
        """A house and its dwellings."""
        with kernel.used("getAddress", usage) as use:
            one = address(use.connection, address_id)
            homes = dwellings_at(use.connection, address_id)
            return AddressWithDwellings(
                **asdict(one),
                text=one.text(),
                dwellings=[DwellingAt(id=home, apartment=apartment) for home, apartment in homes],
            )

    @app.get("/dwellings/{dwelling_id}", operation_id="getDwelling", response_model_exclude_none=True)
    def get_dwelling(dwelling_id: Annotated[str, Path(max_length=20)], usage: AnyUsage) -> DwellingState:
        """A dwelling, its floor area and how many may live there."""
        with kernel.used("getDwelling", usage) as use:
            home = dwelling(use, dwelling_id)
            return DwellingState(
                id=home.id,
                address=home.address.id,
                text=home.text,
                country=home.address.country,
                division=home.address.division,
                apartment=home.apartment,
                floor_area=home.floor_area,
                floor_area_fact=home.floor_area_fact,
                capacity=home.capacity,
            )


def _add_divisions(app: FastAPI, kernel: Kernel) -> None:
    @app.get("/divisions", operation_id="findDivisions", response_model_exclude_none=True)
    def find(
        usage: AnyUsage,
        q: Annotated[str, Query(max_length=100)] = "",
        country: Country | None = None,
        tier: Annotated[str | None, Query(max_length=20)] = None,
        on: date | None = None,
    ) -> FoundDivisions:
        """Divisions that exist on a day, by their names."""
        found = find_divisions(text=q, country=country, tier=tier, on=on or kernel.today)
        return FoundDivisions(
            items=[
                FoundDivision(code=one.code, name=one.name, tier=one.tier, country=of, parent=one.parent)
                for of, one in found
            ]
        )

    @app.get("/divisions/{code}", operation_id="getDivision", response_model_exclude_none=True)
    def get_division(
        code: Annotated[str, Path(max_length=10)], usage: AnyUsage, on: date | None = None
    ) -> DivisionState:
        """A division of any time, and what it is on a day."""
        found, day = division(code), on or kernel.today
        return DivisionState(
            code=found.code,
            name=found.name,
            tier=found.tier,
            parent=found.parent,
            began=found.began,
            ended=found.ended,
            on=day,
            now=[unit(one) for one in division_on(code, day)],
        )

    @app.get("/competence", operation_id="getCompetence", response_model_exclude_none=True)
    def get_competence(
        usage: AnyUsage,
        place: Annotated[str, Query(max_length=10, description="Code of a division, of any time")],
        matter: Annotated[str, Query(max_length=50)] = "residence",
        on: date | None = None,
    ) -> CompetenceState:
        """Who decides a matter at a place on a day, wherever it was handed in."""
        day = on or kernel.today
        found = competent(matter, place, day)
        within = found.received_within
        return CompetenceState(
            matter=matter,
            place=place,
            on=day,
            unit=unit(found.unit),
            office=dict(found.rule.office),
            basis=found.rule.basis,
            received_within=unit(within) if within else None,
        )
