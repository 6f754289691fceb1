"""Every night: publish the sample of the day that has ended, draw it, replay it; and whatever was contested since its last replay.

A round does what is still to be done of it, so that it may be called as often as one likes, and after whatever death; of all
processes that share the database one does it. A day is one of UTC.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta

from sild.cluster import ClusterLock
from sild.decisions.replay import ReplayReport
from sild.decisions.samples import (
    MatchRate,
    Sample,
    contested_unreplayed,
    find_sample,
    keep_replay,
    mismatches,
    publish_sample,
    run_sample,
)
from sild.decisions.store import DecisionStore
from sild.errors import CallerError, PlatformError
from sild.telemetry import get_logger

__all__ = ["NightlyReplay"]

log = get_logger("decisions")

DAY = timedelta(days=1)
LOOK_BACK = timedelta(days=7)
"""As far as a mismatch is told again: whoever is to hear of it may have been away."""
LOOK_AGAIN = timedelta(minutes=10)


class NightlyReplay:
    """replay_one: a decision's id to the report of its replay; called in a thread.  size: of each day's sample.

    mismatched: is told of each replay that gave another outcome, its number and the decision; told again, it does nothing twice.
    """

    def __init__(
        self,
        store: DecisionStore,
        replay_one: Callable[[str], ReplayReport],
        *,
        size: int = 20,
        mismatched: Callable[[int, str], None] = lambda _number, _decision: None,
    ) -> None:
        self._store = store
        self._mismatched = mismatched
        self._replay_one = replay_one
        self._size = size
        self._lock = ClusterLock(store.engine, "decisions_nightly")
        self._warned: set[str] = set()

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
        with self._store.engine.connect() as connection:
            contested = contested_unreplayed(connection)
        for decision in contested:
            keep_replay(self._store, self._replay_one(decision))
        with self._store.engine.connect() as connection:
            found = mismatches(connection, since=self._store.clock() - LOOK_BACK)
        mismatched = {decision for _number, decision in found}
        if new := mismatched - self._warned:
            log.warning("decisions.replay_mismatch", mismatched=len(new))
        self._warned = mismatched
        for number, decision in found:
            self._mismatched(number, decision)
        return rate

    def _sample(self) -> Sample:
        ends = datetime.combine(self._store.clock().date(), time(), UTC)
        name = (ends - DAY).date().isoformat()
        try:
            with self._store.engine.connect() as connection:
                return find_sample(connection, name)
        except CallerError:
            return publish_sample(self._store, name, begins=ends - DAY, ends=ends, size=self._size)
