"""Every night: publish the sample of the day that has ended, draw it, replay it.

A round does what is still to be done of it, so that it may be called as often as one likes, and after whatever death; of all
processes that share the database one does it. A day is one of UTC.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta

from sild.cluster import ClusterLock
from sild.decisions.replay import ReplayReport
from sild.decisions.samples import MatchRate, Sample, find_sample, publish_sample, run_sample
from sild.decisions.store import DecisionStore
from sild.errors import CallerError, PlatformError
from sild.telemetry import get_logger

__all__ = ["NightlyReplay"]

log = get_logger("decisions")

DAY = timedelta(days=1)
LOOK_AGAIN = timedelta(minutes=10)


class NightlyReplay:
    """replay_one: a decision's id to the report of its replay; called in a thread.  size: of each day's sample."""

    def __init__(
        self, store: DecisionStore, replay_one: Callable[[str], ReplayReport], *, size: int = 20
    ) -> None:
        self._store = store
        self._replay_one = replay_one
        self._size = size
        self._lock = ClusterLock(store.engine, "decisions_nightly")

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                try:
                    if await self._lock.hold() is not None:
                        await asyncio.to_thread(self.tick)
                except PlatformError as error:
                    log.refusal("decisions.nightly_failed", error)
                except Exception as error:  # noqa: BLE001 - one bad night must not end all others
                    log.bug("decisions.nightly_failed", error)
                await asyncio.sleep(LOOK_AGAIN.total_seconds())
        finally:
            await asyncio.to_thread(self._lock.release)

    def tick(self) -> MatchRate:
        """One round; how yesterday's sample came out."""
        rate = run_sample(self._store, self._sample(), self._replay_one)
        if rate.mismatched:
            log.warning("decisions.replay_mismatch", mismatched=rate.mismatched)
        return rate

    def _sample(self) -> Sample:
        ends = datetime.combine(self._store.clock().date(), time(), UTC)
        name = (ends - DAY).date().isoformat()
        try:
            with self._store.engine.connect() as connection:
                return find_sample(connection, name)
        except CallerError:
            return publish_sample(self._store, name, begins=ends - DAY, ends=ends, size=self._size)
