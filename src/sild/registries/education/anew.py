"""A wait, an offer or a place that a contest overturned, or a correction reached, an official decides anew by hand.

Who waits is put at another place of the line, or is given a place in a kindergarten though it is not their turn and none is free: it
is offered, as any, and a parent takes it or not. Who has an offer, or attends, may be given another kindergarten, or another day; back
into the line nobody is put, and nobody else who was given a place loses it: while a group has more children than places, the next is
offered when there is one. Whose place in the line is another by this, their waits are decided again, or listed for people.

The line stays the rule's: whom an official put elsewhere stands there as somebody who would stand there by the rule, and the record
of every later decision says who said so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from sild.decisions import DecisionRecord
from sild.errors import CallerError
from sild.registries.deciding import DECIDED_AGAIN, ByHand, Deciding, Otherwise, Ripples, record_by_hand
from sild.registries.education.again import child_of, reach_behind
from sild.registries.education.facts import say_place
from sild.registries.education.judging import EARLIEST, PLACE
from sild.registries.education.places import Places
from sild.registries.education.queue import (
    Child,
    Group,
    group_for,
    group_of,
    groups_in,
    line_of,
    put_at,
    require_child,
    set_child,
)
from sild.registries.education.rules import Waiting, age_in_years
from sild.registries.education.tables import kindergartens
from sild.registries.kernel import Use
from sild.registries.tasks import Silence, Tasks

__all__ = ["Anew"]

RANK, FIRST_DAY = "/".join(PLACE), "/".join(EARLIEST)
KINDERGARTEN, BEGIN = "kindergarten", "wanted_from"


class Anew:
    """Works within the register's transactions."""

    def __init__(self, deciding: Deciding, tasks: Tasks, silence: Silence, places: Places) -> None:
        self._deciding = deciding
        self._tasks = tasks
        self._silence = silence
        self._places = places
        self._ripples = Ripples(deciding, {})
        deciding.decides_by_hand = self._by_hand
        deciding.is_worse = _is_worse

    def _by_hand(self, use: Use, old: DecisionRecord, hand: ByHand) -> DecisionRecord | None:
        """None: no child stands by it any more, or there is silence about it.

        Raises CallerError (`not_its_kind`): there is no such place or kindergarten, or no group in it for the child's age; a day on
        which it is too young.
        """
        code = next(iter(child_of(use, str(old.id))), None)
        if code is None:
            return None
        use.alone(f"child/{code}")  # before the case, which the record holds
        child = require_child(use, code)
        if child.decision != str(old.id) or child.wanted is None or child.state == "left":
            return None
        if self._silence.reason(use, code) is not None:
            return None
        begin = self._begin(use, old, child, hand.values)
        group = self._group(use, child, begin, hand.values.get(KINDERGARTEN))
        groups = {child.wanted} if group is None else {child.wanted, group.id}
        use.alone(*(f"group/{one}" for one in groups))
        line = line_of(use, child) if child.state == "waiting" else []
        rank = hand.values.get(RANK)
        stands = child.stands_as if rank is None or group is not None else _put(use, line, child, rank)
        new = record_by_hand(self._deciding, use, old, hand, _otherwise(child, group))
        set_child(use, code, decision=str(new.id), wanted_from=begin, stands_as=stands)
        if group is not None:
            self._give(use, child, group)
        say_place(use, code, system=self._deciding.kernel.system)
        if line:
            now, cause = line_of(use, child), f"by_hand/{new.id}"
            reach_behind(self._deciding, self._tasks, use, line, now, code, cause=cause)
        if group is not None and child.state != "attending":
            data = {"kindergarten": group.kindergarten, "group": group.id, "decision": str(new.id)}
            use.publish("education.place.offered", code, data)
        else:
            use.publish(DECIDED_AGAIN, code, {"decision": str(new.id), "supersedes": str(old.id)})
        return new

    def _give(self, use: Use, child: Child, group: Group) -> None:
        """Offered, or attended from now on. What the child had before goes to the next."""
        state = "attending" if child.state == "attending" else "offered"
        given = {"state": state, "wanted": group.id, "reason": None, "review_on": None, "stands_as": None}
        set_child(use, child.child, **given)
        if child.state != "waiting" and child.wanted is not None and child.wanted != group.id:
            self._places.pass_on(use, child.wanted, child.child)

    def _begin(self, use: Use, old: DecisionRecord, child: Child, values: Mapping[str, Any]) -> date | None:
        """From when the child is to attend: as given, else as it was."""
        if BEGIN not in values:
            return child.wanted_from
        try:
            begin = date.fromisoformat(str(values[BEGIN]))
        except ValueError as error:
            raise CallerError("not a day", code="not_its_kind") from error
        if KINDERGARTEN not in values and not _is_for(use, child, begin):
            raise CallerError("the group is not for the age on that day", code="not_its_kind")
        first = self._ripples.outcome_of(use, old).get(FIRST_DAY)
        if first is not None and begin < date.fromisoformat(str(first)):
            raise CallerError("the child is too young on that day", code="not_its_kind")
        return begin

    def _group(self, use: Use, child: Child, begin: date | None, name: object) -> Group | None:
        """The kindergarten's group for the child's age; None: it is given none. One of the commune where the child lives comes first."""
        if name is None:
            return None
        found = groups_in(use, kindergartens.c.name == str(name).strip()[:100])
        houses = {one.kindergarten for one in found if one.division == child.division}
        houses = houses or {one.kindergarten for one in found}
        if len(houses) != 1:
            raise CallerError("no kindergarten has this name, or several have", code="not_its_kind")
        try:
            return group_for(use, houses.pop(), child.born, max(begin or use.today, use.today))
        except CallerError as error:
            raise CallerError("no group there is for the child's age", code="not_its_kind") from error


def _put(use: Use, line: Sequence[Waiting], child: Child, place: object) -> Mapping[str, Any] | None:
    """As whom it stands there, for its row. Raises CallerError (`not_its_kind`)."""
    if child.state != "waiting":
        return None
    number = place if type(place) is int else 0
    put = put_at(line, child.child, number)
    if put is None:
        raise CallerError("no such place in this line", code="not_its_kind")
    if line[number - 1].child == child.child:  # where it stands
        return child.stands_as
    return {
        "group": child.wanted,
        "resident": put.resident,
        "sibling": put.sibling,
        "joined_at": put.joined_at.isoformat(),
        "message_id": use.usage.message_id,
    }


def _is_for(use: Use, child: Child, begin: date) -> bool:
    """Whether the group that it waits for, or was given, is for its age on that day."""
    if child.wanted is None:
        return False
    group = group_of(use, child.wanted)
    return group.age_from <= age_in_years(child.born, max(begin, use.today)) < group.age_to


def _otherwise(child: Child, group: Group | None) -> Otherwise:
    """Who is given a place stands in no line any more, and no day is promised to look at its wait again."""
    if group is None:
        waits = (RANK,) if child.state == "waiting" else ()
        return Otherwise(lines={BEGIN, *waits})
    said: dict[str, str | int | None] = {KINDERGARTEN: group.name, "group": group.id, "review_on": None}
    step = "grant" if child.state == "attending" else "offer"
    return Otherwise({KINDERGARTEN, BEGIN}, said, step, f"kindergarten_place.{step}")


def _is_worse(_old: DecisionRecord, name: str, before: object, now: object) -> bool | None:
    """A higher number in the line is; the rest is compared as any."""
    if name != RANK or type(before) is not int or type(now) is not int:
        return None
    return now > before
