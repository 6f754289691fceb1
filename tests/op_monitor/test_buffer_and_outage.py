"""Records of exchanges wait for whoever keeps them; a database that is away or slow harms nothing but the oldest of them."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import threading
import time
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest

from op_monitor.monitor_world import BEGIN_SECONDS, CONSUMER, SetClock, ask, health_request, message, record
from sild.database import sqlite_url
from sild.errors import Unavailable
from sild.op_monitor import MonitoringRules, OperationalMonitor
from sild.op_monitor.monitor import MOST_WAITING
from support.postgres import PostgreSQL

UNREACHABLE = "postgresql://nobody@/none?host=" + quote("/nonexistent", safe="")


def small(**rules: float) -> MonitoringRules:
    return MonitoringRules.model_validate({"buffer_size": 5, **rules})


async def test_full_buffer_drops_the_oldest_and_counts(tmp_path: Path, clock: SetClock) -> None:
    monitor = OperationalMonitor(sqlite_url(tmp_path / "m.db"), clock=clock, rules=small())
    for number in range(12):
        monitor.store(record(str(number)))
    assert (monitor.waiting, monitor.dropped) == (5, 7)
    await monitor.flush()
    clock.pass_seconds(100)
    assert (await ask(monitor, 0, BEGIN_SECONDS)).names == ["7", "8", "9", "10", "11"]
    await monitor.close()


async def test_buffer_of_size_0_records_nothing(tmp_path: Path) -> None:
    monitor = OperationalMonitor(sqlite_url(tmp_path / "m.db"), rules=small(buffer_size=0))
    monitor.store(record())
    assert await monitor.flush()
    await monitor.close()
    assert not (tmp_path / "m.db").exists()


async def test_database_that_never_was_there(clock: SetClock) -> None:
    monitor = OperationalMonitor(UNREACHABLE, clock=clock, rules=small(sending_interval_seconds=0.01))
    running = asyncio.create_task(monitor.run())
    for number in range(7):
        monitor.store(record(str(number)))
    await asyncio.sleep(0.1)
    assert not running.done()
    assert (monitor.waiting, monitor.dropped) == (5, 2)
    with pytest.raises(Unavailable) as caught:
        await monitor.answer(message(health_request()), client_sees_all=True)
    assert caught.value.code_path == "opmonitor.internal_error"
    clock.pass_seconds(100)
    with pytest.raises(Unavailable, match="Failed to get records for response"):
        await ask(monitor, 0, BEGIN_SECONDS)
    running.cancel()
    await asyncio.wait([running])
    await monitor.close()


async def test_postgresql_killed_and_started_again(
    postgresql: PostgreSQL,
    clock: SetClock,
) -> None:
    with postgresql.database() as url:
        monitor = OperationalMonitor(url, clock=clock)
        monitor.store(record("before"))
        assert await monitor.flush()
        postgresql.stop(signal.SIGQUIT)
        monitor.store(record("meanwhile"))
        assert not await monitor.flush()
        assert monitor.waiting == 1
        postgresql.start()
        clock.pass_seconds(30)
        monitor.store(record("after"))
        assert await monitor.flush()
        clock.pass_seconds(100)
        found = await ask(monitor, 0, BEGIN_SECONDS + 40)
        assert found.names == ["before", "meanwhile", "after"]
        assert found.records[1]["monitoringDataTs"] == BEGIN_SECONDS + 30
        await monitor.close()


async def test_postgresql_that_has_become_read_only(postgresql: PostgreSQL, clock: SetClock) -> None:
    """After a failover, say. Nothing is wrong with the records: they wait."""

    def make_read_only(url: str, value: str) -> None:
        name = url.rpartition("@/")[2].partition("?")[0]
        with psycopg.connect(postgresql.conninfo("postgres"), autocommit=True) as connection:
            connection.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = {value}")
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,)
            )

    with postgresql.database() as url:
        monitor = OperationalMonitor(url, clock=clock)
        monitor.store(record("before"))
        assert await monitor.flush()
        make_read_only(url, "on")
        monitor.store(record("meanwhile"))
        monitor.store(record("far too large", request_size=2**70))
        assert not await monitor.flush()
        assert monitor.waiting == 2
        make_read_only(url, "off")
        assert await monitor.flush()
        clock.pass_seconds(100)
        assert (await ask(monitor, 0, BEGIN_SECONDS)).names == ["before", "meanwhile"]
        await monitor.close()


async def test_slow_write_comes_again_with_the_time_of_its_commit(tmp_path: Path, clock: SetClock) -> None:
    """Committed with an old second, records would stay behind a collector that has passed that second."""
    slow_for = 0

    def slow_clock() -> datetime:
        nonlocal slow_for
        now = clock()
        if slow_for:
            slow_for -= 1
            clock.pass_seconds(31)
        return now

    monitor = OperationalMonitor(sqlite_url(tmp_path / "m.db"), clock=slow_clock)
    monitor.store(record("slow"))
    slow_for = 1  # the first look at the clock is that of the rows, the second comes before the commit
    assert not await monitor.flush()
    assert await monitor.flush()
    clock.pass_seconds(100)
    found = await ask(monitor, 0, BEGIN_SECONDS + 50)
    assert [each["monitoringDataTs"] for each in found.records] == [BEGIN_SECONDS + 31]
    await monitor.close()


async def test_records_are_written_by_time_and_by_number(tmp_path: Path, clock: SetClock) -> None:
    url = sqlite_url(tmp_path / "m.db")
    rules = MonitoringRules(sending_interval_seconds=0.05)
    monitor = OperationalMonitor(url, clock=clock, rules=rules)
    running = asyncio.create_task(monitor.run())
    monitor.store(record())
    async with asyncio.timeout(10):
        while monitor.waiting:
            await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.wait([running])
    await monitor.close()
    seldom = OperationalMonitor(url, clock=clock, rules=MonitoringRules(sending_interval_seconds=1_000))
    running = asyncio.create_task(seldom.run())
    await asyncio.sleep(0.01)
    for number in range(1_001):
        seldom.store(record(str(number)))
    async with asyncio.timeout(10):
        while seldom.waiting:
            await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.wait([running])
    clock.pass_seconds(100)
    assert (await ask(seldom, 0, BEGIN_SECONDS)).count == 1_002
    await seldom.close()


async def test_what_waits_at_the_end_is_written(tmp_path: Path, clock: SetClock) -> None:
    url = sqlite_url(tmp_path / "m.db")
    monitor = OperationalMonitor(url, clock=clock)
    running = asyncio.create_task(monitor.run())
    await asyncio.sleep(0)
    for number in range(2_500):
        monitor.store(record(str(number)))
    await asyncio.sleep(0)  # a round may have begun: it is finished, not broken off
    running.cancel()
    await asyncio.wait([running])
    await monitor.close()
    clock.pass_seconds(100)
    again = OperationalMonitor(url, clock=clock)
    assert (await ask(again, 0, BEGIN_SECONDS)).names == [str(number) for number in range(2_500)]
    await again.close()


async def test_locked_database_holds_nobody_up(tmp_path: Path, clock: SetClock) -> None:
    monitor = OperationalMonitor(sqlite_url(tmp_path / "m.db"), clock=clock)
    monitor.store(record())
    await monitor.flush()
    with sqlite3.connect(tmp_path / "m.db", isolation_level=None) as locker:
        locker.execute("BEGIN EXCLUSIVE")
        monitor.store(record("waits"))
        flushing = asyncio.create_task(monitor.flush())
        began = time.perf_counter()
        for _ in range(20):
            await asyncio.sleep(0.005)
            monitor.store(record())
        assert time.perf_counter() - began < 1
        assert not flushing.done()
        locker.execute("ROLLBACK")
    locker.close()
    assert await flushing
    await monitor.close()


async def test_database_file_is_its_owners_alone(tmp_path: Path) -> None:
    monitor = OperationalMonitor(sqlite_url(tmp_path / "deep" / "m.db"))
    monitor.store(record())
    assert await monitor.flush()
    await monitor.close()
    assert (tmp_path / "deep" / "m.db").stat().st_mode & 0o077 == 0


async def test_old_records_are_removed(url: str, clock: SetClock) -> None:
    monitor = OperationalMonitor(url, clock=clock, rules=MonitoringRules(keep_records_for_days=1))
    for number in range(6_000):
        monitor.store(record(str(number)))
    await monitor.flush()
    clock.pass_seconds(86_000)
    monitor.store(record("young"))
    await monitor.flush()
    clock.pass_seconds(401)
    assert await monitor.clean() == 6_000
    assert (await ask(monitor, 0, int(clock.now.timestamp()))).names == ["young"]
    running = asyncio.create_task(monitor.run())  # cleans when it begins
    clock.pass_seconds(86_400)
    async with asyncio.timeout(10):
        while (await ask(monitor, 0, int(clock.now.timestamp()))).count:
            await asyncio.sleep(0.02)
    running.cancel()
    await asyncio.wait([running])
    await monitor.close()


async def test_endless_question_is_given_up(
    tmp_path: Path, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who asks for everything must not keep the others from asking."""
    monitor = OperationalMonitor(sqlite_url(tmp_path / "m.db"), clock=clock)
    for number in range(500):
        monitor.store(record(str(number)))
    await monitor.flush()
    clock.pass_seconds(100)
    with monkeypatch.context() as impatient:
        impatient.setattr("sild.op_monitor.store.MOST_SECONDS", 0)
        impatient.setattr("sild.op_monitor.store.STEPS_BETWEEN_LOOKS", 10)
        with pytest.raises(Unavailable, match="Failed to get records for response"):
            await ask(monitor, 0, BEGIN_SECONDS)
    assert (await ask(monitor, 0, BEGIN_SECONDS)).count == 500
    await monitor.close()


async def test_a_flood_of_questions_keeps_no_collector_waiting(tmp_path: Path, clock: SetClock) -> None:
    """Any member may ask, and each question may take seconds; who sees all records is answered all the same."""
    monitor = OperationalMonitor(sqlite_url(tmp_path / "m.db"), clock=clock)
    monitor.store(record("1"))
    await monitor.flush()
    clock.pass_seconds(100)
    slow = threading.Event()
    monitor._reading[False].submit(slow.wait)
    flood = [
        asyncio.create_task(ask(monitor, 0, BEGIN_SECONDS, sees_all=False, client=CONSUMER))
        for _ in range(MOST_WAITING)
    ]
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        assert (await ask(monitor, 0, BEGIN_SECONDS)).names == ["1"]
        await monitor.answer(message(health_request()), client_sees_all=True)
    with pytest.raises(Unavailable, match="Too many questions") as caught:
        await ask(monitor, 0, BEGIN_SECONDS, sees_all=False, client=CONSUMER)
    assert caught.value.code_path == "opmonitor.internal_error"
    slow.set()
    assert {page.count for page in await asyncio.gather(*flood)} == {1}
    assert (await ask(monitor, 0, BEGIN_SECONDS, sees_all=False, client=CONSUMER)).count == 1
    await monitor.close()


async def test_several_processes_write_clean_and_ask_at_once(url: str, clock: SetClock) -> None:
    monitors = [OperationalMonitor(url, clock=clock) for _ in range(3)]

    async def work(number: int, monitor: OperationalMonitor) -> None:
        for step in range(15):
            monitor.store(record(f"{number}/{step}", service_code=f"s{step % 3}"))
            async with asyncio.timeout(30):
                while not await monitor.flush():  # a busy database is asked again
                    await asyncio.sleep(0.01)
            if step % 5 == 0:
                await monitor.clean()
                await monitor.answer(message(health_request()), client_sees_all=True)

    await asyncio.gather(*(work(number, monitor) for number, monitor in enumerate(monitors)))
    clock.pass_seconds(100)
    found = await ask(monitors[0], 0, BEGIN_SECONDS)
    assert sorted(found.names) == sorted(f"{number}/{step}" for number in range(3) for step in range(15))
    for monitor in monitors:
        await monitor.close()
