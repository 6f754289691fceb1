"""OpenFisca's web API forms, for its clients: /calculate and /trace of one situation with None where an answer is wanted.

What differs: money is a decimal string; what cannot be known stays None, where OpenFisca says a default; `/trace` has `unknowns`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from sild.errors import CallerError
from sild.rule_engine.engine import RuleEngine
from sild.rules import Asked, Evaluation, RulePackage, Situation

__all__ = ["calculate_document", "trace_document"]

Document = dict[str, dict[str, dict[str, Any]]]  # JSON of a situation


def calculate_document(
    engine: RuleEngine, package: RulePackage, document: Situation, *, at: date
) -> Document:
    """The situation, with answers in place of None.  Raises CallerError as `RuleEngine.evaluate`."""
    evaluation, answered = _evaluated(engine, package, document, at)
    for entity, variable, period, plural in _wanted(package, document):
        answered[plural][entity][variable][period] = evaluation.value(entity, variable, _upper(period))
    return answered


def trace_document(
    engine: RuleEngine, package: RulePackage, document: Situation, *, at: date
) -> dict[str, object]:
    """{"entitiesDescription", "requestedCalculations", "trace", "unknowns"}: a node is `variable<period>`, its value by instance.

    Raises CallerError as `RuleEngine.evaluate`.
    """
    evaluation, _ = _evaluated(engine, package, document, at)
    people = {spec.plural: list(document.get(spec.plural) or {}) for spec in package.entities.values()}
    place = {
        instance: (number, len(instances))
        for instances in people.values()
        for number, instance in enumerate(instances)
    }
    names = {node.id: f"{node.variable}<{node.period}>" for node in evaluation.trace.nodes}
    laws = {f"{p.path}@{p.valid_from}": p for p in evaluation.parameters}
    trace: dict[str, dict[str, Any]] = {}  # JSON
    for node in evaluation.trace.nodes:
        row, count = place[node.entity]
        told = trace.setdefault(
            names[node.id], {"dependencies": [], "parameters": {}, "value": [None] * count}
        )
        told["value"][row] = node.value
        told["dependencies"] = sorted({*told["dependencies"], *(names[one] for one in node.inputs)})
        for law in node.parameters:
            told["parameters"][f"{laws[law].path}<{laws[law].valid_from}>"] = laws[law].value
    return {
        "entitiesDescription": people,
        "requestedCalculations": list(dict.fromkeys(f"{v.variable}<{v.period}>" for v in evaluation.values)),
        "trace": trace,
        "unknowns": evaluation.to_json()["unknowns"],
    }


def _evaluated(
    engine: RuleEngine, package: RulePackage, document: Situation, at: date
) -> tuple[Evaluation, Document]:
    try:
        given, answered = _copy(document), _copy(document)
        asked: list[Asked] = []
        for entity, variable, period, plural in _wanted(package, document):
            asked.append((entity, variable, _upper(period)))
            del given[plural][entity][variable][period]
            if not given[plural][entity][variable]:
                del given[plural][entity][variable]
    except (AttributeError, TypeError, ValueError):
        raise CallerError("not a situation", code="invalid_situation") from None
    if not asked:
        raise CallerError("nothing is asked: no variable is null", code="invalid_outputs")
    return engine.evaluate(package, given, asked, at=at), answered


def _copy(document: Situation) -> Document:
    copied: Document = json.loads(json.dumps(document))
    return copied


def _wanted(package: RulePackage, document: Situation) -> Iterator[tuple[str, str, str, str]]:
    """Every None of an output: instance, variable, period, plural."""
    for plural, instances in document.items():
        for entity, values in instances.items():
            for variable, by_period in values.items():
                if variable in package.outputs and isinstance(by_period, Mapping):
                    yield from ((entity, variable, str(p), plural) for p, v in by_period.items() if v is None)


def _upper(period: str) -> str:
    return "ETERNITY" if period.upper() == "ETERNITY" else period
