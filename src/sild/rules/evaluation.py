"""What an evaluation says: values, what is unknown and whom to ask, the law it used, and the trace of how it came about.

Plain values only, so that it can be sealed and sent: money is a decimal string with all digits of its currency, dates are ISO 8601.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import TypedDict, TypeVar, cast

from sild.rules.canonical import sha256_of

__all__ = [
    "MISSING",
    "Asked",
    "Counterfactual",
    "Evaluation",
    "Node",
    "Situation",
    "Trace",
    "Unknown",
    "UsedParameter",
    "UsedRounding",
    "Value",
    "ValueJSON",
    "first_difference",
    "node_id",
]

T = TypeVar("T")

ValueJSON = str | int | bool | None
Situation = Mapping[str, Mapping[str, Mapping[str, object]]]
"""OpenFisca's /calculate form: entities by plural, instances by name, values by variable and period, or names by role."""
Asked = tuple[str, str, str]
"""Instance of an entity, variable, period."""


@dataclass(frozen=True, slots=True)
class Value:
    """value: None if unknown."""

    entity: str
    variable: str
    period: str
    value: ValueJSON


MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Unknown:
    """A fact that nobody gave. concept, holder: what it is in registers, and who has it.  blocks: outputs, as `node` ids.

    why: `missing` (MISSING), or the code of a contradiction that it is part of.
    """

    entity: str
    variable: str
    period: str
    concept: str
    holder: str
    why: str
    blocks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UsedParameter:
    path: str
    value: str | int
    valid_from: str
    article: str


@dataclass(frozen=True, slots=True)
class UsedRounding:
    """before: exact, a decimal or else a fraction (`4000/3`).  step: in units of the currency."""

    node: str
    before: str
    after: str
    step: str
    mode: str
    article: str


@dataclass(frozen=True, slots=True)
class Node:
    """id: `INSTANCE/VARIABLE@PERIOD`.  inputs: ids.  parameters: `PATH@VALID_FROM`."""

    id: str
    entity: str
    variable: str
    period: str
    value: ValueJSON
    inputs: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()


@dataclass(frozen=True)
class Trace:
    """nodes: each after its inputs; of the same facts and rules always in the same order."""

    nodes: tuple[Node, ...]

    @cached_property
    def root(self) -> str:
        """SHA-256, hexadecimal, of the nodes as canonical JSON."""
        return sha256_of([asdict(node) for node in self.nodes])

    def find(self, node_id: str) -> Node | None:
        return self._by_id.get(node_id)

    @cached_property
    def _by_id(self) -> Mapping[str, Node]:
        return {node.id: node for node in self.nodes}


class EvaluationJSON(TypedDict):
    package: dict[str, str]
    at: str
    values: list[dict[str, ValueJSON]]
    unknowns: list[dict[str, object]]
    parameters: list[dict[str, str | int]]
    rounding: list[dict[str, str]]
    trace: dict[str, object]
    engine: dict[str, str]


@dataclass(frozen=True)
class Evaluation:
    """package: name, version, sha256.  engine: versions of what computed it; they are no part of the trace."""

    package: Mapping[str, str]
    at: str
    values: tuple[Value, ...]
    unknowns: tuple[Unknown, ...]
    parameters: tuple[UsedParameter, ...]
    rounding: tuple[UsedRounding, ...]
    trace: Trace
    engine: Mapping[str, str] = field(default_factory=dict)

    def value(self, entity: str, variable: str, period: str = "ETERNITY") -> ValueJSON:
        """None: unknown.  Raises KeyError: was not asked."""
        return self._by_key[entity, variable, period]

    def missing_for(self, entity: str, variable: str, period: str = "ETERNITY") -> tuple[Unknown, ...]:
        """The facts that keep it unknown."""
        return tuple(u for u in self.unknowns if node_id(entity, variable, period) in u.blocks)

    @cached_property
    def _by_key(self) -> Mapping[Asked, ValueJSON]:
        return {(v.entity, v.variable, v.period): v.value for v in self.values}

    def to_json(self) -> EvaluationJSON:
        return {
            "package": dict(self.package),
            "at": self.at,
            "values": [asdict(value) for value in self.values],
            "unknowns": [{**asdict(unknown), "blocks": list(unknown.blocks)} for unknown in self.unknowns],
            "parameters": [asdict(parameter) for parameter in self.parameters],
            "rounding": [asdict(rounding) for rounding in self.rounding],
            "trace": {
                "root": self.trace.root,
                "nodes": [
                    {**asdict(node), "inputs": list(node.inputs), "parameters": list(node.parameters)}
                    for node in self.trace.nodes
                ],
            },
            "engine": dict(self.engine),
        }

    @classmethod
    def from_json(cls, said: EvaluationJSON) -> Evaluation:
        """What `to_json` gave; the root is computed again, not believed."""
        nodes: list[dict[str, object]] = said["trace"]["nodes"]  # type: ignore[assignment]  # JSON of Node
        return cls(
            package=said["package"],
            at=said["at"],
            values=tuple(Value(**v) for v in said["values"]),  # type: ignore[arg-type]  # JSON of Value
            unknowns=tuple(_listed(Unknown, u, "blocks") for u in said["unknowns"]),
            parameters=tuple(UsedParameter(**p) for p in said["parameters"]),  # type: ignore[arg-type]  # as above
            rounding=tuple(UsedRounding(**r) for r in said["rounding"]),
            trace=Trace(tuple(_listed(Node, n, "inputs", "parameters") for n in nodes)),
            engine=said["engine"],
        )


@dataclass(frozen=True, slots=True)
class Counterfactual:
    """Had this one fact been `needed`, `outcome` would have been another. present: as given."""

    entity: str
    variable: str
    period: str
    present: ValueJSON
    needed: ValueJSON
    outcome: str
    before: ValueJSON
    after: ValueJSON


def node_id(entity: str, variable: str, period: str) -> str:
    return f"{entity}/{variable}@{period}"


def first_difference(one: Trace, other: Trace) -> Node | None:
    """The first node of `one`, inputs before what follows from them, that `other` has not or has otherwise; None: they are equal.

    What `other` has besides is found too: the first node of it that `one` has not.
    """
    for node in one.nodes:
        if other.find(node.id) != node:
            return node
    return next((node for node in other.nodes if one.find(node.id) is None), None)


def _listed(kind: type[T], said: Mapping[str, object], *lists: str) -> T:
    """Lists of JSON as tuples."""
    turned = {name: tuple(cast(list[object], said[name])) for name in lists}
    return kind(**{**said, **turned})
