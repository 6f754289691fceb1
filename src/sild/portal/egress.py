"""The AI gateway's public report of the last days: what class of data went where, for which algorithm. Kept a while."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sild.clock import Clock
from sild.errors import PlatformError
from sild.http1 import fetch
from sild.telemetry import get_logger

__all__ = ["DAYS", "Egress"]

log = get_logger("portal")

DAYS = 7
KEPT = timedelta(minutes=5)
AGAIN = timedelta(seconds=30)
PATIENCE_SECONDS = 5.0
ALARM = ("id", "at", "stage", "class", "algorithm", "purpose", "template", "provider", "switched_off")


class Egress:
    """url: of the gateway; None: there is none, and nothing is told."""

    def __init__(self, url: str | None, clock: Clock) -> None:
        self._url = url
        self._clock = clock
        self._known: tuple[datetime, Sequence[Mapping[str, Any]] | None] | None = None

    @property
    def is_there(self) -> bool:
        return self._url is not None

    async def rows(self) -> Sequence[Mapping[str, Any]] | None:
        """By provider, purpose, algorithm and class, of `DAYS` days. None: the gateway does not tell."""
        if self._url is None:
            return None
        now = self._clock()
        if self._known is not None and now < self._known[0]:
            return self._known[1]
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                reports = await asyncio.gather(*(self._report(day) for day in self._days()))
        except (PlatformError, TimeoutError, ValueError, KeyError, TypeError) as error:
            log.warning("portal.no_egress_report", reason=type(error).__name__)
            self._known = (now + AGAIN, None)
            return None
        found = [row for rows in reports for row in rows]
        self._known = (now + KEPT, found)
        return found

    async def alarms(self) -> Sequence[Mapping[str, str | None]]:
        """Of the latest `DAYS` days, and not kept: officials are to hear at once. Empty when the gateway does not tell.

        Each: `id`, `at`, `stage`, `class`, `algorithm`, `purpose`, `template`, `provider`, `switched_off`.
        """
        if self._url is None:
            return ()
        found: list[Mapping[str, str | None]] = []
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                for day in self._days():
                    alarms = (await self._told(day)).get("alarms", ())
                    found.extend({name: alarm[name] for name in ALARM} for alarm in alarms)
        except (PlatformError, TimeoutError, ValueError, KeyError, TypeError) as error:
            log.warning("portal.no_egress_report", reason=type(error).__name__)
        return found

    def _days(self) -> list[str]:
        now = self._clock()
        return [(now - timedelta(days=number)).date().isoformat() for number in range(DAYS)]

    async def by_class(self, algorithm: str) -> Mapping[str, int] | None:
        """Askings that left for a provider, here or abroad, by class of data."""
        rows = await self.rows()
        if rows is None:
            return None
        counts: dict[str, int] = {}
        for row in rows:
            if row["algorithm"] == algorithm:
                counts[str(row["class"])] = counts.get(str(row["class"]), 0) + int(row["askings"])
        return counts

    async def _report(self, day: str) -> list[Mapping[str, Any]]:
        return list((await self._told(day)).get("egress", ()))

    async def _told(self, day: str) -> Mapping[str, Any]:
        """Raises ValueError, TypeError: no report."""
        answer = await fetch(f"{self._url}/egress/{day}.json", timeout=PATIENCE_SECONDS)
        if answer.status == 404:  # a day of which nothing is written
            return {}
        if answer.status != 200:
            raise ValueError(f"the gateway answered {answer.status}")
        told = json.loads(answer.body)
        if not isinstance(told, dict) or not isinstance(told["egress"], list):
            raise ValueError("not a report")
        return told
