"""The register of family doctors: in whose list a person is, from which day.

A child joins the mother's list by itself when its birth is registered, the father's when she has none, also beyond the size of the
list. Who moves stays where they are, and is told that there are practices near the new home; to change is one choice, by the person
or whoever represents them, and holds from the first day of the next month; a first choice for who came into a list by itself, at once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Self
from zoneinfo import ZoneInfo

from sild.clock import Clock, system_clock
from sild.database import sqlite_url
from sild.errors import CallerError
from sild.events import Event
from sild.registries.care.practices import (
    PRACTICE,
    PracticeRow,
    enter,
    find_practice,
    ground,
    leave,
    listed_in,
    practices_in,
    take_up,
)
from sild.registries.care.synthetic import SOURCE, fill
from sild.registries.exchange import Ask
from sild.registries.identity_codes import parse_identity_code
from sild.registries.kernel import Fact, Kernel, Provenance, Usage, Use
from sild.registries.moving import HOME_CHANGED, NOTHING_HERE, followed, looks
from sild.registries.sources import HomeTold, PersonTold, Sources
from sild.registries.tasks import TASK_MIGRATIONS, ActingRegister, Effect, Handler, Task

__all__ = ["PRACTICE", "CareRegister", "Listing"]

MIGRATIONS = Path(__file__).parent / "migrations"
BY_LAW = ("PARENT", "GUARDIAN")
"""Mandates that nobody gave."""


@dataclass(frozen=True, slots=True)
class Listing:
    """now: as it holds today.  later: what was chosen and begins on its first day; each None when there is none."""

    person: str
    now: Fact | None
    later: Fact | None


class CareRegister(ActingRegister):
    """Thread-safe."""

    def __init__(self, kernel: Kernel) -> None:
        super().__init__(kernel, silenced_types=["care.*"], silenced_kinds=[])

    @classmethod
    def open(
        cls,
        directory: Path,
        database_url: str | None = None,
        *,
        system: str,
        people: int = 4_000,
        zone: ZoneInfo | None = None,
        clock: Clock = system_clock,
    ) -> Self:
        """people: of the synthetic population, in the lists of an empty register; 0: no practice.

        Raises Unavailable (`database_error`).
        """
        directory.mkdir(parents=True, exist_ok=True)
        url = database_url or sqlite_url(directory / "care.db")
        kernel = Kernel.open(url, system, TASK_MIGRATIONS, MIGRATIONS, zone=zone, clock=clock)
        if people and not kernel.has_facts():
            fill(kernel, people)
        return cls(kernel)

    # --- what others tell, and what follows by itself

    def effects(self) -> Mapping[str, Effect]:
        return {"civil.birth.registered": self._born, HOME_CHANGED: self._moved}

    def handlers(self, ask: Ask) -> Mapping[str, Handler]:
        sources = Sources(ask)

        async def join(task: Task) -> Callable[[Use], None]:
            child = await sources.person(task.subject, task.because(ground(task.subject)))
            return lambda use: self._join(use, child)

        async def home(task: Task) -> Callable[[Use], None]:
            told = await sources.home(task.subject, task.because(ground(task.subject)))
            return lambda use: self._look(use, task, told)

        async def end(task: Task) -> Callable[[Use], None]:
            person = await sources.person(task.subject, task.because(ground(task.subject)))
            return lambda use: self._end(use, person)

        return {"join": join, "home": home, "end": end}

    def silenced(self, use: Use, event: Event, reason: str) -> None:
        if reason == "stillbirth":
            leave(use, event.subject, on=date.min)
        elif reason == "death":
            self.tasks.add(use, "end", event.subject, cause=event.id)

    def lives(self, use: Use, event: Event, since: datetime) -> None:
        """In the list that they were in, also beyond its size. A newborn that had none yet joins one."""
        person = event.subject
        self.tasks.cancel(use.connection, person, ["end"], use.at, "annulled")
        if not take_up(use, person, since) and not use.facts.history(person, PRACTICE):
            self.tasks.add(use, "join", person, cause=event.id)

    def _born(self, use: Use, event: Event) -> None:
        if self.silence.reason(use, event.subject) in (None, "protection_order"):
            self.tasks.add(use, "join", event.subject, cause=event.id)

    def _moved(self, use: Use, event: Event) -> None:
        """Of somebody in a list; others' homes are nothing to us."""
        if listed_in(use, event.subject, on=use.today) is None:
            self._followed(use, event.subject, NOTHING_HERE, event.id, event.source)
        else:
            for cause, at in looks(use, event):
                self.tasks.add(use, "home", event.subject, cause=cause, at=at, about={"source": event.source})

    def _join(self, use: Use, child: PersonTold) -> None:
        use.alone(f"person/{child.code}")
        silence = self.silence.reason(use, child.code)
        if silence in ("death", "stillbirth") or use.facts.history(child.code, PRACTICE):
            return
        lists = [listed_in(use, parent, on=use.today) for parent in child.parents]  # the mother's first
        own = next((held for held in lists if held is not None), None)
        if own is None:
            return
        practice = find_practice(use, own.value["practice"])
        enter(
            use,
            child.code,
            practice,
            since=child.born,
            provenance=Provenance(child.source, ground(child.code), child.message_id),
        )
        if silence is None:
            use.publish("care.practice.joined", child.code, {"name": practice.name})

    def _look(self, use: Use, task: Task, home: HomeTold) -> None:
        """Whether the list is that of another place now; nobody is moved out of it."""
        held = listed_in(use, task.subject, on=use.today)
        is_far = held is not None and home.division not in (None, held.value["division"])
        outcome = "practice_is_far" if is_far else "no_change"
        self._followed(use, task.subject, outcome, task.cause, str(task.about["source"]))

    def _end(self, use: Use, person: PersonTold) -> None:
        """The day of death is the last."""
        leave(use, person.code, on=(person.died or use.today) + timedelta(days=1))

    def _followed(self, use: Use, person: str, outcome: str, cause: str, source: str) -> None:
        silent = self.silence.reason(use, person) is not None
        followed(
            use, "care", person, outcome, cause=cause, source=source, basis=ground(person), silent=silent
        )

    # --- what people ask and say

    def practices(self, usage: Usage, *, division: str) -> Sequence[PracticeRow]:
        """Those of a division, the freest first; nobody's data."""
        with self.kernel.used("getPractices", usage) as use:
            return practices_in(use, division)

    def listing(self, person: str, usage: Usage) -> Listing:
        """Raises InvalidIdentityCode."""
        parse_identity_code(person)
        with self.kernel.used("getPractice", usage) as use:
            use.concerns(person)
            return Listing(person, None, None) if self._is_kept(use, person) else _listing(use, person)

    def shown(self, use: Use, facts: Sequence[Fact]) -> Sequence[Fact]:
        """Without the practice of a protected person, where this reader is not told of it: it is a door they go through."""
        return self.silence.open_facts(use, facts, family=_family)

    def _is_kept(self, use: Use, person: str) -> bool:
        return self.silence.is_kept_from(use, person, _family(use, person))

    def choose(self, person: str, practice: str, usage: Usage) -> Listing:
        """By the person, or whoever represents them; the same message again changes nothing.

        Raises InvalidIdentityCode, CallerError: `not_yours`, `unknown_practice`, `list_is_full`, `already_listed`, `person_is_dead`.
        """
        parse_identity_code(person)
        with self.kernel.used("choosePractice", usage) as use:
            use.concerns(person)
            if person not in usage.own:
                raise CallerError("the person chooses, or who represents them", code="not_yours")
            repeated = use.answered() is not None
            use.alone(f"practice/{practice}")
            use.alone(f"person/{person}")
            if self.silence.known(use, person) in ("death", "stillbirth"):
                raise CallerError("the person is dead", code="person_is_dead")
            if self._is_kept(use, person):
                raise CallerError("the person chooses, or who represents them by law", code="not_yours")
            if not repeated:
                self._choose(use, person, find_practice(use, practice))
                use.answer({})
            return _listing(use, person)

    def _choose(self, use: Use, person: str, wanted: PracticeRow) -> None:
        before = _listing(use, person)
        newest = before.later or before.now
        if newest is not None and newest.value["practice"] == wanted.id:
            raise CallerError("the person is in this list", code="already_listed")
        if not wanted.free:
            raise CallerError("the list of this practice is full", code="list_is_full")
        at_once = before.now is None or _came_by_itself(before.now, self.kernel.system)
        since = use.today if at_once else _next_month(use.today)
        provenance = Provenance(self.kernel.system, ground(person), use.usage.message_id)
        enter(use, person, wanted, since=since, provenance=provenance)
        use.publish("care.practice.chosen", person, {"name": wanted.name, "since": since.isoformat()})


def _family(use: Use, person: str) -> Collection[str]:
    """Who acts for a child by law, and says so with proof, is of its family; of who only looks that is not known here."""
    said = use.usage.spoken
    return [] if said is None or said.basis not in BY_LAW or said.representee != person else [said.delegate]


def _listing(use: Use, person: str) -> Listing:
    known = [held for held in use.facts.history(person, PRACTICE) if held.known_to is None]
    now = next((held for held in known if held.is_true_on(use.today)), None)
    later = next((held for held in known if held.valid_from > use.today), None)
    return Listing(person, now, later)


def _came_by_itself(held: Fact, system: str) -> bool:
    """Into a parent's list when the birth was registered: nobody has chosen yet."""
    return held.provenance.source not in (system, SOURCE)


def _next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)
