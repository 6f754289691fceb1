"""Evidence for procedures of other countries: what the EU's Once-Only Technical System asks of a data service (TDD 1.2, 4.5 and 4.9).

    first request ──▶ who it is ──▶ EDM:ERR:0002 with an address ──▶ the person looks, approves or declines ──▶ second request ──▶ evidence

Whom it is about is found by family name, given names and date of birth (case and accents aside), among the living; an identifier of this
country must be the person's code besides. Nobody found: EDM:ERR:0004; several: EDM:ERR:0006. The one found has to log in here themselves
to look: whoever else has the address sees nothing. What they approve is the very document they saw, by its hash. It is given once, to the
system that asked, in the same case, for the same person acting; then, or when its time is over, it is forgotten.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import yaml
from sqlalchemy import Row, insert, select, update

from sild.documents import BirthExtract, Sealer, birth_extract_pdf, seal_pdf
from sild.errors import CallerError, PeerError
from sild.i18n import folded
from sild.oots import (
    EDM_TYPE,
    Agent,
    Directory,
    EdmException,
    ErrorResponse,
    Evidence,
    EvidenceRequest,
    EvidenceResponse,
    EvidenceType,
    error_xml,
    package_media_type,
    parse_request,
    parse_requirements,
    response_xml,
    write_package,
)
from sild.registries.kernel import Kernel, Usage, Use
from sild.registries.population.persons import read_person, read_persons
from sild.registries.population.protection import is_kept
from sild.registries.population.records import Person
from sild.registries.population.tables import evidence_requests, persons

__all__ = ["CrossBorderEvidence", "EvidenceOffer", "Previewed"]

KIND = "birth_extract"
LANGUAGES = ("et", "vi", "en")
UNREGISTERED = "urn:oasis:names:tc:ebcore:partyid-type:unregistered"
LEVELS = ("Substantial", "High")
"""Of the log-in in the other country."""


@dataclass(frozen=True, slots=True)
class EvidenceOffer:
    """country: of the register.  name: of the body that gives it, by language.  preview: where people look first, without a token:
    `https://portal.example/preview`.  kept: how long a request waits for them.
    """

    country: str
    name: Mapping[str, str]
    preview: str
    kept: timedelta = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Previewed:
    """What the person is shown. requester: who asks, by language, and of which country.  lines: by `EXTRACT_LINES`.  sha256: of `content`, which is empty once they declined."""

    requester: Mapping[str, str]
    country: str | None
    requirement: Mapping[str, str]
    title: Mapping[str, str]
    state: str
    until: datetime
    lines: Mapping[str, str]
    content: bytes
    sha256: str


class CrossBorderEvidence:
    """seal: of papers.  offer: None: nothing is given."""

    def __init__(self, kernel: Kernel, seal: Sealer) -> None:
        self._kernel = kernel
        self._seal = seal
        self.offer: EvidenceOffer | None = None

    # --- the other country's system

    def query(self, xml: bytes, usage: Usage) -> tuple[str, bytes]:
        """Media type and body of the answer, an EDM error among them. Blocks.

        Raises CallerError (`evidence_not_offered`, `invalid_evidence_message`): nothing that could be answered in the model's own words.
        """
        offer = self._offered()
        try:
            request = parse_request(xml)
        except PeerError as error:
            raise CallerError(error.message, code=error.code) from error
        with self._kernel.used("queryEvidence", usage) as use:
            said = use.answered()
            if said is None:
                said = use.answer(self._said(use, request, offer))
            content = self._content(use, said["token"]) if said["exception"] is None else b""
        answer_id = str(uuid5(NAMESPACE_URL, f"urn:sild:evidence-answer:{usage.client}|{usage.message_id}"))
        at = datetime.fromisoformat(said["at"])
        provider, requester = self._agent(offer), replace(request.requester, country=None)
        if said["exception"] is not None:
            failed = ErrorResponse(
                answer_id, request.id, at, provider, requester, EdmException[said["exception"]], said["detail"],
                said["location"], LOOK_FIRST if said["location"] else {},
            )  # fmt: skip
            return EDM_TYPE, error_xml(failed)
        return self._package(answer_id, request, at, provider, said["token"], content)

    def _said(self, use: Use, request: EvidenceRequest, offer: EvidenceOffer) -> dict[str, Any]:
        if request.preview_location is not None:
            return self._second(use, request, offer)
        refusal = self._unfit(use, request, offer)
        if refusal is not None:
            return _told(use, *refusal)
        found = self._matching(use, request, offer)
        if len(found) != 1:
            exception = EdmException.UNRESOLVED_REFERENCE if found else EdmException.OBJECT_NOT_FOUND
            return _told(use, exception, "several people" if found else "nobody")
        use.concerns(*found)
        token = secrets.token_urlsafe(32)
        row = {
            "token": token,
            "client": use.usage.client,
            "asked": _asked(request, use.usage),
            "person": found[0],
            "state": "waiting",
            "at": use.at,
            "until": use.at + offer.kept,
        }
        over = evidence_requests.c.until < use.at, evidence_requests.c.content.is_not(None)
        use.connection.execute(update(evidence_requests).where(*over).values(content=None))
        use.connection.execute(insert(evidence_requests).values(row))
        return _told(use, EdmException.AUTHORIZATION, location=f"{offer.preview}/{token}")

    def _unfit(
        self, use: Use, request: EvidenceRequest, offer: EvidenceOffer
    ) -> tuple[EdmException, str] | None:
        subject, kind = request.subject, request.evidence_type
        if not request.explicitly_requested:
            return EdmException.INVALID_REQUEST, "the person has not asked for it explicitly"
        if subject.asked_of != offer.country or request.provider.identifier != self._agent(offer).identifier:
            return EdmException.INVALID_REQUEST, "this is asked of somebody else"
        if use.usage.user_id != subject.code:
            return EdmException.INVALID_REQUEST, "people ask for their own evidence, and are the ones who act"
        if subject.level not in LEVELS:
            return EdmException.AUTHENTICATION, "a log-in of level substantial at least"
        wanted = _type_of(offer.country)
        if (kind.classification, kind.format) != (wanted.classification, wanted.format):
            return EdmException.UNSUPPORTED_CAPABILITY, "this kind of evidence is not given here"
        if not request.can_preview:
            return EdmException.UNSUPPORTED_CAPABILITY, "evidence is given after a preview"
        return None

    def _matching(self, use: Use, request: EvidenceRequest, offer: EvidenceOffer) -> list[str]:
        """Codes of the living whom the attributes fit: none, one, or several."""
        subject = request.subject
        origin, _for, code = subject.identifier.split("/", 2)
        named = folded(f"{subject.family_name} {subject.given_name}")
        query = select(persons.c.code).where(persons.c.born == subject.born, persons.c.search_name == named)
        if origin == offer.country:
            query = query.where(persons.c.code == code)
        codes = list(use.connection.scalars(query.order_by(persons.c.code).limit(10)))
        known = use.facts.current_of(codes, ["died"], on=use.today)
        return [code for code in codes if not known.get(code)]

    def _second(self, use: Use, request: EvidenceRequest, offer: EvidenceOffer) -> dict[str, Any]:
        token = str(request.preview_location).rpartition("/")[2]
        row = self._row(use, token)
        is_theirs = row is not None and request.preview_location == f"{offer.preview}/{token}"
        if row is None or not is_theirs or (row.client, row.asked) != (use.usage.client, _asked(request, use.usage)):  # fmt: skip
            return _told(use, EdmException.INVALID_REQUEST, "there is no such preview of this request")
        use.concerns(row.person)
        if row.state == "given":
            return _told(use, EdmException.INVALID_REQUEST, "it was given")
        if row.state == "declined":
            return _told(use, EdmException.OBJECT_NOT_FOUND, "the person does not use it")
        if row.until <= use.at or (row.state == "approved" and row.content is None):
            return _told(use, EdmException.TIMEOUT, "the time to look at it is over")
        if row.state == "waiting":
            return _told(use, EdmException.AUTHORIZATION, location=request.preview_location)
        given = {"state": "given", "given_to": request.id}
        use.connection.execute(update(evidence_requests).where(_of(token)).values(given))
        return {"exception": None, "token": token, "at": use.at.isoformat()}

    def _content(self, use: Use, token: str) -> bytes:
        row = self._row(use, token)
        if row is None or row.content is None:
            raise CallerError("the document is not kept any more", code="evidence_request_over")
        return bytes(row.content)

    def _package(
        self,
        answer_id: str,
        request: EvidenceRequest,
        at: datetime,
        provider: Agent,
        token: str,
        content: bytes,
    ) -> tuple[str, bytes]:
        number = _number(token)
        name, about = f"{number.replace('-', '')}@sild", replace(request.subject, level=None)
        wanted = replace(_type_of(provider.country or ""), identifier=number)
        issued = at.astimezone(self._kernel.zone).date()
        one = Evidence(number, about, replace(provider, country=None), wanted, issued, name, _language(request.language))  # fmt: skip
        response = EvidenceResponse(
            answer_id, request.id, at, provider, replace(request.requester, country=None), (one,)
        )
        boundary = f"sild-{hashlib.sha256(content).hexdigest()[:32]}"
        body = write_package(response_xml(response), {name: (wanted.format, content)}, boundary)
        return package_media_type(boundary), body

    # --- the person, through the portal of this country

    def preview(self, token: str, usage: Usage) -> Previewed:
        """What would be given, for the one it is about and nobody else. Blocks.

        Raises CallerError (`unknown_evidence_request`, `evidence_request_over`).
        """
        self._offered()
        with self._kernel.used("previewEvidence", usage) as use:
            row = self._own(use, token)
            person = read_person(use, row.person)
            parents = {one.code: one.full_name for one in read_persons(use, [code for code in (person.mother, person.father) if code and _is_known(use, code)])}  # fmt: skip
            place_is_kept = is_kept(use, [person.code], person.code)
        extract = self._extract(row, person, parents, place_is_kept)
        content = row.content
        if content is None:  # of what was declined nothing is kept, and nothing made again
            content = b"" if row.state == "declined" else self._made(row, extract)
        return Previewed(
            row.asked["requester"]["name"],
            row.asked["requester"]["country"],
            row.asked["requirement"],
            _type_of(self._offered().country).title,
            row.state,
            row.until,
            extract.lines,
            bytes(content),
            hashlib.sha256(content).hexdigest(),
        )

    def answer(self, token: str, sha256: str | None, usage: Usage) -> str:
        """The person's word: the hash of what they saw and approve; None: they decline. The state afterwards. Blocks.

        Raises CallerError (`unknown_evidence_request`, `evidence_request_over`, `evidence_answered`, `another_document`).
        """
        self._offered()
        wanted = "declined" if sha256 is None else "approved"
        with self._kernel.used("answerEvidenceRequest", usage) as use:
            said = use.answered()
            if said is not None:
                return str(said["state"])
            row = self._own(use, token)
            if row.state != "waiting":
                if row.state == wanted and sha256 in (None, row.sha256):
                    return str(use.answer({"state": wanted})["state"])
                raise CallerError("the person has answered before", code="evidence_answered")
            if sha256 is not None and sha256 != row.sha256:
                raise CallerError("another document was shown", code="another_document")
            values: dict[str, Any] = {"state": wanted, "answered_at": use.at}
            if sha256 is None:
                values["content"] = None
            use.connection.execute(update(evidence_requests).where(_of(token)).values(values))
            return str(use.answer({"state": wanted})["state"])

    def _own(self, use: Use, token: str) -> Row[Any]:
        row = self._row(use, token)
        if row is not None:
            use.concerns(row.person)
        if row is None or not (use.usage.actor == use.usage.principal == row.person):
            raise CallerError("there is no such request of yours", code="unknown_evidence_request")
        if row.until <= use.at or row.state == "given":
            raise CallerError("the time to look at it is over", code="evidence_request_over")
        return row

    def _made(self, row: Row[Any], extract: BirthExtract) -> bytes:
        """Sealed outside of any transaction; of two at once the first stays."""
        language = _language(row.asked["language"])
        pdf = birth_extract_pdf(extract, language, at=self._kernel.now)
        sealed = seal_pdf(pdf, self._seal, self._kernel.stamp)
        values = {"content": sealed, "sha256": hashlib.sha256(sealed).hexdigest()}
        fresh = evidence_requests.c.content.is_(None), evidence_requests.c.state == "waiting"
        with self._kernel.engine.begin() as connection:
            connection.execute(update(evidence_requests).where(_of(row.token), *fresh).values(values))
            kept = connection.scalar(select(evidence_requests.c.content).where(_of(row.token)))
        if kept is None:
            raise CallerError("the time to look at it is over", code="evidence_request_over")
        return bytes(kept)

    def _extract(
        self, row: Row[Any], person: Person, parents: Mapping[str, str], place_is_kept: bool
    ) -> BirthExtract:
        return BirthExtract(
            number=_number(row.token),
            issuer=self._offered().name,
            code=person.code,
            given_names=person.given_names or "",
            family_name=person.family_name or "",
            born=person.born,
            sex=person.sex,
            citizenships=person.citizenships,
            birth_place=None if place_is_kept else person.birth_place,
            mother=parents.get(person.mother or ""),
            father=parents.get(person.father or ""),
            issued_on=row.at.astimezone(self._kernel.zone).date(),
        )

    def _row(self, use: Use, token: str) -> Row[Any] | None:
        use.alone(f"evidence/{token[:43]}")
        return use.connection.execute(select(evidence_requests).where(_of(token))).one_or_none()

    def _offered(self) -> EvidenceOffer:
        if self.offer is None:
            raise CallerError("this register gives no evidence abroad", code="evidence_not_offered")
        return self.offer

    def _agent(self, offer: EvidenceOffer) -> Agent:
        member = self._kernel.system.strip("/").split("/")[2]
        return Agent(member, f"{UNREGISTERED}:{offer.country}", offer.name, offer.country)


LOOK_FIRST = {
    "et": "Vaata tõend enne üle.",
    "vi": "Hãy xem giấy tờ trước khi dùng.",
    "en": "Look at the evidence before it is used.",
}


def _told(use: Use, exception: EdmException, detail: str = "", location: str | None = None) -> dict[str, Any]:
    return {"exception": exception.name, "detail": detail, "location": location, "at": use.at.isoformat()}


def _asked(request: EvidenceRequest, usage: Usage) -> dict[str, Any]:
    """What the second request has to have in common with the first."""
    subject = request.subject
    return {
        "case": usage.issue,
        "acting": usage.user_id,
        "subject": [subject.identifier, subject.family_name, subject.given_name, subject.born.isoformat()],
        "kind": request.evidence_type.classification,
        "procedure": request.procedure,
        "requirement": dict(request.requirements[0].name),
        "requester": {"name": dict(request.requester.name), "country": request.requester.country},
        "language": request.language,
    }


def _of(token: str) -> Any:  # an SQL condition
    return evidence_requests.c.token == token[:100]


def _number(token: str) -> str:
    return str(uuid5(NAMESPACE_URL, f"urn:sild:evidence:{hashlib.sha256(token.encode()).hexdigest()}"))


def _language(wanted: str) -> str:
    return wanted if wanted in LANGUAGES else "en"


def _is_known(use: Use, code: str) -> bool:
    return use.connection.scalar(select(persons.c.code).where(persons.c.code == code)) is not None


@cache
def _type_of(country: str) -> EvidenceType:
    """As the packs have it. Raises CallerError (`unknown_evidence_type`)."""
    file = files("sild") / "packs" / "state" / "evidence" / "requirements.yaml"
    known = Directory(parse_requirements(yaml.safe_load(file.read_text("utf-8"))))
    return known.type_of(country, KIND).as_asked()
