"""Are the columns what one person would be told? A random sample of what a run decided goes through the path for one, and is compared."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Protocol

import numpy as np

from sild.cohorts.chunk import causes_of, result_path, unknowns_path
from sild.cohorts.plan import Plan, Rows, plan_of, rows_of
from sild.cohorts.population import Columns, Population, household_name, read_chunk, read_table
from sild.cohorts.run import Run
from sild.rules import Asked, Evaluation, RulePackage, Situation, decimal_text

__all__ = ["Difference", "Evaluate", "check_run"]


class Evaluate(Protocol):
    """The path for one: sild.rule_engine's."""

    def __call__(
        self, package: RulePackage, situation: Situation, outputs: Sequence[Asked], *, at: date
    ) -> Evaluation: ...


@dataclass(frozen=True, slots=True)
class Difference:
    """columns: what the run has.  alone: what the path for one says."""

    household: str
    result: str
    columns: str
    alone: str


def check_run(
    run: Run, evaluate: Evaluate, count: int, *, done: Callable[[int], None] = lambda count: None
) -> list[Difference]:
    """`count` of all that was decided on, the same ones of the same run; results and what makes them unknown.

    done: called with how many.  Raises CallerError (corrupt_chunk), and what `evaluate` raises.
    """
    people = Path(run.head["population"]["directory"])
    chunks = {chunk.name: chunk for chunk in Population.read(people).chunks}
    plan = plan_of(run.package(), date.fromisoformat(run.head["at"]), _outputs(run))
    sizes = {name: int(run.lines[name]["decided"]) for name in sorted(run.lines)}
    chosen: dict[str, list[int]] = defaultdict(list)
    ends = np.cumsum(list(sizes.values()))
    total = int(ends[-1]) if len(ends) else 0
    dice = np.random.default_rng(int(run.sha256[:16], 16))
    for place in np.sort(dice.choice(total, min(count, total), replace=False)):
        at = int(np.searchsorted(ends, place, side="right"))
        name = list(sizes)[at]
        chosen[name].append(int(place - (ends[at] - sizes[name])))
    differences = []
    for name, places in chosen.items():
        rows = rows_of(plan, *read_chunk(people, chunks[name], plan.package.facts))
        found, unknowns = (read_table(path(run.directory, name)) for path in (result_path, unknowns_path))
        skipped = {failure["household"] for failure in run.lines[name]["failed"]}
        for place in places:
            household = household_name(name, int(rows.household[place]))
            if household not in skipped:
                one = np.zeros(len(rows.household), np.bool_)
                one[place] = True
                said = _by_columns(plan, found, unknowns, place)
                alone = _alone(plan, rows.take(one), evaluate)
                differences += [
                    Difference(household, what, said.get(what, "-"), alone.get(what, "-"))
                    for what in sorted(said.keys() | alone.keys())
                    if said.get(what) != alone.get(what)
                ]
        done(len(places))
    return differences


def _outputs(run: Run) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.partition(".")[0] for name in run.head["results"]))


def _by_columns(plan: Plan, found: Columns, unknowns: Columns, place: int) -> dict[str, str]:
    said = {}
    for result in plan.results:
        values = found[result.name]
        if bool(found[f"{result.name}?"][place]):
            said[result.name] = "unknown"
        elif not np.ma.getmaskarray(values)[place]:
            said[result.name] = _text(np.ma.getdata(values)[place], result.currency)
    if plan.group is not None:
        own = np.ma.getdata(unknowns["household"]) == np.ma.getdata(found["household"])[place]
        for number in np.ma.getdata(unknowns["cause"])[own]:
            said[f"missing {'.'.join(filter(None, causes_of(plan)[number]))}"] = "yes"
    return said


def _alone(plan: Plan, rows: Rows, evaluate: Evaluate) -> dict[str, str]:
    """The same facts as a situation."""
    package = plan.package
    count = len(rows.household) if rows.roles is None else len(rows.roles)
    names = [f"p{row}" for row in range(count)] if rows.roles is None else [str(role) for role in rows.roles]
    persons: dict[str, dict[str, object]] = {name: {} for name in names}
    group: dict[str, object] = {role: [role] for role in names}
    for (variable, period), values in rows.columns.items():
        spec = package.facts[variable]
        holders: Mapping[int, dict[str, object]] = (
            {0: group}
            if variable in rows.in_group
            else {row: persons[name] for row, name in enumerate(names)}
        )
        for row, holder in holders.items():
            if not np.ma.getmaskarray(values)[row]:
                said = holder.setdefault(variable, {})
                assert isinstance(said, dict)
                said[period] = _fact(np.ma.getdata(values)[row], spec.currency)
    situation = {package.entities[package.person].plural: persons}
    if plan.group is not None:
        situation[package.entities[plan.group].plural] = {"family": group}
    asked = {
        result.name: (result.role or ("family" if plan.group else names[0]), result.variable, result.period)
        for result in plan.results
        if not result.role or result.role in names
    }
    evaluation = evaluate(package, situation, list(asked.values()), at=plan.at)
    told: dict[str, str] = {}
    for name, one in asked.items():
        value = evaluation.value(*one)
        told[name] = "unknown" if value is None else str(value)
    if plan.group is not None:
        for unknown in evaluation.unknowns:
            role = "" if unknown.entity == "family" else unknown.entity
            told[f"missing {'.'.join(filter(None, (unknown.variable, role)))}"] = "yes"
    return told


def _text(value: np.generic, currency: str | None) -> str:
    return decimal_text(int(value), currency) if currency else str(value)


def _fact(value: np.generic, currency: str | None) -> object:
    if currency:
        return decimal_text(int(value), currency)
    return str(value) if isinstance(value, np.datetime64 | np.str_) else value.item()
