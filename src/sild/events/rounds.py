"""Work done in rounds: again at once while there is some, else when woken or after half a second."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from sild.errors import PlatformError
from sild.telemetry import get_logger

__all__ = ["Rounds"]

log = get_logger("events")
LOOK_AGAIN = 0.5  # seconds: for what another process has added


class Rounds:
    """one_round: does what is due and says how many it tried.  name: of the log lines when a round fails, `tasks.round`.

    A round that fails is done again later, whatever it failed of: no piece of work may end the work on all others.
    """

    def __init__(self, one_round: Callable[[], Awaitable[int]], name: str) -> None:
        self._one_round = one_round
        self._name = name
        self._awake = asyncio.Event()

    def wake(self) -> None:
        """From the loop's thread: there is something to do."""
        self._awake.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self._awake.clear()
            try:
                if await self._one_round():
                    continue
            except PlatformError as error:
                log.refusal(f"{self._name}_not_done", error)
            except Exception as error:  # noqa: BLE001  (see above)
                log.bug(f"{self._name}_failed", error)
            try:
                async with asyncio.timeout(LOOK_AGAIN):  # wait_for can lose a cancellation in Python 3.11
                    await self._awake.wait()
            except TimeoutError:
                pass
