"""The door through which registers' events come from the exchange: `POST /events` of the portal's subsystem.

For its security server alone: who sends stands in a header that the security server writes, so nobody else may reach it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sild.cases import CaseSystem
from sild.errors import CallerError, PlatformError
from sild.events import Event, ensure_known_teller, parse_event
from sild.telemetry import get_logger

__all__ = ["events_app"]

log = get_logger("portal")

MAX_EVENT_BYTES = 256 * 1024
MAX_SUBJECT, MAX_ID = 100, 255
"""Characters. What no database would keep is refused for good: as an outage it would be sent again for ever."""
MAX_DEPTH = 30
UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
"""As registers refuse it."""


def events_app(cases: CaseSystem, registers: Mapping[str, str]) -> Starlette:
    """204 taken; 400, 404, 413 never; 503 later. registers: `INSTANCE/CLASS/CODE/SUBSYSTEM` by name: each tells what is its own to tell."""

    async def take(request: Request) -> Response:
        sender, message_id = (request.headers.get(name, "") for name in ("x-road-client", "x-road-id"))
        try:
            body = await _body(request)
            event = parse_event(body)
            if not message_id or event.source.removeprefix("/") != sender:
                raise CallerError("an event comes from the system that sends it", code="invalid_event")
            if not _can_be_kept(event) or not _is_kept_text(message_id, MAX_ID):
                raise CallerError("an event that no database keeps", code="invalid_event")
            ensure_known_teller(event, registers)
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


def _can_be_kept(event: Event) -> bool:
    texts = (event.type, *event.extensions, *event.extensions.values())
    return (
        _is_kept_text(event.id, MAX_ID)
        and _is_kept_text(event.subject, MAX_SUBJECT)
        and not any(UNPRINTABLE.search(text) for text in texts)
        and _is_kept_json(dict(event.data))
    )


def _is_kept_text(text: str, most: int) -> bool:
    return len(text) <= most and UNPRINTABLE.search(text) is None


def _is_kept_json(
    content: Any,
) -> bool:  # JSON as json.loads gives it: half a surrogate pair, NaN and any depth among it
    waiting: list[tuple[int, Any]] = [(0, content)]
    while waiting:
        depth, each = waiting.pop()
        if isinstance(each, str):
            if UNPRINTABLE.search(each):
                return False
        elif isinstance(each, float):
            if not math.isfinite(each):
                return False
        elif isinstance(each, list | dict):
            if depth >= MAX_DEPTH:
                return False
            inside = [*each, *each.values()] if isinstance(each, dict) else each
            waiting.extend((depth + 1, one) for one in inside)
    return True


def _refused(error: PlatformError) -> JSONResponse:
    known = {"event_not_taken": 404, "too_large": 413, "invalid_event": 400}
    status = known.get(error.code, 400 if isinstance(error, CallerError) else 503)
    return JSONResponse({"type": f"urn:sild:portal:{error.code}", "status": status}, status)
