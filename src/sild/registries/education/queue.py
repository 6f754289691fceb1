"""Places and the queue as rows, read and written within a register's transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Literal

from sqlalchemy import ColumnElement, Row, Select, func, select, update

from sild.errors import CallerError
from sild.registries.education.rules import Waiting, age_in_years
from sild.registries.education.tables import children, groups, kindergartens
from sild.registries.kernel import Use
from sild.registries.sources import Guardian

__all__ = [
    "Child",
    "Group",
    "child_row",
    "group_for",
    "group_of",
    "groups_in",
    "groups_near",
    "line_for",
    "line_of",
    "line_with",
    "put_at",
    "require_child",
    "set_child",
    "waiting_for_any",
]

ChildState = Literal["waiting", "offered", "attending", "left"]
TAKEN = ("offered", "attending")
A_MOMENT, NOT_LATER = timedelta(microseconds=1), timedelta(0)


@dataclass(frozen=True, slots=True)
class Group:
    """age: in years, from the first included to the second excluded.  taken: attending, or offered and not answered yet."""

    id: int
    kindergarten: int
    name: str
    division: str
    age_from: int
    age_to: int
    capacity: int
    taken: int

    @property
    def free(self) -> int:
        return max(0, self.capacity - self.taken)


@dataclass(frozen=True, slots=True)
class Child:
    """told: who said what, `person`, `home` or `guardians`: register, message and when.

    stands_as: as whom an official has the child stand in the line of a group (`put_at`); of no other line.
    """

    child: str
    born: date
    division: str | None
    parents: tuple[str, ...]
    siblings: tuple[str, ...]
    joined_at: datetime
    state: ChildState
    wanted: int | None
    wanted_from: date | None
    reason: str | None
    review_on: date | None
    issue: str | None
    told: Mapping[str, Sequence[str]]
    decision: str | None
    any_nearby: bool = False
    guardians: tuple[Guardian, ...] = ()
    stands_as: Mapping[str, Any] | None = None

    def deciders(self, on: date) -> tuple[str, ...]:
        """Whose word counts for the child on a day: its parents' and guardians'."""
        named = [one.code for one in self.guardians if one.until is None or on < one.until]
        return tuple(dict.fromkeys([*self.parents, *named]))


def groups_in(use: Use, condition: ColumnElement[bool]) -> list[Group]:
    """Those that fit a condition on `groups` and `kindergartens`."""
    taken = (
        select(func.count())
        .select_from(children)
        .where(children.c.wanted == groups.c.id, children.c.state.in_(TAKEN))
        .scalar_subquery()
    )
    query: Select[Any] = (
        select(groups, kindergartens.c.name, kindergartens.c.division, taken.label("taken"))
        .join_from(groups, kindergartens)
        .where(condition)
        .order_by(kindergartens.c.division, kindergartens.c.id, groups.c.age_from)
    )
    return [Group(**row._mapping) for row in use.connection.execute(query)]


def group_of(use: Use, group_id: int) -> Group:
    return groups_in(use, groups.c.id == group_id)[0]


def group_for(use: Use, kindergarten: int, born: date, on: date) -> Group:
    """The group of a kindergarten that the child's age on that day fits. Raises CallerError (`unknown_kindergarten`, `no_group`)."""
    found = groups_in(use, groups.c.kindergarten == kindergarten)
    if not found:
        raise CallerError("no such kindergarten", code="unknown_kindergarten")
    age = age_in_years(born, on)
    fitting = [group for group in found if group.age_from <= age < group.age_to]
    if not fitting:
        raise CallerError("no group of this kindergarten is for this age", code="no_group")
    return fitting[0]


def groups_near(use: Use, child: Child, on: date) -> list[Group]:
    """Of the commune where the child lives, for its age on that day: where a place is expected soonest comes first.

    Those with free places, the most first; then the shortest queue.
    """
    if child.division is None:
        return []
    age = age_in_years(child.born, on)
    found = groups_in(use, kindergartens.c.division == child.division)
    fitting = [group for group in found if group.age_from <= age < group.age_to]
    query = (
        select(children.c.wanted, func.count())
        .where(children.c.state == "waiting", children.c.child != child.child)
        .group_by(children.c.wanted)
    )
    waiting = {row[0]: row[1] for row in use.connection.execute(query)}
    return sorted(fitting, key=lambda group: (-group.free, waiting.get(group.id, 0), group.id))


def waiting_for_any(use: Use, group: Group, on: date) -> list[Child]:
    """Children of the group's commune and age who would go to any kindergarten and wait for another; first who joined first."""
    query = select(children).where(
        children.c.state == "waiting",
        children.c.any_nearby.is_(True),
        children.c.division == group.division,
        children.c.wanted != group.id,
    )
    found = [_child(row) for row in use.connection.execute(query.order_by(children.c.joined_at))]
    return [
        child
        for child in found
        if group.age_from <= age_in_years(child.born, max(on, child.wanted_from or on)) < group.age_to
    ]


def child_row(use: Use, child: str) -> Child | None:
    row = use.connection.execute(select(children).where(children.c.child == child)).one_or_none()
    return None if row is None else _child(row)


def require_child(use: Use, child: str) -> Child:
    """Raises CallerError (`not_in_queue`)."""
    found = child_row(use, child)
    if found is None:
        raise CallerError("the child is not in the queue", code="not_in_queue")
    return found


def set_child(use: Use, child: str, **values: object) -> None:
    use.connection.execute(update(children).where(children.c.child == child).values(**values))


def line_of(use: Use, child: Child) -> list[Waiting]:
    """Who waits with the child, for the group it wishes, else in its commune; in the order that is expected."""
    if child.wanted is None:
        return _waiting(use, children.c.division == child.division, None)
    return line_for(use, group_of(use, child.wanted))


def line_for(use: Use, group: Group) -> list[Waiting]:
    """Who waits for a group."""
    return _waiting(use, children.c.wanted == group.id, group)


def line_with(use: Use, child: Child, group: Group) -> list[Waiting]:
    """Who would wait for a group if the child did."""
    return _waiting(use, (children.c.wanted == group.id) & (children.c.child != child.child), group, child)


def _waiting(use: Use, condition: ColumnElement[bool], group: Group | None, *more: Child) -> list[Waiting]:
    query = select(children).where(children.c.state == "waiting", condition)
    rows = [*(_child(row) for row in use.connection.execute(query)), *more]
    there = set()
    if group is not None:
        attending = (
            select(children.c.child)
            .join(groups, groups.c.id == children.c.wanted)
            .where(groups.c.kindergarten == group.kindergarten, children.c.state == "attending")
        )
        there = set(use.connection.scalars(attending))
    waiting = [
        _by_hand(
            row,
            group,
            Waiting(
                child=row.child,
                resident=group is None or row.division == group.division,
                sibling=not there.isdisjoint(row.siblings),
                joined_at=row.joined_at,
                born=row.born,
            ),
        )
        for row in rows
    ]
    return sorted(waiting, key=lambda one: one.expected)


def _by_hand(row: Child, group: Group | None, own: Waiting) -> Waiting:
    said = row.stands_as
    if said is None or group is None or said["group"] != group.id:
        return own
    return replace(
        own,
        resident=said["resident"],
        sibling=said["sibling"],
        joined_at=datetime.fromisoformat(said["joined_at"]),
        by_hand=said["message_id"],
    )


def put_at(line: Sequence[Waiting], child: str, place: int) -> Waiting | None:
    """As whom the child stands where it is the `place`th of the line, from 1: as who is before or behind it there, a moment later or
    earlier. It stays there whoever comes or goes. None: there is no such place, or no moment between the two.
    """
    own = next(one for one in line if one.child == child)
    others = [one for one in line if one.child != child]
    if not 1 <= place <= len(line):
        return None
    near = [
        (one, moment)
        for number, moments in ((place - 1, (-A_MOMENT, NOT_LATER)), (place - 2, (A_MOMENT, NOT_LATER)))
        if 0 <= number < len(others)
        for one in (others[number],)
        for moment in moments
    ]
    for one, moment in near:
        found = replace(own, resident=one.resident, sibling=one.sibling, joined_at=one.joined_at + moment)
        if sorted([*others, found], key=lambda each: each.expected)[place - 1] is found:
            return found
    return own if len(line) == 1 else None


def _child(row: Row[Any]) -> Child:
    values = dict(row._mapping)
    values["parents"], values["siblings"] = tuple(row.parents), tuple(row.siblings)
    values["guardians"] = tuple(
        Guardian(code, date.fromisoformat(until) if until else None) for code, until in row.guardians or []
    )
    values["told"] = row.told or {}
    values["any_nearby"] = bool(row.any_nearby)
    return Child(**values)
