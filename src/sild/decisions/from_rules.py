"""What a rule evaluation says, in the words of a decision record: rules, parameters, trace, rounding, unknowns, reasons, outcome.

Facts and results are sealed one by one, for they are about people; the words of reasons are, too, since they repeat them.
The other way round a record's inputs make the situation again that the rules saw: that is what a replay starts from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from sild.decisions.fields import (
    Counterfactual,
    Input,
    OutcomeItem,
    Parameter,
    Reason,
    Rounding,
    RuleRef,
    Sealed,
    Secret,
    Unknown,
)
from sild.decisions.record import DecisionRecord
from sild.rules import Asked, Evaluation, RulePackage, reasons
from sild.rules import Counterfactual as NeededChange

__all__ = [
    "Evidence",
    "asked_of",
    "counterfactuals_of",
    "fields_of",
    "inputs_of",
    "outcome_items",
    "situation_of",
]


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where a fact comes from; fields of `Input`."""

    register: str | None = None
    message_id: str | None = None
    valid_at: date | None = None
    fetched_at: datetime | None = None
    asserted_by: Literal["register", "person", "model", "official"] = "register"
    quality: str | None = None


def inputs_of(
    package: RulePackage,
    situation: Mapping[str, Any],
    evidence: Mapping[str, Evidence],
    *,
    sealed: bool = True,
) -> list[Input]:
    """Every known fact and role of a situation. evidence: by name of the input, or by its variable or role, or `""` for all else.

    A fact without evidence raises KeyError: nothing enters a decision from nowhere.
    """
    found: list[Input] = []

    def add(name: str, last: str, kind: str, value: Any) -> None:
        source = next((evidence[key] for key in (name, last, "") if key in evidence), None)
        if source is None:
            raise KeyError(name)
        found.append(
            Input(
                name=name,
                type=kind,
                value=Secret(secret=value) if sealed else value,
                register=source.register,
                message_id=source.message_id,
                valid_at=source.valid_at,
                fetched_at=source.fetched_at,
                asserted_by=source.asserted_by,
                quality=source.quality,
            )
        )

    for plural, instances in situation.items():
        for instance, said in instances.items():
            if not said:
                add(f"{plural}/{instance}", "", "instance", True)
            for variable, by_period in said.items():
                place = f"{plural}/{instance}/{variable}"
                if isinstance(by_period, Mapping):
                    kind = package.facts[variable].type
                    for period, value in by_period.items():
                        if value is not None:
                            add(f"{place}/{period}", variable, kind, value)
                else:
                    add(
                        place,
                        variable,
                        "role",
                        [by_period] if isinstance(by_period, str) else list(by_period),
                    )
    return found


def fields_of(package: RulePackage, evaluation: Evaluation, *, inputs: Sequence[Input]) -> dict[str, Any]:
    """Fields of a draft: rules, parameters, trace, rounding, unknowns, reasons (from the trace, in et, vi and en).

    Use as `Draft(**fields_of(...), inputs=inputs, outcome=..., ...)`.
    """
    known = {one.name for one in inputs}
    blocking = {node for one in evaluation.unknowns for node in one.blocks}
    return {
        "rules": RuleRef(package=package.name, version=package.version, sha256=package.sha256),
        "parameters": [
            Parameter(
                path=one.path,
                value=one.value,
                valid_from=date.fromisoformat(one.valid_from),
                article=one.article,
            )
            for one in evaluation.parameters
        ],
        "trace": evaluation.to_json()["trace"],
        "rounding": [
            Rounding(
                node=one.node,
                before=Secret(secret=one.before),
                after=Secret(secret=one.after),
                step=one.step,
                mode=one.mode,
                article=one.article,
            )
            for one in evaluation.rounding
        ],
        "unknowns": [
            Unknown(
                name=f"{one.entity}/{one.variable}/{one.period}",
                asked_of=one.holder,
                blocking=bool(blocking & set(one.blocks)),
            )
            for one in evaluation.unknowns
        ],
        "reasons": [
            Reason(
                code=one.code,
                article=one.article,
                inputs=tuple(name for node in one.inputs for name in known if _is_fact(name, node)),
                text={language: Secret(secret=words) for language, words in one.text.items()},
                origin="trace",
            )
            for one in reasons(package, evaluation)
        ],
    }


def outcome_items(package: RulePackage, evaluation: Evaluation, *, sealed: bool = True) -> list[OutcomeItem]:
    """The values asked for, as `INSTANCE/VARIABLE/PERIOD`; an unknown one is null."""
    items = []
    for one in evaluation.values:
        spec = package.outputs[one.variable]
        items.append(
            OutcomeItem(
                name=f"{one.entity}/{one.variable}/{one.period}",
                type=spec.type,
                value=Secret(secret=one.value) if sealed else one.value,
                currency=spec.currency if spec.type == "money" else None,
            )
        )
    return items


def counterfactuals_of(changes: Sequence[NeededChange]) -> list[Counterfactual]:
    return [
        Counterfactual(input=f"{one.entity}/{one.variable}/{one.period}", needed=Secret(secret=one.needed))
        for one in changes
    ]


def _is_fact(name: str, node: str) -> bool:
    """Whether the input `persons/anna/income/2025-01` is the trace's node `anna/income@2025-01`."""
    return name.partition("/")[2] == node.replace("@", "/")


def situation_of(record: DecisionRecord, opened: Mapping[str, Any]) -> dict[str, dict[str, dict[str, Any]]]:
    """The situation the rules saw, out of the record's inputs. opened: values by reference.

    Raises KeyError with the reference of a sealed value that is not open.
    """
    situation: dict[str, dict[str, dict[str, Any]]] = {}
    for one in record.inputs:
        plural, *rest = one.name.split("/")
        if not rest:
            continue
        value = opened[one.value.sealed] if isinstance(one.value, Sealed) else one.value
        instance = situation.setdefault(plural, {}).setdefault(rest[0], {})
        if len(rest) == 2:
            instance[rest[1]] = value
        elif len(rest) == 3:
            instance.setdefault(rest[1], {})[rest[2]] = value
    return situation


def asked_of(record: DecisionRecord) -> list[Asked]:
    """What the rules were asked for: the outcome's items that came of them."""
    found: list[Asked] = []
    for item in record.outcome.items:
        instance, _, rest = item.name.partition("/")
        variable, _, period = rest.partition("/")
        if period:
            found.append((instance, variable, period))
    return found
