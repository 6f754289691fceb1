"""Daily reports for whoever asks, however often: making one reads a day's ledger, so one is made at a time and then kept a while."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass
from datetime import date

from sild.ai_gateway.report import EgressReport, egress_report
from sild.ai_gateway.store import Store

__all__ = ["DailyReports"]

SHARE = 10
"""A report may be this many times as old as making it took: strangers cost a tenth of a core at most, and small ledgers are told at once."""
MOST_KEPT = 366


@dataclass(frozen=True, slots=True)
class _Kept:
    report: EgressReport
    until: float


class DailyReports:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: OrderedDict[date, _Kept] = OrderedDict()
        self._one_at_a_time = asyncio.Lock()

    async def of(self, day: date) -> EgressReport:
        """Raises Unavailable (`ledger_unavailable`)."""
        async with self._one_at_a_time:
            kept = self._kept.get(day)
            if kept is not None and kept.until > time.monotonic():
                return kept.report
            begun = time.monotonic()
            report = await asyncio.to_thread(self._make, day)
            made = time.monotonic()
            self._kept[day] = _Kept(report, made + SHARE * (made - begun))
            self._kept.move_to_end(day)
            if len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
            return report

    def _make(self, day: date) -> EgressReport:
        store = self._store
        ledger, alarms = store.ledger(since=day, until=day), store.alarms(since=day, until=day)
        return egress_report(day, ledger, store.canaries(), alarms)
