"""The monitor of one security server: keeps its records in a database of its own, and answers who asks for them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

from sild.clock import Clock, system_clock
from sild.errors import CallerError, PlatformError, Unavailable, stage
from sild.op_monitor.addresses import InternalAddress
from sild.op_monitor.answers import MonitoringAnswer, health_data, operational_data
from sild.op_monitor.buffer import RecordBuffer
from sild.op_monitor.criteria import parse_health_filter, parse_search_criteria
from sild.op_monitor.records import OperationalDataRecord
from sild.op_monitor.rules import MonitoringRules
from sild.op_monitor.store import Store
from sild.telemetry import get_logger
from sild.xroad.soap import SoapMessage

__all__ = ["HEALTH_DATA", "MONITORING_SERVICES", "OPERATIONAL_DATA", "Monitor", "OperationalMonitor"]

log = get_logger("op_monitor")

OPERATIONAL_DATA = "getSecurityServerOperationalData"
HEALTH_DATA = "getSecurityServerHealthData"
MONITORING_SERVICES = frozenset({OPERATIONAL_DATA, HEALTH_DATA})
RECORDS_AT_ONCE = 1_000
MOST_WAITING = 32  # questions of those who do not see all
CLOSING_SECONDS = 5.0
Result = TypeVar("Result")


class Monitor(Protocol):
    """What a security server needs of a monitor: `OperationalMonitor` or `RemoteMonitor`."""

    def store(self, record: OperationalDataRecord) -> None: ...

    async def run(self) -> None: ...

    async def close(self) -> None: ...

    async def answer(self, message: SoapMessage, *, client_sees_all: bool) -> MonitoringAnswer: ...


class OperationalMonitor:
    """url: SQLAlchemy URL of SQLite or PostgreSQL, opened when the first records are written.

    `store` in the loop's thread as often as one likes; `run` in a task for the server's life; `close` writes what is left.
    Several processes may share one PostgreSQL database: each then answers for all.
    """

    def __init__(
        self, url: str, *, clock: Clock = system_clock, rules: MonitoringRules | None = None
    ) -> None:
        self.rules = rules or MonitoringRules()
        self._clock = clock
        self._started = int(clock().timestamp() * 1_000)
        offset = self.rules.records_available_timestamp_offset_seconds
        self._store = Store(url, clock=clock, slowest_write=offset / 2 or float("inf"))
        self._address = InternalAddress()
        self._writing = ThreadPoolExecutor(1, "op-monitor-write")
        # one query at a time for those who see all, and one for the others: a member that asks without end keeps no
        # collector from its data
        self._reading = {sees_all: ThreadPoolExecutor(1, "op-monitor-read") for sees_all in (True, False)}
        self._asked_by_others = 0
        self._buffer = RecordBuffer(
            self.write,
            capacity=self.rules.buffer_size,
            at_once=RECORDS_AT_ONCE,
            interval=self.rules.sending_interval_seconds,
        )
        self.store = self._buffer.store

    @property
    def waiting(self) -> int:
        """Records stored and not written yet."""
        return len(self._buffer)

    @property
    def dropped(self) -> int:
        """Records lost because the buffer was full."""
        return self._buffer.dropped

    async def flush(self) -> bool:
        """Write what waits now; False when the database refuses."""
        return await self._buffer.flush()

    async def write(self, records: Sequence[OperationalDataRecord]) -> None:
        """Write records at once, past the buffer. Raises Unavailable (`database_error`)."""
        await self._in(self._writing, lambda: self._store.write(records, self._address.current()))

    async def run(self) -> None:
        """Write what is stored, and remove what is old, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._buffer.run())
            tasks.create_task(self._keep_clean())

    async def close(self) -> None:
        """Write what waits, for at most some seconds, and let go of the database."""
        try:
            async with asyncio.timeout(CLOSING_SECONDS):
                await self.flush()
        except TimeoutError:
            log.warning("records.lost_at_end", waiting=self.waiting)
        for pool in (self._writing, *self._reading.values()):
            await asyncio.to_thread(pool.shutdown)
        await asyncio.to_thread(self._store.close)

    async def answer(self, message: SoapMessage, *, client_sees_all: bool) -> MonitoringAnswer:
        """The answer to one of `MONITORING_SERVICES`.

        client_sees_all: the client is the server's owner (and named the server) or the instance's monitoring client; others
        get the records they took part in, without internal addresses. Health data is the same for all, as the reference's.
        Raises CallerError (`invalid_request`), Unavailable (`internal_error`: the database, or `MOST_WAITING` questions of others
        wait already), with the stages `opmonitor` and the rest.
        """
        with stage("opmonitor"):
            if client_sees_all:
                return await self._answer(message, client_sees_all=True)
            if self._asked_by_others >= MOST_WAITING:
                raise Unavailable("Too many questions wait: ask again later", code="internal_error")
            self._asked_by_others += 1
            try:
                return await self._answer(message, client_sees_all=False)
            finally:
                self._asked_by_others -= 1

    async def _answer(self, message: SoapMessage, *, client_sees_all: bool) -> MonitoringAnswer:
        code, reading = message.service.service_code, self._reading[client_sees_all]
        if code == OPERATIONAL_DATA:
            criteria = parse_search_criteria(message)
            party = None if client_sees_all else message.client
            return await self._in(reading, lambda: operational_data(self._store, self.rules, criteria, party))
        if code == HEALTH_DATA:
            provider = parse_health_filter(message)
            await self.flush()  # what this process has just done counts; other processes are seconds behind
            return await self._in(
                reading, lambda: health_data(self._store, self.rules, self._started, provider)
            )
        raise CallerError(f"Unknown service: '{message.service.long_form}'", code="internal_error")

    async def clean(self) -> int:
        """Remove records older than the rule says, a slice at a time; how many."""
        now = self._clock().timestamp()
        before = int(now - self.rules.keep_records_for_days * 86_400)
        sums_before = int(now - self.rules.health_statistics_period_seconds)
        removed = 0
        while slice_removed := await self._in(self._writing, lambda: self._store.clean(before, sums_before)):
            removed += slice_removed
        return removed

    async def _keep_clean(self) -> None:
        while True:
            started = time.monotonic()
            try:
                removed = await self.clean()
                log.info("records.cleaned", removed=removed, seconds=round(time.monotonic() - started, 3))
            except PlatformError as error:
                log.refusal("records.not_cleaned", error)
            except Exception as error:  # noqa: BLE001 - the next round may succeed
                log.bug("records.not_cleaned", error)
            await asyncio.sleep(self.rules.clean_interval_seconds)

    async def _in(self, pool: ThreadPoolExecutor, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(pool, work)
