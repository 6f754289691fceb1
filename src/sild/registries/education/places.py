"""Places: wished, offered to whose turn it is as soon as one is free, taken or given up; who gets none waits until a day that is told.

The queue is computed by the published rule whenever somebody asks; nothing stores a number that could go stale. Rows are what is
worked with (the index); whatever is told of a child is a fact (`facts.py`), said in the transaction in which its row changes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sild.errors import CallerError
from sild.registries.deciding import Deciding, Judged
from sild.registries.education.facts import say_place
from sild.registries.education.judging import (
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
    groups_near,
    line_for,
    line_of,
    require_child,
    set_child,
    waiting_for_any,
)
from sild.registries.education.rules import QUEUE
from sild.registries.identity_codes import parse_identity_code
from sild.registries.kernel import Use
from sild.registries.profiles import profile
from sild.registries.tasks import Handler, Held, Silence, Task, Tasks
from sild.telemetry import get_logger

__all__ = ["Places", "Standing", "by_rule"]

log = get_logger("register")

REVIEW_AFTER = timedelta(days=90)
HELD_A_PLACE = ("attending", "offered")


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a child stands. place: in its queue, from 1, of `waiting`; None when it does not wait, or the rules fail.

    group: wished, or offered.
    """

    child: Child
    place: int | None
    waiting: int
    group: Group | None


class Places:
    """Works within the register's transactions."""

    def __init__(self, deciding: Deciding, tasks: Tasks, silence: Silence) -> None:
        self._deciding = deciding
        self._tasks = tasks
        self._silence = silence

    def handlers(self) -> Mapping[str, Handler]:
        async def review(task: Task) -> Callable[[Use], None]:
            return by_rule(lambda use: self._review(use, task))

        async def move_up(task: Task) -> Callable[[Use], None]:
            return by_rule(lambda use: self._move_up(use, task.subject, task.about["group"]))

        async def allocate(task: Task) -> Callable[[Use], None]:
            return by_rule(lambda use: self.allocate(use, task.about["group"]))

        async def place_lost(task: Task) -> Callable[[Use], None]:
            raise Held("the place went to another after a death that was none", code="place_lost")

        return {"review": review, "move_up": move_up, "allocate": allocate, "place_lost": place_lost}

    # --- who stands where

    def judged(self, use: Use, child: Child) -> Judged:
        """Its place among those who wait. Raises CallerError as `Deciding.judge`."""
        return judge_place(self._deciding, child, line_of(use, child), at=use.today)

    def standing(self, use: Use, code: str) -> Standing:
        """Raises CallerError (`not_in_queue`)."""
        child = require_child(use, code)
        group = group_of(use, child.wanted) if child.wanted is not None else None
        if child.state != "waiting":
            return Standing(child, None, 0, group)
        line = line_of(use, child)
        try:
            place = place_of(judge_place(self._deciding, child, line, at=use.today))
        except CallerError as error:
            log.refusal("place.not_judged", error)
            place = None
        return Standing(child, place, len(line), group)

    # --- what parents say

    def wish(self, use: Use, held: Child, kindergarten: int | None, wanted_from: date | None) -> None:
        """A free place is offered at once. kindergarten: None: any of the commune.

        Raises CallerError: `already_attending`, `too_young`, `unknown_kindergarten`, `no_group`; as `Deciding.judge`.
        """
        country = parse_identity_code(held.child).country
        first = earliest(self._deciding, country, held.born, at=use.today)
        begin = wanted_from or max(use.today, first)
        if begin < first:
            raise CallerError("the child is too young on that day", code="too_young")
        on = max(begin, use.today)  # a day that has passed says nothing of the age at which it comes
        if kindergarten is None:
            group = self.soonest(use, held, on)
        else:
            group = group_for(use, kindergarten, held.born, on)
        if held.state == "attending" and held.wanted is not None:
            raise CallerError("the child attends a kindergarten", code="already_attending")
        left = held.wanted if held.state == "offered" else None
        set_child(
            use,
            held.child,
            state="waiting",
            wanted=group.id,
            any_nearby=kindergarten is None,
            stands_as=held.stands_as if held.wanted == group.id else None,
            wanted_from=begin,
            reason=None,
            review_on=None,
        )
        if left is not None and left != group.id:  # an offer given up goes to the next
            self.pass_on(use, left, held.child)
        self.allocate(use, group.id)
        held = require_child(use, held.child)
        if held.state == "waiting":
            self.wait(use, held)

    def answer(self, use: Use, held: Child, accept: bool) -> None:
        """Raises CallerError (`no_offer`)."""
        if held.state != "offered" or held.wanted is None:
            raise CallerError("no place is offered", code="no_offer")
        if accept:
            self._grant(use, held, held.wanted)
        else:
            set_child(use, held.child, state="waiting", wanted=None, reason="declined", stands_as=None)
            self._say(use, held.child)
            self.pass_on(use, held.wanted, held.child)

    def leave(self, use: Use, child: Child, reason: str | None) -> None:
        gone = {"state": "left", "reason": reason, "review_on": None, "wanted": None, "decision": None}
        set_child(use, child.child, **gone, stands_as=None)
        self._say(use, child.child)
        if child.wanted is not None:
            self.pass_on(use, child.wanted, child.child)

    def return_to(self, use: Use, child: Child, cause: str, since: datetime) -> None:
        """Its death was none: its place, if that is free still, or its wish, with the time at which it joined. A place that is gone is for people.

        since: when the death was heard of.  cause: id of the event.
        """
        had = _before(use, child.child, since)
        group = had.get("group")
        begins = had.get("wanted_from")
        values: dict[str, object] = {
            "state": "waiting",
            "reason": None,
            "wanted": group,
            "any_nearby": bool(had.get("any_nearby")),
            "wanted_from": None if begins is None else date.fromisoformat(begins),
        }
        if group is not None:
            use.alone(f"group/{group}")
            if had["state"] in HELD_A_PLACE and group_of(use, group).free:
                values |= {"state": had["state"], "decision": had.get("decision")}
            else:  # looked at as a wait is whose day has come
                values["review_on"] = use.today
                self._tasks.add(use, "review", child.child, cause=cause)
                if had["state"] in HELD_A_PLACE:
                    self._tasks.add(use, "place_lost", child.child, cause=cause, about={"group": group})
        set_child(use, child.child, **values)
        self._say(use, child.child)
        if group is not None and values["state"] == "offered":
            data = {"kindergarten": group_of(use, group).kindergarten, "group": group, "decision": values["decision"]}  # fmt: skip
            use.publish("education.place.offered", child.child, data)

    def _grant(self, use: Use, child: Child, group_id: int) -> None:
        """By the facts of the offer; of one that was made without a record, by the child's own."""
        if child.decision is None:
            judged = judge_own(self._deciding, child, at=use.today)
        else:
            facts = self._deciding.rested_on(use, child.decision)
            judged = judge_again(self._deciding, child, facts, at=use.today)
        ruling = granted(self._deciding, child, group_of(use, group_id))
        record = self._deciding.record(use, judged, ruling)
        set_child(use, child.child, state="attending", decision=str(record.id))
        self._say(use, child.child)

    def _say(self, use: Use, child: str) -> None:
        """The row is as it will be: so it is a fact."""
        say_place(use, child, system=self._deciding.kernel.system)

    # --- whose turn it is

    def soonest(self, use: Use, child: Child, on: date) -> Group:
        """Raises CallerError (`no_group`)."""
        near = groups_near(use, child, on)
        if not near:
            raise CallerError("no kindergarten of the commune is for this age", code="no_group")
        return near[0]

    def allocate(self, use: Use, group_id: int) -> None:
        """Offer what is free to those whose turn it is. Two of this about one group never overlap.

        Raises CallerError as `Deciding.judge`.
        """
        use.alone(f"group/{group_id}")
        self._offer(use, group_of(use, group_id), self._turns(use, group_id))

    def pass_on(self, use: Use, group_id: int, child: str) -> None:
        """The same, of what a child gave up: that stands even if the rules fail; then people see to the place."""
        use.alone(f"group/{group_id}")
        try:
            found = self._turns(use, group_id)
        except CallerError as error:
            log.refusal("place.not_judged", error)
            cause = f"{group_id}/{use.usage.message_id}"
            self._tasks.add(use, "allocate", child, cause=cause, about={"group": group_id})
        else:
            self._offer(use, group_of(use, group_id), found)
            self._call_up(use, group_id)

    def _turns(self, use: Use, group_id: int) -> list[tuple[Child, Judged]]:
        """Those who get what is free, each with what shows its place. Writes nothing."""
        group = group_of(use, group_id)
        line = line_for(use, group) if group.free else []
        codes = turns(self._deciding, line, group.free, at=use.today) if line else []
        found = [require_child(use, code) for code in codes]
        return [(child, judge_place(self._deciding, child, line, at=use.today)) for child in found]

    def _offer(self, use: Use, group: Group, found: Sequence[tuple[Child, Judged]]) -> None:
        for child, judged in found:
            record = self._deciding.record(use, judged, offered(self._deciding, child, group))
            code = child.child
            set_child(use, code, state="offered", reason=None, review_on=None, decision=str(record.id))
            self._say(use, code)
            if self._silence.reason(use, code) is None:
                data = {"kindergarten": group.kindergarten, "group": group.id, "decision": str(record.id)}
                use.publish("education.place.offered", code, data)

    def _call_up(self, use: Use, group_id: int) -> None:
        """What nobody of the group's own queue took, for those who would go anywhere: each is asked about by itself, so that two
        places that become free at once never wait for one another."""
        group = group_of(use, group_id)
        for child in waiting_for_any(use, group, use.today)[: group.free]:
            cause = f"{group_id}/{use.usage.message_id}"
            self._tasks.add(use, "move_up", child.child, cause=cause, about={"group": group_id})

    def _move_up(self, use: Use, code: str, group_id: int) -> None:
        """To a group with a free place; taken meanwhile, the child waits where it waited."""
        use.alone(f"child/{code}")
        child = child_row(use, code)
        if child is None or child.state != "waiting" or not child.any_nearby:
            return
        if group_of(use, group_id).free:
            set_child(use, code, wanted=group_id)
            self.allocate(use, group_id)
            if require_child(use, code).state == "waiting":
                set_child(use, code, wanted=child.wanted)

    # --- who waits

    def wait(self, use: Use, child: Child) -> int:
        """No place: the reason, and the day on which it will be looked at again. Tells the place in the queue."""
        assert child.wanted is not None
        country = parse_identity_code(child.child).country
        day = profile(country).working_days.add(use.today + REVIEW_AFTER, 0)
        judged = self.judged(use, child)
        ruling = waits(self._deciding, child, group_of(use, child.wanted), day)
        record = self._deciding.record(use, judged, ruling)
        set_child(use, child.child, reason="no_free_place", review_on=day, decision=str(record.id))
        self._say(use, child.child)
        at = datetime.combine(day, time(6), UTC)
        self._tasks.add(use, "review", child.child, cause=f"{child.wanted}/{day}", at=at)
        return place_of(judged)

    def _review(self, use: Use, task: Task) -> None:
        """The promised look at a wait; whoever waits still is told, with the next date."""
        child = child_row(use, task.subject)
        if child is None or child.state != "waiting" or child.wanted is None:
            return
        if child.review_on is None or child.review_on > use.today:  # another wish came since
            return
        wanted = child.wanted
        if child.any_nearby:
            wanted = self.soonest(use, child, max(use.today, child.wanted_from or use.today)).id
            set_child(use, child.child, wanted=wanted)
        self.allocate(use, wanted)
        child = require_child(use, child.child)
        if child.state == "waiting":
            place = self.wait(use, child)
            use.publish("education.wait.reviewed", child.child, {"place": place})


def _before(use: Use, child: str, since: datetime) -> Mapping[str, Any]:
    """How it stood with a child before it left, since then."""
    said = reversed(use.facts.history(child, QUEUE))
    lost = (one for one in said if one.known_to is not None and one.known_to >= since)
    return next((one.value for one in lost if one.value["state"] != "left"), {"state": "waiting"})


def by_rule(change: Callable[[Use], None]) -> Callable[[Use], None]:
    """When the rules give no answer, the task is held for people."""

    def changed(use: Use) -> None:
        try:
            change(use)
        except CallerError as error:
            raise Held("the rules give no answer", code=error.code) from error

    return changed
