"""Who may look at decisions for a body that supervises, and how far: an auditor, by a mandate that is asked for anew at each look.

Closed by default: a register without `Supervision` shows nothing to anybody. With it, the asker is one of the systems that ask for
auditors, the person acting has a mandate now, cites its ground and its file, and the decision lies in its scope; nobody looks at
decisions about themselves, or that they took part in. What is sealed opens by class: a class of the mandate, and of the
delicate ones (`four_eyes`) only what a second auditor has released. Every look is a use of the person's data, refused or not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Protocol

from sild.adapter import AUTOMATIC, AsyncXRoadClient, CallContext
from sild.decisions import DecisionRecord, DecisionStore, released_classes
from sild.errors import CallerError, PeerError, PlatformError, Unavailable
from sild.openid import AuditScope, parse_audit_scope
from sild.registries.kernel import Usage, Use
from sild.rules import RulePackage
from sild.xroad import ServiceId

__all__ = [
    "DELICATE",
    "Appointment",
    "Auditor",
    "AuditorMandates",
    "MandatesOverExchange",
    "Supervision",
    "classes_of",
    "service_of",
]

DELICATE = frozenset(
    (
        "income",
        "tax_secrecy",
        "health",
        "genetic",
        "biometric",
        "child_protection",
        "protected_address",
        "identifier",
    )
)
"""Classes that one auditor alone does not open, whatever the mandate says."""
OPEN = frozenset(("public", "statistics"))
"""Classes that everybody may read."""
EVERY = "*"
WITHHELD = "withheld"
"""Class of a mandate: the tally of reads that the law keeps from people."""
SMALLEST = 5
"""Of groups that are told of."""
PATIENCE_SECONDS = 10.0
BASIS = "EU 2024/1689 77"


@dataclass(frozen=True, slots=True)
class Appointment:
    """A mandate that stands. body: identifier of the body that supervises."""

    id: str
    body: str
    scope: AuditScope


class AuditorMandates(Protocol):
    """The keeper of mandates."""

    def of(self, person: str, case: str) -> Sequence[Appointment]:
        """Those that stand now. person: with the country.  case: in which they act. Blocks. Raises Unavailable."""
        ...


@dataclass(frozen=True, slots=True)
class Supervision:
    """askers: information systems through which auditors look, `INSTANCE/CLASS/CODE/SUBSYSTEM`.  four_eyes: classes that a second
    auditor releases.  smallest: group that is told of."""

    askers: frozenset[str]
    mandates: AuditorMandates
    four_eyes: frozenset[str] = DELICATE
    smallest: int = SMALLEST

    def auditor(self, usage: Usage, body: str, *, finding: str | None = None) -> Auditor:
        """Before the use begins: whoever asks may have to wait for the keeper. Never raises; `Auditor.ensure` does, in the use.

        finding: id of the finding's case, which may stand in the place of the mandate's file.
        """
        try:
            found = self._mandates(usage, body, finding)
            return Auditor(usage.user_id or "", found, self.four_eyes, self.smallest)
        except PlatformError as error:
            return Auditor(usage.user_id or "", (), self.four_eyes, self.smallest, error)

    def _mandates(self, usage: Usage, body: str, finding: str | None) -> tuple[Appointment, ...]:
        person = usage.user_id
        if usage.client not in self.askers:
            raise CallerError("auditors do not look through this system", code="not_a_supervisor")
        if not person or person == AUTOMATIC:
            raise CallerError("an auditor is a person", code="not_a_supervisor")
        if not usage.issue:
            raise CallerError("X-Road-Issue names the file of the supervision", code="missing_case")
        standing = [
            one
            for one in self.mandates.of(person, usage.issue)
            if one.scope.basis == usage.basis and usage.issue in (one.scope.matter, finding)
        ]
        if not standing:
            raise CallerError("no mandate stands for this person, ground and file", code="no_mandate")
        covering = tuple(one for one in standing if one.scope.covers_body(body))
        if not covering:
            raise CallerError("the mandate is for other bodies", code="out_of_scope")
        return covering


@dataclass(frozen=True, slots=True)
class Auditor:
    """Somebody who says they are one. mandates: that cover the body."""

    person: str
    mandates: tuple[Appointment, ...]
    four_eyes: frozenset[str] = DELICATE
    smallest: int = SMALLEST
    _refusal: PlatformError | None = field(default=None, repr=False)

    def ensure(self) -> None:
        """Raises CallerError `not_a_supervisor`, `missing_case`, `no_mandate`, `out_of_scope`; Unavailable (`mandates_down`)."""
        if self._refusal is not None:
            raise self._refusal

    def ensure_algorithm(self, algorithm: str) -> Appointment:
        """For what is told of all its decisions together. Raises as `ensure` does."""
        self.ensure()
        found = next((one for one in self.mandates if one.scope.covers_algorithm(algorithm)), None)
        if found is None:
            raise CallerError("the mandate is for other algorithms", code="out_of_scope")
        return found

    def ensure_withheld(self) -> Appointment:
        """The mandate by which the tally of withheld reads is opened. Raises as `ensure` does, and CallerError (`not_in_scope`)."""
        self.ensure()
        found = next((one for one in self.mandates if WITHHELD in one.scope.classes), None)
        if found is None:
            raise CallerError("the mandate does not have the tally of withheld reads", code="not_in_scope")
        return found

    def ensure_may_sample(self, first_day: date, last_day: date) -> None:
        """A sample of these days is drawn from all decisions of the body. Raises as `ensure` does."""
        self.ensure()
        if not self.may_sample(first_day, last_day):
            raise CallerError("a sample is of everything: the mandate is for less", code="out_of_scope")

    def may_sample(self, *days: date) -> bool:
        """Whether one mandate is for all that the body decided, on these days."""
        return any(
            EVERY in one.scope.algorithms
            and EVERY in one.scope.services
            and all((one.scope.first_day or day) <= day <= (one.scope.last_day or day) for day in days)
            for one in self.mandates
        )

    def mandate_for(self, record: DecisionRecord, day: date) -> Appointment | None:
        """Of several the one that opens most. day: of the decision, in the country's calendar."""
        algorithm = record.algorithm.id if record.algorithm else None
        body = "/".join(record.authority.split("/")[1:3])
        service = service_of(record.procedure)
        covering = [
            one
            for one in self.mandates
            if one.scope.outside(body=body, algorithm=algorithm, service=service, day=day) is None
        ]
        return max(covering, key=lambda one: len(one.scope.classes), default=None)

    def ensure_may_look(
        self, use: Use, store: DecisionStore, record: DecisionRecord, day: date
    ) -> Appointment:
        """The mandate by which. The look is written to those the decision is about, by their pseudonyms, refused or not.

        Raises as `ensure`, and CallerError (`conflict_of_interest`).
        """
        use.concerns(*dict.fromkeys(subject.ref for subject in record.subjects))
        self.ensure()
        own = store.pseudonym(use.usage.actor or "")
        if own in {subject.ref for subject in record.subjects} | {step.official for step in record.human}:
            raise CallerError("it is about you, or you took part", code="conflict_of_interest")
        found = self.mandate_for(record, day)
        if found is None:
            raise CallerError("the decision lies outside the mandate", code="out_of_scope")
        return found

    def open_classes(self, use: Use, decision: str, mandate: Appointment) -> frozenset[str]:
        """Of sealed values that this auditor reads now."""
        allowed = frozenset(mandate.scope.classes)
        released = released_classes(use.connection, decision, to=self.person, at=use.at)
        return (allowed - self.four_eyes) | (allowed & released) | OPEN


def service_of(procedure: str) -> str:
    """`urn:sild:service:birth` -> `birth`."""
    return procedure.rpartition(":")[2]


PERSONAL = "personal"


def classes_of(record: DecisionRecord, package: RulePackage | None) -> Mapping[str, frozenset[str]]:
    """By reference of a sealed value: the classes a reader needs, all of them.

    A fact has the class its rule package says; what was made of facts (outcome, reasons, trace, what would change it) has those of
    all facts it was made of. Without a package: personal.
    """
    facts: dict[str, str] = {}
    for one in record.inputs:
        variable = [*one.name.split("/"), "", "", ""][2]
        spec = package.facts.get(variable) if package is not None else None
        facts[one.name] = spec.data_class if spec is not None else PERSONAL
    named = {one.name: one.value for one in record.inputs}
    found = {ref: frozenset((facts[name],)) for name, value in named.items() for ref in _refs(value)}
    made_of_all = frozenset(facts[name] for name, value in named.items() if _refs(value)) or frozenset(
        (PERSONAL,)
    )
    for part in (record.to_json(),):
        for ref in _refs_in(part):
            found.setdefault(ref, made_of_all | {PERSONAL})
    for change in record.counterfactual:
        variable = [*change.input.split("/"), "", ""][1]
        spec = package.facts.get(variable) if package is not None else None
        for ref in _refs(change.needed):
            found[ref] = frozenset((spec.data_class,)) if spec is not None else made_of_all
    if record.trace is not None:
        found[record.trace.blob] = made_of_all | {PERSONAL}
    return found


def _refs(value: object) -> list[str]:
    sealed = getattr(value, "sealed", None)
    return [] if sealed is None else [str(sealed)]


def _refs_in(part: Any) -> Iterable[str]:  # JSON
    if isinstance(part, dict):
        if set(part) == {"sealed", "sha256"}:
            yield part["sealed"]
            return
        part = list(part.values())
    if isinstance(part, list):
        for one in part:
            yield from _refs_in(one)


class MandatesOverExchange:
    """`AuditorMandates`, asked of the keeper as a message like any other. service: of the keeper."""

    def __init__(self, client: AsyncXRoadClient, service: ServiceId, loop: asyncio.AbstractEventLoop) -> None:
        self._client = client
        self._service = service
        self._loop = loop

    def of(self, person: str, case: str) -> Sequence[Appointment]:
        asked = asyncio.run_coroutine_threadsafe(self._ask(person, case), self._loop)
        try:
            return asked.result(PATIENCE_SECONDS)
        except PlatformError as error:
            raise Unavailable(f"the keeper of mandates: {error.message}", code="mandates_down") from error
        except TimeoutError:
            asked.cancel()
            raise Unavailable("the keeper of mandates does not answer", code="mandates_down") from None

    async def _ask(self, person: str, case: str) -> list[Appointment]:
        context = CallContext(user_id=person, legal_ground=BASIS, issue=case)
        answer = await self._client.get(self._service, ["auditors", person], context=context)
        found = answer.ensure_success().json()
        try:
            return [
                Appointment(str(one["id"]), str(one["body"]["identifier"]), parse_audit_scope(one["scope"]))
                for one in found["items"]
            ]
        except (KeyError, TypeError) as error:
            raise PeerError("not a list of mandates", code="invalid_body") from error
