"""From a situation, or from columns of a whole population, to what the rules say of it: one path for both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, localcontext
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from sild.errors import CallerError
from sild.rules.columns import Array, Column
from sild.rules.evaluation import (
    MISSING,
    Asked,
    Evaluation,
    Node,
    Situation,
    Trace,
    Unknown,
    UsedParameter,
    UsedRounding,
    Value,
    ValueJSON,
    node_id,
)
from sild.rules.guard import ENGINE, System, calculate, system_of
from sild.rules.package import RulePackage, digits_of
from sild.rules.rows import Computed, Run
from sild.rules.situation import DTYPES, Group, Population, parse_situation, period_text, shown

__all__ = ["evaluate", "evaluate_columns", "locate", "run_population"]

Columns = Mapping[tuple[str, str], Array]
Place = tuple[int, str, str]
"""Row, variable, period."""
Why = dict[tuple[str, str], dict[str, NDArray[np.bool_]]]
"""By fact: which contradiction has which rows of it."""


def evaluate(package: RulePackage, situation: Situation, outputs: Sequence[Asked], *, at: date) -> Evaluation:
    """What `outputs` are on the day `at`.

    Raises CallerError: invalid_situation, invalid_outputs, invalid_package, rule_failed (with `node`), rule_memory.
    """
    system, population = system_of(package), parse_situation(package, situation)
    asked = [locate(system, population, each) for each in outputs]
    run, why = run_population(system, population, [(variable, period) for _, variable, period in asked], at)
    return _Reader(run, population, why, at).read(asked)


def evaluate_columns(
    package: RulePackage,
    columns: Columns,
    outputs: Sequence[tuple[str, str]],
    *,
    at: date,
    counts: Mapping[str, int],
    groups: Mapping[str, Group] | None = None,
) -> dict[tuple[str, str], np.ma.MaskedArray[tuple[int], np.dtype[np.generic]]]:
    """A whole population: facts and results by (variable, period), one row for each instance of the variable's entity.

    A masked row is unknown, in facts as in results. Types by row: DTYPES (money: int64, minor units).
    Raises CallerError as `evaluate`, and invalid_columns.
    """
    system = system_of(package)
    held = {key: _column(package, key, values, counts) for key, values in columns.items()}
    population = Population(counts, groups or {}, held, {})
    asked = [(variable, _period(system, variable, period)) for variable, period in outputs]
    run, _ = run_population(system, population, asked, at)
    return {key: np.ma.MaskedArray(run.computed[key].values, mask=run.computed[key].unknown) for key in asked}


def run_population(
    system: System, population: Population, asked: Sequence[tuple[str, str]], at: date
) -> tuple[Run, Why]:
    """With facts that contradict one another taken for unknown.  Raises as `evaluate`."""
    why: Why = {}
    rules = system.package.contradictions
    if rules:
        kinds = [(rule.check, "ETERNITY") for rule in rules]
        checked = calculate(system, population, kinds, at)
        population, why = _without(system, population, checked)
    return calculate(system, population, asked, at), why


def _without(system: System, population: Population, checked: Run) -> tuple[Population, Why]:
    columns = dict(population.columns)
    why: Why = {}
    for rule in system.package.contradictions:
        found = checked.computed[rule.check, "ETERNITY"]
        bad = found.values & ~found.unknown
        if not bad.any():
            continue
        for key, column in columns.items():
            if key[0] in rule.facts:
                rows = _rows_of(system, population, rule.check, key[0], bad)
                known = np.zeros(rows.shape, np.bool_) if column.unknown is None else column.unknown
                columns[key] = Column(column.values, known | rows)
                why.setdefault(key, {})[rule.code] = rows & ~known
    return Population(population.counts, population.groups, columns, population.ids), why


def _rows_of(
    system: System, population: Population, check: str, fact: str, bad: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Rows of the fact's entity for rows of the check's."""
    of, to = system.entity_of[check], system.entity_of[fact]
    if of == to:
        return bad
    if to == system.package.person:
        return bad[population.groups[of].of]
    rows = np.zeros(population.counts[to], np.bool_)
    rows[population.groups[to].of[bad]] = True
    return rows


def locate(system: System, population: Population, asked: Asked) -> Place:
    instance, variable, period = asked
    when = _period(system, variable, period)
    try:
        return population.ids[system.entity_of[variable]].index(instance), variable, when
    except ValueError:
        raise CallerError(f"{variable} is asked of nobody there is", code="invalid_outputs") from None


def _period(system: System, variable: str, period: str) -> str:
    if variable not in system.entity_of:
        raise CallerError(f"no variable {variable}", code="invalid_outputs")
    try:
        return period_text(system.kind_of[variable], period)
    except CallerError as error:
        raise CallerError(f"{variable}: {error.message}", code="invalid_outputs") from None


def _column(package: RulePackage, key: tuple[str, str], values: Array, counts: Mapping[str, int]) -> Column:
    variable, period = key
    spec = package.facts.get(variable)
    if spec is None or period_text(spec.period, period) != period:
        raise CallerError(f"no fact {variable} by such a period", code="invalid_columns")
    plain = np.ma.getdata(values)
    if plain.shape != (counts[spec.entity],):
        raise CallerError(f"{variable}: not a row for each {spec.entity}", code="invalid_columns")
    if spec.type != "text" and plain.dtype != np.dtype(DTYPES[spec.type]):
        raise CallerError(f"{variable}: rows of type {DTYPES[spec.type]}", code="invalid_columns")
    return Column(plain, np.ma.getmaskarray(values))


@dataclass(frozen=True)
class _Reader:
    """Reads a run back, from the outputs asked down to the facts."""

    run: Run
    population: Population
    why: Why
    at: date

    def read(self, asked: Sequence[Place]) -> Evaluation:
        nodes: dict[Place, Node] = {}
        used: dict[tuple[str, str], None] = {}
        for each in asked:
            self._walk(each, nodes, used)
        package = self.run.package
        return Evaluation(
            package={"name": package.name, "version": package.version, "sha256": package.sha256},
            at=self.at.isoformat(),
            values=tuple(Value(self._name(each), each[1], each[2], nodes[each].value) for each in asked),
            unknowns=tuple(self._unknowns(asked, nodes)),
            parameters=tuple(self._parameter(*law) for law in sorted(used)),
            rounding=tuple(filter(None, (self._rounding(each, node) for each, node in nodes.items()))),
            trace=Trace(tuple(nodes.values())),
            engine=ENGINE,
        )

    def _walk(
        self,
        each: Place,
        nodes: dict[Place, Node],
        used: dict[tuple[str, str], None],
    ) -> None:
        """Each after its inputs."""
        if each in nodes:
            return
        inputs, laws = self._inputs(each)
        for one in inputs:
            self._walk(one, nodes, used)
        used.update(dict.fromkeys(laws))
        nodes[each] = Node(
            id=self._id(each),
            entity=self._name(each),
            variable=each[1],
            period=each[2],
            value=self._value(each),
            inputs=tuple(self._id(one) for one in inputs),
            parameters=tuple(f"{path}@{since}" for path, since in laws),
        )

    def _inputs(self, each: Place) -> tuple[list[Place], list[tuple[str, str]]]:
        row = each[0]
        inputs: set[Place] = set()
        laws: list[tuple[str, str]] = []
        for what, name, when, *link in sorted(self._computed(each).used):
            if what == "law":
                laws.append((name, when))
            else:
                inputs.update((r, name, when) for r in self._rows(row, *link))
        return sorted(inputs, key=self._id), laws

    def _rows(self, row: int, link: str, group: str = "", role: str = "") -> list[int]:
        if link == "self":
            return [row]
        if link == "role":
            held = int(self.run.holder(group, role)[row])
            return [] if held < 0 else [held]
        of = self.run.groups[group].of
        if link == "group":
            return [int(of[row])]
        return [int(r) for r in np.flatnonzero(of == (of[row] if link == "peers" else row))]

    def _computed(self, each: Place) -> Computed:
        return self.run.computed[each[1], each[2]]

    def _name(self, each: Place) -> str:
        return self.population.ids[self.run.entity_of[each[1]]][each[0]]

    def _id(self, each: Place) -> str:
        return node_id(self._name(each), each[1], each[2])

    def _value(self, each: Place) -> ValueJSON:
        computed = self._computed(each)
        if computed.unknown[each[0]]:
            return None
        return shown(self.run.package.spec(each[1]), computed.values[each[0]])

    def _unknowns(self, asked: Sequence[Place], nodes: Mapping[Place, Node]) -> Iterator[Unknown]:
        """Facts that nobody gave, with the outputs asked that they keep unknown."""
        by_id = {node.id: node for node in nodes.values()}
        blocked = {
            self._id(each): _reached(self._id(each), by_id) for each in asked if nodes[each].value is None
        }
        for each, node in nodes.items():
            fact = self.run.package.facts.get(each[1])
            blocks = tuple(output for output, reached in blocked.items() if node.id in reached)
            if fact is not None and node.value is None and blocks:
                codes = [code for code, rows in self.why.get(each[1:], {}).items() if rows[each[0]]]
                yield Unknown(
                    node.entity,
                    node.variable,
                    node.period,
                    fact.concept,
                    fact.holder,
                    codes[0] if codes else MISSING,
                    blocks,
                )

    def _parameter(self, path: str, since: str) -> UsedParameter:
        value = next(p for p in self.run.package.parameters[path] if p.valid_from.isoformat() == since)
        return UsedParameter(path, value.value, since, value.article)

    def _rounding(self, each: Place, node: Node) -> UsedRounding | None:
        computed, output = self._computed(each), self.run.package.outputs.get(each[1])
        if computed.before is None or output is None or output.rounding is None or node.value is None:
            return None
        digits = digits_of(output.currency) if output.currency else 0
        return UsedRounding(
            node=node.id,
            before=_exact(computed.before.exact(each[0]) / 10**digits),
            after=str(node.value),
            step=output.rounding.step,
            mode=output.rounding.mode,
            article=output.rounding.article,
        )


def _reached(start: str, nodes: Mapping[str, Node]) -> set[str]:
    """Through what is unknown only: a known value is none the worse for what it is made from."""
    found, waiting = {start}, [start]
    while waiting:
        for one in nodes[waiting.pop()].inputs:
            if one not in found and nodes[one].value is None:
                found.add(one)
                waiting.append(one)
    return found


def _exact(value: Fraction) -> str:
    """A decimal if it ends, else a fraction."""
    rest = value.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    if rest != 1:
        return f"{value.numerator}/{value.denominator}"
    with localcontext() as context:
        context.prec = 60
        return format(Decimal(value.numerator) / Decimal(value.denominator), "f")
