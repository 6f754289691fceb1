"""What a formula sees: rows of its entity, those linked to them, and the law.

    def formula(family, period, law):
        return where(family("older_siblings") < 2, law("allowance.child", family.child("born")), law("allowance.third", ...))

family(...)          the same rows            family.mother(...)   the person who has that role there
family.members(...)  all persons: .sum(), .any(), .all()    family.has("father")   whether somebody has the role
person.family(...)   the group of each person                person.members_of("family")(...).order(...)   places in the group
person.months(...)   the sum over months                     person.day, person.today
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sild.errors import CallerError
from sild.rules.columns import Array, Column, Ratio, Used, constant, where
from sild.rules.package import ParameterValue, RulePackage, is_currency, minor_units
from sild.rules.situation import Group

__all__ = ["Computed", "Law", "Members", "Rows", "Run"]


@dataclass(frozen=True, slots=True)
class Computed:
    """Of all rows of an entity: what a variable is, and what gave it. before: exact, if it was rounded."""

    values: Array
    unknown: NDArray[np.bool_]
    used: Used
    before: Ratio | None = None


class Compute(Protocol):
    def __call__(self, variable: str, period: str) -> Computed: ...


@dataclass
class Run:
    """One evaluation. computed: by (variable, period).  entity_of, kind_of: entity and kind of period, by variable."""

    package: RulePackage
    at: date
    counts: Mapping[str, int]
    groups: Mapping[str, Group]
    entity_of: Mapping[str, str]
    kind_of: Mapping[str, str]
    compute: Compute
    computed: dict[tuple[str, str], Computed] = field(default_factory=dict)
    holders: dict[tuple[str, str], NDArray[np.int64]] = field(default_factory=dict)

    def holder(self, group: str, role: str) -> NDArray[np.int64]:
        """By row of group: the row of the person with a role that one person has; -1, nobody."""
        key = (group, role)
        if key not in self.holders:
            members = self.groups[group]
            rows = np.full(self.counts[group], -1, np.int64)
            having = np.flatnonzero(members.roles == role)
            rows[members.of[having]] = having
            self.holders[key] = rows
        return self.holders[key]


class Rows:
    """The rows of one entity, for a formula that runs for `period`."""

    def __init__(self, run: Run, entity: str, period: str) -> None:
        self._run, self._entity, self._period = run, entity, period

    def __call__(self, variable: str, period: object = None) -> Column:
        """Raises CallerError (rule_failed): not a variable of this entity."""
        return self._linked(self._entity, variable, period, "self")

    def __getattr__(self, name: str) -> Callable[..., Column]:
        package, own = self._run.package, self._entity
        if name in package.entities and name != own and own == package.person:
            return lambda variable, period=None: self._of_group(name, variable, period)
        if name in (package.entities[own].roles or {}):
            return lambda variable, period=None: self._of_role(name, variable, period)
        raise AttributeError(f"{own} has no {name}")

    @property
    def day(self) -> Column:
        """The first of the period; of one without an end, today."""
        if self._period == "ETERNITY":
            return self.today
        return constant(np.datetime64(self._period, "D"))

    @property
    def today(self) -> Column:
        """The day at which facts and law are looked."""
        return constant(np.datetime64(self._run.at))

    def has(self, role: str) -> Column:
        """Whether somebody has it."""
        return Column(self._run.holder(self._entity, role) >= 0)

    def has_role(self, group: str, role: str) -> Column:
        """Of persons: whether that is theirs in their group."""
        return Column(self._run.groups[group].roles == role)

    def members(self, variable: str, period: object = None) -> Members:
        found = self._linked(self._run.package.person, variable, period, "members", self._entity)
        return Members(self._run, self._entity, found)

    def members_of(self, group: str) -> Callable[..., Members]:
        """For persons: all who are in one's own group, to be put in order."""

        def members(variable: str, period: object = None) -> Members:
            found = self._linked(self._run.package.person, variable, period, "peers", group)
            return Members(self._run, group, found)

        return members

    def months(self, variable: str, first: Column, last: Column) -> Column:
        """The sum over months, `12 * year + month - 1`, both included, which may be others on every row."""
        reach = first + last * 0, last + first * 0
        low, high = (side.values[~_all(side)] for side in reach)
        if not low.size:
            return reach[0]
        total = constant(0)
        for month in range(int(low.min()), int(high.max()) + 1):
            inside = (first <= month) & (last >= month)
            total = total + where(inside, self(variable, f"{month // 12:04d}-{month % 12 + 1:02d}"), 0)
        return total

    def _of_role(self, role: str, variable: str, period: object) -> Column:
        holder = self._run.holder(self._entity, role)
        found = self._linked(self._run.package.person, variable, period, "role", self._entity, role)
        values, unknown = found.values[holder], _all(found)[holder]
        nobody = holder < 0
        values[nobody] = np.zeros(1, values.dtype)[0]
        return Column(values, unknown & ~nobody, found.used)

    def _of_group(self, group: str, variable: str, period: object) -> Column:
        found = self._linked(group, variable, period, "group", group)
        of = self._run.groups[group].of
        return Column(found.values[of], _all(found)[of], found.used)

    def _linked(self, entity: str, variable: str, period: object, *link: str) -> Column:
        run = self._run
        if run.entity_of.get(variable) != entity:
            raise CallerError(f"no {entity} has a variable {variable}", code="rule_failed")
        eternal = run.kind_of[variable] == "eternity"
        when = str(period) if period is not None else "ETERNITY" if eternal else self._period
        found = run.compute(variable, when)
        return Column(found.values, found.unknown, frozenset({("value", variable, when, *link)}))


class Members:
    """A column of persons on its way to their groups."""

    def __init__(self, run: Run, group: str, column: Column) -> None:
        self._run, self._group, self.column = run, group, column

    def sum(self, role: str | None = None) -> Column:
        """Exact; unknown as soon as one of them is."""
        count, chosen = self._run.counts[self._group], self._chosen(role)
        of = self._run.groups[self._group].of
        values = np.broadcast_to(self.column.values, of.shape)
        total = np.zeros(count, np.int64)
        np.add.at(total, of[chosen], values[chosen].astype(np.int64))
        if np.abs(values.astype(np.float64)).sum() >= 2.0**62:
            raise CallerError("a sum is too large to be exact", code="rule_failed")
        return Column(total, self._some(_all(self.column), chosen), self.column.used)

    def any(self, role: str | None = None) -> Column:
        """Kleene's: one who is settles it."""
        chosen, unknown = self._chosen(role), _all(self.column)
        found = self._some(self.column.values & ~unknown, chosen)
        return Column(found, self._some(unknown, chosen) & ~found, self.column.used)

    def all(self, role: str | None = None) -> Column:
        """Kleene's: one who is not settles it."""
        return ~Members(self._run, self._group, ~self.column).any(role)

    def order(self, *others: Members) -> Column:
        """Of persons: the place in the group, 1 first, by this column, then by others, all ascending.

        A place is known where no unknown value can change it: what is unknown is taken for the least and for the greatest there is.
        Of several with something unknown in one group none has a known place.
        """
        of = self._run.groups[self._group].of
        keys = [_Key.of(each.column, of.size) for each in (self, *others)]
        own = np.logical_or.reduce([key.unknown for key in keys])
        best, worst = (_places([key.settled(high=high) for key in keys], of) for high in (False, True))
        not_alone = np.bincount(of, own)[of] > 1
        used: Used = frozenset().union(*(each.column.used for each in (self, *others)))
        return Column(worst, (best != worst) | (own & not_alone), used)

    def _chosen(self, role: str | None) -> NDArray[np.bool_]:
        members = self._run.groups[self._group]
        return np.ones(members.of.shape, np.bool_) if role is None else members.roles == role

    def _some(self, truth: Array, chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
        of = self._run.groups[self._group].of
        holding = np.broadcast_to(truth, of.shape) & chosen
        found = np.zeros(self._run.counts[self._group], np.bool_)
        found[of[holding]] = True
        return found


class Law:
    """law(path, on): the value in force on a day; on the day of the period, if none is said."""

    def __init__(self, run: Run, day: date) -> None:
        self._run, self._day = run, day

    def __call__(self, path: str, on: Column | None = None) -> Column:
        """Money in minor units; whole numbers; text.  Raises CallerError (rule_failed): no such law, or not yet."""
        history = self._history(path)
        values = np.array([_held(value) for value in history])
        return self._in_force(path, history, values, on)

    def rate(self, path: str, on: Column | None = None) -> Ratio:
        """An exact fraction, of unit `/1`."""
        history = self._history(path)
        exact = [Fraction(value.value) for value in history]
        over = np.array([each.numerator for each in exact], np.int64)
        under = np.array([each.denominator for each in exact], np.int64)
        return Ratio(self._in_force(path, history, over, on), self._in_force(path, history, under, on))

    def _history(self, path: str) -> tuple[ParameterValue, ...]:
        try:
            return self._run.package.parameters[path]
        except KeyError:
            raise CallerError(f"no parameter {path}", code="rule_failed") from None

    def _in_force(
        self, path: str, history: tuple[ParameterValue, ...], values: Array, on: Column | None
    ) -> Column:
        day = on if on is not None else constant(np.datetime64(self._day))
        since = np.array([value.valid_from for value in history], "datetime64[D]")
        place = np.searchsorted(since, day.values, side="right") - 1
        unknown = _all(day)
        if (place[~np.broadcast_to(unknown, place.shape)] < 0).any():
            raise CallerError(f"no value of {path} so early", code="rule_failed")
        place = np.where(unknown, 0, place)
        law: Used = frozenset(
            ("law", path, history[index].valid_from.isoformat())
            for index in np.unique(place[~np.broadcast_to(unknown, place.shape)])
        )
        return Column(values[place], day.unknown, day.used | law)


@dataclass(frozen=True, slots=True)
class _Key:
    """Whole numbers in the order of a column's values. ends: the least and the greatest there can be."""

    numbers: NDArray[np.int64]
    unknown: NDArray[np.bool_]
    ends: tuple[int, int]

    @classmethod
    def of(cls, column: Column, count: int) -> _Key:
        values = np.broadcast_to(column.values, (count,))
        is_text, is_truth = values.dtype.kind == "U", values.dtype.kind == "b"
        numbers = np.unique(values, return_inverse=True)[1] if is_text else values.astype(np.int64)
        ends = (0, 1) if is_truth else (np.iinfo(np.int64).min, np.iinfo(np.int64).max)
        return cls(numbers, np.broadcast_to(_all(column), (count,)), ends)

    def settled(self, *, high: bool) -> NDArray[np.int64]:
        """What is unknown as the one or the other end."""
        return np.where(self.unknown, self.ends[high], self.numbers)


def _places(keys: list[NDArray[np.int64]], of: NDArray[np.int64]) -> NDArray[np.int64]:
    order = np.lexsort((*reversed(keys), of))
    starts = np.searchsorted(of[order], np.arange(of.max() + 1))
    places = np.empty(of.size, np.int64)
    places[order] = np.arange(of.size) - starts[of[order]] + 1
    return places


def _all(column: Column) -> NDArray[np.bool_]:
    return np.zeros(column.values.shape, np.bool_) if column.unknown is None else column.unknown


def _held(value: ParameterValue) -> int | str:
    if value.unit == "/1":
        raise CallerError(f"{value.path} is a rate: law.rate()", code="rule_failed")
    return minor_units(value.value, value.unit) if is_currency(value.unit) else value.value
