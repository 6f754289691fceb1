"""What the municipality does: a place in the queue for every child born, an offer as soon as one is free, and free choice.

The queue is computed by the published rule whenever somebody asks; nothing stores a number that could go stale.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Self
from zoneinfo import ZoneInfo

from sqlalchemy import insert, select

from sild.clock import Clock, system_clock
from sild.database import sqlite_url
from sild.decisions import DECISION_MIGRATIONS, DecisionRecord
from sild.errors import CallerError
from sild.events import Event
from sild.registries.deciding import (
    CORRECTED,
    DECIDED_AGAIN,
    Certify,
    Correction,
    Deciding,
    Judged,
    LeftToPeople,
    RestsOn,
    Ripples,
)
from sild.registries.education.judging import (
    PLACE_OUTPUTS,
    earliest,
    granted,
    judge_again,
    judge_own,
    judge_place,
    offered,
    place_of,
    turns,
    waits,
)
from sild.registries.education.queue import (
    Child,
    Group,
    child_row,
    group_for,
    group_of,
    groups_in,
    groups_near,
    line_for,
    line_of,
    set_child,
    waiting_for_any,
)
from sild.registries.education.rules import ground
from sild.registries.education.statistics import CommuneYear, statistics_of
from sild.registries.education.synthetic import fill
from sild.registries.education.tables import children, groups, kindergartens
from sild.registries.exchange import Ask, Because
from sild.registries.identity_codes import Country, parse_identity_code
from sild.registries.kernel import Kernel, Usage, Use
from sild.registries.moving import HOME_CHANGED, NOTHING_HERE, followed
from sild.registries.profiles import profile
from sild.registries.sources import HomeTold, PersonTold, Sources
from sild.registries.tasks import TASK_MIGRATIONS, ActingRegister, Effect, Handler, Held, Task
from sild.rule_engine import RuleEngine
from sild.telemetry import get_logger

__all__ = ["EducationRegister", "Standing"]

log = get_logger("register")

MIGRATIONS = Path(__file__).parent / "migrations"
SYSTEM = "/SILD/GOV/70000005/education"
REVIEW_AFTER = timedelta(days=90)
RESTS_ON: RestsOn = {"person.date_of_birth": {"child": ("persons/child/born/%",)}}


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a child stands. place: in its queue, from 1, of `waiting`; None when it does not wait, or the rules fail.

    group: wished, or offered.
    """

    child: Child
    place: int | None
    waiting: int
    group: Group | None


class EducationRegister(ActingRegister):
    def __init__(self, kernel: Kernel, deciding: Deciding) -> None:
        super().__init__(kernel, silenced_types=["education.*", DECIDED_AGAIN], silenced_kinds=["review"])
        self.deciding = deciding
        self.ripples = Ripples(deciding, RESTS_ON)

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
                fill(connection, people)
        return cls(kernel, Deciding.open(kernel, directory, clock=clock, engine=rules, certify=certify))

    # --- events

    def effects(self) -> Mapping[str, Effect]:
        return {
            "civil.birth.registered": self._come,
            HOME_CHANGED: self._moved,
            CORRECTED: self._corrected,
        }

    def _corrected(self, use: Use, event: Event) -> None:
        for ripple, record in self.ripples.open(use, Correction.told(event)):
            cause = f"{event.id}/{record.id}"
            self.tasks.add(use, "ripple", event.subject, cause=cause, about={"ripple": ripple})

    def _come(self, use: Use, event: Event) -> None:
        if self.silence.reason(use, event.subject) in (None, "protection_order"):
            self.tasks.add(use, "queue", event.subject, cause=event.id)

    def _moved(self, use: Use, event: Event) -> None:
        """Of a child in the queue: its commune may be another now. Others' moves are nothing to us."""
        if child_row(use, event.subject) is None:
            self._followed(use, event.subject, NOTHING_HERE, event.id, event.source)
        else:
            about = {"moved": event.source}
            self.tasks.add(use, "queue", event.subject, cause=event.id, about=about)

    def silenced(self, use: Use, event: Event, reason: str) -> None:
        if reason == "protection_order":
            return
        self.tasks.cancel(use.connection, event.subject, ["queue"], use.at, reason)
        child = child_row(use, event.subject)
        if child is not None and child.state != "left":
            self._leave(use, child, reason)

    # --- what follows by itself

    def handlers(self, ask: Ask) -> Mapping[str, Handler]:
        sources = Sources(ask)

        async def queue(task: Task) -> Callable[[Use], None]:
            country = parse_identity_code(task.subject).country
            because = Because(ground(country), task.issue, key=f"{task.kind}/{task.cause}")
            told = await sources.person(task.subject, because)
            home = await sources.home_of_child(told, because)
            siblings = {code for p in told.parents for code, _ in await sources.children(p, because)}
            return _by_rule(lambda use: self._queue(use, task, told, home, sorted(siblings - {told.code})))

        async def review(task: Task) -> Callable[[Use], None]:
            return _by_rule(lambda use: self._review(use, task))

        async def move_up(task: Task) -> Callable[[Use], None]:
            return _by_rule(lambda use: self._move_up(use, task.subject, task.about["group"]))

        async def allocate(task: Task) -> Callable[[Use], None]:
            return _by_rule(lambda use: self._allocate(use, task.about["group"]))

        async def ripple(task: Task) -> Callable[[Use], None]:
            country = parse_identity_code(task.subject).country
            because = Because(ground(country), task.issue, key=f"{task.kind}/{task.cause}")
            told = await sources.person(task.subject, because)
            return lambda use: self._decide_again(use, task.about["ripple"], told)

        return {"queue": queue, "review": review, "allocate": allocate, "move_up": move_up, "ripple": ripple}

    def _decide_again(self, use: Use, ripple: str, told: PersonTold) -> None:
        """A fact under a wait, an offer or a place was corrected. A wait is decided again; what was given away people look at."""
        use.alone(f"child/{told.code}")

        def again(newest: DecisionRecord) -> str | None:
            child = child_row(use, told.code)
            if child is None or self.silence.reason(use, told.code) is not None:
                raise LeftToPeople("there is silence about the child, or it has left", code="silence")
            if child.decision != str(newest.id) or child.state != "waiting" or child.wanted is None:
                raise LeftToPeople("others stand behind the child: a place was given", code="discretion")
            person = told.source, told.message_id
            set_child(use, child.child, born=told.born, told={**child.told, "person": list(person)})
            return self._wait_again(use, _require(use, child.child), newest)

        self.ripples.settle(use, ripple, again, person=told.code)

    def _wait_again(self, use: Use, child: Child, newest: DecisionRecord) -> str | None:
        assert child.wanted is not None and child.review_on is not None
        try:
            judged = self._judge_place(use, child)
        except CallerError as error:
            raise LeftToPeople("the rules give no answer", code="rules_failed") from error
        before = self.ripples.outcome_of(use, newest)
        if all(before.get("/".join(one)) == judged.evaluation.value(*one) for one in PLACE_OUTPUTS):
            return None
        group = group_of(use, child.wanted)
        ruling = waits(self.deciding, child, group, child.review_on, is_corrected=True)
        record = self.deciding.record(use, judged, ruling)
        set_child(use, child.child, decision=str(record.id))
        told = {"decision": str(record.id), "supersedes": str(newest.id)}
        use.publish(DECIDED_AGAIN, child.child, told)
        return str(record.id)

    def _queue(self, use: Use, task: Task, told: PersonTold, home: HomeTold, siblings: list[str]) -> None:
        """Let the child join, or note that it lives elsewhere now; the time of joining stays."""
        use.alone(f"child/{told.code}")
        silence = self.silence.reason(use, told.code)
        if silence in ("death", "stillbirth"):
            return
        known = {
            "division": home.division,
            "siblings": siblings,
            "told": {"person": [told.source, told.message_id], "home": [home.source, home.message_id]},
        }
        before = child_row(use, told.code)
        if before is not None:
            set_child(use, told.code, **known)
            if "moved" in task.about:
                outcome, decision = self._elsewhere(use, before)
                source = str(task.about["moved"])
                self._followed(use, told.code, outcome, task.cause, source, decision)
            return
        country: Country = "VN" if told.country == "VN" else "EE"
        use.connection.execute(
            insert(children).values(
                child=told.code,
                born=told.born,
                parents=list(told.parents),
                joined_at=use.at,
                state="waiting",
                wanted_from=earliest(self.deciding, country, told.born, at=use.today),
                reason="no_wish",
                issue=use.usage.issue,
                **known,
            )
        )
        if silence is None:
            place = place_of(self._judge_place(use, _require(use, told.code)))
            use.publish("education.queue.joined", told.code, {"place": place})

    def _elsewhere(self, use: Use, before: Child) -> tuple[str, str | None]:
        """What a new home changes, and the record it left: who waits is placed anew, as one who lives there now; a place stays."""
        child = _require(use, before.child)
        if child.division == before.division:
            return "no_change", None
        if child.state in ("attending", "offered"):
            return f"{child.state}_stays", None
        if child.state == "left":
            return "no_change", None
        if child.wanted is None:
            place = place_of(self._judge_place(use, child))
            use.publish("education.queue.joined", child.child, {"place": place})
            return "queue_moved", None
        if child.any_nearby:  # near the new home, if there is a group for its age
            near = groups_near(use, child, max(use.today, child.wanted_from or use.today))
            wanted = near[0].id if near else child.wanted
            set_child(use, child.child, wanted=wanted)
            self._allocate(use, wanted)
        else:
            self._allocate(use, child.wanted)
        child = _require(use, child.child)
        if child.state == "waiting":
            use.publish("education.wait.reviewed", child.child, {"place": self._wait(use, child)})
            child = _require(use, child.child)
        return "queue_moved", child.decision

    def _followed(
        self, use: Use, person: str, outcome: str, cause: str, source: str, decision: str | None = None
    ) -> None:
        followed(
            use,
            "education",
            person,
            outcome,
            cause=cause,
            source=source,
            basis=ground(parse_identity_code(person).country),
            decision=decision,
            silent=self.silence.reason(use, person) is not None,
        )

    def _review(self, use: Use, task: Task) -> None:
        """The promised look at a wait; whoever waits still is told, with the next date."""
        child = child_row(use, task.subject)
        if child is None or child.state != "waiting" or child.wanted is None:
            return
        if child.review_on is None or child.review_on > use.today:  # another wish came since
            return
        wanted = child.wanted
        if child.any_nearby:
            wanted = self._soonest(use, child, max(use.today, child.wanted_from or use.today)).id
            set_child(use, child.child, wanted=wanted)
        self._allocate(use, wanted)
        child = _require(use, child.child)
        if child.state == "waiting":
            place = self._wait(use, child)
            use.publish("education.wait.reviewed", child.child, {"place": place})

    # --- places

    def _allocate(self, use: Use, group_id: int) -> None:
        """Offer what is free to those whose turn it is. Two of this about one group never overlap.

        Raises CallerError as `Deciding.judge`.
        """
        use.alone(f"group/{group_id}")
        self._offer(use, group_of(use, group_id), self._turns(use, group_id))

    def _pass_on(self, use: Use, group_id: int, child: str) -> None:
        """The same, of what a child gave up: that stands even if the rules fail; then people see to the place."""
        use.alone(f"group/{group_id}")
        try:
            found = self._turns(use, group_id)
        except CallerError as error:
            log.refusal("place.not_judged", error)
            cause = f"{group_id}/{use.usage.message_id}"
            self.tasks.add(use, "allocate", child, cause=cause, about={"group": group_id})
        else:
            self._offer(use, group_of(use, group_id), found)
            self._call_up(use, group_id)

    def _soonest(self, use: Use, child: Child, on: date) -> Group:
        """Raises CallerError (`no_group`)."""
        near = groups_near(use, child, on)
        if not near:
            raise CallerError("no kindergarten of the commune is for this age", code="no_group")
        return near[0]

    def _call_up(self, use: Use, group_id: int) -> None:
        """What nobody of the group's own queue took, for those who would go anywhere: each is asked about by itself, so that two
        places that become free at once never wait for one another."""
        group = group_of(use, group_id)
        for child in waiting_for_any(use, group, use.today)[: group.free]:
            cause = f"{group_id}/{use.usage.message_id}"
            self.tasks.add(use, "move_up", child.child, cause=cause, about={"group": group_id})

    def _move_up(self, use: Use, code: str, group_id: int) -> None:
        """To a group with a free place; taken meanwhile, the child waits where it waited."""
        use.alone(f"child/{code}")
        child = child_row(use, code)
        if child is None or child.state != "waiting" or not child.any_nearby:
            return
        if group_of(use, group_id).free:
            set_child(use, code, wanted=group_id)
            self._allocate(use, group_id)
            if _require(use, code).state == "waiting":
                set_child(use, code, wanted=child.wanted)

    def _turns(self, use: Use, group_id: int) -> list[tuple[Child, Judged]]:
        """Those who get what is free, each with what shows its place. Writes nothing."""
        group = group_of(use, group_id)
        line = line_for(use, group) if group.free else []
        codes = turns(self.deciding, line, group.free, at=use.today) if line else []
        found = [_require(use, code) for code in codes]
        return [(child, judge_place(self.deciding, child, line, at=use.today)) for child in found]

    def _offer(self, use: Use, group: Group, found: Sequence[tuple[Child, Judged]]) -> None:
        for child, judged in found:
            record = self.deciding.record(use, judged, offered(self.deciding, child, group))
            code = child.child
            set_child(use, code, state="offered", reason=None, review_on=None, decision=str(record.id))
            if self.silence.reason(use, code) is None:
                data = {"kindergarten": group.kindergarten, "group": group.id, "decision": str(record.id)}
                use.publish("education.place.offered", code, data)

    def _judge_place(self, use: Use, child: Child) -> Judged:
        return judge_place(self.deciding, child, line_of(use, child), at=use.today)

    def _wait(self, use: Use, child: Child) -> int:
        """No place: the reason, and the day on which it will be looked at again. Tells the place in the queue."""
        assert child.wanted is not None
        country = parse_identity_code(child.child).country
        day = profile(country).working_days.add(use.today + REVIEW_AFTER, 0)
        judged = self._judge_place(use, child)
        ruling = waits(self.deciding, child, group_of(use, child.wanted), day)
        record = self.deciding.record(use, judged, ruling)
        set_child(use, child.child, reason="no_free_place", review_on=day, decision=str(record.id))
        at = datetime.combine(day, time(6), UTC)
        self.tasks.add(use, "review", child.child, cause=f"{child.wanted}/{day}", at=at)
        return place_of(judged)

    def _leave(self, use: Use, child: Child, reason: str | None) -> None:
        set_child(use, child.child, state="left", reason=reason, review_on=None, wanted=None, decision=None)
        if child.wanted is not None:
            self._pass_on(use, child.wanted, child.child)

    def _grant(self, use: Use, child: Child, group_id: int) -> None:
        """By the facts of the offer; of one that was made without a record, by the child's own."""
        if child.decision is None:
            judged = judge_own(self.deciding, child, at=use.today)
        else:
            facts = self.deciding.rested_on(use, child.decision)
            judged = judge_again(self.deciding, child, facts, at=use.today)
        record = self.deciding.record(use, judged, granted(self.deciding, child, group_of(use, group_id)))
        set_child(use, child.child, state="attending", decision=str(record.id))

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
            return self._standing(use, child)

    def wish(self, child: str, kindergarten: int | None, wanted_from: date | None, usage: Usage) -> Standing:
        """A parent chooses, or leaves the choice (None): any kindergarten of the commune where the child lives; choosing anew is free and keeps the time of joining. A free place is offered at once.

        Raises InvalidIdentityCode, CallerError: `not_in_queue`, `not_a_parent`, `person_is_dead`, `already_attending`,
        `too_young`, `unknown_kindergarten`, `no_group`; as `Deciding.judge` when the rules fail.
        """
        with self._changing("wishPlace", child, usage) as (use, held, repeated):
            if repeated:
                return self._standing(use, child)
            country: Country = parse_identity_code(child).country
            first = earliest(self.deciding, country, held.born, at=use.today)
            begin = wanted_from or max(use.today, first)
            if begin < first:
                raise CallerError("the child is too young on that day", code="too_young")
            if kindergarten is None:
                group = self._soonest(use, held, begin)
            else:
                group = group_for(use, kindergarten, held.born, begin)
            if held.state == "attending" and held.wanted is not None:
                raise CallerError("the child attends a kindergarten", code="already_attending")
            left = held.wanted if held.state == "offered" else None
            set_child(
                use,
                child,
                state="waiting",
                wanted=group.id,
                any_nearby=kindergarten is None,
                wanted_from=begin,
                reason=None,
                review_on=None,
            )
            if left is not None and left != group.id:  # an offer given up goes to the next
                self._pass_on(use, left, child)
            self._allocate(use, group.id)
            held = _require(use, child)
            if held.state == "waiting":
                self._wait(use, held)
            use.answer({})
            return self._standing(use, child)

    def answer_offer(self, child: str, accept: bool, usage: Usage) -> Standing:
        """A parent takes the place that is offered, or not: then the child waits on and the next is asked.

        Raises InvalidIdentityCode, CallerError: `not_in_queue`, `not_a_parent`, `person_is_dead`, `no_offer`.
        """
        with self._changing("answerPlace", child, usage) as (use, held, repeated):
            if repeated:
                return self._standing(use, child)
            if held.state != "offered" or held.wanted is None:
                raise CallerError("no place is offered", code="no_offer")
            if accept:
                self._grant(use, held, held.wanted)
            else:
                set_child(use, child, state="waiting", wanted=None, reason="declined")
                self._pass_on(use, held.wanted, child)
            use.answer({})
            return self._standing(use, child)

    def leave(self, child: str, usage: Usage) -> Standing:
        """A parent takes the child out of the queue, or of the kindergarten. Raises as `answer_offer` does, but for `no_offer`."""
        with self._changing("leaveQueue", child, usage) as (use, held, repeated):
            if not repeated:
                self._leave(use, held, None)
                use.answer({})
            return self._standing(use, child)

    @contextmanager
    def _changing(self, operation: str, child: str, usage: Usage) -> Iterator[tuple[Use, Child, bool]]:
        """The transaction in which a parent changes something; whether this very message did it before."""
        parse_identity_code(child)
        with self.kernel.used(operation, usage) as use:
            use.concerns(child)
            repeated = use.answered() is not None
            use.alone(f"child/{child}")
            held = _require(use, child)
            if _acting(usage) not in held.parents:
                raise CallerError("a parent decides this", code="not_a_parent")
            if self.silence.known(use, child) in ("death", "stillbirth"):
                raise CallerError("the child is dead", code="person_is_dead")
            yield use, held, repeated

    def _standing(self, use: Use, code: str) -> Standing:
        child = _require(use, code)
        group = group_of(use, child.wanted) if child.wanted is not None else None
        if child.state != "waiting":
            return Standing(child, None, 0, group)
        line = line_of(use, child)
        try:
            place = place_of(judge_place(self.deciding, child, line, at=use.today))
        except CallerError as error:
            log.refusal("place.not_judged", error)
            place = None
        return Standing(child, place, len(line), group)


def _by_rule(change: Callable[[Use], None]) -> Callable[[Use], None]:
    """When the rules give no answer, the task is held for people."""

    def changed(use: Use) -> None:
        try:
            change(use)
        except CallerError as error:
            raise Held("the rules give no answer", code=error.code) from error

    return changed


def _require(use: Use, code: str) -> Child:
    found = child_row(use, code)
    if found is None:
        raise CallerError("the child is not in the queue", code="not_in_queue")
    return found


def _acting(usage: Usage) -> str:
    """Whose word it is, said by themselves or by who represents them: `EE48901010015` -> `48901010015`."""
    user = usage.represented_party or usage.user_id or ""
    return user[2:] if user[:2].isalpha() else user
