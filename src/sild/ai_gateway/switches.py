"""Kill switches: a provider that is switched off is asked nothing more, and what is under way to it ends.

A switch is a row in the database; whoever throws it (the command, another process) is seen here within `SECONDS`.
Before each asking the database is looked at anew, so that nothing goes out after a switch was thrown.
"""

from __future__ import annotations

import asyncio

from sild.ai_gateway.classes import Place
from sild.ai_gateway.store import ALL_ABROAD, Store
from sild.errors import PlatformError
from sild.telemetry import get_logger

__all__ = ["KillSwitches"]

log = get_logger("ai_gateway")

SECONDS = 0.25


class KillSwitches:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._off: frozenset[str] = frozenset()
        self._changed = asyncio.Condition()

    async def run(self) -> None:
        """Look for switches thrown by others, until cancelled."""
        while True:
            try:
                await self.look()
            except PlatformError as error:
                log.refusal("switches.not_read", error)
            await asyncio.sleep(SECONDS)

    async def look(self) -> None:
        """Raises Unavailable."""
        off = await asyncio.to_thread(self._store.switched_off)
        if off != self._off:
            async with self._changed:
                self._off = off
                self._changed.notify_all()
            log.warning("switches.changed", off=", ".join(sorted(off)))

    def is_off(self, provider: str, place: Place) -> bool:
        return provider in self._off or (place == "abroad" and ALL_ABROAD in self._off)

    async def wait_off(self, provider: str, place: Place) -> None:
        """Returns when the provider has been switched off."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.is_off(provider, place))
