"""The register of kindergarten places: its database on the kernel, what it takes from others, and what they ask and say."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Self
from zoneinfo import ZoneInfo

from sqlalchemy import select

from sild.clock import Clock, system_clock
from sild.database import sqlite_url
from sild.decisions import DECISION_MIGRATIONS, DecisionRecord
from sild.errors import CallerError
from sild.events import Event
from sild.registries.deciding import DECIDED_AGAIN, Certify, Deciding
from sild.registries.education.again import Again
from sild.registries.education.anew import Anew
from sild.registries.education.foreseeing import Foreseen, foresee
from sild.registries.education.held import children_of, deciders_of, in_line
from sild.registries.education.joining import Joining
from sild.registries.education.places import Places, Standing
from sild.registries.education.queue import Child, Group, child_row, groups_in, require_child
from sild.registries.education.schooling import Schooling
from sild.registries.education.statistics import CommuneYear, statistics_of
from sild.registries.education.synthetic import fill
from sild.registries.education.tables import groups, kindergartens
from sild.registries.exchange import Ask
from sild.registries.identity_codes import parse_identity_code
from sild.registries.kernel import Kernel, Usage, Use
from sild.registries.kernel.facts import Fact, Facts, Json
from sild.registries.tasks import TASK_MIGRATIONS, ActingRegister, Effect, Handler
from sild.rule_engine import RuleEngine

__all__ = ["EducationRegister", "Standing"]

MIGRATIONS = Path(__file__).parent / "migrations"
SYSTEM = "/SILD/GOV/70000005/education"


class EducationRegister(ActingRegister):
    """Thread-safe. What it does stands in joining.py, places.py, again.py; all through `kernel`."""

    def __init__(self, kernel: Kernel, deciding: Deciding) -> None:
        super().__init__(kernel, silenced_types=["education.*", DECIDED_AGAIN], silenced_kinds=["review"])
        self.deciding = deciding
        self._places = Places(deciding, self.tasks, self.silence)
        self._schooling = Schooling(self.tasks, self.silence)
        self._joining = Joining(deciding, self.tasks, self.silence, self._places, self._schooling)
        self._again = Again(deciding, self.tasks, self.silence, self._places)
        Anew(deciding, self.tasks, self.silence, self._places)
        deciding.is_kept_from = self._is_decision_kept

    @classmethod
    def open(
        cls,
        directory: Path,
        database_url: str | None = None,
        *,
        system: str = SYSTEM,
        people: int = 4_000,
        zone: ZoneInfo | None = None,
        clock: Clock = system_clock,
        rules: RuleEngine | None = None,
        certify: Certify | None = None,
    ) -> Self:
        """people: of the synthetic population, for whom an empty register has kindergartens; 0: none.

        rules: None: the process's own.  certify: see `open_body`.

        Raises Unavailable (`database_error`, `key_not_found`).
        """
        directory.mkdir(parents=True, exist_ok=True)
        url = database_url or sqlite_url(directory / "education.db")
        kernel = Kernel.open(
            url, system, TASK_MIGRATIONS, DECISION_MIGRATIONS, MIGRATIONS, zone=zone, clock=clock
        )
        with kernel.engine.begin() as connection:
            if people and connection.scalar(select(kindergartens.c.id).limit(1)) is None:
                fill(connection, Facts(connection, kernel.now), people, system)
        return cls(kernel, Deciding.open(kernel, directory, clock=clock, engine=rules, certify=certify))

    # --- what others tell, and what follows by itself

    def effects(self) -> Mapping[str, Effect]:
        return {**self._joining.effects(), **self._again.effects()}

    def handlers(self, ask: Ask) -> Mapping[str, Handler]:
        own = {**self._places.handlers(), **self._schooling.handlers(ask)}
        return {**self._joining.handlers(ask), **own, **self._again.handlers(ask)}

    def silenced(self, use: Use, event: Event, reason: str) -> None:
        if reason == "protection_order":
            return
        self._schooling.silenced(use, event, reason)
        self.tasks.cancel(use.connection, event.subject, ["queue"], use.at, reason)
        child = child_row(use, event.subject)
        if child is not None and child.state != "left":
            self._places.leave(use, child, reason)

    def lives(self, use: Use, event: Event, since: datetime) -> None:
        """A child is in the queue as it was, since it joined; its place may be another's by now, and is for people then."""
        child = event.subject
        self.silence.wait_again(use, child, ["queue"], since)
        self._schooling.lives(use, child, since)
        use.alone(f"child/{child}")
        row = child_row(use, child)
        if row is not None and (row.state, row.reason) == ("left", "death"):
            self._places.return_to(use, row, event.id, since)

    # --- what people ask and say

    def places(self, usage: Usage, *, commune: str | None = None) -> list[Group]:
        """Kindergartens with their groups; nobody's data."""
        with self.kernel.used("getPlaces", usage) as use:
            condition = kindergartens.c.division == commune if commune else groups.c.id > 0
            return groups_in(use, condition)

    def statistics(self, usage: Usage, *, commune: str | None = None, years: int = 5) -> list[CommuneYear]:
        """Counts by commune and year, the newest `years`. Raises CallerError (`unknown_commune`)."""
        with self.kernel.used("getStatistics", usage) as use:
            last = use.today.year
            found = [
                row
                for row in statistics_of(last)
                if row.year > last - years and (commune is None or row.commune == commune)
            ]
            if not found:
                raise CallerError("no statistics of such a commune", code="unknown_commune")
            return found

    def standing(self, child: str, usage: Usage) -> Standing:
        """Raises InvalidIdentityCode, CallerError (`not_in_queue`)."""
        parse_identity_code(child)
        with self.kernel.used("getQueue", usage) as use:
            use.concerns(child)
            self._ensure_told(use, child)
            return self._places.standing(use, child)

    def children_of(self, use: Use, person: str) -> Mapping[str, frozenset[str]]:
        """Names of facts, by child, that a person is shown besides their own."""
        return children_of(use, person)

    def shown(self, use: Use, facts: Sequence[Fact]) -> Sequence[Fact]:
        """Of what is asked for, that which readers may see: from some of them it is kept which door a protected child is at."""
        return self._schooling.shown(use, self.silence.open_facts(use, facts, family=deciders_of))

    def deciders_of(self, use: Use, child: str) -> Collection[str]:
        """Who speaks for the child here."""
        return deciders_of(use, child)

    def in_line(self, use: Use, fact: Fact) -> Mapping[str, Json] | None:
        """`place` of `waiting` at this moment, of a child that waits."""
        return in_line(use, self._places, fact)

    def foresee(self, child: str, usage: Usage) -> list[Foreseen]:
        """What each wish would come to if a parent made it now. Raises InvalidIdentityCode, CallerError: `not_in_queue`, `not_a_parent`, `already_attending`; as `Deciding.judge`."""
        parse_identity_code(child)
        with self.kernel.used("getWishes", usage) as use:
            use.concerns(child)
            self._ensure_told(use, child)
            held = require_child(use, child)
            if usage.principal not in held.deciders(use.today):
                raise CallerError("a parent or guardian decides this", code="not_a_parent")
            if held.state == "attending":
                raise CallerError("the child attends a kindergarten", code="already_attending")
            return list(foresee(use, self.deciding, held))

    def wish(self, child: str, kindergarten: int | None, wanted_from: date | None, usage: Usage) -> Standing:
        """A parent, or a guardian by the population register, chooses, or leaves the choice (None): any kindergarten of the commune where the child lives; choosing anew is free and keeps the time of joining. A free place is offered at once.

        Raises InvalidIdentityCode, CallerError: `not_in_queue`, `not_a_parent`, `person_is_dead`, `already_attending`,
        `too_young`, `unknown_kindergarten`, `no_group`; as `Deciding.judge` when the rules fail.
        """

        def change(use: Use, held: Child) -> None:
            self._places.wish(use, held, kindergarten, wanted_from)

        return self._once("wishPlace", child, usage, change)

    def answer_offer(self, child: str, accept: bool, usage: Usage) -> Standing:
        """A parent takes the place that is offered, or not: then the child waits on and the next is asked.

        Raises InvalidIdentityCode, CallerError: `not_in_queue`, `not_a_parent`, `person_is_dead`, `no_offer`.
        """

        def change(use: Use, held: Child) -> None:
            self._places.answer(use, held, accept)

        return self._once("answerPlace", child, usage, change)

    def leave(self, child: str, usage: Usage) -> Standing:
        """A parent takes the child out of the queue, or of the kindergarten. Raises as `answer_offer` does, but for `no_offer`."""

        def change(use: Use, held: Child) -> None:
            self._places.leave(use, held, None)

        return self._once("leaveQueue", child, usage, change)

    def _is_kept(self, use: Use, child: str) -> bool:
        return self.silence.is_kept_from(use, child, deciders_of(use, child))

    def _ensure_told(self, use: Use, child: str) -> None:
        """From whom it is kept where a protected child is, the child is in no queue: nothing is decided without knowing what."""
        if self._is_kept(use, child):
            raise CallerError("the child is not in the queue", code="not_in_queue")

    def _is_decision_kept(self, use: Use, record: DecisionRecord) -> bool:
        """Of a child that is kept from this reader: which kindergarten stands in it."""
        about = {one.ref for one in record.subjects if one.role == "child"}
        return any(
            self.deciding.store.pseudonym(child) in about and self._is_kept(use, child)
            for child in self.silence.kept_from(use)
        )

    def _once(
        self, operation: str, child: str, usage: Usage, change: Callable[[Use, Child], None]
    ) -> Standing:
        """The transaction in which a parent changes something; the same message again changes nothing."""
        parse_identity_code(child)
        with self.kernel.used(operation, usage) as use:
            use.concerns(child)
            repeated = use.answered() is not None
            use.alone(f"child/{child}")
            held = require_child(use, child)
            if usage.principal not in held.deciders(use.today):
                raise CallerError("a parent or guardian decides this", code="not_a_parent")
            if self.silence.known(use, child) in ("death", "stillbirth"):
                raise CallerError("the child is dead", code="person_is_dead")
            self._ensure_told(use, child)
            if not repeated:
                change(use, held)
                use.answer({})
            return self._places.standing(use, child)
