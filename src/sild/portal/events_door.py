"""The door through which registers' events come from the exchange: `POST /events` of the portal's subsystem.

For its security server alone: who sends stands in a header that the security server writes, so nobody else may reach it.
"""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sild.cases import CaseSystem
from sild.errors import CallerError, PlatformError
from sild.events import parse_event
from sild.telemetry import get_logger

__all__ = ["events_app"]

log = get_logger("portal")

MAX_EVENT_BYTES = 256 * 1024
MAX_SUBJECT, MAX_MESSAGE_ID = 100, 255
"""Characters. What PostgreSQL would not keep (NUL, too long) is refused for good: as an outage it would be sent again for ever."""


def events_app(cases: CaseSystem) -> Starlette:
    """204 taken; 400, 404, 413 never; 503 later."""

    async def take(request: Request) -> Response:
        sender, message_id = (request.headers.get(name, "") for name in ("x-road-client", "x-road-id"))
        try:
            body = await _body(request)
            event = parse_event(body)
            if not message_id or event.source.removeprefix("/") != sender:
                raise CallerError("an event comes from the system that sends it", code="invalid_event")
            if b"\\u0000" in body or len(event.subject) > MAX_SUBJECT or len(message_id) > MAX_MESSAGE_ID:
                raise CallerError("an event that no database keeps", code="invalid_event")
            await cases.take_event(event, message_id)
        except ClientDisconnect:
            return Response(status_code=400)
        except PlatformError as error:
            log.refusal("portal.event_refused", error)
            return _refused(error)
        return Response(status_code=204)

    return Starlette(routes=[Route("/events", take, methods=["POST"])])


async def _body(request: Request) -> bytes:
    """Raises CallerError (`too_large`), ClientDisconnect."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_EVENT_BYTES:
            raise CallerError("an event is smaller", code="too_large")
    return body


def _refused(error: PlatformError) -> JSONResponse:
    known = {"event_not_taken": 404, "too_large": 413, "invalid_event": 400}
    status = known.get(error.code, 400 if isinstance(error, CallerError) else 503)
    return JSONResponse({"type": f"urn:sild:portal:{error.code}", "status": status}, status)
