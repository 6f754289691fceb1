"""What the provider answers to other bodies over the exchange: what an auditor may look at, now.

GET /auditors/{person}    {"items": [{"id", "role", "body", "scope", "validityPeriod", ...}]}; nobody's: an empty list

For its security server alone, which says who asks (`X-Road-Client`, PR-REST 4.3) and keeps the access rights. A body that is
about to show its decisions to an auditor asks here itself: it takes nobody's word for a mandate.
"""

from __future__ import annotations

import asyncio
import re

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sild.errors import PlatformError
from sild.identity_provider.mandate_api import appointments_json
from sild.identity_provider.provider import IdentityProvider
from sild.telemetry import get_logger

__all__ = ["mandates_door"]

log = get_logger("identity_provider")

_PERSON = re.compile(r"[A-Z]{2}[A-Za-z0-9:._+-]{1,254}")


def mandates_door(provider: IdentityProvider) -> Starlette:
    async def auditor(request: Request) -> Response:
        person = request.path_params["person"]
        if not request.headers.get("x-road-client"):
            return _problem("missing_x_road_header", 400)
        if not _PERSON.fullmatch(person):
            return _problem("bad_request", 400)
        try:
            found = await asyncio.to_thread(appointments_json, provider.mandates, person)
        except PlatformError as error:
            log.refusal("identity_provider.mandates_failed", error)
            return _problem("database_error", 503)
        return JSONResponse({"items": found})

    return Starlette(routes=[Route("/auditors/{person}", auditor)])


def _problem(code: str, status: int) -> Response:
    """RFC 9457."""
    content = {"type": f"urn:sild:mandates:{code}", "status": status}
    return JSONResponse(content, status, media_type="application/problem+json")
