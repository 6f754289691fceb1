"""A move: one registration for several people, checked as a whole, every defect at once; what is entered is a decision with its record.

The case system asks owners and custodians; here stands what they answered, and nothing is registered against it. A move filed
twice is one move; two moves of one person from one day to two places are a case for people (`conflicting_notice`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from uuid import uuid4

from sild.errors import CallerError
from sild.registries.deciding import Deciding, Look
from sild.registries.identity_codes import parse_identity_code
from sild.registries.kernel import Defect, Fact, Use, provenance, refuse_defects
from sild.registries.kernel.facts import Json
from sild.registries.profiles import profile
from sild.registries.residence.addresses import Dwelling, dwelling
from sild.registries.residence.disputes import settled_in
from sild.registries.residence.divisions import division_on, is_home_tier, profile_of
from sild.registries.residence.entries import consent_of, decided, enter_homes, is_at, subjects_of
from sild.registries.residence.homes import RESIDENCE, is_known, is_minor, residents_of
from sild.registries.residence.judging import (
    Found,
    NewMove,
    forbidden,
    judge,
    law_of,
    registered,
    returned,
)
from sild.registries.residence.words import (
    SaidOfMove,
    ensure_said,
    proved_words,
    spend_notice,
    without_unproved,
)

__all__ = ["Move", "move", "read_move", "return_move", "to_json"]

MOVE = "move"
FARTHEST_AHEAD = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Move:
    """merged: all of it was registered before, by another message.  facts: of each person.

    decision: id of the record that registered it; None: it was entered before there were any.
    """

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
    decision: str | None = None


def move(use: Use, deciding: Deciding, asked: NewMove, said: SaidOfMove, look: Look) -> Move:
    """Whoever acts decides; nobody: the rule. The record of the decision is made in this transaction. said: by whoever it takes, proved.

    Raises Defects (`move_not_registrable`; `acting_not_proven`, ... of what nobody is proved to have said), InvalidIdentityCode,
    Unavailable (`rules_failed`).
    """
    return _begin(use, asked).register(deciding, said, look)


def return_move(
    use: Use, deciding: Deciding, asked: NewMove, said: SaidOfMove, reasons: Sequence[str], look: Look
) -> str:
    """An official sends the notice back, and why; the id of the record. Nothing is registered on that notice any more.

    Raises CallerError (`needs_a_person`, `unknown_reason`), InvalidIdentityCode, Unavailable (`rules_failed`).
    """
    made = _begin(use, without_unproved(asked, said)).send_back(deciding, reasons, look)
    spend_notice(use, said)
    return made


def _begin(use: Use, asked: NewMove) -> _Moving:
    for person in asked.people:
        parse_identity_code(person)
    use.concerns(*asked.people)
    places = [asked.to.dwelling] if asked.to.dwelling is not None else []
    use.alone(*(f"home/{one}" for one in (*asked.people, *places)))
    return _Moving(use, asked)


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
        self._wrongs: list[tuple[str, Defect]] = []
        self._people: dict[str, dict[str, Json]] = {person: {} for person in asked.people}
        self._of_move: dict[str, Json] = {}
        self._told_by: dict[tuple[str, str], list[Fact]] = {}
        self._home: Dwelling | None = None
        self._division: str | None = None
        found = use.facts.current_of(asked.people, [RESIDENCE], on=asked.valid_from)
        self._now = {person: facts[0] if facts else None for person, facts in found.items()}
        self._before = {
            person: [fact for fact in use.facts.history(person, RESIDENCE) if fact.known_to is None]
            for person in asked.people
        }
        self._staying = [person for person in asked.people if self._lives_there(person)]
        self._check_destination()
        self._check_people()
        self._check_dates()
        self._check_conflicts()
        self._check_consent()
        self._check_capacity()
        self._household = self._find_household()
        self._country = law_of(asked, self._known_division())
        self._found = Found(self._people, self._of_move, self._wrongs, self._told_by)

    def register(self, deciding: Deciding, said: SaidOfMove, look: Look) -> Move:
        if not self._is_first_home():
            ensure_said(self._use, self._asked, said, minors=self._minors())
        judged = judge(deciding, self._use, self._country, self._found)
        defects = forbidden(judged, self._found)
        refuse_defects("the move cannot be registered", code="move_not_registrable", defects=defects)
        if len(self._staying) == len(self._asked.people):
            return self._registered_before()
        ruling = registered(
            deciding,
            self._use,
            self._country,
            self._asked,
            subjects_of(self._use, self._asked, staying=self._staying),
            look,
            level=self._level,
            text=self._text,
        )
        ruling = replace(ruling, words=proved_words(self._use, deciding, said))
        record = deciding.record(self._use, judged, ruling)
        return self._enter(str(record.id))

    def _minors(self) -> list[str]:
        return [
            one for one in self._asked.people if is_minor(parse_identity_code(one), self._asked.valid_from)
        ]

    def _is_first_home(self) -> bool:
        """Of children alone, who have had none: it is registered with their birth, or after it by hand."""
        asked = self._asked
        new = not any(self._before[person] for person in asked.people)
        return new and not asked.consent_owners and len(self._minors()) == len(asked.people)

    def send_back(self, deciding: Deciding, reasons: Sequence[str], look: Look) -> str:
        judged = judge(deciding, self._use, self._country, self._found)
        try:
            ruling = returned(deciding, self._use, self._country, self._asked, reasons, look)
        except KeyError as error:
            raise CallerError("a return for a reason that there is not", code="unknown_reason") from error
        return str(deciding.record(self._use, judged, ruling).id)

    @property
    def _level(self) -> str:
        to = self._asked.to
        return "dwelling" if to.dwelling else "commune" if to.division else "abroad"

    @property
    def _text(self) -> str | None:
        return self._home.text if self._home is not None else self._asked.to.address

    def _known_division(self) -> str | None:
        try:
            return (
                None if self._division is None else profile_of(self._division).division(self._division).code
            )
        except CallerError:
            return None

    # --- checks

    def _check_destination(self) -> None:
        to, day, before = self._asked.to, self._asked.valid_from, len(self._wrongs)
        if to.dwelling is not None:
            try:
                self._home = dwelling(self._use, to.dwelling, on=day)
                self._division = self._home.address.division
            except CallerError as error:
                self._wrong(error.code, error.message, "/to/dwelling")
        elif to.division is not None:
            self._check_division(to.division, day)
        self._of_move |= {
            "place_exists": len(self._wrongs) == before,
            "entered_as": self._level,
            "dwelling_named": self._asked.dwelling is not None,
        }

    def _check_division(self, code: str, day: date) -> None:
        try:
            units = division_on(code, day)
        except CallerError as error:
            self._wrong(error.code, error.message, "/to/division")
            return
        if [unit.code for unit in units] != [code]:
            now = ", ".join(f"{unit.name} ({unit.code})" for unit in units)
            self._wrong("division_ended", f"on that day it is {now}", "/to/division")
        elif not is_home_tier(units[0]):
            self._wrong("unknown_division", "people live in a municipality or commune", "/to/division")
        self._division = code

    def _check_people(self) -> None:
        for number, (person, said) in enumerate(self._people.items()):
            place = f"/people/{number}"
            said["known"] = is_known(self._use, person)
            if not said["known"]:
                self._wrong(
                    "unknown_person", "in no register here: corrected at the population register", place
                )
                continue
            died = self._use.facts.fact(person, "died", on=self._use.today)
            said["living"] = died is None
            self._told_by[person, "living"] = [] if died is None else [died]
            if not said["living"]:
                self._wrong("person_is_dead", "the person is dead", place)
            said["minor"] = is_minor(parse_identity_code(person), self._asked.valid_from)
            if not said["minor"]:
                continue
            said["custodian_agrees"] = bool(self._asked.custodians.get(person))
            if not said["custodian_agrees"]:
                self._wrong("custodian_missing", "who has custody consents", f"/custodians/{person}")

    def _check_dates(self) -> None:
        asked, today = self._asked, self._use.today
        self._of_move |= {
            "days_ahead": (asked.valid_from - today).days,
            "sent_in_time": asked.sent_on <= today,
        }
        if asked.sent_on > today:
            self._out_of_range("sent in the future", "/sent_on", kind="told_too_late")
        if asked.valid_from > today + FARTHEST_AHEAD:
            self._out_of_range("at most 30 days ahead", "/valid_from")
        for number, (person, said) in enumerate(self._people.items()):
            code = parse_identity_code(person)
            unborn = (
                code.birth_year > asked.valid_from.year or (code.born or asked.valid_from) > asked.valid_from
            )
            said["born_by_then"] = not unborn
            if unborn:
                self._out_of_range("before the person was born", f"/people/{number}")
        moving = any(self._before[person] for person in asked.people)  # a first home has no duty to report
        if moving and self._duty_ends() < asked.sent_on:
            self._of_move["sent_in_time"] = False
            last = self._duty_ends()
            late = f"to be sent until {last}; later it holds from then"
            self._out_of_range(late, "/valid_from", kind="told_too_late")

    def _duty_ends(self) -> date:
        """Until when a move on that day is to be reported, by the law of the country it is in."""
        if self._division is not None:
            return profile_of(self._division).deadline("move.duty", self._asked.valid_from)
        country = parse_identity_code(self._asked.people[0]).country
        return profile(country).deadline("move.abroad_duty", self._asked.valid_from)

    def _check_conflicts(self) -> None:
        for number, (person, said) in enumerate(self._people.items()):
            later = [f for f in self._before[person] if f.valid_from >= self._asked.valid_from]
            later = [f for f in later if not (self._is_there(f) or self._came_home(person, f))]
            said["home_since"] = person not in self._staying and bool(later)
            self._told_by[person, "home_since"] = later or self._before[person][-1:]
            if said["home_since"]:
                detail = "another home is registered from that day or later"
                self._wrong("conflicting_notice", detail, f"/people/{number}")

    def _came_home(self, person: str, home: Fact) -> bool:
        """A newborn's first home, from that very day, in the household of somebody who moves along: it goes with them."""
        if home.valid_from != self._asked.valid_from or home is not self._before[person][0]:
            return False
        moving = (self._now[other] for other in self._asked.people if other != person)
        households = {fact.value["household"] for fact in moving if fact is not None}
        return home.value["household"] is not None and home.value["household"] in households

    def _check_consent(self) -> None:
        """A mover who owns, an owner who consents, a lease or a court. A newborn needs nobody's leave to come home."""
        asked = self._asked
        first_home = asked.joins is not None and not any(self._before[person] for person in asked.people)
        consent, strangers = consent_of(self._use, asked, first_home=first_home)
        self._of_move |= {"consent": consent, "stranger_consents": strangers}
        if strangers:
            self._wrong("not_an_owner", "consent of somebody who is no owner", "/consent/owners")
        if self._home is not None and consent == "none":
            self._wrong("consent_missing", "an owner consents, or there is a lease or a judgment", "/consent")

    def _check_capacity(self) -> None:
        home = self._home
        measured = home is not None and home.capacity is not None
        self._of_move["area_known"] = measured
        if home is None or home.capacity is None or home.floor_area is None:
            return
        there = {fact.entity for fact in residents_of(self._use, home.id, on=self._asked.valid_from)}
        number = len(there | set(self._asked.people))
        self._of_move |= {"people_then": number, "floor_area": int(home.floor_area)}
        if number > home.capacity:
            detail = f"{number} people in a dwelling of {home.floor_area} m², which is for {home.capacity}"
            self._wrong("over_capacity", detail, "/to/dwelling")

    def _find_household(self) -> str:
        """That of the one they join, of those who are there already, or a new one."""
        self._of_move["household_is_there"] = True
        if self._asked.joins is not None:
            self._use.concerns(self._asked.joins)
            found = self._use.facts.fact(self._asked.joins, RESIDENCE, on=self._asked.valid_from)
            if found is not None and found.value["household"] and self._is_there(found):
                return str(found.value["household"])
            self._of_move["household_is_there"] = False
            self._wrong("not_the_household", "the one whose household they join lives elsewhere", "/joins")
        for person in self._staying:
            fact = self._now[person]
            if fact is not None and fact.value["household"]:
                return str(fact.value["household"])
        return f"H-{uuid4()}"

    def _is_there(self, fact: Fact) -> bool:
        return is_at(fact, self._asked.to)

    def _lives_there(self, person: str) -> bool:
        fact = self._now[person]
        return fact is not None and self._is_there(fact)

    # --- the entry

    def _enter(self, decision: str) -> Move:
        use, asked, move_id = self._use, self._asked, str(uuid4())
        moving = [person for person in asked.people if person not in self._staying]
        country = asked.to.country or (profile_of(self._division).country if self._division else None)
        value = {
            "level": self._level,
            "dwelling": asked.to.dwelling,
            "division": self._division,
            "household": self._household,
            "country": country,
            "address": asked.to.address,
            "move": move_id,
            "decision": decision,
        }
        facts = {person: fact.id for person in self._staying if (fact := self._now[person]) is not None}
        facts |= enter_homes(use, moving, value, asked.valid_from)
        move = Move(
            id=move_id,
            people=asked.people,
            level=self._level,
            text=self._text,
            dwelling=asked.to.dwelling,
            division=self._division,
            country=country,
            household=self._household,
            valid_from=asked.valid_from,
            sent_on=asked.sent_on,
            merged=False,
            facts=facts,
            decision=decision,
        )
        use.facts.record(
            f"move:{move_id}",
            MOVE,
            to_json(move),
            key=move_id,
            valid_from=asked.valid_from,
            provenance=provenance(use),
        )
        what = {
            "of": "move",
            "people": moving,
            "asked": asked.to_json(),
            "dispute": settled_in(use, asked.dwelling),
        }
        decided(use, decision, what, dwelling=asked.dwelling)
        return move

    def _registered_before(self) -> Move:
        """Filed twice: the first entry holds."""
        facts = {person: fact for person in self._staying if (fact := self._now[person]) is not None}
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
            decision=first.value.get("decision"),
        )

    def _wrong(self, code: str, detail: str, pointer: str) -> None:
        self._wrongs.append((code, Defect(code, detail, pointer)))

    def _out_of_range(self, detail: str, pointer: str, *, kind: str = "day_does_not_fit") -> None:
        self._wrongs.append((kind, Defect("date_out_of_range", detail, pointer)))


def to_json(move: Move) -> dict[str, Json]:
    names = ("id", "level", "text", "dwelling", "division", "country", "household", "merged", "decision")
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
