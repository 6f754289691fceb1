"""A body that decides, and a decision of it: real keys and certificates, a clock that is set by hand."""

from __future__ import annotations

import hashlib
import importlib.util
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from sild.decisions import (
    Algorithm,
    Competence,
    DecisionStore,
    Draft,
    Hearing,
    Input,
    KeySealer,
    LegalBasis,
    Outcome,
    OutcomeItem,
    Reason,
    Retention,
    RuleRef,
    Secret,
    Subject,
)
from sild.errors import Unavailable
from sild.pki import (
    Certificate,
    CertificateProfile,
    PrivateKey,
    TimeStampAuthority,
    add_certificate_to_token,
    build_timestamp_request,
    issue_certificate,
    parse_timestamp_response,
)

START = datetime(2026, 3, 2, 9, 0, 0, 123456, tzinfo=UTC)
AUTHORITY = "SILD/GOV/70000004"


class SetClock:
    def __init__(self) -> None:
        self.at = START

    def __call__(self) -> datetime:
        return self.at

    def forward(self, **time: float) -> None:
        self.at += timedelta(**time)


def name(common: str, authority: str | None = None) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.COUNTRY_NAME, "EE"), x509.NameAttribute(NameOID.COMMON_NAME, common)]
    if authority is not None:
        parts.append(x509.NameAttribute(NameOID.ORGANIZATION_IDENTIFIER, authority))
    return x509.Name(parts)


class Root:
    """A certification authority; its key on P-256 or P-384, or RSA."""

    def __init__(self, key: PrivateKey | None = None, common: str = "Test root") -> None:
        self.key = key or ec.generate_private_key(ec.SECP256R1())
        self.name = name(common)
        self.certificate = self._issue(CertificateProfile.ROOT_CA, self.name, self.key, 1)
        self.serial = 1

    def _issue(
        self, profile: CertificateProfile, subject: x509.Name, key: PrivateKey, serial: int
    ) -> Certificate:
        return issue_certificate(
            profile,
            subject=subject,
            public_key=key.public_key(),
            issuer=self.name,
            issuer_key=self.key,
            issuer_public_key=self.key.public_key(),
            serial_number=serial,
            not_before=START - timedelta(days=100),
            not_after=START + timedelta(days=1000),
        )

    def issue(self, profile: CertificateProfile, subject: x509.Name, key: PrivateKey) -> Certificate:
        self.serial += 1  # of this authority
        return self._issue(profile, subject, key, self.serial)

    def sealer(self, authority: str = AUTHORITY) -> KeySealer:
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self.issue(CertificateProfile.SIGN, name("Social Insurance Board", authority), key)
        return KeySealer(key, [certificate, self.certificate])

    def time_stamper(self, key: PrivateKey | None = None) -> TimeStampAuthority:
        key = key or rsa.generate_private_key(65537, 2048)
        certificate = self.issue(CertificateProfile.TIMESTAMPING_AUTHORITY, name("Test time-stamps"), key)
        return TimeStampAuthority(certificate, key, "1.2.3.4")


def draft(store: DecisionStore, case: str = "case-1", **changes: Any) -> Draft:
    """A benefit granted by a rule, wholly automatic."""
    fields: dict[str, Any] = {
        "kind": "rule",
        "automation": 4,
        "effect": "grant",
        "discretion": "bound",
        "authority": AUTHORITY,
        "competence": Competence(law="PHS", article="§ 44", valid_on=date(2026, 3, 2)),
        "procedure": "https://sild.example/services/family-benefits",
        "case": case,
        "step": "grant",
        "algorithm": Algorithm(id="family-benefits", version="1"),
        "subjects": [Subject(ref=store.pseudonym("49001010005"), role="parent")],
        "legal_basis": [
            LegalBasis(
                instrument="PHS",
                article="§ 17",
                version_date=date(2026, 1, 1),
                uri="https://www.riigiteataja.ee/akt/PHS",
            )
        ],
        "purpose": "family benefit",
        "inputs": [
            Input(
                name="persons/mother/income/2025-01",
                type="money",
                value=Secret(secret="1200.00"),
                register="SILD/GOV/70000005/tax",
                message_id="SILD-0001",
                valid_at=date(2025, 1, 31),
                fetched_at=START,
            ),
            Input(
                name="families/f1/children",
                type="role",
                value=["child"],
                register="SILD/GOV/70000002/population",
                message_id="SILD-0002",
            ),
        ],
        "rules": RuleRef(package="ee-family-benefits", version="1", sha256="a" * 64),
        "trace": {"root": "b" * 64, "nodes": [{"id": "n1", "value": "80.00"}]},
        "hearing": Hearing(required=False),
        "reasons": [
            Reason(
                code="child_benefit",
                article="PHS § 17",
                inputs=("families/f1/children",),
                text={"et": "Laps on perega.", "vi": "Có một con.", "en": "There is one child."},
                origin="trace",
            )
        ],
        "outcome": Outcome(
            type="benefit",
            items=(
                OutcomeItem(name="f1/child_benefit/2026-03", type="money", value="80.00", currency="EUR"),
            ),
        ),
        "retention": Retention(until=date(2033, 3, 2), ground="AvTS"),
        **changes,
    }
    return Draft.model_validate(fields)


class LocalStamps:
    """A time-stamping authority at hand; `is_down` for as long as it gives none."""

    def __init__(self, authority: TimeStampAuthority, clock: SetClock) -> None:
        self.authority = authority
        self.clock = clock
        self.is_down = False
        self.serial = 0

    async def __call__(self, data: bytes) -> bytes:
        if self.is_down:
            raise Unavailable("no authority answers", code="timestamping_failed")
        return self.token(data)

    def token(self, data: bytes) -> bytes:
        self.serial += 1
        request = build_timestamp_request(hashlib.sha512(data).digest())
        answer = self.authority.answer(request, at=self.clock(), serial_number=self.serial)
        return add_certificate_to_token(parse_timestamp_response(answer), self.authority.certificate)


def load_verifier() -> ModuleType:
    """examples/verify_decision.py"""
    path = Path(__file__).parents[2] / "examples" / "verify_decision.py"
    spec = importlib.util.spec_from_file_location("verify_decision", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
