"""What the calendar does: cases that nobody asks for and no event begins are opened, each once; orders of
protection that begin today fall silent; files nobody sent expire.
"""

from __future__ import annotations

import asyncio

from sqlalchemy import Connection

from sild.cases.actor import STATE
from sild.cases.parts import Parts
from sild.cases.process import Opening
from sild.cases.store import derived_id
from sild.errors import PlatformError
from sild.telemetry import get_logger

__all__ = ["Calendar"]

log = get_logger("cases")

PAUSE = 3600.0  # seconds


class Calendar:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def run(self) -> None:
        """Looks every hour, and when a day begins, until cancelled; a database that is away is asked again."""
        while True:
            try:
                if await asyncio.to_thread(self.open_due):
                    self._parts.jobs.wake()
                await asyncio.to_thread(self.fall_silent)
                await asyncio.to_thread(self._parts.files.expire, self._parts.clock())
                await asyncio.to_thread(self._parts.signatures.expire, self._parts.clock())
            except PlatformError as error:
                log.refusal("cases.calendar_failed", error)
            tomorrow = self._parts.store.until_tomorrow(self._parts.clock()).total_seconds()
            await asyncio.sleep(min(PAUSE, tomorrow + 1.0))

    def open_due(self) -> int:
        """Open what is due and not open yet; gives how many are due. Raises Unavailable."""
        parts = self._parts
        today = parts.today()
        count = 0
        for service, process in parts.processes.items():
            for key, opening in process.due(parts.profile, today).items():
                self._open(service, key, opening)
                count += 1
        return count

    def fall_silent(self) -> list[str]:
        """Orders that begin today are heard by the cases, and those that are over lifted; ids of the cases. Raises Unavailable."""
        store, at = self._parts.store, self._parts.clock()

        def write(connection: Connection) -> list[str]:
            return [*store.silences_begun(connection, at), *store.silences_ended(connection, at)]

        return store.write(write)

    def _open(self, service: str, key: str, opening: Opening) -> None:
        parts = self._parts
        case_id = derived_id("calendar", service, key)

        def write(connection: Connection) -> None:
            parts.store.open(connection, service, opening, STATE, "state", parts.clock(), case_id=case_id)

        parts.store.write(write)
