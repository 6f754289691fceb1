"""Deaths and stillbirths: what a professional of a hospital signed, and how any signed notice is read."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request, Response
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from sild.errors import CallerError
from sild.registries.fhir import FHIR_JSON
from sild.registries.kernel import Usage
from sild.registries.kernel.http import Model, PersonalUsage
from sild.registries.population.birth_notice import SignedNotice, parse_birth_notice
from sild.registries.population.death_notice import SignedDeath, parse_death_notice
from sild.registries.population.fhir_notice import MAX_NOTICE_BYTES
from sild.registries.population.life_events import record_death, record_stillbirth

if TYPE_CHECKING:
    from sild.registries.population.register import PopulationRegister

__all__ = ["NOTICE_BODY", "NOTICE_TITLES", "add_notice_paths", "read_notice_body"]

NOTICE_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {FHIR_JSON: {"schema": {"type": "object", "description": "FHIR R4 Bundle"}}},
    }
}
NOTICE_TITLES: dict[str, tuple[int, str]] = {
    "invalid_birth_notice": (400, "Not a notice of birth"),
    "invalid_death_notice": (400, "Not a notice of death"),
    "another_notice": (400, "Another kind of notice"),
    "signature_missing": (403, "The notice is not signed"),
    "invalid_signature": (403, "The signature does not hold"),
    "may_not_notify": (403, "Who signed may not give such a notice for this hospital"),
    "notice_too_old": (409, "The notice was signed too long ago"),
    "already_dead": (409, "Another day of death is recorded"),
    "death_annulled": (409, "The death that the notice told of was annulled"),
    "not_a_newborn": (409, "Only a newborn without a name was born dead"),
    "name_differs": (409, "The code is of somebody with another name"),
}


class RecordedDeath(Model):
    person: str
    died: date
    recorded: bool = Field(description="Whether this message brought it; false: it was known")


class RecordedStillbirth(Model):
    mother: str
    child: str


async def read_notice_body(request: Request, code: str) -> bytes:
    """The body, of which no more is kept than a notice may have. Raises CallerError (`code`)."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in (FHIR_JSON, "application/json"):
        raise CallerError(f"a notice is {FHIR_JSON}", code=code)
    read = bytearray()
    async for chunk in request.stream():
        read += chunk
        if len(read) > MAX_NOTICE_BYTES:
            raise CallerError(f"a notice has at most {MAX_NOTICE_BYTES} bytes", code=code)
    return bytes(read)


def add_notice_paths(app: FastAPI, register: PopulationRegister) -> None:
    known: dict[int | str, dict[str, Any]] = {200: {"description": "It was known"}}

    @app.post(
        "/deaths",
        operation_id="recordDeath",
        status_code=201,
        response_model=RecordedDeath,
        openapi_extra=NOTICE_BODY,
        responses=known,
    )
    async def post_death(request: Request, response: Response, usage: PersonalUsage) -> RecordedDeath:
        """A hospital's notice: Bundle of Patient and Encounter, signed by who gives it. Relations end, waiting news about the person is held back. Event: civil.death.registered."""
        signed = parse_death_notice(
            await read_notice_body(request, "invalid_death_notice"), register.kernel.zone
        )
        recorded = await run_in_threadpool(_death, register, signed, usage)
        response.status_code = 201 if recorded.recorded else 200
        return recorded

    @app.post(
        "/stillbirths",
        operation_id="recordStillbirth",
        status_code=201,
        response_model=RecordedStillbirth,
        openapi_extra=NOTICE_BODY,
    )
    async def post_stillbirth(request: Request, usage: PersonalUsage) -> RecordedStillbirth:
        """A child was recorded as living and was born dead: the signed notice of a stillbirth, with the child's code. Silence. Event: civil.stillbirth.recorded."""
        signed = parse_birth_notice(await read_notice_body(request, "invalid_birth_notice"))
        return await run_in_threadpool(_stillbirth, register, signed, usage)


def _death(register: PopulationRegister, signed: SignedDeath, usage: Usage) -> RecordedDeath:
    notice = signed.notice
    with register.kernel.used("recordDeath", usage) as use:
        use.concerns(notice.person)  # of a refusal, too
        notified = register.notified(use, signed, "death", about=notice.person)
        assert signed.signature is not None  # `notified` has verified it
        signer = signed.signature.who
        if signer == notice.person:
            raise CallerError("nobody gives notice of their own death", code="may_not_notify")
        answer = use.answered()
        if answer is None:
            answer = use.answer(record_death(use, notice, notified, signer))
        return RecordedDeath(**answer)


def _stillbirth(register: PopulationRegister, signed: SignedNotice, usage: Usage) -> RecordedStillbirth:
    notice, child = signed.notice, signed.child
    with register.kernel.used("recordStillbirth", usage) as use:
        use.concerns(*notice.told_of, *([child] if child else []))
        notified = register.notified(use, signed, "stillbirth", about=notice.mother.code or child)
        if not notice.stillborn or child is None:
            raise CallerError(
                "a stillbirth, with the code of the child that was recorded as living; told first it is a notice of birth",
                code="another_notice",
            )
        answer = use.answered()
        if answer is None:
            answer = use.answer(record_stillbirth(use, notice, child, notified))
        return RecordedStillbirth(**answer)
