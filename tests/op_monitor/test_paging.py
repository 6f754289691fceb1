"""A collector that follows nextRecordsFrom gets every record exactly once, whatever the page size and however many a second."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from op_monitor.monitor_world import (
    BEGIN_SECONDS,
    PRODUCER,
    STRANGER,
    SetClock,
    ask,
    record,
)
from sild.database import sqlite_url
from sild.op_monitor import MonitoringRules, OperationalMonitor
from sild.xroad.identifiers import ClientId

SECONDS = st.lists(st.integers(0, 5), min_size=1, max_size=8)
"""How many records each second brings."""


async def collect(
    monitor: OperationalMonitor, last: int, *, client: ClientId | None = None
) -> tuple[list[str], list[int]]:
    """All names in order, and the size of each page."""
    names: list[str] = []
    sizes = []
    following: int | None = BEGIN_SECONDS
    while following is not None and following <= last:
        before = following
        if client is None:
            found = await ask(monitor, following, last)
        else:
            found = await ask(monitor, following, last, client=client, sees_all=False)
        names += found.names
        sizes.append(found.count)
        following = found.next_records_from
        assert following is None or following > before
    return names, sizes


async def fill(monitor: OperationalMonitor, clock: SetClock, seconds: list[int]) -> list[str]:
    stored = []
    for second, count in enumerate(seconds):
        for number in range(count):
            name = f"{second}/{number}"
            stored.append(name)
            monitor.store(record(name, client=STRANGER if number % 2 else PRODUCER))
        await monitor.flush()
        clock.pass_seconds(1)
    return stored


@given(seconds=SECONDS, most=st.integers(1, 9))
@settings(max_examples=40)
def test_every_record_exactly_once(seconds: list[int], most: int) -> None:
    async def run() -> None:
        with tempfile.TemporaryDirectory() as directory:
            clock = SetClock()
            rules = MonitoringRules(max_records_in_payload=most)
            url = sqlite_url(Path(directory) / "op-monitor.db")
            monitor = OperationalMonitor(url, clock=clock, rules=rules)
            stored = await fill(monitor, clock, seconds)
            clock.pass_seconds(100)
            last = BEGIN_SECONDS + len(seconds)
            names, sizes = await collect(monitor, last)
            assert names == stored
            assert all(size >= most for size in sizes[:-1])
            assert max(sizes) < most + max(seconds)
            mine, _ = await collect(monitor, last, client=STRANGER)
            assert mine == [name for name in stored if int(name.rpartition("/")[2]) % 2]
            await monitor.close()

    asyncio.run(run())


@pytest.fixture
def rules() -> MonitoringRules:
    return MonitoringRules(max_records_in_payload=2)


async def test_second_is_never_cut(monitor: OperationalMonitor, clock: SetClock) -> None:
    stored = await fill(monitor, clock, [1, 4, 2])
    clock.pass_seconds(100)
    first = await ask(monitor, BEGIN_SECONDS, BEGIN_SECONDS + 9)
    assert (first.names, first.next_records_from) == (stored[:5], BEGIN_SECONDS + 2)
    second = await ask(monitor, BEGIN_SECONDS + 2, BEGIN_SECONDS + 9)
    assert (second.names, second.next_records_from) == (stored[5:], None)


async def test_full_page_that_is_the_last_says_so(monitor: OperationalMonitor, clock: SetClock) -> None:
    stored = await fill(monitor, clock, [1, 1])
    clock.pass_seconds(100)
    found = await ask(monitor, BEGIN_SECONDS, BEGIN_SECONDS + 9)
    assert (found.names, found.next_records_from) == (stored, None)


async def test_overflow_comes_before_what_is_held_back(monitor: OperationalMonitor, clock: SetClock) -> None:
    await fill(monitor, clock, [2, 2, 2])
    clock.pass_seconds(100)
    found = await ask(monitor, BEGIN_SECONDS, BEGIN_SECONDS + 9_999)
    assert found.next_records_from == BEGIN_SECONDS + 1
    found = await ask(monitor, BEGIN_SECONDS + 2, BEGIN_SECONDS + 9_999)
    assert found.next_records_from == int(clock.now.timestamp()) - 60


async def test_collecting_while_records_come(monitor: OperationalMonitor, clock: SetClock) -> None:
    """A collector that asks on and on, each time from nextRecordsFrom on."""
    stored, collected = [], []
    following = BEGIN_SECONDS
    for number in range(120):
        for extra in range(number % 4):
            stored.append(f"{number}/{extra}")
            monitor.store(record(stored[-1]))
        await monitor.flush()
        clock.pass_seconds(0.7)
        now = int(clock.now.timestamp())
        if following < now - 60:
            found = await ask(monitor, following, now)
            collected += found.names
            assert found.next_records_from is not None
            following = found.next_records_from
    clock.pass_seconds(100)
    while following < int(clock.now.timestamp()) - 60:
        found = await ask(monitor, following, int(clock.now.timestamp()))
        collected += found.names
        assert found.next_records_from is not None
        following = found.next_records_from
    assert collected == stored


async def test_page_of_many_records_is_whole(url: str, clock: SetClock) -> None:
    monitor = OperationalMonitor(url, clock=clock)
    for number in range(1_203):
        monitor.store(record(str(number)))
    await monitor.flush()
    clock.pass_seconds(100)
    found = await ask(monitor, 0, BEGIN_SECONDS, fields=["messageId"])
    assert found.names == [str(number) for number in range(1_203)]
    await monitor.close()
