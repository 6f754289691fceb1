"""A move: one registration for several people, checked as a whole, every defect at once.

The case system asks owners and custodians; here stands what they answered, and nothing is registered against it. A move filed
twice is one move; two moves of one person from one day to two places are a case for people (`conflicting_notice`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from uuid import uuid4

from sqlalchemy.dialects import postgresql, sqlite

from sild.errors import CallerError
from sild.registries.identity_codes import IdentityCode, parse_identity_code
from sild.registries.kernel import Defect, Fact, Use, provenance, refuse_defects
from sild.registries.kernel.facts import Json
from sild.registries.profiles import profile
from sild.registries.residence.addresses import Dwelling, dwelling
from sild.registries.residence.divisions import division_on, is_home_tier, profile_of
from sild.registries.residence.homes import RESIDENCE, is_known, owners_of, residents_of
from sild.registries.residence.tables import residents

__all__ = ["Destination", "Move", "NewMove", "move", "read_move"]

MOVE = "move"
FARTHEST_AHEAD = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Destination:
    """One of the three. country, address: abroad."""

    dwelling: str | None = None
    division: str | None = None
    country: str | None = None
    address: str | None = None


@dataclass(frozen=True, slots=True)
class NewMove:
    """sent_on: when the people sent it.  consent: kind (owner, lease, court), owners who consented, document.

    custodians: who consented for a minor, by the minor's code.  joins: somebody whose household they join.
    """

    people: tuple[str, ...]
    to: Destination
    valid_from: date
    sent_on: date
    consent_kind: str | None = None
    consent_owners: tuple[str, ...] = ()
    document: str | None = None
    custodians: Mapping[str, Sequence[str]] = field(default_factory=dict)
    joins: str | None = None


@dataclass(frozen=True, slots=True)
class Move:
    """merged: all of it was registered before, by another message.  facts: of each person."""

    id: str
    people: tuple[str, ...]
    level: str
    text: str | None
    dwelling: str | None
    division: str | None
    country: str | None
    household: str
    valid_from: date
    sent_on: date
    merged: bool
    facts: Mapping[str, int]


def move(use: Use, asked: NewMove) -> Move:
    """Raises Defects (`move_not_registrable`), InvalidIdentityCode."""
    for person in asked.people:
        parse_identity_code(person)
    use.concerns(*asked.people)
    places = [asked.to.dwelling] if asked.to.dwelling is not None else []
    use.alone(*(f"home/{one}" for one in (*asked.people, *places)))
    return _Moving(use, asked).register()


def read_move(use: Use, move_id: str) -> Move:
    """Raises CallerError (`unknown_move`)."""
    fact = use.facts.fact(f"move:{move_id}", MOVE, key=move_id, on=date.max)
    if fact is None:
        raise CallerError("no such move", code="unknown_move")
    value = fact.value
    use.concerns(*value["people"])
    return _from_json(value)


class _Moving:
    def __init__(self, use: Use, asked: NewMove) -> None:
        self._use = use
        self._asked = asked
        self._defects: list[Defect] = []
        self._home: Dwelling | None = None
        self._division: str | None = None
        found = use.facts.current_of(asked.people, [RESIDENCE], on=asked.valid_from)
        self._now = {person: facts[0] if facts else None for person, facts in found.items()}
        self._before = {
            person: [fact for fact in use.facts.history(person, RESIDENCE) if fact.known_to is None]
            for person in asked.people
        }

    def register(self) -> Move:
        self._check_destination()
        self._check_people()
        self._check_dates()
        staying = [person for person in self._asked.people if self._lives_there(person)]
        self._check_conflicts(staying)
        if self._home is not None:
            self._check_consent(self._home)
            self._check_capacity(self._home)
        household = self._household(staying)
        refuse_defects("the move cannot be registered", code="move_not_registrable", defects=self._defects)
        if len(staying) == len(self._asked.people):
            return self._registered_before(staying)
        return self._enter([p for p in self._asked.people if p not in staying], staying, household)

    # --- checks

    def _check_destination(self) -> None:
        to, day = self._asked.to, self._asked.valid_from
        if to.dwelling is not None:
            try:
                self._home = dwelling(self._use, to.dwelling, on=day)
                self._division = self._home.address.division
            except CallerError as error:
                self._wrong(error.code, error.message, "/to/dwelling")
        elif to.division is not None:
            try:
                units = division_on(to.division, day)
            except CallerError as error:
                self._wrong(error.code, error.message, "/to/division")
                return
            if [unit.code for unit in units] != [to.division]:
                now = ", ".join(f"{unit.name} ({unit.code})" for unit in units)
                self._wrong("division_ended", f"on that day it is {now}", "/to/division")
            elif not is_home_tier(units[0]):
                self._wrong("unknown_division", "people live in a municipality or commune", "/to/division")
            self._division = to.division

    def _check_people(self) -> None:
        for number, person in enumerate(self._asked.people):
            place = f"/people/{number}"
            if not is_known(self._use, person):
                self._wrong(
                    "unknown_person", "in no register here: corrected at the population register", place
                )
                continue
            if self._use.facts.value(person, "died", on=self._use.today) is not None:
                self._wrong("person_is_dead", "the person is dead", place)
            is_minor = _is_minor(parse_identity_code(person), self._asked.valid_from)
            if is_minor and not self._asked.custodians.get(person):
                self._wrong("custodian_missing", "who has custody consents", f"/custodians/{person}")

    def _check_dates(self) -> None:
        asked, today = self._asked, self._use.today
        if asked.sent_on > today:
            self._wrong("date_out_of_range", "sent in the future", "/sent_on")
        if asked.valid_from > today + FARTHEST_AHEAD:
            self._wrong("date_out_of_range", "at most 30 days ahead", "/valid_from")
        for number, person in enumerate(asked.people):
            code = parse_identity_code(person)
            if code.birth_year > asked.valid_from.year or (code.born or asked.valid_from) > asked.valid_from:
                self._wrong("date_out_of_range", "before the person was born", f"/people/{number}")
        moving = any(self._before[person] for person in asked.people)  # a first home has no duty to report
        if moving and self._duty_ends() < asked.sent_on:
            last = self._duty_ends()
            self._wrong(
                "date_out_of_range", f"to be sent until {last}; later it holds from then", "/valid_from"
            )

    def _duty_ends(self) -> date:
        """Until when a move on that day is to be reported, by the law of the country it is in."""
        if self._division is not None:
            return profile_of(self._division).deadline("move.duty", self._asked.valid_from)
        country = parse_identity_code(self._asked.people[0]).country
        return profile(country).deadline("move.abroad_duty", self._asked.valid_from)

    def _check_conflicts(self, staying: Sequence[str]) -> None:
        for number, person in enumerate(self._asked.people):
            if person in staying:
                continue
            later = [f for f in self._before[person] if f.valid_from >= self._asked.valid_from]
            if any(not self._is_there(fact) for fact in later):
                detail = "another home is registered from that day or later"
                self._wrong("conflicting_notice", detail, f"/people/{number}")

    def _check_consent(self, home: Dwelling) -> None:
        """A mover who owns, an owner who consents, a lease or a court. A newborn needs nobody's leave to come home."""
        asked = self._asked
        owners = {fact.key for fact in owners_of(self._use, home.id, on=asked.valid_from)}
        strangers = [owner for owner in asked.consent_owners if owner not in owners]
        if strangers:
            self._wrong("not_an_owner", "consent of somebody who is no owner", "/consent/owners")
        first_home = asked.joins is not None and not any(self._before[person] for person in asked.people)
        documented = asked.consent_kind in ("lease", "court") and asked.document is not None
        consented = owners & {*asked.people, *asked.consent_owners}
        if not (first_home or documented or consented):
            self._wrong("consent_missing", "an owner consents, or there is a lease or a judgment", "/consent")

    def _check_capacity(self, home: Dwelling) -> None:
        if home.capacity is None:
            return
        there = {fact.entity for fact in residents_of(self._use, home.id, on=self._asked.valid_from)}
        number = len(there | set(self._asked.people))
        if number > home.capacity:
            detail = f"{number} people in a dwelling of {home.floor_area} m², which is for {home.capacity}"
            self._wrong("over_capacity", detail, "/to/dwelling")

    def _household(self, staying: Sequence[str]) -> str:
        """That of the one they join, of those who are there already, or a new one."""
        if self._asked.joins is not None:
            self._use.concerns(self._asked.joins)
            found = self._use.facts.fact(self._asked.joins, RESIDENCE, on=self._asked.valid_from)
            if found is not None and self._is_there(found) and found.value["household"]:
                return str(found.value["household"])
            self._wrong("not_the_household", "the one whose household they join lives elsewhere", "/joins")
        for person in staying:
            fact = self._now[person]
            if fact is not None and fact.value["household"]:
                return str(fact.value["household"])
        return f"H-{uuid4()}"

    def _is_there(self, fact: Fact) -> bool:
        value, to = fact.value, self._asked.to
        if to.dwelling is not None:
            return bool(value["dwelling"] == to.dwelling)
        if to.division is not None:
            return bool(value["level"] == "commune" and value["division"] == to.division)
        return bool(value["level"] == "abroad" and value["country"] == to.country)

    def _lives_there(self, person: str) -> bool:
        fact = self._now[person]
        return fact is not None and self._is_there(fact)

    # --- the entry

    def _enter(self, moving: Sequence[str], staying: Sequence[str], household: str) -> Move:
        use, asked, move_id = self._use, self._asked, str(uuid4())
        level = "dwelling" if asked.to.dwelling else "commune" if asked.to.division else "abroad"
        text = self._home.text if self._home is not None else asked.to.address
        country = asked.to.country or (profile_of(self._division).country if self._division else None)
        value = {
            "level": level,
            "dwelling": asked.to.dwelling,
            "division": self._division,
            "household": household,
            "country": country,
            "address": asked.to.address,
            "move": move_id,
        }
        said = provenance(use)
        facts = {person: fact.id for person in staying if (fact := self._now[person]) is not None}
        for person in moving:
            fact = use.facts.record(person, RESIDENCE, value, valid_from=asked.valid_from, provenance=said)
            facts[person] = fact.id
            if asked.to.dwelling is not None:
                _find_in(use, asked.to.dwelling, person)
            use.publish("residence.changed", person, {"valid_from": asked.valid_from.isoformat()})
        move = Move(
            id=move_id,
            people=asked.people,
            level=level,
            text=text,
            dwelling=asked.to.dwelling,
            division=self._division,
            country=country,
            household=household,
            valid_from=asked.valid_from,
            sent_on=asked.sent_on,
            merged=False,
            facts=facts,
        )
        use.facts.record(
            f"move:{move_id}", MOVE, to_json(move), key=move_id, valid_from=asked.valid_from, provenance=said
        )
        return move

    def _registered_before(self, staying: Sequence[str]) -> Move:
        """Filed twice: the first entry holds."""
        facts = {person: fact for person in staying if (fact := self._now[person]) is not None}
        first = next(iter(facts.values()))
        text = self._home.text if self._home is not None else first.value["address"]
        return Move(
            id=first.value["move"] or str(first.origin),
            people=self._asked.people,
            level=first.value["level"],
            text=text,
            dwelling=first.value["dwelling"],
            division=first.value["division"],
            country=first.value["country"],
            household=first.value["household"],
            valid_from=first.valid_from,
            sent_on=self._asked.sent_on,
            merged=True,
            facts={person: fact.id for person, fact in facts.items()},
        )

    def _wrong(self, code: str, detail: str, pointer: str) -> None:
        self._defects.append(Defect(code, detail, pointer))


def to_json(move: Move) -> dict[str, Json]:
    names = ("id", "level", "text", "dwelling", "division", "country", "household", "merged")
    return {
        **{name: getattr(move, name) for name in names},
        "people": list(move.people),
        "valid_from": move.valid_from.isoformat(),
        "sent_on": move.sent_on.isoformat(),
        "facts": dict(move.facts),
    }


def _from_json(value: Mapping[str, Json]) -> Move:
    days = {name: date.fromisoformat(value[name]) for name in ("valid_from", "sent_on")}
    return Move(**{**value, **days, "people": tuple(value["people"])})


def _is_minor(code: IdentityCode, on: date) -> bool:
    """Under eighteen; where the code tells the year alone, until the year is over."""
    if code.born is not None:
        return (on.year - code.born.year, on.month, on.day) < (18, code.born.month, code.born.day)
    return on.year - code.birth_year <= 18


def _find_in(use: Use, dwelling_id: str, person: str) -> None:
    insert = sqlite.insert if use.connection.dialect.name == "sqlite" else postgresql.insert
    row = {"dwelling": dwelling_id, "person": person}
    use.connection.execute(insert(residents).values(row).on_conflict_do_nothing())
