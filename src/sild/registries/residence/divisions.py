"""Divisions of both countries with their dates, and who is competent where: the profiles, asked by a code alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from sild.catalogue import Competence, Division, Profile
from sild.errors import CallerError
from sild.i18n import folded
from sild.registries.identity_codes import Country
from sild.registries.profiles import profile

__all__ = [
    "Competent",
    "competent",
    "division",
    "division_on",
    "find_divisions",
    "is_home_tier",
    "profile_of",
]

COUNTRIES: tuple[Country, ...] = ("EE", "VN")
HOME_TIERS = ("municipality", "commune")
"""The tier to which people are registered."""


@dataclass(frozen=True, slots=True)
class Competent:
    """received_within: anywhere in this unit the matter may be handed in; None: at the unit itself."""

    rule: Competence
    unit: Division
    received_within: Division | None


def profile_of(code: str) -> Profile:
    """Of the country that has or had this division. Raises CallerError (`unknown_division`)."""
    for country in COUNTRIES:
        found = profile(country)
        if any(division.code == code for division in found.divisions):
            return found
    raise CallerError("no such division", code="unknown_division")


def division(code: str) -> Division:
    """As it is or was. Raises CallerError (`unknown_division`)."""
    return profile_of(code).division(code)


def division_on(code: str, on: date) -> tuple[Division, ...]:
    """What it is on a day: itself, or what became of it. Raises CallerError (`unknown_division`)."""
    return profile_of(code).resolve(code, on)


def is_home_tier(unit: Division) -> bool:
    return unit.tier in HOME_TIERS


def find_divisions(
    *, text: str, country: Country | None, tier: str | None, on: date
) -> Iterator[tuple[Country, Division]]:
    """Those that exist on a day, by the beginning of any word of their names."""
    wanted = folded(text)
    for one in COUNTRIES:
        for unit in profile(one).divisions if country in (None, one) else ():
            fits = f" {folded(unit.name)}".find(f" {wanted}") >= 0
            if fits and unit.exists_on(on) and tier in (None, unit.tier):
                yield one, unit


def competent(matter: str, place: str, on: date) -> Competent:
    """Raises CallerError (`unknown_division`, `nobody_competent`)."""
    found = profile_of(place)
    rule, unit = found.competent(matter, place, on)
    within: Division | None = None
    if rule.within is not None:
        within = unit
        while within is not None and within.tier != rule.within:
            within = found.division(within.parent) if within.parent else None
    return Competent(rule, unit, within)
