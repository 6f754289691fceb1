"""What a rule evaluation says, in the words of a decision record: rules, parameters, trace, rounding, unknowns, reasons, outcome.

Facts and results are sealed one by one, for they are about people; the words of reasons are, too, since they repeat them.
The other way round a record's inputs make the situation again that the rules saw: that is what a replay starts from.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from sild.decisions.fields import (
    Counterfactual,
    Input,
    OutcomeItem,
    Parameter,
    Reason,
    Rounding,
    RuleRef,
    Secret,
    Unknown,
)
from sild.decisions.record import DecisionRecord
from sild.rules import MISSING, Asked, Evaluation, RulePackage, reasons
from sild.rules import Counterfactual as NeededChange

__all__ = [
    "asked_of",
    "counterfactuals_of",
    "fields_of",
    "outcome_items",
    "situation_of",
]


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
                why=None if one.why == MISSING else one.why,
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


def situation_of(facts: Iterable[tuple[str, Any]]) -> dict[str, dict[str, dict[str, Any]]]:  # JSON
    """The situation of the rules (OpenFisca's form) out of facts: each the name of an input, its path there, and its value.

    None: nobody knows; who or what it is about is there, and the fact is not. Of `ENTITY/NAME` alone the value says nothing.
    """
    situation: dict[str, dict[str, dict[str, Any]]] = {}
    for name, value in facts:
        plural, *rest = name.split("/")
        if not rest:  # of no instance: nothing that rules see
            continue
        instance, *rest = rest
        place = situation.setdefault(plural, {}).setdefault(instance, {})
        if not rest or value is None:
            continue
        for part in rest[:-1]:
            place = place.setdefault(part, {})
        place[rest[-1]] = value
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
