"""The parts that the fields of a decision record are made of."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    StringConstraints,
    model_serializer,
    model_validator,
)

__all__ = [
    "Algorithm",
    "Competence",
    "Consideration",
    "Costs",
    "Counterfactual",
    "Delivery",
    "FurtherMessage",
    "Hearing",
    "HumanStep",
    "Input",
    "Instant",
    "LegalBasis",
    "ModelCall",
    "Outcome",
    "OutcomeItem",
    "Parameter",
    "Part",
    "ProvedWord",
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
    "Within",
]

MONEY = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?")

Hash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Text = Mapping[str, str]
"""By language."""


def _utc(at: datetime) -> datetime:
    return at.astimezone(UTC)


Instant = Annotated[AwareDatetime, AfterValidator(_utc)]


class Part(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, serialize_by_alias=True, validate_by_name=True, validate_by_alias=True
    )


class Grown(Part):
    """A part that got fields after there were records: nothing is written where there is nothing of them, so that the hash of every
    older record is what it was."""

    _added: ClassVar[frozenset[str]] = frozenset()

    @model_serializer(mode="wrap")
    def _without_what_is_not_there(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:  # JSON
        written: dict[str, Any] = write(self)
        return {
            name: value for name, value in written.items() if value is not None or name not in self._added
        }


class Secret(Part):
    """A value that a record shall not show: the store seals it. Only in a draft."""

    secret: str | int | bool | list[str] | None


class Sealed(Part):
    """sealed: where the value is, as long as it is.  sha256: salted commitment, so that nobody can guess the value from it."""

    sealed: str
    sha256: Hash


Value = str | int | bool | None | list[str]
Held = Value | Sealed | Secret


class Competence(Part):
    """What made this body competent on the day. valid_on: the day whose law was applied.

    division: code of the unit whose office decided.  delegation: the order by which an official decides for the body; of a rule the
    entry of the register of algorithms by which it does.
    """

    law: str
    article: str
    delegation: str | None = None
    division: str | None = None
    valid_on: date


class Algorithm(Part):
    """Of the algorithm register."""

    id: str
    version: str


class Subject(Part):
    ref: Annotated[str, StringConstraints(pattern=r"^p-[0-9a-f]{40}$")]
    role: str


class AlsoRepresented(Part):
    """Another whom the same person acted for in the same, proved by the same token; as `Representation`."""

    mandate: str
    chain_sha256: Hash
    representee: str
    basis: str


class Representation(Grown):
    """Who acted for whom. mandate: its id; of a parent's right by law the entry that gives it.  chain_sha256: of the whole chain of mandates.

    delegate, representee: pseudonyms.  basis: of the mandate, `PARENT`, `GUARDIAN`, `BOARD`, `POWER_OF_ATTORNEY`; `RECORDED`: a clerk's, for
    one case.  proof: `jti` of the identity provider's token that says so, which lies in the message; of a clerk's mandate it says that
    it was a clerk who named it.  further: of several whom they acted for, such as a parent for their children, the others.
    """

    _added = frozenset({"delegate", "representee", "basis", "proof", "further"})
    mandate: str
    chain_sha256: Hash
    delegate: str | None = None
    representee: str | None = None
    basis: str | None = None
    proof: str | None = None
    further: tuple[AlsoRepresented, ...] | None = None


class ProvedWord(Part):
    """What somebody said that the decision rests on, and another's message carried. says: `notice`, `consent`, `refusal`, `joining`, `custody`.

    by: pseudonym of whose word it is.  proof: `jti` of the identity provider's token, which lies in the message.  statement_sha256: of what
    exactly was said, with a salt that lies there, too.  mandate, chain_sha256, basis: as `Representation`, if somebody said it for them.
    """

    says: str
    by: str
    said_at: Instant
    proof: str
    statement_sha256: Hash
    mandate: str | None = None
    chain_sha256: Hash | None = None
    basis: str | None = None


class LegalBasis(Part):
    """version_date: of the consolidated text.  uri: ELI, or the number of a Vietnamese act."""

    instrument: str
    article: str
    version_date: date | None = None
    uri: str


class FurtherMessage(Part):
    """Another message that a value was made of. register: who said it."""

    register_: str = Field(alias="register")
    message_id: str
    fetched_at: Instant | None = None


class Input(Grown):
    """One fact the decision rests on.

    name: in the situation of the rules its path, `persons/mother/income/2025-01`; a role of a group `families/f1/children`.
    message_id: of the exchange; for what a model said, the id of its call.  sha256: of the value's canonical form, or its commitment.
    further_messages: the others, when the value was made of several answers.
    valid_at: the day as of which the fact was told.  quality: `registered`, `declared`, `derived`, `disputed`; of a model how it fits its data.
    """

    _added = frozenset({"further_messages"})

    name: str
    type: str
    value: Held
    sha256: Hash | None = None
    register_: str | None = Field(default=None, alias="register")
    message_id: str | None = None
    further_messages: tuple[FurtherMessage, ...] | None = None
    valid_at: date | None = None
    fetched_at: Instant | None = None
    asserted_by: Literal["register", "person", "model", "official"] = "register"
    quality: str | None = None

    @property
    def messages(self) -> tuple[tuple[str | None, str, datetime | None], ...]:
        """Of the exchange that brought it: register, id, when it came. A model's call has an id, too, and is none."""
        if self.asserted_by == "model":
            return ()
        own = () if self.message_id is None else ((self.register_, self.message_id, self.fetched_at),)
        further = self.further_messages or ()
        return (*own, *((one.register_, one.message_id, one.fetched_at) for one in further))


class Unknown(Grown):
    """A fact that was not there. asked_of: who should have it.  blocking: the outcome waited for it.

    why: code of a contradiction of the rule package: it was told, and cannot be so together with others; None: nobody has it.
    """

    _added = frozenset({"why"})

    name: str
    asked_of: str
    blocking: bool
    why: str | None = None


class RuleRef(Part):
    package: str
    version: str
    sha256: Hash


class Parameter(Part):
    path: str
    value: str | int | bool | None
    valid_from: date | None = None
    article: str


class Trace(Part):
    """root: salted commitment to the trace, all of whose values it holds.  blob: where it is sealed.  nodes: how many."""

    root: Hash
    blob: str
    nodes: int


class Rounding(Part):
    node: str
    before: Held
    after: Held
    step: str
    mode: str
    article: str


class ModelCall(Part):
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


class HumanStep(Part):
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


class Consideration(Part):
    """What was weighed, and how it came out (HMS § 56: in exercising discretion)."""

    code: str
    article: str | None = None
    text: Mapping[str, str] | Held


class Hearing(Grown):
    """notice_id: of what asked the person.  answer_id: of what they said.  waiver_ground: the law by which nobody had to be asked.

    heard_at: when they said it.  how: `case`, `counter`, `message`.
    """

    _added = frozenset({"heard_at", "how"})
    required: bool
    notice_id: str | None = None
    answer_id: str | None = None
    waiver_ground: str | None = None
    heard_at: Instant | None = None
    how: str | None = None


class Reason(Part):
    """inputs: names of the facts it rests on."""

    code: str
    article: str
    inputs: tuple[str, ...] = ()
    text: Mapping[str, Held]
    origin: Literal["trace", "official"]


class OutcomeItem(Part):
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


class Outcome(Part):
    type: str
    items: tuple[OutcomeItem, ...] = ()


class Counterfactual(Part):
    """The least that would have had to be otherwise."""

    input: str
    needed: Held


class Costs(Part):
    """What the remedy costs the person. amount: a decimal string; `0`, nothing.  basis: where the law says so."""

    amount: Annotated[str, StringConstraints(pattern=r"^(0|[1-9]\d*)(\.\d+)?$")]
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
    basis: str


class Within(Part):
    """The time in which to contest. basis: where the law says so.  calendar: country whose working days count."""

    value: int
    unit: Literal["working_days", "days", "months", "years"]
    basis: str
    calendar: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]


class Remedy(Grown):
    """body: who hears it, by language.  deadline: the last day.  form: a link.  suspends: the effect waits for the answer.

    runs_from: what the time runs from, for each person: `opened`, `delivered`; `deadline` is then the last day for whom that was the
    day of the decision; None: the decision.
    """

    _added = frozenset({"runs_from", "within", "costs"})
    body: Text
    deadline: date
    form: str
    suspends: bool
    runs_from: Literal["delivered", "opened"] | None = None
    within: Within | None = None
    costs: Costs | None = None


class Delivery(Part):
    """Here as planned; what became of it is written beside the record (`store.delivered`).

    language: `mul`, as many as the country's notices have.
    """

    channel: str
    language: str
    delivered_at: Instant | None = None
    opened_at: Instant | None = None


class Retention(Part):
    """until: None, for ever.  Then the sealed values are shredded."""

    until: date | None
    ground: str
