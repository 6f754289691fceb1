"""OpenFisca under guard: the one module that imports it, and only in a process made for rules (see rule_engine).

OpenFisca resolves variables, periods, formulas by date, and cycles. What it would do wrong is taken from it:

* 32-bit numbers: its table of types is set to 64 bits before a variable is loaded;
* a default for what is missing: each formula runs on columns that know which rows are unknown, and every leaf of its trace must be
  given or known as unknown. Where it would give a default without a word (no formula in force yet, a spiral) it is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version

import numpy as np
from openfisca_core.entities import Entity, GroupEntity
from openfisca_core.entities.types import RoleParams
from openfisca_core.periods import DateUnit, Period
from openfisca_core.populations import Population as CorePopulation
from openfisca_core.simulations import Simulation
from openfisca_core.taxbenefitsystems import TaxBenefitSystem
from openfisca_core.variables import Variable
from openfisca_core.variables import config as types_of_openfisca

from sild.errors import CallerError, PlatformError
from sild.rules import columns
from sild.rules.columns import NOTHING, Array, Column, Ratio, constant, rounded, spread
from sild.rules.package import OutputSpec, RulePackage, digits_of
from sild.rules.rows import Computed, Law, Rows, Run
from sild.rules.situation import DTYPES, Population

__all__ = ["ENGINE", "System", "calculate", "system_of"]

types_of_openfisca.VALUE_TYPES[float]["dtype"] = np.float64
types_of_openfisca.VALUE_TYPES[int]["dtype"] = np.int64

ENGINE = {"openfisca-core": version("openfisca-core"), "numpy": np.__version__}

_TYPES: Mapping[str, type] = {
    "money": int,
    "int": int,
    "instant": int,
    "bool": bool,
    "date": date,
    "text": str,
}
WORDS = ("age", "constant", "day_of", "greatest", "later", "least", "month_of", "where")
Formula = Callable[[Rows, Period | None, Law], Column | Ratio]


@dataclass(frozen=True, slots=True)
class System:
    """A package as OpenFisca has it. entity_of, kind_of: entity and kind of period, by variable."""

    package: RulePackage
    core: TaxBenefitSystem
    entity_of: Mapping[str, str]
    kind_of: Mapping[str, str]


_systems: dict[str, System] = {}


def system_of(package: RulePackage) -> System:
    """Made once in a process.  Raises CallerError (invalid_package)."""
    if package.sha256 not in _systems:
        _systems[package.sha256] = _make(package)
    return _systems[package.sha256]


def calculate(system: System, population: Population, outputs: Sequence[tuple[str, str]], at: date) -> Run:
    """Everything that `outputs`, (variable, period), need.

    Raises CallerError: rule_failed, with the variable, when a rule does; rule_memory.
    """
    simulation = _simulation(system, population)

    def compute(variable: str, period: str) -> Computed:
        key = (variable, period)
        if key not in run.computed:
            simulation.calculate(variable, None if period == "ETERNITY" else period)
            if key not in run.computed:
                run.computed[key] = _unknown(system, variable, population)
        return run.computed[key]

    run = Run(
        system.package, at, population.counts, population.groups, system.entity_of, system.kind_of, compute
    )
    simulation.sild_run = run
    simulation.trace = True
    for (variable, period), column in population.columns.items():
        values, unknown = spread(column, population.counts[system.entity_of[variable]])
        held = values.astype(object) if values.dtype.kind == "U" else values
        simulation.set_input(variable, period, held)
        run.computed[variable, period] = Computed(values, unknown, NOTHING)
    for variable, period in outputs:
        with _refusing(variable):
            compute(variable, period)
    _check_leaves(run, simulation, population)
    return run


# --- a package as a system


def _make(package: RulePackage) -> System:
    entities = {
        name: Entity(name, spec.plural, name, "")
        if spec.roles is None
        else GroupEntity(
            name,
            spec.plural,
            name,
            "",
            [_role(role, most) for role, most in spec.roles.items()],
        )
        for name, spec in package.entities.items()
    }
    core = TaxBenefitSystem(list(entities.values()))
    for name, fact in package.facts.items():
        core.add_variable(
            type(
                name,
                (Variable,),
                {
                    "value_type": _TYPES[fact.type],
                    "entity": entities[fact.entity],
                    "definition_period": DateUnit(fact.period),
                },
            )
        )
    for name, found in _written(package, entities).items():
        core.add_variable(_variable(package, name, found, entities))
    without = {name for name, variable in core.variables.items() if not variable.formulas}
    if missing := (package.outputs.keys() - core.variables.keys()) | (without - package.facts.keys()):
        raise CallerError(f"no formulas of {sorted(missing)}", code="invalid_package")
    return System(
        package,
        core,
        {name: variable.entity.key for name, variable in core.variables.items()},
        {name: str(variable.definition_period.value) for name, variable in core.variables.items()},
    )


def _role(name: str, most: int | None) -> RoleParams:
    return {"key": name} if most is None else {"key": name, "max": most}


def _written(package: RulePackage, entities: Mapping[str, object]) -> dict[str, type[Variable]]:
    """The classes of variables.py, run with the words a package may use."""
    words: dict[str, object] = {
        "__name__": f"rules_{package.name}",
        "Variable": Variable,
        **{name.title().replace("_", ""): entity for name, entity in entities.items()},
        **{unit.name: unit for unit in (DateUnit.ETERNITY, DateUnit.YEAR, DateUnit.MONTH, DateUnit.DAY)},
        **{name: getattr(columns, name) for name in WORDS},
        "date": date,
    }
    known = set(words)
    with _refusing("variables.py"):
        exec(compile(package.files["variables.py"], f"{package.name}/variables.py", "exec"), words)  # noqa: S102  # in the sandbox
    return {
        name: found
        for name, found in words.items()
        if name not in known and isinstance(found, type) and issubclass(found, Variable)
    }


def _variable(
    package: RulePackage, name: str, found: type[Variable], entities: Mapping[str, object]
) -> type[Variable]:
    """With what package.yaml says of an output, and each formula under guard."""
    said = dict(vars(found))
    output = package.outputs.get(name)
    if output is not None:
        told = {
            "value_type": _TYPES[output.type],
            "entity": entities[output.entity],
            "definition_period": DateUnit(output.period),
        }
        if any(said.get(key, value) != value for key, value in told.items()):
            raise CallerError(f"{name} is not what package.yaml says", code="invalid_package")
        said |= told
    for key, value in said.items():
        if key.startswith("formula"):
            said[key] = _guarded(name, value, output)
    return type(name, (Variable,), {k: v for k, v in said.items() if k not in ("__dict__", "__weakref__")})


def _guarded(
    name: str, formula: Formula, output: OutputSpec | None
) -> Callable[[CorePopulation, Period | None, object], Array]:
    def run_formula(population: CorePopulation, period: Period | None, _parameters: object) -> Array:
        run: Run = population.simulation.sild_run
        text, day = "ETERNITY", run.at
        if period is not None:
            text, day = str(period), date.fromisoformat(str(period.start))
        with _refusing(name):
            found = formula(Rows(run, population.entity.key, text), period, Law(run, day))
            computed = _computed(found, output, population.count)
        run.computed[name, text] = computed
        values = computed.values
        return values.astype(object) if values.dtype.kind == "U" else values

    return run_formula


def _computed(found: object, output: OutputSpec | None, count: int) -> Computed:
    before = None
    if isinstance(found, Ratio):
        if output is None or output.rounding is None:
            raise CallerError("a quotient, and no law that rounds it", code="rule_failed")
        before = found
        digits = digits_of(output.currency) if output.currency else 0
        found = rounded(found, output.rounding, digits)
    column = constant(found)
    values, unknown = spread(column, count)
    return Computed(values, unknown, column.used, before)


# --- a run


def _simulation(system: System, population: Population) -> Simulation:
    populations = system.core.instantiate_entities()
    for name, held in populations.items():
        held.count = population.counts[name]
        if name in population.groups:
            held.members_entity_id = population.groups[name].of
    return Simulation(system.core, populations)


def _unknown(system: System, variable: str, population: Population) -> Computed:
    """Of what was not given. OpenFisca says zero, or the epoch, without a word."""
    if system.core.variables[variable].formulas:
        raise CallerError(f"no rule for {variable} in force then", code="rule_failed", node=variable)
    spec = system.package.facts[variable]
    count = population.counts[spec.entity]
    return Computed(np.zeros(count, DTYPES[spec.type]), np.ones(count, np.bool_), NOTHING)


def _check_leaves(run: Run, simulation: Simulation, population: Population) -> None:
    """What nobody gave is unknown, or nothing is decided: of the leaves of OpenFisca's own trace, and of all that was used."""
    leaves = {key for key in run.computed if key[0] in run.package.facts}
    waiting = list(simulation.tracer.trees)
    while waiting:
        node = waiting.pop()
        waiting.extend(node.children)
        if not simulation.tax_benefit_system.variables[node.name].formulas:
            leaves.add((node.name, "ETERNITY" if node.period is None else str(node.period)))
    for name, period in leaves - population.columns.keys():
        if not run.computed[name, period].unknown.all():
            raise CallerError(f"{name} has a value that nobody gave", code="rule_failed", node=name)


@contextmanager
def _refusing(node: str) -> Iterator[None]:
    """Whatever a rule raises becomes a refusal that names the innermost variable; its message stays inside, it may hold values."""
    try:
        yield
    except PlatformError as error:
        error.detail.setdefault("node", node)
        raise
    except MemoryError:
        raise CallerError("a rule needs too much memory", code="rule_memory", node=node) from None
    except Exception as error:  # foreign code: anything
        kind = type(error).__name__
        raise CallerError(f"{node} raises {kind}", code="rule_failed", node=node) from error
