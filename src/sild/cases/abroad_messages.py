"""The messages by which evidence is asked for in another country, and what an answer is worth: read, held against what was asked, its seal verified."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from sild.cases.abroad_names import is_same_name
from sild.cases.process import ExchangeAnswer
from sild.documents import read_birth_extract, verify_sealed_pdf
from sild.errors import PeerError, PlatformError
from sild.oots import (
    EDM_TYPE,
    Agent,
    DataService,
    Directory,
    EdmException,
    ErrorResponse,
    Evidence,
    EvidenceRequest,
    EvidenceResponse,
    Subject,
    parse_answer,
    read_package,
    request_xml,
)
from sild.pki import Certificate
from sild.telemetry import get_logger

__all__ = ["Asked", "AtSource", "Messages", "Sent"]

log = get_logger("cases")

UNREGISTERED = "urn:oasis:names:tc:ebcore:partyid-type:unregistered"
LEVELS = {"low": "Low", "substantial": "Substantial", "high": "High"}
FIRST: Mapping[EdmException, str] = {
    EdmException.OBJECT_NOT_FOUND: "nobody",
    EdmException.UNRESOLVED_REFERENCE: "several",
    EdmException.AUTHENTICATION: "level_too_low",
    EdmException.UNSUPPORTED_CAPABILITY: "not_given_there",
    EdmException.TIMEOUT: "timed_out",
}
SECOND: Mapping[EdmException, str] = {**FIRST, EdmException.OBJECT_NOT_FOUND: "declined"}
"""Reasons by exception; any other is `refused`. After a preview the one whose evidence it is has released nothing."""


class AnotherPerson(PeerError):
    """In order, but of somebody else, or of the person under another name: which of both, no machine decides."""

    code = "another_evidence"


@dataclass(frozen=True, slots=True)
class Asked:
    """Of the action ASK_EVIDENCE. code: the person's, with their country.  fetch: number of FETCH_EVIDENCE, for the second request."""

    seq: int
    case: str
    service: str
    requirement: str
    system: str
    kind: str
    procedure: str
    person: str
    code: str
    given_names: str
    family_name: str
    born: str
    acr: str
    language: str
    fetch: int | None


@dataclass(frozen=True, slots=True)
class AtSource:
    """service: None: the directory has it no longer.  named: whose seal is believed."""

    service: DataService | None
    named: Sequence[Certificate]

    @property
    def body(self) -> str:
        """The member: `VN/GOV/70000002`."""
        assert self.service is not None
        return "/".join(self.service.system.split("/")[:3])


@dataclass(frozen=True, slots=True)
class Sent:
    """A request, and its XML."""

    request: EvidenceRequest
    xml: bytes
    media_type: str = EDM_TYPE


class Messages:
    def __init__(self, country: str, system: str, name: Mapping[str, str], directory: Directory) -> None:
        """system: ours, `/EE/GOV/70000001/portal`.  name: by language."""
        member = system.strip("/").split("/")[2]
        self._country = country
        self._agent = Agent(member, f"{UNREGISTERED}:{country}", name, country)
        self._directory = directory

    def request(self, asked: Asked, service: DataService, location: str | None, at: datetime) -> Sent:
        """The same bytes each time: a message that is sent again is the same message."""
        requirement = self._directory.requirement(asked.requirement)
        kind = next(one for one in requirement.evidence_types if one.classification == asked.kind)
        cause = f"urn:sild:evidence-request:{asked.case}|{asked.seq}|{asked.fetch or 0}"
        request = EvidenceRequest(
            id=f"urn:uuid:{uuid5(NAMESPACE_URL, cause)}",
            issued=at,
            procedure=asked.procedure,
            explicitly_requested=True,
            can_preview=True,
            requirements=(requirement.as_asked(),),
            requester=self._agent,
            provider=Agent(service.provider.identifier, service.provider.scheme, service.provider.name),
            subject=Subject(
                f"{asked.code[:2]}/{kind.country}/{asked.code[2:]}",
                asked.family_name,
                asked.given_names,
                date.fromisoformat(asked.born),
                LEVELS[asked.acr],
            ),
            evidence_type=kind.as_asked(),
            preview_location=location,
            language=asked.language,
        )
        return Sent(request, request_xml(request))

    async def read(
        self, answer: ExchangeAnswer, sent: Sent, source: AtSource, at: datetime
    ) -> tuple[dict[str, Any], bytes | None]:
        """What came of it (`outcome`: preview, evidence, missed), and the document, if its seal holds. Nothing of an answer that is not in order."""
        try:
            message, documents = read_package(answer.media_type, answer.file)
            found = parse_answer(message, request_id=sent.request.id)
            if isinstance(found, ErrorResponse):
                return _failed(found, sent), None
            return await self._taken(found, documents, sent, source, at)
        except PlatformError as error:
            log.refusal("cases.evidence_refused", error, register=source.body)
            reason = "another_person" if isinstance(error, AnotherPerson) else "altered"
            return {"outcome": "missed", "reason": reason}, None

    async def _taken(
        self,
        found: EvidenceResponse,
        documents: Mapping[str, bytes],
        sent: Sent,
        source: AtSource,
        at: datetime,
    ) -> tuple[dict[str, Any], bytes]:
        """Raises PeerError, TrustError: it is not what was asked, or its seal does not hold."""
        if len(found.evidence) != 1 or [*documents] != [found.evidence[0].content]:
            raise PeerError("one document, and the one it names", code="another_evidence")
        (one,), (document,) = found.evidence, documents.values()
        _ensure_fits(one, sent.request, found)
        sealed = await asyncio.to_thread(verify_sealed_pdf, document, source.named, body=source.body, at=at)
        if not sealed.trusted:
            raise PeerError("nobody we know answers for the seal", code="untrusted_seal")
        lines = await asyncio.to_thread(read_birth_extract, document)
        _ensure_about(lines, sent.request.subject)
        provenance = {
            "provider": dict(found.provider.name),
            "issued_by": dict(one.authority.name),
            "issued_on": one.issued.isoformat(),
            "title": dict(one.evidence_type.title),
            "sealed_by": sealed.name,
            "sealed_for": sealed.authority,
            "sealed_at": sealed.stamped_at.isoformat() if sealed.stamped_at else None,
            "request": sent.request.id,
            "response": found.id,
            "evidence": one.id,
        }
        return {"outcome": "evidence", "lines": dict(lines), "provenance": provenance}, document


def _failed(error: ErrorResponse, sent: Sent) -> dict[str, Any]:
    if error.preview_location is not None:
        return {"outcome": "preview", "location": error.preview_location}
    reasons = FIRST if sent.request.preview_location is None else SECOND
    return {"outcome": "missed", "reason": reasons.get(error.exception, "refused")}


def _ensure_fits(one: Evidence, request: EvidenceRequest, found: EvidenceResponse) -> None:
    """Of the person, of the kind, to us: what was asked. Raises PeerError."""
    about, wanted = one.about, request.subject
    same = (
        (about.identifier, about.born) == (wanted.identifier, wanted.born)
        and one.evidence_type.classification == request.evidence_type.classification
        and one.evidence_type.format == request.evidence_type.format
        and found.requester.identifier == request.requester.identifier
        and found.provider.identifier == request.provider.identifier
    )
    if not same:
        raise PeerError("the evidence is not what was asked for", code="another_evidence")
    _ensure_named((about.family_name, about.given_name), wanted)


def _ensure_about(lines: Mapping[str, str], subject: Subject) -> None:
    """The document itself is of the person asked for: born that day, and called so. Raises AnotherPerson."""
    if lines.get("born") != subject.born.isoformat():
        raise AnotherPerson("the document is of somebody born on another day")
    _ensure_named((lines.get("family_name", ""), lines.get("given_names", "")), subject)


def _ensure_named(names: tuple[str, str], subject: Subject) -> None:
    """names: family name, given names. Raises AnotherPerson."""
    if not is_same_name((subject.family_name, subject.given_name), names):
        raise AnotherPerson("another name than the one asked for")
