"""Evidence for other countries over REST: the exchange data model in the body for their systems; for this country's portal what the person sees and says."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated, Literal

from fastapi import FastAPI, Path, Request, Response
from pydantic import Field

from sild.errors import CallerError
from sild.oots import EDM_TYPE
from sild.registries.kernel.asking import SaidByPerson
from sild.registries.kernel.http import Model, PersonalUsage
from sild.registries.population.evidence import CrossBorderEvidence

__all__ = ["EVIDENCE_ABOUT", "EVIDENCE_ACTIONS", "EVIDENCE_TITLES", "add_evidence_paths"]

EVIDENCE_TITLES: dict[str, tuple[int, str]] = {
    "evidence_not_offered": (404, "No evidence is given to other countries here"),
    "invalid_evidence_message": (400, "Not a request of the exchange data model"),
    "unknown_evidence_request": (404, "There is no such request of this person's"),
    "evidence_request_over": (410, "The time to look at it is over"),
    "evidence_answered": (409, "The person has answered before"),
    "another_document": (409, "Another document was shown"),
}
EVIDENCE_ACTIONS = {
    "queryEvidence": "Evidence was asked for from another country",
    "previewEvidence": "Evidence for another country was looked at",
    "getEvidenceDocument": "Evidence for another country was looked at",
    "answerEvidenceRequest": "It was said whether evidence may go to another country",
}
EVIDENCE_ABOUT = dict.fromkeys(
    EVIDENCE_ACTIONS,
    ("person.given_names", "person.family_name", "person.date_of_birth", "person.place_of_birth", "person.parents"),
)  # fmt: skip
MAX_BYTES = 256 * 1024

Token = Annotated[str, Path(min_length=43, max_length=43, description="As the preview's address has it")]


class Preview(Model):
    """What would be given, to whom and for what."""

    requester: dict[str, str] = Field(description="Who asks, by language")
    country: str | None = Field(default=None, description="Of who asks: ISO 3166-1")
    requirement: dict[str, str] = Field(description="What it is to prove, by language")
    title: dict[str, str] = Field(description="Of the evidence, by language")
    state: Literal["waiting", "approved", "declined"]
    until: datetime
    lines: dict[str, str] = Field(description="What it says: given_names, family_name, born and others")
    sha256: str = Field(description="Of the document")


class EvidenceAnswer(Model):
    use: bool = Field(description="Whether it may be used in the other country")
    sha256: str | None = Field(
        default=None, pattern=r"^[0-9a-f]{64}$", description="Of the document that was seen, if so"
    )


class EvidenceAnswered(Model):
    state: Literal["approved", "declined"]


_MESSAGE = {"schema": {"type": "string"}}
_XML_BODY = {"required": True, "content": {EDM_TYPE: _MESSAGE}}


def add_evidence_paths(app: FastAPI, evidence: CrossBorderEvidence) -> None:
    @app.post(
        "/evidence-requests",
        operation_id="queryEvidence",
        response_class=Response,
        openapi_extra={"requestBody": _XML_BODY},
        responses={200: {"content": {EDM_TYPE: _MESSAGE, "multipart/related": _MESSAGE}}},
    )
    async def query_evidence(request: Request, usage: PersonalUsage) -> Response:
        """An Evidence Request (OOTS EDM 1.2); the answer is an Evidence Response with its document, or an Error Response."""
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != EDM_TYPE:
            raise CallerError(f"the body is {EDM_TYPE}", code="invalid_evidence_message")
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > MAX_BYTES:
                raise CallerError(f"more than {MAX_BYTES} bytes", code="invalid_evidence_message")
        media_type, answer = await asyncio.to_thread(evidence.query, body, usage)
        return Response(answer, media_type=media_type)

    @app.get("/evidence-requests/{look}", operation_id="previewEvidence", response_model_exclude_none=True)
    def preview_evidence(look: Token, usage: PersonalUsage) -> Preview:
        """For the person it is about, logged in here."""
        found = evidence.preview(look, usage)
        return Preview(
            requester=dict(found.requester),
            country=found.country,
            requirement=dict(found.requirement),
            title=dict(found.title),
            state=found.state,  # type: ignore[arg-type]  # the states of which a preview is given
            until=found.until,
            lines=dict(found.lines),
            sha256=found.sha256,
        )

    @app.get(
        "/evidence-requests/{look}/document",
        operation_id="getEvidenceDocument",
        response_class=Response,
        responses={200: {"content": {"application/pdf": {"schema": {"type": "string", "format": "binary"}}}}},
    )
    def get_document(look: Token, usage: PersonalUsage) -> Response:
        """The sealed PDF, as it would be given."""
        found = evidence.preview(look, usage)
        if not found.content:
            raise CallerError("the person declined it", code="evidence_request_over")
        return Response(found.content, media_type="application/pdf")

    @app.post("/evidence-requests/{look}/answer", operation_id="answerEvidenceRequest")
    def answer_request(look: Token, body: EvidenceAnswer, usage: SaidByPerson) -> EvidenceAnswered:
        """By the person themselves: whether it may be used, and which document they saw."""
        if body.use == (body.sha256 is None):
            raise CallerError("the document that was seen is named if it may be used, and only then", code="another_document")  # fmt: skip
        state = evidence.answer(look, body.sha256, usage)
        return EvidenceAnswered(state="approved" if state == "approved" else "declined")
