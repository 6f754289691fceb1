"""One run of a workflow: its steps, each done once and remembered, and its waits."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from dbos import DBOS

from sild.clock import Clock
from sild.errors import PeerError, PlatformError, Unavailable
from sild.telemetry import get_logger
from sild.workflow.values import Json, Outcome, outcome_of, result_of

__all__ = ["AGAIN", "Run", "Waits"]

log = get_logger("workflow")

FIRST_PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(minutes=15)
AGAIN = "again"
"""Topic under which a waiting run is told to try now."""

StepFunction = Callable[[], Awaitable[Json]]
Waits = Callable[[PlatformError, datetime], Awaitable[None]]
"""Told before each pause: why, and when the next try is."""


class Run:
    """id: of the workflow. Steps run on the loop of whoever opened the workflows; the same names in the same order every time."""

    def __init__(self, run_id: str, loop: asyncio.AbstractEventLoop, clock: Clock, pause: timedelta) -> None:
        self.id = run_id
        self._loop = loop
        self._clock = clock
        self._pause = pause

    async def step(self, name: str, function: StepFunction) -> Json:
        """Do it and remember what it came to; a repeated run is told instead of doing it again.

        A process that dies in the step does it again: what a step changes must bear that, by a key of its own.
        Raises what it raised, PlatformErrors as they were; after a bug RuntimeError.
        """
        return result_of(await self._outcome(name, function))

    async def insist(
        self,
        name: str,
        function: StepFunction,
        *,
        waits: Waits | None = None,
        within: timedelta | None = None,
    ) -> Json:
        """The same, again after 1, 2, 4 ... seconds, a quarter of an hour apart at most, while it is Unavailable or answers
        nonsense (PeerError). A restart goes on where the pause was; `Workflows.try_again` ends it.

        within: for so long at most, then its last error is raised.
        """
        begun = datetime.fromisoformat(await self.step(f"{name}.begun", self._now))
        attempt = 0
        while True:
            attempt += 1
            try:
                return await self.step(f"{name}.{attempt}", function)
            except (Unavailable, PeerError) as error:
                pause = _pause_after(attempt, error, self._pause)
                at = datetime.fromisoformat(await self.step(f"{name}.{attempt}.at", self._now)) + pause
                if within is not None and at - begun > within:
                    raise
                if waits is not None:
                    await self.step(f"{name}.{attempt}.waits", _telling(waits, error, at))
                await DBOS.recv_async(AGAIN, timeout_seconds=pause.total_seconds())

    async def _now(self) -> Json:
        return self._clock().isoformat()

    async def _outcome(self, name: str, function: StepFunction) -> Outcome:
        async def here() -> Outcome:
            return await asyncio.wrap_future(
                asyncio.run_coroutine_threadsafe(_outcome(name, function), self._loop)
            )

        return await DBOS.run_step_async({"name": name}, here)


async def _outcome(name: str, function: StepFunction) -> Outcome:
    try:
        return {"result": await function()}
    except PlatformError as error:
        return outcome_of(error)
    except Exception as error:  # noqa: BLE001  (remembered like any outcome: a replay must come to the same)
        log.bug("workflow.step_failed", error, step=name)
        return {"bug": type(error).__name__}


def _telling(waits: Waits, error: PlatformError, at: datetime) -> StepFunction:
    async def tell() -> Json:
        await waits(error, at)

    return tell


def _pause_after(attempt: int, error: PlatformError, first: timedelta) -> timedelta:
    pause = min(first * (1 << min(attempt - 1, 12)), LONGEST_PAUSE)
    asked = error.retry_after if isinstance(error, Unavailable) else None
    return pause if asked is None else max(pause, min(timedelta(seconds=asked), LONGEST_PAUSE))
