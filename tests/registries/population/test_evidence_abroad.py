"""Evidence for a procedure in another country: who it is, who may look, what is approved, what is given, and to whom; every attack on it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any
from uuid import uuid4

import pytest

from sild.documents import read_birth_extract, verify_sealed_pdf
from sild.oots import (
    Agent,
    EdmException,
    ErrorResponse,
    EvidenceRequest,
    EvidenceResponse,
    EvidenceType,
    Requirement,
    Subject,
    parse_answer,
    read_package,
    request_xml,
)
from sild.registries import EvidenceOffer, PopulationRegister, Transfer, population_app
from support.acting import EARLY, EVER, LogIn, proof, serving
from support.asgi import Answer
from support.clock import SetClock

from ..asking import Asker, refused
from ..conftest import NOW
from ..families import couple, dead, man
from ..notices import bundle, recorded

PORTAL = "FI/GOV/70000001/portal"
ACROSS = "https://portal.ee.example/preview"
REPOSITORY = "https://sr.oots.tech.ec.europa.eu"
EXTRACT = "fda526e4-47ed-5086-b961-28b765d00768"
NAME = {"et": "Rahvastikuregister", "vi": "Sổ hộ tịch Estonia", "en": "Estonian population register"}
_numbers = count(1)


@pytest.fixture
def offering(either_register: PopulationRegister) -> PopulationRegister:
    either_register.kernel.transfers = [
        Transfer("FI", "GDPR 1(3), within the EEA", date(2027, 1, 1), ("queryEvidence",))
    ]
    either_register.evidence.offer = EvidenceOffer("EE", NAME, ACROSS)
    return either_register


@pytest.fixture
def here(offering: PopulationRegister) -> Iterator[Asker]:
    with serving(population_app(offering)) as site:
        yield Asker(site)


def asked(person: Any, **other: Any) -> EvidenceRequest:
    """As the portal of another country asks for what a person wants."""
    values: dict[str, Any] = {
        "id": f"urn:uuid:{uuid4()}",
        "issued": datetime.now(UTC),
        "procedure": "R1",
        "explicitly_requested": True,
        "can_preview": True,
        "requirements": (Requirement(f"{REPOSITORY}/requirements/{uuid4()}", {"en": "Proof of birth"}),),
        "requester": Agent(
            "70000001", "urn:oasis:names:tc:ebcore:partyid-type:unregistered:FI", {"en": "Portal"}, "FI"
        ),
        "provider": Agent("70000002", "urn:oasis:names:tc:ebcore:partyid-type:unregistered:EE", NAME),
        "subject": Subject(
            f"FI/EE/{person.code}X", person.family_name, person.given_names, person.born, "High"
        ),
        "evidence_type": EvidenceType(
            EXTRACT,
            f"{REPOSITORY}/evidencetypeclassifications/EE/{EXTRACT}",
            {"en": "Extract"},
            "application/pdf",
        ),
        "language": "et",
    }
    return EvidenceRequest(**{**values, **other})


def post(here: Asker, request: EvidenceRequest, **said: Any) -> Answer:
    headers = {
        "X_Road_Client": PORTAL,
        "X_Road_Id": f"FI-{next(_numbers)}",
        "X_Road_UserId": request.subject.code,
        "X_Road_Issue": "case-in-fi",
        "Sild_Legal_Basis": "(EU) 2018/1724 art 14",
        "Content_Type": "application/x-ebrs+xml",
        **said,
    }
    dashed = {name.replace("_", "-"): value for name, value in headers.items()}
    return here.site.request("POST", "/evidence-requests", body=request_xml(request), headers=dashed)


def ask(here: Asker, request: EvidenceRequest, **said: Any) -> EvidenceResponse | ErrorResponse:
    answer = post(here, request, **said)
    assert answer.status == 200, answer.text
    message, _documents = read_package(answer.headers["content-type"], answer.body)
    return parse_answer(message, request_id=request.id)


def exception(answer: EvidenceResponse | ErrorResponse) -> EdmException:
    assert isinstance(answer, ErrorResponse), answer
    return answer.exception


@dataclass
class Waiting:
    """A request that waits for the person to look."""

    here: Asker
    person: Any
    request: EvidenceRequest
    location: str

    @property
    def path(self) -> str:
        return f"/evidence-requests/{self.location.rpartition('/')[2]}"

    @property
    def second(self) -> EvidenceRequest:
        return replace(self.request, id=f"urn:uuid:{uuid4()}", preview_location=self.location)

    def look(self, **said: Any) -> Answer:
        return self.here.get(self.path, **{"user": f"EE{self.person.code}", **said})

    def says(self, *, use: bool = True, sha256: str | None = None, **said: Any) -> Answer:
        if use and sha256 is None:
            sha256 = self.look().json()["sha256"]
        body = {"use": use, "sha256": sha256 if use else None}
        return self.here.post(f"{self.path}/answer", body, **{"user": f"EE{self.person.code}", **said})


def waiting(here: Asker, person: Any | None = None) -> Waiting:
    person = person or man()
    request = asked(person)
    answer = ask(here, request)
    assert exception(answer) == EdmException.AUTHORIZATION and isinstance(answer, ErrorResponse)
    assert answer.preview_location is not None and answer.preview_location.startswith(f"{ACROSS}/")
    assert answer.preview_description["vi"]
    return Waiting(here, person, request, answer.preview_location)


def test_from_the_question_to_the_evidence(here: Asker, offering: PopulationRegister) -> None:
    one = waiting(here)
    seen = one.look().json()
    assert (seen["requester"], seen["country"], seen["state"]) == ({"en": "Portal"}, "FI", "waiting")
    assert seen["lines"]["family_name"] == one.person.family_name and seen["requirement"]["en"]
    shown = here.get(f"{one.path}/document", user=f"EE{one.person.code}")
    assert shown.headers["content-type"] == "application/pdf"
    assert exception(ask(here, one.second)) == EdmException.AUTHORIZATION, "not approved yet"
    assert one.says().json() == {"state": "approved"}

    answer = post(here, second := one.second, X_Road_Id="FI-second")
    message, documents = read_package(answer.headers["content-type"], answer.body)
    response = parse_answer(message, request_id=second.id)
    assert isinstance(response, EvidenceResponse)
    (evidence,) = response.evidence
    (pdf,) = documents.values()
    assert [*documents] == [evidence.content] and pdf == shown.body, "what was seen, byte for byte"
    assert evidence.about == replace(one.request.subject, level=None)
    assert evidence.authority.name["vi"] and evidence.language == "et"
    seal = offering.certificates._seal.chain[-1]
    sealed = verify_sealed_pdf(pdf, [seal], body="SILD/GOV/70000002", at=NOW)
    assert sealed.trusted and read_birth_extract(pdf) == seen["lines"]
    again = post(here, second, X_Road_Id="FI-second")
    assert read_package(again.headers["content-type"], again.body) == (message, documents), (
        "one message, one answer"
    )

    used = here.value(f"/findUsage?userCode=EE{one.person.code}", user=f"EE{one.person.code}")["usages"]
    abroad = [use for use in used if use["receiverCode"] == "70000001" and use["receiverSystem"] == "portal"]
    assert {use["extension"]["caseId"] for use in abroad} >= {"case-in-fi"}
    assert "Evidence was asked for from another country" in {use["action"] for use in abroad}


def test_closed_by_default(register: PopulationRegister) -> None:
    with serving(population_app(register)) as site:
        here, person = Asker(site), man()
        refused(post(here, asked(person)), 403, "transfer_not_assessed")
        register.kernel.transfers = [Transfer("FI", "assessed", date(2027, 1, 1), ("*",))]
        refused(post(here, asked(person)), 404, "evidence_not_offered")
        refused(here.get(f"/evidence-requests/{'x' * 43}"), 404, "evidence_not_offered")


def test_who_it_is(here: Asker) -> None:
    """Case and accents aside; an identifier of this country is the code itself."""
    person = man()
    loud = replace(asked(person).subject, family_name=person.family_name.upper())
    own = replace(asked(person).subject, identifier=f"EE/EE/{person.code}")
    for fitting in (loud, own):
        assert exception(ask(here, asked(person, subject=fitting))) == EdmException.AUTHORIZATION
    subject = asked(person).subject
    late = dead()
    for nobody in (
        replace(subject, born=person.born + timedelta(days=1)),
        replace(subject, family_name=person.family_name + "x"),
        replace(subject, given_name=person.given_names[:-1]),
        replace(subject, identifier="EE/EE/38001085718"),
        asked(late).subject,
    ):
        assert exception(ask(here, asked(person, subject=nobody))) == EdmException.OBJECT_NOT_FOUND


def test_several_fit(here: Asker) -> None:
    """Two who have everything in common by which another country knows people: nobody is chosen."""
    mother, father = couple()
    twins = [
        recorded(here, bundle(mother.code, father.code, number=f"T-{order}", order=order)) for order in (1, 2)
    ]
    for child in twins:
        here.done(
            f"/births/{child}/registration", {"given_names": "Linda", "family_name": mother.family_name}
        )
    both = replace(asked(mother).subject, given_name="Linda", born=date(2026, 3, 1))
    answer = ask(here, asked(mother, subject=both))
    assert exception(answer) == EdmException.UNRESOLVED_REFERENCE


def test_what_is_not_given(here: Asker) -> None:
    person = man()
    good = asked(person)
    other_kind = replace(
        good.evidence_type, classification=f"{REPOSITORY}/evidencetypeclassifications/EE/{uuid4()}"
    )
    for other, code in (
        ({"explicitly_requested": False}, EdmException.INVALID_REQUEST),
        ({"subject": replace(good.subject, identifier=f"FI/VN/{person.code}X")}, EdmException.INVALID_REQUEST),
        ({"provider": replace(good.provider, identifier="70000003")}, EdmException.INVALID_REQUEST),
        ({"subject": replace(good.subject, level="Low")}, EdmException.AUTHENTICATION),
        ({"evidence_type": other_kind}, EdmException.UNSUPPORTED_CAPABILITY),
        ({"evidence_type": replace(good.evidence_type, format="application/xml")}, EdmException.UNSUPPORTED_CAPABILITY),
        ({"can_preview": False}, EdmException.UNSUPPORTED_CAPABILITY),
    ):  # fmt: skip
        assert exception(ask(here, asked(person, **other))) == code, other
    for somebody in ("EE38001085718", "automatic"):
        assert exception(ask(here, good, X_Road_UserId=somebody)) == EdmException.INVALID_REQUEST
    refused(post(here, good, Content_Type="application/xml"), 400, "invalid_evidence_message")
    headers = {"X-Road-Client": PORTAL, "X-Road-Id": "m", "X-Road-UserId": "FI1", "X-Road-Issue": "c", "Sild-Legal-Basis": "x", "Content-Type": "application/x-ebrs+xml"}  # fmt: skip
    for bad in (b"<a/>", b"x" * 300_000, b""):
        answer = here.site.request("POST", "/evidence-requests", body=bad, headers=headers)
        refused(answer, 400, "invalid_evidence_message")


def test_nobody_else_looks_or_answers(here: Asker) -> None:
    one = waiting(here)
    mother, _father = couple()
    for said in ({"user": f"EE{mother.code}"}, {"user": "automatic"}, {"X_Road_Represented_Party": f"EE{one.person.code}", "user": f"EE{mother.code}"}):  # fmt: skip
        refused(one.look(**said), 404, "unknown_evidence_request")
    for path in (f"/evidence-requests/{'A' * 43}", f"/evidence-requests/{'A' * 43}/document"):
        refused(here.get(path, user=f"EE{one.person.code}"), 404, "unknown_evidence_request")
    digest = one.look().json()["sha256"]
    refused(one.says(sha256=digest, user=f"EE{mother.code}"), 404, "unknown_evidence_request")
    refused(one.says(sha256=digest, login=None), 403, "acting_not_proven")
    low = LogIn(acr="low", posture=None, roles=())
    said = proof(
        f"EE{one.person.code}",
        "case-7",
        EARLY,
        login=low,
        operations=["answerEvidenceRequest"],
        lifetime=EVER,
    )
    refused(one.says(sha256=digest, Sild_Acting=said), 403, "level_too_low")
    assert one.look().json()["state"] == "waiting"
    tried = here.value(f"/findUsage?userCode=EE{one.person.code}", user=f"EE{one.person.code}")["usages"]
    assert "unknown_evidence_request" in {use["extension"]["outcome"] for use in tried}, (
        "the person sees the tries"
    )


def test_another_document_is_not_approved_and_an_answer_counts_once(here: Asker) -> None:
    one = waiting(here)
    refused(one.says(sha256="0" * 64), 409, "another_document")
    body = {"use": True, "sha256": None}
    refused(here.post(f"{one.path}/answer", body, user=f"EE{one.person.code}"), 409, "another_document")  # fmt: skip
    assert one.says().json() == {"state": "approved"}
    assert one.says().json() == {"state": "approved"}, "the same word again is the same"
    refused(one.says(use=False), 409, "evidence_answered")
    assert isinstance(ask(here, one.second), EvidenceResponse)
    assert exception(ask(here, one.second)) == EdmException.INVALID_REQUEST, "given once"
    refused(one.look(), 410, "evidence_request_over")


def test_declined_is_declined(here: Asker) -> None:
    one = waiting(here)
    assert one.says(use=False).json() == {"state": "declined"}
    refused(one.says(sha256="0" * 64), 409, "evidence_answered")
    assert one.look().json()["state"] == "declined"
    refused(here.get(f"{one.path}/document", user=f"EE{one.person.code}"), 410, "evidence_request_over")
    assert exception(ask(here, one.second)) == EdmException.OBJECT_NOT_FOUND


def test_its_time_is_over(here: Asker, hand_clock: SetClock) -> None:
    one, approved = waiting(here), waiting(here)
    assert approved.says().json() == {"state": "approved"}
    hand_clock.forward(minutes=61)
    refused(one.look(), 410, "evidence_request_over")
    refused(one.says(sha256="0" * 64), 410, "evidence_request_over")
    for late in (one, approved):
        assert exception(ask(here, late.second)) == EdmException.TIMEOUT
    waiting(here)  # the next request forgets what is over
    assert exception(ask(here, approved.second)) == EdmException.TIMEOUT


def test_it_is_given_to_the_one_who_asked_and_in_that_case_alone(
    here: Asker, offering: PopulationRegister
) -> None:
    """Whoever learns the address of a preview that was approved still gets nothing."""
    offering.kernel.transfers = [
        *offering.kernel.transfers,
        Transfer("SE", "assessed", date(2027, 1, 1), ("*",)),
    ]
    one = waiting(here)
    assert one.says().json() == {"state": "approved"}
    mother, _father = couple()
    stolen = replace(asked(mother), preview_location=one.location)
    for request, said in (
        (one.second, {"X_Road_Client": "SE/GOV/1/portal"}),
        (one.second, {"X_Road_Client": "FI/GOV/70000001/other"}),
        (one.second, {"X_Road_Issue": "another-case"}),
        (one.second, {"X_Road_UserId": f"FI{mother.code}X"}),
        (stolen, {}),
        (replace(one.second, procedure="T3"), {}),
        (replace(one.second, preview_location=f"https://evil.example/{one.location.rpartition('/')[2]}"), {}),
        (replace(one.second, preview_location=f"{ACROSS}/{'A' * 43}"), {}),
    ):
        assert exception(ask(here, request, **said)) == EdmException.INVALID_REQUEST, said
    assert isinstance(ask(here, one.second), EvidenceResponse)
