"""The door through which registers' events come from the exchange: `POST /events` of the portal's subsystem.

For its security server alone: who sends stands in a header that the security server writes, so nobody else may reach it.
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sild.cases import CaseSystem
from sild.errors import CallerError, PlatformError
from sild.events import event_from
from sild.telemetry import get_logger

__all__ = ["events_app"]

log = get_logger("portal")


def events_app(cases: CaseSystem, registers: Mapping[str, str]) -> Starlette:
    """204 taken; 400, 404, 413 never; 503 later. registers: `INSTANCE/CLASS/CODE/SUBSYSTEM` by name: each tells what is its own to tell."""

    async def take(request: Request) -> Response:
        sender, message_id = (request.headers.get(name, "") for name in ("x-road-client", "x-road-id"))
        try:
            event = await event_from(
                request.stream(), sender=sender, message_id=message_id, registers=registers
            )
            await cases.take_event(event, message_id)
        except ClientDisconnect:
            return Response(status_code=400)
        except PlatformError as error:
            log.refusal("portal.event_refused", error)
            return _refused(error)
        return Response(status_code=204)

    return Starlette(routes=[Route("/events", take, methods=["POST"])])


def _refused(error: PlatformError) -> JSONResponse:
    known = {"event_not_taken": 404, "too_large": 413, "invalid_event": 400}
    status = known.get(error.code, 400 if isinstance(error, CallerError) else 503)
    return JSONResponse({"type": f"urn:sild:portal:{error.code}", "status": status}, status)
