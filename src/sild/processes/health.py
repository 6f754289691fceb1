"""Health of a process for load balancers and Kubernetes: `GET /live`, `GET /ready`, as a security server's health port has them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from sild.errors import PlatformError

__all__ = ["Check", "Health"]

TIMEOUT_SECONDS = 5.0  # of all checks together
KEPT_SECONDS = 1.0
LEAVING = "The process is ending"

Check = Callable[[], Awaitable[None]]
"""Raises PlatformError, whose code is the reason."""


class Health:
    """checks: by name. `leave` makes the process unready for good; it lives on until it ends."""

    def __init__(self, checks: Mapping[str, Check]) -> None:
        self._checks = checks
        self._leaving = False
        self._looking: asyncio.Task[dict[str, str]] | None = None
        self._looked_at = float("-inf")
        self.app = Starlette(
            routes=[
                Route("/live", self._live, methods=["GET"]),
                Route("/ready", self._ready, methods=["GET"]),
            ]
        )

    def leave(self) -> None:
        self._leaving = True

    async def _live(self, _request: Request) -> Response:
        return PlainTextResponse("alive")

    async def _ready(self, _request: Request) -> Response:
        """Codes alone go to whoever asks: a database's own words may name hosts and users."""
        checks = await self._looked()
        wrong = [f"{name}: {said}" for name, said in checks.items() if said != "ok"]
        reason = LEAVING if self._leaving else "; ".join(wrong) or None
        told = {"ready": reason is None, "reason": reason, "checks": checks}
        return JSONResponse(told, 200 if reason is None else 503)

    async def _looked(self) -> dict[str, str]:
        """Not older than `KEPT_SECONDS`. One look at a time: a database that hangs is not asked again and again."""
        now = asyncio.get_running_loop().time()
        if self._looking is None or (self._looking.done() and now - self._looked_at > KEPT_SECONDS):
            self._looking, self._looked_at = asyncio.create_task(self._look()), now
        done, _ = await asyncio.wait([self._looking], timeout=TIMEOUT_SECONDS)
        if not done:
            return dict.fromkeys(self._checks, f"no answer within {TIMEOUT_SECONDS:.0f} s")
        return self._looking.result()

    async def _look(self) -> dict[str, str]:
        said = await asyncio.gather(*(_said(check) for check in self._checks.values()))
        return dict(zip(self._checks, said, strict=True))


async def _said(check: Check) -> str:
    try:
        await check()
    except PlatformError as error:
        return error.code
    return "ok"
