"""Refusals and failures as problems (RFC 9457), with each fault in its place."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException as StarletteHTTPException

from sild.errors import CallerError, PeerError, PlatformError, Unavailable
from sild.registries.kernel.defects import Defects
from sild.telemetry import get_logger

__all__ = ["PROBLEM", "Problem", "Problems"]

log = get_logger("register")

PROBLEM = "application/problem+json"
COMMON_TITLES: dict[str, tuple[int, str]] = {
    "bad_request": (400, "The request cannot be met"),
    "missing_x_road_header": (400, "The request did not come through a security server"),
    "missing_case": (400, "The request names no case"),
    "missing_legal_basis": (400, "The request names no person acting or no legal ground"),
    "officials_only": (
        403,
        "An official sees to it, at level high, on a managed device, whom it is not about",
    ),
    "ground_not_accepted": (403, "The legal ground is none of those the operation accepts"),
    "transfer_not_assessed": (403, "No assessment covers this transfer to another country"),
    "acting_not_proven": (403, "The message does not prove who acts"),
    "acting_expired": (403, "The person acted too long ago"),
    "level_too_low": (403, "The person's log-in is of too low a level"),
    "message_id_reused": (409, "The message id was used for something else"),
    "invalid_identity_code": (400, "Not an identity code"),
    "invalid_event": (400, "Not an event"),
    "too_large": (413, "The event is too large"),
    "event_not_taken": (404, "This register takes no such events"),
    "unknown_message": (404, "No message about the person that they may see has this id"),
    "names_others": (403, "The message names somebody else"),
    "not_in_log": (410, "The message log no longer holds the message"),
    "too_many_messages": (409, "Too much lies in the message log under the message's id"),
    "message_log_down": (503, "The message log does not answer now"),
    "unknown_person": (404, "Unknown person"),
    "person_is_dead": (409, "The person is dead"),
    "date_out_of_range": (400, "The date is out of range"),
    "message_in_progress": (503, "The same message is being answered"),
    "identity_provider_down": (503, "Who acts cannot be checked now"),
    "not_at_work": (503, "The register is not at work yet"),
    "database_error": (503, "The register cannot answer now"),
    "internal_error": (500, "Internal error"),
}
"""Error code -> status and title; `urn:sild:<register>:<code>` is the problem's type."""


class Problem(BaseModel):
    """RFC 9457."""

    type: str = Field(examples=["urn:sild:population:unknown_person"])
    title: str
    status: int
    detail: str
    instance: str | None = Field(default=None, description="X-Road's message id as a URN")
    errors: list[dict[str, str]] | None = Field(default=None, description="What is wrong where")


class Problems:
    """register: its name.  titles: codes of its own, beside the common ones."""

    def __init__(self, register: str, titles: Mapping[str, tuple[int, str]]) -> None:
        self._register = register
        self._titles = {**COMMON_TITLES, **titles}

    def install(self, app: FastAPI) -> None:
        app.add_exception_handler(PlatformError, self._refused)
        app.add_exception_handler(RequestValidationError, self._not_understood)
        app.add_exception_handler(StarletteHTTPException, self._not_here)
        app.add_exception_handler(Exception, self._failed)

    def _problem(
        self, request: Request, code: str, detail: str, *, errors: list[dict[str, str]] | None = None
    ) -> JSONResponse:
        status, title = self._titles.get(code, self._titles["bad_request"])
        message_id = request.headers.get("x-road-id")
        problem = Problem(
            type=f"urn:sild:{self._register}:{code}",
            title=title,
            status=status,
            detail=detail,
            instance=f"urn:x-road:message:{quote(message_id[:255], safe='-')}" if message_id else None,
            errors=errors,
        )
        return JSONResponse(problem.model_dump(exclude_none=True), status_code=status, media_type=PROBLEM)

    async def _refused(self, request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, PlatformError)
        log.refusal("request.refused", error, register=self._register, path=_template(request))
        if isinstance(error, CallerError | PeerError):
            return self._problem(request, error.code, error.message, errors=_defects(error))
        code = (
            error.code if isinstance(error, Unavailable) and error.code in self._titles else "internal_error"
        )
        response = self._problem(request, code, "Try again later")
        if isinstance(error, Unavailable) and error.retry_after is not None:
            response.headers["Retry-After"] = str(round(error.retry_after))
        return response

    async def _not_understood(self, request: Request, error: Exception) -> JSONResponse:
        """What does not fit the description: each fault with its place, without the value (it may be personal)."""
        assert isinstance(error, RequestValidationError)
        errors = [
            {"pointer": "/" + "/".join(str(step) for step in fault["loc"]), "detail": str(fault["msg"])}
            for fault in error.errors()
        ]
        return self._problem(
            request, "bad_request", "The request does not fit the description", errors=errors
        )

    async def _not_here(self, request: Request, error: Exception) -> JSONResponse:
        """What HTTP itself has a word for: an unknown path, a wrong method."""
        assert isinstance(error, StarletteHTTPException)
        title, detail = HTTPStatus(error.status_code).phrase, str(error.detail)
        problem = Problem(type="about:blank", title=title, status=error.status_code, detail=detail)
        return JSONResponse(
            problem.model_dump(exclude_none=True),
            status_code=error.status_code,
            media_type=PROBLEM,
            headers=dict(error.headers or {}),
        )

    async def _failed(self, request: Request, error: Exception) -> JSONResponse:
        log.bug("request.failed", error, register=self._register, path=_template(request))
        return self._problem(request, "internal_error", "The register failed; its operator was told")


def _defects(error: PlatformError) -> list[dict[str, str]] | None:
    if not isinstance(error, Defects):
        return None
    return [
        {"pointer": defect.pointer, "code": defect.code, "detail": defect.detail} for defect in error.defects
    ]


def _template(request: Request) -> str:
    """The path without identity codes in it."""
    return str(getattr(request.scope.get("route"), "path", "unknown"))
