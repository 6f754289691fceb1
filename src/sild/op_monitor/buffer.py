"""Records wait here, outside any exchange: bounded, handed on by the hundred, kept when nobody takes them.

The loop's thread alone touches a buffer.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from sild.errors import PlatformError
from sild.op_monitor.records import OperationalDataRecord
from sild.telemetry import get_logger

__all__ = ["RecordBuffer"]

log = get_logger("op_monitor")
FINISHING_SECONDS = 5.0
Deliver = Callable[[Sequence[OperationalDataRecord]], Awaitable[None]]


class RecordBuffer:
    """capacity: records held; the oldest make room for new ones and are counted (`dropped`).

    deliver: takes up to `at_once` records or raises, and then they are kept for the next round, `interval` seconds later.
    A round also begins as soon as `at_once` records wait.
    """

    def __init__(self, deliver: Deliver, *, capacity: int, at_once: int, interval: float) -> None:
        self.dropped = 0
        self._deliver = deliver
        self._capacity = capacity
        self._at_once = at_once
        self._interval = interval
        self._waiting: deque[OperationalDataRecord] = deque()
        self._enough = asyncio.Event()
        self._round = asyncio.Lock()
        self._reported = 0
        self._under_way = 0

    def __len__(self) -> int:
        """Not taken yet, those on their way included."""
        return len(self._waiting) + self._under_way

    def store(self, record: OperationalDataRecord) -> None:
        """Never waits, never fails, costs less than a microsecond."""
        waiting = self._waiting
        if len(waiting) >= self._capacity:
            self.dropped += 1
            if not waiting:
                return  # a buffer of size 0 keeps nothing
            waiting.popleft()
        waiting.append(record)
        if len(waiting) == self._at_once:
            self._enough.set()

    async def run(self) -> None:
        """Hand on what waits, for ever."""
        while True:
            try:
                async with asyncio.timeout(self._interval):
                    await self._enough.wait()
            except TimeoutError:
                pass
            self._enough.clear()
            await self.flush()

    async def flush(self) -> bool:
        """Hand on everything that waits now. False: the taker refuses, and the rest is kept."""
        async with self._round:
            self._report_dropped()
            while self._waiting:
                batch = [self._waiting.popleft() for _ in range(min(self._at_once, len(self._waiting)))]
                self._under_way = len(batch)
                try:
                    if not await self._hand_over(batch):
                        return False
                finally:
                    self._under_way = 0
        return True

    async def _hand_over(self, batch: list[OperationalDataRecord]) -> bool:
        """A delivery under way may finish even when the round is cancelled: else a record could be lost or come twice."""
        delivery = asyncio.ensure_future(self._deliver(batch))
        try:
            await asyncio.shield(delivery)
        except asyncio.CancelledError:
            await asyncio.wait([delivery], timeout=FINISHING_SECONDS)
            if not delivery.done():
                delivery.cancel()
                await asyncio.wait([delivery])
            if delivery.cancelled() or delivery.exception() is not None:
                self._put_back(batch)
            raise
        except PlatformError as error:
            self._put_back(batch)
            log.refusal("records.kept", error, waiting=len(self._waiting))
            return False
        except Exception as error:  # noqa: BLE001 - measuring must not end because one round failed
            self._put_back(batch)
            log.bug("records.kept", error, waiting=len(self._waiting))
            return False
        return True

    def _put_back(self, batch: list[OperationalDataRecord]) -> None:
        room = self._capacity - len(self._waiting)
        lost = max(0, len(batch) - room)
        self.dropped += lost
        self._waiting.extendleft(reversed(batch[lost:]))

    def _report_dropped(self) -> None:
        if self.dropped > self._reported:
            log.warning("records.dropped", dropped=self.dropped - self._reported, capacity=self._capacity)
            self._reported = self.dropped
