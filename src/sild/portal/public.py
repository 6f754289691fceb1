"""What everybody sees: the services with owner, fee, promise, law and live proof; life events; the catalogue; how to log in; keys."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import JSONResponse, Response

from sild.catalogue import Profile, PublicService
from sild.errors import CallerError, Unavailable
from sild.openid import SigningKey, render_jwks
from sild.portal.edge import forget_drafts, local_path
from sild.portal.pages import Pages
from sild.portal.ports import Cases, Proof
from sild.portal.visit import Visit

__all__ = ["Public"]

PROOFS_HOLD = 10.0
"""Seconds, at the least."""
COUNTING = 100
"""How many times longer they hold than counting took."""


class Public:
    def __init__(self, pages: Pages, cases: Cases, profile: Profile, key: SigningKey, url: str) -> None:
        """url: the portal's origin."""
        self._pages = pages
        self._cases = cases
        self._profile = profile
        self._key = key
        self._url = url
        self._counting = asyncio.Lock()
        self._counted_until = 0.0
        self._proven: Mapping[str, Proof] = {}

    async def front(self, visit: Visit) -> Response:
        services = self._cases.services()
        events: dict[str, list[PublicService]] = {}
        for service in services:
            for event in service.life_events:
                events.setdefault(event, []).append(service)
        values = {"services": services, "events": events, "proofs": await self._proofs()}
        return self._pages.page(visit, "front.html", values)

    async def service(self, visit: Visit) -> Response:
        service = self.find(visit.call.parameters["service"])
        values = {
            "service": service,
            "begins": any(channel.kind in ("portal", "app") for channel in service.channels)
            and not any(channel.kind == "proactive" for channel in service.channels),
            "promises": self._promises(service, visit.language),
            "proof": (await self._proofs()).get(service.id),
        }
        return self._pages.page(visit, "service.html", values)

    async def life(self, visit: Visit) -> Response:
        event = visit.call.parameters["event"]
        services = [service for service in self._cases.services() if event in service.life_events]
        if not services:
            raise CallerError("no such life event", code="not_found")
        promises = {service.id: self._promises(service, visit.language) for service in services}
        return self._pages.page(
            visit, "life.html", {"event": event, "services": services, "promises": promises}
        )

    async def login(self, visit: Visit) -> Response:
        values = {
            "return_to": local_path(visit.call.query.get("return_to", "")),
            "reason": visit.call.query.get("reason", ""),
            "kept": False,
        }
        return self._pages.page(visit, "login.html", values)

    async def logged_out(self, visit: Visit) -> Response:
        values = {"return_to": "/home", "reason": "logged_out", "kept": False}
        response = self._pages.page(visit, "login.html", values)
        forget_drafts(response)
        return response

    async def catalogue(self, _visit: Visit) -> Response:
        """The services as CPSV-AP, in Turtle; programs from elsewhere may read it."""
        turtle = await self._cases.catalogue(f"{self._url}/catalogue/")
        headers = {"Cache-Control": "public, max-age=300", "Cross-Origin-Resource-Policy": "cross-origin"}
        return Response(turtle, media_type="text/turtle", headers=headers)

    async def keys(self, _visit: Visit) -> Response:
        """JSON Web Key Set by which completeness statements are checked."""
        return JSONResponse(
            render_jwks([self._key]), headers={"Cross-Origin-Resource-Policy": "cross-origin"}
        )

    def find(self, service_id: str) -> PublicService:
        """Raises CallerError (`not_found`)."""
        found = next((service for service in self._cases.services() if service.id == service_id), None)
        if found is None:
            raise CallerError("no such service", code="not_found")
        return found

    def _promises(self, service: PublicService, language: str) -> Sequence[Mapping[str, Any]]:
        """Each clock with its days in words, as the profile promises them."""
        say = self._pages.texts.speaker(language)
        found = []
        for clock in service.clocks:
            deadline = self._profile.deadlines.get(clock.deadline)
            if deadline is None:
                words = say("service.days_unknown")
            elif deadline.unit == "working_days":
                key = "service.working_days"
                words = say(key, count=deadline.value) if deadline.value else say(f"{key}_0")
            else:
                key = f"unit.{deadline.unit}"
                words = say(f"{key}_1") if deadline.value == 1 else say(key, count=deadline.value)
            found.append({"title": clock.title, "words": words})
        return found

    async def _proofs(self) -> Mapping[str, Proof]:
        """Counted from all cases: for everybody who looks in the next seconds, too."""
        async with self._counting:
            now = asyncio.get_running_loop().time
            if (began := now()) >= self._counted_until:
                try:
                    self._proven = await self._cases.proofs()
                except Unavailable:
                    return {}
                self._counted_until = now() + max(PROOFS_HOLD, COUNTING * (now() - began))
            return self._proven
