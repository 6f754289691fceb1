"""How a rule package looks at a population: whose rows, which columns are its facts, which results come of it.

A package whose groups have the roles child, mother and father is computed for each family with a new child; one without groups for each
person. A fact is the column of its name; a fact without a column is unknown for everybody, and its holder is told so often.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sild.cohorts.messages import Array
from sild.cohorts.population import ROLES, Columns
from sild.errors import CallerError
from sild.rules import DTYPES, Group, RulePackage

__all__ = ["Cause", "Plan", "Result", "Rows", "plan_of", "rows_of"]

Key = tuple[str, str]
"""Variable, period."""
Cause = tuple[str, str]
"""A fact, and the role of the person whose it is, "" for the group's or a person's without roles."""
_PERIODS = {"eternity": "ETERNITY", "year": "%Y", "month": "%Y-%m", "day": "%Y-%m-%d"}


@dataclass(frozen=True, slots=True)
class Result:
    """A column of the answer. role: of a group's person whose it is, "" otherwise."""

    name: str
    variable: str
    period: str
    role: str
    type: str
    currency: str | None


@dataclass(frozen=True, slots=True)
class Plan:
    """group: the entity that is a family, None: each person by itself."""

    package: RulePackage
    at: date
    group: str | None
    results: tuple[Result, ...]

    @property
    def asked(self) -> list[Key]:
        return list(dict.fromkeys((result.variable, result.period) for result in self.results))


@dataclass(frozen=True)
class Rows:
    """What the rules are asked about. household: by row of what is decided on.  of, roles: by row of person, in a group.

    columns: facts by (variable, period); in_group: those whose rows are the group's.
    """

    household: NDArray[np.int64]
    columns: Mapping[Key, Array]
    in_group: frozenset[str]
    of: NDArray[np.int64] | None = None
    roles: NDArray[np.str_] | None = None

    def counts(self, plan: Plan) -> dict[str, int]:
        if plan.group is None or self.of is None:
            return {plan.package.person: len(self.household)}
        return {plan.package.person: len(self.of), plan.group: len(self.household)}

    def groups(self, plan: Plan) -> dict[str, Group]:
        if plan.group is None or self.of is None or self.roles is None:
            return {}
        return {plan.group: Group(self.of, self.roles)}

    def take(self, chosen: NDArray[np.bool_]) -> Rows:
        """Of rows of what is decided on."""
        household = self.household[chosen]
        if self.of is None or self.roles is None:
            return replace(
                self,
                household=household,
                columns={key: values[chosen] for key, values in self.columns.items()},
            )
        people = chosen[self.of]
        columns = {
            key: values[chosen if key[0] in self.in_group else people] for key, values in self.columns.items()
        }
        of = (np.cumsum(chosen) - 1)[self.of[people]]
        return replace(self, household=household, columns=columns, of=of, roles=self.roles[people])

    def holder(self, role: str) -> NDArray[np.int64]:
        """By row of group: the row of the person who has the role, -1: nobody."""
        assert self.of is not None and self.roles is not None
        found = np.full(len(self.household), -1, np.int64)
        having = np.flatnonzero(self.roles == role)
        found[self.of[having]] = having
        return found


def plan_of(package: RulePackage, at: date, outputs: Sequence[str] = ()) -> Plan:
    """outputs: by name; none said: the amounts of the package's choices, or all.

    Raises CallerError: unsuited_package (its groups are no families), invalid_outputs.
    """
    groups = {name: spec.roles for name, spec in package.entities.items() if spec.roles is not None}
    if len(groups) > 1 or any(
        role not in ROLES or most != 1 for roles in groups.values() for role, most in roles.items()
    ):
        raise CallerError(
            f"{package.name} is about groups that this population has not: families of child, mother and father",
            code="unsuited_package",
        )
    if strange := set(outputs) - package.outputs.keys():
        raise CallerError(f"{package.name} has no outputs {sorted(strange)}", code="invalid_outputs")
    receivers: dict[str, list[str]] = {}
    for choice in package.choices:
        for item in choice.items:
            named = receivers.setdefault(item.amount, [])
            if item.receiver not in named:
                named.append(item.receiver)
    group = next(iter(groups), None)
    results = []
    for name in outputs or [*receivers] or [*package.outputs]:
        spec = package.outputs[name]
        period = at.strftime(_PERIODS[spec.period])
        roles = [""] if group in (None, spec.entity) else receivers.get(name) or [*(groups[group] or {})]
        for role in roles:
            called = f"{name}.{role}" if role else name
            results.append(Result(called, name, period, role, spec.type, spec.currency))
    return Plan(package, at, group, tuple(results))


def rows_of(plan: Plan, people: Columns, families: Columns) -> Rows:
    """Raises CallerError (unsuited_package): a column is not of its fact's type."""
    package, member = plan.package, np.ma.getdata(people["family"]) >= 0
    if plan.group is None:
        household = np.ma.getdata(people["household"])
        return Rows(household, _facts(package, people, package.person, None), frozenset())
    columns = {
        **_facts(package, people, package.person, member),
        **_facts(package, families, plan.group, None),
    }
    in_group = frozenset(name for name, spec in package.facts.items() if spec.entity == plan.group)
    of = np.ma.getdata(people["family"])[member].astype(np.int64)
    roles = np.array(ROLES)[np.ma.getdata(people["role"])[member]]
    return Rows(np.ma.getdata(families["household"]), columns, in_group, of, roles)


def _facts(
    package: RulePackage, columns: Columns, entity: str, chosen: NDArray[np.bool_] | None
) -> dict[Key, Array]:
    found: dict[Key, Array] = {}
    for name, values in columns.items():
        variable, _, period = name.partition("@")
        spec = package.facts.get(variable)
        if spec is None or spec.entity != entity or (spec.period != "eternity") != bool(period):
            continue
        taken = values if chosen is None else values[chosen]
        found[variable, period or "ETERNITY"] = _typed(package, variable, spec.type, taken)
    return found


def _typed(package: RulePackage, variable: str, kind: str, values: Array) -> Array:
    wanted: Any = np.dtype(DTYPES[kind])  # of whatever type
    if wanted.kind == "U" and values.dtype.kind == "U":
        return values
    if values.dtype.kind != wanted.kind:
        raise CallerError(
            f"{package.name}: the population's {variable} is no {kind}", code="unsuited_package"
        )
    return np.ma.MaskedArray(np.ma.getdata(values).astype(wanted), mask=np.ma.getmaskarray(values))
