"""What would have had to be otherwise: of one fact, the smallest lawful change either way that changes an outcome.

Found by trying: copies of the situation, each with one fact changed, run as one population in columns. Steps of 1, 2, 4 ... units
(cents, days, pieces) up and down until the outcome differs, then the edge between the last that does not and the first that does.
Between two tries an outcome that differs and returns is not seen: what is found is true, that nothing smaller exists is not promised.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from sild.rules.calculate import locate, run_population
from sild.rules.columns import Array, Column, spread
from sild.rules.evaluation import Asked, Counterfactual, Situation, ValueJSON, node_id
from sild.rules.guard import System, system_of
from sild.rules.package import FactSpec, RulePackage
from sild.rules.situation import Group, Population, parse_situation, read_value, shown

__all__ = ["counterfactuals"]

MOST_FACTS, WAYS = 64, 15
REACH = {"money": 40, "int": 10, "date": 15}
"""By type: steps of up to 2 to the power of it."""


@dataclass(frozen=True, slots=True)
class _Fact:
    key: tuple[str, str]
    row: int
    spec: FactSpec
    present: int | bool | str


def counterfactuals(
    package: RulePackage, situation: Situation, outputs: Sequence[Asked], *, at: date
) -> list[Counterfactual]:
    """For each known output, by fact that `may_change`. At most one change up and one down of each, in the period where least is needed.

    Raises CallerError as `evaluate`.
    """
    system, population = system_of(package), parse_situation(package, situation)
    asked = [locate(system, population, each) for each in outputs]
    facts = _facts(package, population)[:MOST_FACTS]
    tries = [(fact, value) for fact in facts for value in _first_tries(fact)]
    present = _outcomes(system, population, [], asked, at)[0]
    results = _outcomes(system, population, tries, asked, at)
    found: dict[tuple[object, ...], tuple[int, Counterfactual]] = {}
    for number, place in enumerate(asked):
        for fact in facts if present[number] is not None else ():
            differing = [
                value
                for (other, value), outcome in zip(tries, results, strict=True)
                if other is fact and outcome[number] not in (None, present[number])
            ]
            for needed in _nearest(fact, differing):
                edge, after = _edge(system, population, fact, needed, (number, present[number]), asked, at)
                size, way = _change(fact, edge)
                key = (place, fact.key[0], fact.row, way)
                if key not in found or size < found[key][0]:
                    told = _told(system, population, fact, edge, place, present[number], after)
                    found[key] = (size, told)
    return [told for _, told in found.values()]


def _change(fact: _Fact, edge: int | bool | str) -> tuple[int, object]:
    """How large, and which way."""
    if isinstance(edge, bool | str) or isinstance(fact.present, bool | str):
        return 0, edge
    return abs(edge - fact.present), edge > fact.present


def _facts(package: RulePackage, population: Population) -> list[_Fact]:
    """Those given that may change."""
    found = []
    for key in sorted(population.columns):
        spec = package.facts[key[0]]
        if spec.may_change and spec.type != "instant":
            values, unknown = spread(population.columns[key], population.counts[spec.entity])
            numbers = values.astype(np.int64) if spec.type == "date" else values
            found += [_Fact(key, int(row), spec, numbers[row].item()) for row in np.flatnonzero(~unknown)]
    return found


def _first_tries(fact: _Fact) -> list[int | bool | str]:
    if isinstance(fact.present, bool):
        return [not fact.present]
    if isinstance(fact.present, str):
        return [value for value in fact.spec.values or () if value != fact.present]
    steps = [sign << power for power in range(REACH[fact.spec.type] + 1) for sign in (1, -1)]
    low, high = _bound(fact.spec, fact.spec.minimum), _bound(fact.spec, fact.spec.maximum)
    tries = {fact.present + step for step in steps} | {b for b in (low, high) if b is not None}
    return [*filter(lambda v: _inside(v, low, high), sorted(tries - {fact.present}))]


def _bound(spec: FactSpec, bound: str | int | None) -> int | None:
    return None if bound is None else int(read_value(spec, bound))  # type: ignore[arg-type]  # of a number


def _inside(value: int, low: int | None, high: int | None) -> bool:
    return (low is None or value >= low) and (high is None or value <= high)


def _nearest(fact: _Fact, differing: list[int | bool | str]) -> list[int | bool | str]:
    """All, of what has no order; else the nearest above and the nearest below."""
    if isinstance(fact.present, bool | str):
        return differing
    above = [v for v in differing if v > fact.present]  # type: ignore[operator]  # numbers
    below = [v for v in differing if v < fact.present]  # type: ignore[operator]  # numbers
    return [*([min(above)] if above else []), *([max(below)] if below else [])]


def _edge(
    system: System,
    population: Population,
    fact: _Fact,
    needed: int | bool | str,
    outcome: tuple[int, ValueJSON],
    asked: Sequence[tuple[int, str, str]],
    at: date,
) -> tuple[int | bool | str, ValueJSON]:
    """The value nearest to the present one of which the outcome differs, and that outcome."""
    number, before = outcome
    after = _outcomes(system, population, [(fact, needed)], asked, at)[0][number]
    if isinstance(fact.present, bool | str) or isinstance(needed, bool | str):
        return needed, after
    same, other = fact.present, needed
    while abs(other - same) > 1:
        between = sorted(
            {same + (other - same) * step // (WAYS + 1) for step in range(1, WAYS + 1)} - {same, other}
        )
        between.sort(key=lambda value: abs(value - same))
        results = _outcomes(system, population, [(fact, value) for value in between], asked, at)
        for value, result in zip(between, results, strict=True):
            if result[number] not in (None, before):
                other, after = value, result[number]
                break
            same = value
    return other, after


def _outcomes(
    system: System,
    population: Population,
    tries: Sequence[tuple[_Fact, int | bool | str]],
    asked: Sequence[tuple[int, str, str]],
    at: date,
) -> list[list[ValueJSON]]:
    """By try, by output. No tries: as it is."""
    copies = max(1, len(tries))
    columns = {
        key: _copied(column, population.counts[system.entity_of[key[0]]], copies)
        for key, column in population.columns.items()
    }
    for number, (fact, value) in enumerate(tries):
        count = population.counts[fact.spec.entity]
        values = columns[fact.key].values
        values[number * count + fact.row] = np.datetime64(value, "D") if fact.spec.type == "date" else value
    groups = {
        name: Group(_shifted(group.of, population.counts[name], copies), np.tile(group.roles, copies))
        for name, group in population.groups.items()
    }
    many = Population({name: n * copies for name, n in population.counts.items()}, groups, columns, {})
    run, _ = run_population(system, many, [(variable, period) for _, variable, period in asked], at)
    results: list[list[ValueJSON]] = []
    for number in range(copies):
        row = []
        for place, variable, period in asked:
            computed = run.computed[variable, period]
            where = number * population.counts[system.entity_of[variable]] + place
            spec = system.package.spec(variable)
            row.append(None if computed.unknown[where] else shown(spec, computed.values[where]))
        results.append(row)
    return results


def _copied(column: Column, count: int, copies: int) -> Column:
    values, unknown = spread(column, count)
    return Column(np.tile(values, copies), np.tile(unknown, copies))


def _shifted(of: Array, count: int, copies: int) -> Array:
    shifted: Array = (of[None, :] + np.arange(copies)[:, None] * count).ravel()
    return shifted


def _told(
    system: System,
    population: Population,
    fact: _Fact,
    needed: int | bool | str,
    place: tuple[int, str, str],
    before: ValueJSON,
    after: ValueJSON,
) -> Counterfactual:
    row, variable, period = place
    of = population.ids[system.entity_of[variable]][row]
    return Counterfactual(
        entity=population.ids[fact.spec.entity][fact.row],
        variable=fact.key[0],
        period=fact.key[1],
        present=_shown(fact.spec, fact.present),
        needed=_shown(fact.spec, needed),
        outcome=node_id(of, variable, period),
        before=before,
        after=after,
    )


def _shown(spec: FactSpec, value: int | bool | str) -> ValueJSON:
    return str(np.datetime64(value, "D")) if spec.type == "date" else shown(spec, np.array([value])[0])
