"""One decision as a value: the fields of the decision record, 1 to 11, and what one of them demands of another.

Field 12, `integrity`, is not part of what is hashed; it is added when a record is given away (`bundle.py`). A `Draft` is a record
before it is one: without id and time, with `Secret` values still in clear. A value is text, a whole number, a truth value, a date
as text, or a list of these; money is a decimal string. A `Sealed` value stands elsewhere under a key of its own (`values.py`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from sild.decisions.canonical import canonical_json, sha256_of
from sild.decisions.identifiers import uuid7_time

__all__ = [
    "Algorithm",
    "Competence",
    "Consideration",
    "Counterfactual",
    "DecisionRecord",
    "Delivery",
    "Draft",
    "Hearing",
    "HumanStep",
    "Input",
    "LegalBasis",
    "ModelCall",
    "Outcome",
    "OutcomeItem",
    "Parameter",
    "Reason",
    "Remedy",
    "Representation",
    "Retention",
    "Rounding",
    "RuleRef",
    "Sealed",
    "Secret",
    "Subject",
    "Trace",
    "Unknown",
]

MONEY = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?")

Hash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Text = Mapping[str, str]
"""By language."""


def _utc(at: datetime) -> datetime:
    return at.astimezone(UTC)


Instant = Annotated[AwareDatetime, AfterValidator(_utc)]


class _Part(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, serialize_by_alias=True, validate_by_name=True, validate_by_alias=True
    )


class Secret(_Part):
    """A value that a record shall not show: the store seals it. Only in a draft."""

    secret: str | int | bool | list[str] | None


class Sealed(_Part):
    """sealed: where the value is, as long as it is.  sha256: salted commitment, so that nobody can guess the value from it."""

    sealed: str
    sha256: Hash


Value = str | int | bool | None | list[str]
Held = Value | Sealed | Secret


class Competence(_Part):
    """What made this body competent on the day. valid_on: the day whose law was applied."""

    law: str
    article: str
    delegation: str | None = None
    division: str | None = None
    valid_on: date


class Algorithm(_Part):
    """Of the algorithm register."""

    id: str
    version: str


class Subject(_Part):
    ref: Annotated[str, StringConstraints(pattern=r"^p-[0-9a-f]{40}$")]
    role: str


class Representation(_Part):
    mandate: str
    chain_sha256: Hash


class LegalBasis(_Part):
    """version_date: of the consolidated text.  uri: ELI, or the number of a Vietnamese act."""

    instrument: str
    article: str
    version_date: date | None = None
    uri: str


class Input(_Part):
    """One fact the decision rests on.

    name: in the situation of the rules its path, `persons/mother/income/2025-01`; a role of a group `families/f1/children`.
    message_id: of the exchange; for what a model said, the id of its call.  sha256: of the value's canonical form, or its commitment.
    """

    name: str
    type: str
    value: Held
    sha256: Hash | None = None
    register_: str | None = Field(default=None, alias="register")
    message_id: str | None = None
    valid_at: date | None = None
    fetched_at: Instant | None = None
    asserted_by: Literal["register", "person", "model", "official"] = "register"
    quality: str | None = None


class Unknown(_Part):
    """A fact that was not there. asked_of: who should have it.  blocking: the outcome waited for it."""

    name: str
    asked_of: str
    blocking: bool


class RuleRef(_Part):
    package: str
    version: str
    sha256: Hash


class Parameter(_Part):
    path: str
    value: str | int | bool | None
    valid_from: date | None = None
    article: str


class Trace(_Part):
    """root: salted commitment to the trace, all of whose values it holds.  blob: where it is sealed.  nodes: how many."""

    root: Hash
    blob: str
    nodes: int


class Rounding(_Part):
    node: str
    before: Held
    after: Held
    step: str
    mode: str
    article: str


class ModelCall(_Part):
    """output_sha256: as the hash of the input that holds what it said, where it was used as one."""

    call_id: str
    purpose: str
    provider: str
    model: str
    reported_version: str | None = None
    location: str
    parameters: Mapping[str, str | int | bool | None] = {}
    seed: int | None = None
    template_id: str
    template_sha256: Hash
    input_classes: tuple[str, ...] = ()
    redactions: int = 0
    output_sha256: Hash | None = None
    schema_: str | None = Field(default=None, alias="schema")
    validation: str
    used_as_input: bool = False


class HumanStep(_Part):
    """view_sha256: of what was on the screen.  provisional_view: what the official thought before seeing a suggestion."""

    official: str
    role: str
    qualification: str | None = None
    device_posture: str | None = None
    view_sha256: Hash
    provisional_view: Held = None
    action: Literal["confirm", "change", "return", "override"]
    reason_code: str | None = None
    reason_text: Held = None
    seconds: int


class Consideration(_Part):
    """What was weighed, and how it came out (HMS § 56: in exercising discretion)."""

    code: str
    article: str | None = None
    text: Mapping[str, str] | Held


class Hearing(_Part):
    required: bool
    notice_id: str | None = None
    answer_id: str | None = None
    waiver_ground: str | None = None


class Reason(_Part):
    """inputs: names of the facts it rests on."""

    code: str
    article: str
    inputs: tuple[str, ...] = ()
    text: Mapping[str, Held]
    origin: Literal["trace", "official"]


class OutcomeItem(_Part):
    """name: of a rule's output its path, `persons/child/allowance/2025-01`.  value: of `money` a decimal string."""

    name: str
    type: Literal["money", "int", "date", "text", "bool", "instant"]
    value: Held
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")] | None = None
    begins: date | None = None
    ends: date | None = None

    @model_validator(mode="after")
    def _money(self) -> Self:
        if self.type == "money":
            if self.currency is None:
                raise ValueError(f"{self.name}: money has a currency")
            if isinstance(self.value, str) and not MONEY.fullmatch(self.value):
                raise ValueError(f"{self.name}: money is a decimal string")
            if isinstance(self.value, int | list):
                raise ValueError(f"{self.name}: money is a decimal string")
        return self


class Outcome(_Part):
    type: str
    items: tuple[OutcomeItem, ...] = ()


class Counterfactual(_Part):
    """The least that would have had to be otherwise."""

    input: str
    needed: Held


class Remedy(_Part):
    """body: who hears it, by language.  deadline: the last day.  form: a link.  suspends: the effect waits for the answer."""

    body: Text
    deadline: date
    form: str
    suspends: bool


class Delivery(_Part):
    """Here as planned; what became of it is written beside the record (`store.delivered`)."""

    channel: str
    language: str
    delivered_at: Instant | None = None
    opened_at: Instant | None = None


class Retention(_Part):
    """until: None, for ever.  Then the sealed values are shredded."""

    until: date | None
    ground: str


class _Body(_Part):
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
                raise ValueError(f"input {one.name} was fetched after the decision")
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
