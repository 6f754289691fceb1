"""A decision made again out of its evidence (steps 1 to 6): the same outcome and the same trace, byte for byte, or where they part.

1 seal, chain, inclusion and time-stamp hold            4 the rules run again, in a sandbox
2 the rules are there, file by file, by their hash      5 outcome and trace are equal, or the first node that is not
3 inputs are opened, fit their hashes, and their        6 what models said is taken from the record; no model is asked
  messages lie in both logs
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any, Literal, Protocol

from sild.decisions.bundle import render_bundle
from sild.decisions.canonical import canonical_json
from sild.decisions.fields import Input, OutcomeItem, Sealed
from sild.decisions.from_rules import asked_of, situation_of
from sild.decisions.message_logs import InLog
from sild.decisions.record import DecisionRecord
from sild.decisions.verifying import verify_bundle
from sild.errors import PlatformError
from sild.rules import Asked, Evaluation, Node, RulePackage, Situation, Trace, first_difference, parse_package

__all__ = ["FindMessage", "ReplayReport", "RunsRules", "Step", "replay"]

Verdict = Literal["holds", "broken", "unknown"]
FindMessage = Callable[[str], Sequence[InLog]]
"""Message id to what is to be said of it in the logs of both sides."""


class RunsRules(Protocol):
    """`sild.rule_engine.RuleEngine`."""

    def evaluate(
        self, package: RulePackage, situation: Situation, outputs: list[Asked], *, at: date
    ) -> Evaluation: ...


@dataclass(frozen=True, slots=True)
class Step:
    number: int
    verdict: Verdict
    text: str


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """result: `impossible` where it can no longer be told, because values were shredded or are not open to the reader.

    difference: of the first node that differs `node`, `recorded` and `replayed`; None where one side does not have it.
    """

    decision: str
    result: Literal["match", "mismatch", "impossible"]
    steps: tuple[Step, ...]
    difference: Mapping[str, Any] | None = None  # JSON

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass
class _Replay:
    steps: list[Step] = field(default_factory=list)

    def note(self, number: int, verdict: Verdict, text: str) -> None:
        self.steps.append(Step(number, verdict, text))

    def report(self, decision: str, difference: Mapping[str, Any] | None = None) -> ReplayReport:
        verdicts = {step.verdict for step in self.steps}
        has_run = any(step.number == 5 for step in self.steps)
        result: Literal["match", "mismatch", "impossible"] = "match" if has_run else "impossible"
        if "broken" in verdicts:
            result = "mismatch"
        return ReplayReport(decision, result, tuple(self.steps), difference)


def replay(
    bundle: dict[str, Any],
    *,
    engine: RunsRules,
    trusted: Iterable[bytes] = (),
    find_message: FindMessage | None = None,
) -> ReplayReport:
    """bundle: with its sealed values open, as `bundle_of(..., open_refs=None)`.  trusted: certificates, DER, for step 1.

    Never raises for what the evidence is; the report says it.
    """
    run = _Replay()
    decision = str(bundle["record"].get("id"))
    for finding in verify_bundle(render_bundle(bundle), trusted):
        run.note(1, finding.verdict, finding.text)
    if any(step.verdict == "broken" for step in run.steps):
        return run.report(decision)
    fields = {name: value for name, value in bundle["record"].items() if name != "integrity"}
    record = DecisionRecord.model_validate_json(json.dumps(fields))
    opened = {ref: one["value"] for ref, one in bundle["values"].items()}
    package = _package(run, record, bundle["package"])
    situation = _inputs(run, record, opened, find_message)
    if package is None or situation is None:
        return run.report(decision)
    try:
        evaluation = engine.evaluate(package, situation, asked_of(record), at=record.competence.valid_on)
    except PlatformError as error:
        run.note(
            4,
            "broken" if error.code.startswith("rule_failed") else "unknown",
            f"the rules did not run: {error}",
        )
        return run.report(decision)
    run.note(4, "holds", f"the rules ran, as of {record.competence.valid_on}")
    difference = _compare(run, record, opened, evaluation)
    recorded = [call for call in record.model_calls if call.used_as_input]
    run.note(6, "holds", f"{len(recorded)} values of models were taken from the record; no model was asked")
    return run.report(decision, difference)


def _package(run: _Replay, record: DecisionRecord, files: Mapping[str, str] | None) -> RulePackage | None:
    if record.rules is None:
        run.note(2, "unknown", "a person decided: there are no rules to run")
        return None
    if record.trace is None:
        run.note(2, "unknown", "a person decided by hand, within what these rules may give")
        return None
    if files is None:
        run.note(2, "unknown", "the files of the rules are not in the bundle")
        return None
    try:
        package = parse_package({path: base64.b64decode(content) for path, content in files.items()})
    except PlatformError as error:
        run.note(2, "broken", f"the rules cannot be read: {error}")
        return None
    if package.sha256 != record.rules.sha256:
        run.note(2, "broken", "the rules are not those the decision names")
        return None
    run.note(2, "holds", f"rules {package.name} {package.version}, {package.sha256}")
    return package


def _inputs(
    run: _Replay, record: DecisionRecord, opened: Mapping[str, Any], find_message: FindMessage | None
) -> dict[str, dict[str, dict[str, Any]]] | None:
    closed = [
        one.name for one in record.inputs if isinstance(one.value, Sealed) and one.value.sealed not in opened
    ]
    if closed:
        run.note(
            3, "unknown", f"{len(closed)} of {len(record.inputs)} inputs are shredded, or not open to you"
        )
        return None
    run.note(3, "holds", f"{len(record.inputs)} inputs are those whose hashes the record names")
    messages = sorted({message for one in record.inputs for _, message, _ in one.messages})
    if find_message is None:
        run.note(3, "unknown", f"whether {len(messages)} messages lie in both logs: they were not asked")
    else:
        for message in messages:
            for said in find_message(message):
                run.note(3, said.verdict, f"message {message}: {said.text}")
    return situation_of((one.name, _value(one, opened)) for one in record.inputs)


def _compare(
    run: _Replay, record: DecisionRecord, opened: Mapping[str, Any], evaluation: Evaluation
) -> dict[str, Any] | None:
    wanted = {item.name: _value(item, opened) for item in record.outcome.items if item.name.count("/") >= 2}
    found = {f"{one.entity}/{one.variable}/{one.period}": one.value for one in evaluation.values}
    if canonical_json(wanted) == canonical_json(found):
        run.note(5, "holds", f"the outcome is the same, byte for byte: {len(found)} values")
    else:
        run.note(5, "broken", "the outcome is another one")
    if record.trace is None or record.trace.blob not in opened:
        run.note(5, "unknown", "whether the trace is the same: it is not open")
        return None
    document = opened[record.trace.blob]
    recorded = Trace(
        tuple(
            Node(**{**node, "inputs": tuple(node["inputs"]), "parameters": tuple(node["parameters"])})
            for node in document["nodes"]
        )
    )
    differs = first_difference(recorded, evaluation.trace)
    if differs is None and document["root"] == evaluation.trace.root:
        run.note(5, "holds", f"the trace is the same, byte for byte: root {evaluation.trace.root}")
        return None
    name = differs.id if differs is not None else "root"
    run.note(5, "broken", f"the first node that differs is {name}")
    return {"node": name, "recorded": _node(recorded, name), "replayed": _node(evaluation.trace, name)}


def _value(item: Input | OutcomeItem, opened: Mapping[str, Any]) -> Any:
    return opened.get(item.value.sealed) if isinstance(item.value, Sealed) else item.value


def _node(trace: Trace, name: str) -> dict[str, Any] | None:
    node = trace.find(name)
    return (
        None
        if node is None
        else {"value": node.value, "inputs": list(node.inputs), "parameters": list(node.parameters)}
    )
