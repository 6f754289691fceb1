"""One decision as a value: the fields of the decision record, 1 to 11, and what one of them demands of another.

Field 12, `integrity`, is not part of what is hashed; it is added when a record is given away (`bundle.py`). A `Draft` is a record
before it is one: without id and time, with `Secret` values still in clear. A value is text, a whole number, a truth value, a date
as text, or a list of these; money is a decimal string. A `Sealed` value stands elsewhere under a key of its own (`values.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator

from sild.decisions.canonical import canonical_json, sha256_of
from sild.decisions.fields import (
    Algorithm,
    Competence,
    Consideration,
    Counterfactual,
    Delivery,
    Grown,
    Hearing,
    HumanStep,
    Input,
    Instant,
    LegalBasis,
    ModelCall,
    Outcome,
    Parameter,
    ProvedWord,
    Reason,
    Remedy,
    Representation,
    Retention,
    Rounding,
    RuleRef,
    Sealed,
    Subject,
    Trace,
    Unknown,
)
from sild.decisions.identifiers import uuid7_time

__all__ = ["DecisionRecord", "Draft"]


class _Body(Grown):
    _added = frozenset({"words"})
    kind: Literal["rule", "model_assisted", "human"]
    automation: Annotated[int, Field(ge=0, le=4)]
    effect: Literal["offer", "grant", "partial", "refuse", "demand", "hold", "correct"]
    discretion: Literal["bound", "structured", "free"]
    authority: str
    competence: Competence
    procedure: str
    case: str
    step: str
    algorithm: Algorithm | None = None
    subjects: Annotated[tuple[Subject, ...], Field(min_length=1)]
    representation: Representation | None = None
    words: tuple[ProvedWord, ...] | None = None
    legal_basis: Annotated[tuple[LegalBasis, ...], Field(min_length=1)]
    purpose: str
    inputs: tuple[Input, ...] = ()
    unknowns: tuple[Unknown, ...] = ()
    rules: RuleRef | None = None
    parameters: tuple[Parameter, ...] = ()
    rounding: tuple[Rounding, ...] = ()
    model_calls: tuple[ModelCall, ...] = ()
    human: tuple[HumanStep, ...] = ()
    considerations: tuple[Consideration, ...] = ()
    hearing: Hearing
    reasons: tuple[Reason, ...] = ()
    outcome: Outcome
    counterfactual: tuple[Counterfactual, ...] = ()
    remedy: Remedy | None = None
    delivery: tuple[Delivery, ...] = ()
    in_force: date | None = None
    supersedes: UUID | None = None
    retention: Retention

    @model_validator(mode="after")
    def _who_decides(self) -> Self:
        if self.discretion == "free" and self.automation == 4:
            raise ValueError("free discretion is never fully automatic")
        if self.discretion != "bound" and not self.considerations:
            raise ValueError("considerations are required where discretion is not bound")
        if self.kind == "rule" and self.rules is None:
            raise ValueError("a decision by rule names its rules")
        if self.kind != "rule" and self.kind != "human" and not self.model_calls:
            raise ValueError("a model-assisted decision names the model's calls")
        if (self.kind == "human" or self.automation < 4) and not self.human:
            raise ValueError("somebody decides what is not fully automatic: `human` is empty")
        if self.automation > 0 and self.algorithm is None:
            raise ValueError("what is automated has an entry in the algorithm register")
        return self

    @model_validator(mode="after")
    def _what_is_owed(self) -> Self:
        adverse = self.effect not in ("offer", "grant")
        if adverse and not self.reasons:
            raise ValueError(f"{self.effect} needs reasons (HMS § 56)")
        if adverse and self.remedy is None:
            raise ValueError(f"{self.effect} needs a remedy (HMS § 57)")
        if self.hearing.required and not (
            self.hearing.answer_id or self.hearing.waiver_ground or self.hearing.notice_id
        ):
            raise ValueError("a hearing that is required has a notice, or a ground to waive it (HMS § 40)")
        return self

    @model_validator(mode="after")
    def _model_output_is_evidence(self) -> Self:
        """A model's word enters as an input of its own, never otherwise."""
        said = {one.message_id: one.sha256 for one in self.inputs if one.asserted_by == "model"}
        calls = {call.call_id: call for call in self.model_calls if call.used_as_input}
        if set(said) != set(calls):
            raise ValueError("inputs asserted by a model are the model calls used as input, one each")
        if self.kind == "rule" and calls:
            raise ValueError("what uses a model's output is model_assisted")
        for call_id, sha256 in said.items():
            recorded = calls[str(call_id)].output_sha256
            if recorded is not None and sha256 is not None and recorded != sha256:
                raise ValueError(f"model call {call_id}: the input is not what the model said")
        return self

    @model_validator(mode="after")
    def _names(self) -> Self:
        names = [one.name for one in self.inputs] + [one.name for one in self.unknowns]
        if len(names) != len(set(names)):
            raise ValueError("an input is named once, and is known or unknown")
        missing = {name for reason in self.reasons for name in reason.inputs} - set(names)
        if missing:
            raise ValueError(f"reasons refer to inputs that are not there: {', '.join(sorted(missing))}")
        return self


class Draft(_Body):
    """trace: as the rules gave it, in JSON; sealed by the store."""

    trace: Mapping[str, Any] | None = None  # JSON


class DecisionRecord(_Body):
    """Fields 1 to 11. Made by a DecisionStore, or read."""

    id: UUID
    schema_: Literal["sild.decision/1"] = Field(default="sild.decision/1", alias="schema")
    trace: Trace | None = None
    decided_at: Instant

    @model_validator(mode="after")
    def _is_finished(self) -> Self:
        if self.id.version != 7:
            raise ValueError("id is a UUIDv7")
        if not 0 <= (self.decided_at - uuid7_time(self.id)).total_seconds() < 0.001:
            raise ValueError("id and decided_at tell different times")
        for one in self.inputs:
            if one.sha256 != (one.value.sha256 if isinstance(one.value, Sealed) else sha256_of(one.value)):
                raise ValueError(f"input {one.name}: the hash is not that of the value")
            if one.fetched_at is not None and one.fetched_at > self.decided_at:
                raise ValueError(
                    f"clocks disagree: input {one.name} was fetched {one.fetched_at.isoformat()}, "
                    f"after the decision of {self.decided_at.isoformat()}"
                )
        if any(call.output_sha256 is None for call in self.model_calls):
            raise ValueError("a model call without the hash of its output")
        if _holds_secret(self.model_dump()):
            raise ValueError("a secret is still in clear")
        return self

    def to_json(self) -> dict[str, Any]:  # JSON
        return self.model_dump(mode="json")

    def canonical(self) -> bytes:
        """RFC 8785, UTF-8: what is hashed."""
        return canonical_json(self.to_json())

    @property
    def sha256(self) -> str:
        return sha256_of(self.to_json())


def _holds_secret(part: object) -> bool:
    if isinstance(part, dict):
        return set(part) == {"secret"} or any(map(_holds_secret, part.values()))
    return isinstance(part, list | tuple) and any(map(_holds_secret, part))
