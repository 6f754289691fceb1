"""Who lives where, as facts of the person, and who may be told.

    a fact `residence`: {level, dwelling, division, household, country, address, move}
    level   dwelling: in a dwelling     commune: somewhere in a municipality or commune     abroad: in another country

An address is told to nobody against whom an order protects the person. Of a child it is told to nobody against whom
an order protects anybody it lives with: there they are found, also when orders in both directions no longer cover the
child. While there is an order it is not told to a machine either: what it decided could tell. A sealed address is
told to nobody. Those it is about, and those who live with them, see it; under either, nobody else does who acts for
another: whom the order is against may have sent them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from sild.errors import CallerError
from sild.registries.identity_codes import IdentityCode, parse_identity_code
from sild.registries.kernel import Fact, Use, is_kept_from
from sild.registries.kernel.facts import Json
from sild.registries.residence.addresses import Address, dwelling
from sild.registries.residence.tables import persons, residents

__all__ = [
    "PROTECTION",
    "RESIDENCE",
    "Home",
    "home_of",
    "home_said",
    "homes_of",
    "household_of",
    "is_known",
    "is_minor",
    "is_sealed",
    "know_person",
    "owned_by",
    "owners_of",
    "require_person",
    "residents_of",
]

RESIDENCE = "residence"
PROTECTION = "protection"
SEALS = (PROTECTION, "sealed")


@dataclass(frozen=True, slots=True)
class Home:
    """level: dwelling, commune, abroad; sealed (not told), unknown (never said), none (of the dead)."""

    person: str
    level: str
    text: str | None = None
    address: Address | None = None
    dwelling: str | None = None
    division: str | None = None
    country: str | None = None
    household: str | None = None
    fact: Fact | None = None

    @property
    def valid_from(self) -> date | None:
        return self.fact.valid_from if self.fact else None


def is_known(use: Use, code: str) -> bool:
    return use.connection.scalar(select(persons.c.code).where(persons.c.code == code)) is not None


def know_person(use: Use, code: str) -> None:
    """From now on somebody of whom a home can be said."""
    insert = sqlite.insert if use.connection.dialect.name == "sqlite" else postgresql.insert
    use.connection.execute(insert(persons).values(code=code).on_conflict_do_nothing())


def require_person(use: Use, code: str) -> None:
    """The use concerns them, known or not. Raises InvalidIdentityCode, CallerError (`unknown_person`)."""
    parse_identity_code(code)
    use.concerns(code)
    if not is_known(use, code):
        raise CallerError(
            "nobody here has this identity code; who is in no register is corrected at the population register",
            code="unknown_person",
        )


def home_of(use: Use, code: str, *, on: date, known_at: datetime | None = None) -> Home:
    """Raises InvalidIdentityCode, CallerError (`unknown_person`)."""
    require_person(use, code)
    if is_sealed(use, code):
        return Home(code, "sealed")
    found = use.facts.current(code, [RESIDENCE], on=on, known_at=known_at)
    if found:
        return home_said(use, found[0])
    return Home(code, "unknown" if use.facts.value(code, "died", on=on) is None else "none")


def homes_of(use: Use, code: str) -> tuple[Home, ...]:
    """All there were, as we know it now, newest first. Raises as `home_of`."""
    require_person(use, code)
    if is_sealed(use, code):
        return (Home(code, "sealed"),)
    known = [fact for fact in use.facts.history(code, RESIDENCE) if fact.known_to is None]
    return tuple(
        home_said(use, fact) for fact in sorted(known, key=lambda fact: fact.valid_from, reverse=True)
    )


def is_sealed(use: Use, code: str) -> bool:
    """Whether this reader is not told where the person lives."""
    seals = use.facts.current(code, SEALS, on=use.today)
    beside = _kept_from_household(use, code)
    if not seals and not beside:
        return False
    actor = use.usage.actor
    if actor is None:
        return True
    near = (actor,) if actor == code or _live_together(use, actor, code) else ()
    orders = [seal.key for seal in seals if seal.name == PROTECTION]
    if is_kept_from(use.usage, code, orders, near) or (not near and len(orders) < len(seals)):
        return True
    return not near and is_kept_from(use.usage, code, beside)


def household_of(use: Use, code: str) -> tuple[Home, tuple[Fact, ...], bool]:
    """The home, the residences of those of the household this reader may know of, and whether somebody was left out.

    Raises InvalidIdentityCode, CallerError (`unknown_person`).
    """
    home = home_of(use, code, on=use.today)
    if home.fact is None:
        return home, (), home.level == "sealed"
    if home.dwelling is None or home.household is None:
        return home, (home.fact,), False
    others = [
        fact
        for fact in residents_of(use, home.dwelling, on=use.today)
        if fact.value["household"] == home.household and fact.entity != code
    ]
    use.concerns(*(fact.entity for fact in others))
    told = tuple(fact for fact in others if not is_sealed(use, fact.entity))
    return home, (home.fact, *told), len(told) < len(others)


def residents_of(use: Use, dwelling_id: str, *, on: date) -> tuple[Fact, ...]:
    """The residences of those who live there on a day."""
    query = select(residents.c.person).where(residents.c.dwelling == dwelling_id)
    candidates = sorted(use.connection.scalars(query))
    found = use.facts.current_of(candidates, [RESIDENCE], on=on)
    return tuple(
        fact for person in candidates for fact in found[person] if fact.value["dwelling"] == dwelling_id
    )


def owners_of(use: Use, dwelling_id: str, *, on: date) -> tuple[Fact, ...]:
    """Key: code of a person or company.  value: {kind, share, name}."""
    return _still_owned(use.facts.current(dwelling_id, ["owner"], on=on))


def owned_by(use: Use, code: str) -> tuple[Fact, ...]:
    return _still_owned(use.facts.entities_with("owner", code, on=use.today))


def _still_owned(found: Sequence[Fact]) -> tuple[Fact, ...]:
    """Without those of whom a correction says that they own nothing of it."""
    return tuple(fact for fact in found if fact.value is not None)


def _live_together(use: Use, one: str, other: str) -> bool:
    found = use.facts.values_of([one, other], [RESIDENCE], on=use.today)
    places: Iterable[Json] = [values.get(RESIDENCE) or {} for values in found.values()]
    households = {place.get("household") for place in places}
    return len(households) == 1 and None not in households


def is_minor(code: IdentityCode, on: date) -> bool:
    """Under eighteen; where the code tells the year alone, until the year is over."""
    if code.born is not None:
        return (on.year - code.born.year, on.month, on.day) < (18, code.born.month, code.born.day)
    return on.year - code.birth_year <= 18


def _kept_from_household(use: Use, code: str) -> list[str]:
    """Whom orders keep from those with whom a child under age lives."""
    place = use.facts.value(code, RESIDENCE, on=use.today)
    if not place or place.get("dwelling") is None or place.get("household") is None:
        return []
    if not is_minor(parse_identity_code(code), use.today):
        return []
    living = residents_of(use, place["dwelling"], on=use.today)
    others = [
        one.entity for one in living if one.value["household"] == place["household"] and one.entity != code
    ]
    found = use.facts.current_of(others, [PROTECTION], on=use.today)
    return sorted({order.key for orders in found.values() for order in orders})


def home_said(use: Use, fact: Fact) -> Home:
    """What a fact `residence` says, whoever asks."""
    value = fact.value
    home = dwelling(use, value["dwelling"]) if value["dwelling"] is not None else None
    return Home(
        person=fact.entity,
        level=value["level"],
        text=home.text if home is not None else value["address"],
        address=home.address if home is not None else None,
        dwelling=value["dwelling"],
        division=value["division"],
        country=value["country"],
        household=value["household"],
        fact=fact,
    )
