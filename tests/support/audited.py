"""A register that has decided, behind a fake wire; mandates of a real provider. For tests of what auditors see."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from sild.cases import ExchangeAnswer
from sild.decisions import (
    Algorithm,
    Competence,
    Consideration,
    Draft,
    Hearing,
    HumanStep,
    Input,
    LegalBasis,
    ModelCall,
    Outcome,
    OutcomeItem,
    Reason,
    Retention,
    Secret,
    Subject,
    sha256_of,
)  # fmt: skip
from sild.errors import CallerError, Unavailable
from sild.identity_provider import IdentityProvider
from sild.openid import AuditScope, Party
from sild.registries import SocialRegister, social_app
from sild.registries.deciding import Appointment, KnownFact, Ruling, Supervision
from sild.registries.kernel import Usage
from support.acting import serving

OFFICE = Party("LEGAL_PERSON", "EE70000009", legal_name="National Audit Office")
BASIS = "EU 2024/1689 77"
SCOPE = AuditScope(
    bodies=("GOV/70000004",),
    algorithms=("family-benefits",),
    services=("*",),
    classes=("personal", "income", "identifier"),
    basis=BASIS,
    matter="AUDIT-2026-7",
)
PORTAL = "SILD/GOV/70000001/portal"
CHILD, MOTHER = "62603010039", "48901010015"


class Keeper:
    """`AuditorMandates` over a real provider; `down` answers nobody."""

    def __init__(self, provider: IdentityProvider) -> None:
        self.provider = provider
        self.down = False

    def of(self, person: str, _case: str) -> Sequence[Appointment]:
        if self.down:
            raise Unavailable("down", code="mandates_down")
        held = self.provider.mandates.appointments_of(person)
        return [Appointment(one.id, one.representee.identifier, one.scope) for one in held if one.scope]

    def appoint(self, person: str, scope: AuditScope = SCOPE, **days: date) -> str:
        who = Party("NATURAL_PERSON", person, first_name="A", surname="B")
        return self.provider.mandates.appoint(OFFICE, who, scope, actor="parliament", **days).id


class Wire:
    """Calls as the exchange brings them to the register, with X-Road's headers."""

    def __init__(self, site: Any) -> None:
        self.site = site
        self.is_down = False
        self.statistics: list[Any] | None = None  # what the education register tells; None: it does not

    async def call(
        self, service: str, method: str, path: str, *, body: Any = None, case: str | None, basis: str, acting: str,
        message_id: str | None = None, **_more: Any,
    ) -> ExchangeAnswer:  # fmt: skip
        if self.is_down:
            raise Unavailable("down", code="network_error")
        message = message_id or str(uuid4())
        if path.startswith("/places/statistics"):
            if self.statistics is None:
                raise Unavailable("down", code="network_error")
            return ExchangeAnswer(200, {"items": self.statistics}, message)
        headers = {"X-Road-Client": PORTAL, "X-Road-Id": message, "X-Road-UserId": acting,
                   "Sild-Legal-Basis": basis, "Content-Type": "application/json"}  # fmt: skip
        if case is not None:
            headers["X-Road-Issue"] = case
        content = None if body is None else json.dumps(body).encode()
        answer = self.site.request(method, path, headers=headers, body=content)
        told = answer.json() if answer.body else None
        if answer.status == 503:
            raise Unavailable("later", code=told["type"].rpartition(":")[2])
        if answer.status >= 400:
            raise CallerError(told.get("detail", ""), code=told["type"].rpartition(":")[2])
        return ExchangeAnswer(answer.status, told, message)


@contextmanager
def audited_register(directory: Path, clock: Any) -> Iterator[tuple[SocialRegister, Wire, str]]:
    """The register, the wire to it, and the id of a grant about a child and her mother."""
    register = SocialRegister.open(directory, people=0, clock=clock)
    try:
        decision = decide(register)
        with serving(social_app(register)) as site:
            yield register, Wire(site), decision
    finally:
        register.close()


def decide(register: SocialRegister, *, income: str = "1200.01") -> str:
    deciding = register.deciding
    got = datetime(2026, 3, 20, 8, 0, tzinfo=UTC)
    told: dict[str, Any] = {
        "register": "SILD/GOV/70000002/population",
        "fetched_at": min(got, register.kernel.now),
    }
    months = [f"2024-{number:02}" for number in range(6, 13)] + [
        f"2025-{number:02}" for number in range(1, 6)
    ]
    facts = [
        KnownFact("families/family/child", "role", ["child"], in_clear=True),
        KnownFact("families/family/mother", "role", ["mother"], in_clear=True),
        KnownFact("persons/child/born/ETERNITY", "date", "2026-03-15", message_id="message-1", **told),
        KnownFact("families/family/older_siblings/ETERNITY", "int", 1, message_id="message-2", **told),
        *(KnownFact(f"persons/mother/income/{month}", "money", income, message_id="message-3", **told) for month in months),
    ]  # fmt: skip
    asked = [
        ("family", "birth_grant", "ETERNITY"),
        ("family", "child_allowance", "ETERNITY"),
        ("mother", "parental_benefit", "ETERNITY"),
    ]
    judged = deciding.judge("ee-family-benefits", facts, at=date(2026, 4, 1), outputs=asked)
    ruling = Ruling(
        country="EE", effect="grant", step="grant", service="birth", algorithm="family-benefits",
        purpose="family benefits after a birth", subjects=((CHILD, "child"), (MOTHER, "mother")),
        outcome="family_benefits.grant", case=f"case-{uuid4()}",
    )  # fmt: skip
    usage = Usage(
        "SILD/GOV/70000001/portal", f"made-{uuid4()}", user_id="automatic", issue="case-7", basis="PHS § 17"
    )
    with register.kernel.used("acceptOffer", usage) as use:
        return str(deciding.record(use, judged, ruling).id)


def decide_from(register: SocialRegister, *, messages: int) -> str:
    """A decision of a person that rests on facts of so many messages."""
    store = register.deciding.store
    law = "Law"
    draft = Draft(
        kind="human",
        automation=1,
        effect="grant",
        discretion="structured",
        authority=register.deciding.authority,
        competence=Competence(law=law, article="§ 1", valid_on=date(2026, 3, 1)),
        procedure="urn:sild:service:birth",
        case=f"case-{uuid4()}",
        step="grant",
        algorithm=Algorithm(id="family-benefits", version="1"),
        subjects=(Subject(ref=store.pseudonym(MOTHER), role="person"),),
        legal_basis=(LegalBasis(instrument=law, article="§ 1", uri="https://law.example"),),
        purpose="plan",
        inputs=tuple(
            Input(name=f"facts/fact/n{one}/x", type="int", value=one, message_id=f"message-{one:03}")
            for one in range(messages)
        ),
        human=(
            HumanStep(
                official=store.pseudonym("37001010002"), role="official", device_posture="managed",
                view_sha256="cd" * 32, action="confirm", seconds=7,
            ),
        ),
        considerations=(Consideration(code="c", article="§ 1", text=Secret(secret="Weighed.")),),
        hearing=Hearing(required=False),
        reasons=(Reason(code="r", article="§ 1", text={"en": Secret(secret="Because.")}, origin="official"),),
        outcome=Outcome(type="plan", items=(OutcomeItem(name="places", type="int", value=12),)),
        retention=Retention(until=None, ground="x"),
    )  # fmt: skip
    with store.engine.begin() as connection:
        return str(store.decide(connection, draft).id)


def supervise(register: SocialRegister, provider: IdentityProvider) -> Keeper:
    keeper = Keeper(provider)
    register.deciding.supervision = Supervision(frozenset({PORTAL}), keeper)
    return keeper


def decide_with_model(register: SocialRegister, model: str = "demand") -> str:
    """A decision of an official who saw a model's number after their own."""
    store = register.deciding.store
    said = ["places=12.5", "low=9", "high=16"]
    draft = Draft(
        kind="model_assisted",
        automation=2,
        effect="grant",
        discretion="structured",
        authority=register.deciding.authority,
        competence=Competence(law="Law", article="§ 1", valid_on=date(2026, 3, 1)),
        procedure="urn:sild:service:birth",
        case=f"case-{uuid4()}",
        step="grant",
        algorithm=Algorithm(id="family-benefits", version="1"),
        subjects=(Subject(ref=store.pseudonym(MOTHER), role="person"),),
        legal_basis=(LegalBasis(instrument="Law", article="§ 1", uri="https://law.example"),),
        purpose="plan",
        inputs=(Input(name="models/x/places", type="list", value=said, message_id="call-1", asserted_by="model"),),
        model_calls=(
            ModelCall(
                call_id="call-1", purpose="how many places", provider="sild", model=model, reported_version="3",
                location="own process", template_id="demand/3/model.json", template_sha256="ab" * 32,
                input_classes=("statistics",), redactions=2, output_sha256=sha256_of(said), validation="in_range",
                used_as_input=True,
            ),
        ),
        human=(
            HumanStep(
                official=store.pseudonym("37001010002"), role="official", device_posture="managed", view_sha256="cd" * 32,
                provisional_view="11", action="override", reason_code="closing", reason_text=Secret(secret="A group closes."),
                seconds=73,
            ),
        ),
        considerations=(Consideration(code="c", article="§ 1", text=Secret(secret="Weighed.")),),
        hearing=Hearing(required=False),
        reasons=(Reason(code="r", article="§ 1", text={"en": Secret(secret="Because.")}, origin="official"),),
        outcome=Outcome(type="plan", items=(OutcomeItem(name="places", type="int", value=12),)),
        retention=Retention(until=None, ground="x"),
    )  # fmt: skip
    with store.engine.begin() as connection:
        return str(store.decide(connection, draft).id)
