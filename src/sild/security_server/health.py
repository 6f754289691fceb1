"""The health check port, for load balancers (IG-XLB 3.4): whether this process can exchange messages now.

    GET /live      200 while the process answers at all
    GET /ready     200 or 503, and what was looked at as JSON
    GET anything   X-Road's: 200 without a body, 500 with the reason in plain text, 503 in maintenance mode

Maintenance is a file in the server's directory, so all workers of a node see it; a new start of the node ends it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs

from sild.errors import PlatformError
from sild.http1 import Request, Responder
from sild.telemetry import get_logger

__all__ = ["Check", "Health", "Maintenance"]

TIMEOUT_SECONDS = 5.0  # of all checks together
KEPT_SECONDS = 1.0
TEXT = (b"Content-Type", b"text/plain;charset=utf-8")
JSON = (b"Content-Type", b"application/json")
IN_MAINTENANCE = "Health check interface is in maintenance mode"
LEAVING = "The security server is ending"

log = get_logger("security_server")

Check = Callable[[], Awaitable[None]]
"""Raises PlatformError, whose message is the reason."""


class Maintenance:
    """A node that is to get no new messages from its load balancer. What it gets all the same it processes."""

    def __init__(self, directory: Path) -> None:
        self._file = directory / "maintenance"

    @property
    def is_on(self) -> bool:
        return self._file.exists()

    def set(self, wanted: bool) -> bool:
        """What it was before."""
        before = self.is_on
        if wanted:
            self._file.touch(mode=0o600)
        else:
            self._file.unlink(missing_ok=True)
        if before != wanted:
            log.warning("health.maintenance_mode", on=wanted)
        return before

    async def handle(self, request: Request, responder: Responder) -> None:
        """X-Road's proxy admin port: `GET /maintenance?targetState=true|false`."""
        path, _, query = request.origin_form.decode("latin-1").partition("?")
        if path != "/maintenance":
            await responder.send(404, [TEXT], b"Only /maintenance?targetState=true or false is here")
            return
        wanted = {"true": True, "false": False}.get(parse_qs(query).get("targetState", [""])[0].lower())
        if wanted is None:
            await responder.send(400, [TEXT], b"targetState has to be true or false")
            return
        before = self.set(wanted)
        text = f"Maintenance mode set: {str(before).lower()} => {str(wanted).lower()}"
        await responder.send(200, [TEXT], text.encode())


@dataclass(frozen=True, slots=True)
class _Result:
    """By check: None if it is well, else the reason. at: the event loop's time."""

    reasons: Mapping[str, str | None]
    at: float

    @property
    def problem(self) -> str | None:
        return next((reason for reason in self.reasons.values() if reason is not None), None)


class Health:
    """checks: by name, in the order they are reported in. `leave` makes the process unhealthy for good."""

    def __init__(self, checks: Mapping[str, Check], maintenance: Maintenance) -> None:
        self._checks = checks
        self.maintenance = maintenance
        self._leaving = False
        self._last: _Result | None = None
        self._looking: asyncio.Task[_Result] | None = None
        self._looking_since = 0.0

    def leave(self) -> None:
        self._leaving = True

    async def handle(self, request: Request, responder: Responder) -> None:
        path = request.origin_form.partition(b"?")[0]
        if path == b"/live":
            await responder.send(200, [TEXT], b"alive")
            return
        out = LEAVING if self._leaving else IN_MAINTENANCE if self.maintenance.is_on else None
        if path == b"/ready":
            await self._ready(out, responder)
        elif out is not None:
            await responder.send(503, [TEXT], out.encode())
        else:
            problem = (await self._result()).problem
            if problem is None:
                await responder.send(200, [], b"")
            else:
                await responder.send(500, [TEXT], problem.encode())

    async def _ready(self, out: str | None, responder: Responder) -> None:
        result = await self._result()
        problem = out or result.problem
        checks = {name: reason or "ok" for name, reason in result.reasons.items()}
        body = json.dumps({"ready": problem is None, "reason": problem, "checks": checks})
        await responder.send(200 if problem is None else 503, [JSON], body.encode())

    async def _result(self) -> _Result:
        """Not older than `KEPT_SECONDS`. One look at a time: a database that hangs must not be asked again and again."""
        now = asyncio.get_running_loop().time()
        if self._last is not None and now - self._last.at < KEPT_SECONDS:
            return self._last
        if self._looking is None:
            self._looking_since = now
            self._looking = asyncio.create_task(self._look())
        left = max(0.0, self._looking_since + TIMEOUT_SECONDS - now)
        done, _ = await asyncio.wait([self._looking], timeout=left)
        if not done:
            reasons = dict.fromkeys(self._checks, f"Health checks took more than {TIMEOUT_SECONDS:.0f} s")
            return _Result(reasons, now)
        return done.pop().result()

    async def _look(self) -> _Result:
        try:
            reasons = dict(
                zip(self._checks, await asyncio.gather(*map(_reason, self._checks.values())), strict=True)
            )
            result = _Result(reasons, asyncio.get_running_loop().time())
            before = None if self._last is None else self._last.problem
            if result.problem is not None and result.problem != before:
                log.warning("health.unhealthy", reason=result.problem)
            elif result.problem is None and before is not None:
                log.info("health.healthy")
            self._last = result
            return result
        finally:
            self._looking = None

    async def close(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)


async def _reason(check: Check) -> str | None:
    try:
        await check()
    except PlatformError as error:
        return error.message
    except Exception as error:  # noqa: BLE001 - a check that fails by a bug says nothing good of the process
        log.bug("health.check_failed", error)
        return "a health check failed; see the log"
    return None
