"""Storing the time-stamps of a batch, archiving and cleaning go between appends in slices of a few milliseconds."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from sild.database import sqlite_url
from sild.message_log import Archiver, ArchivingRules
from support.stamped_log import StampedLog, stamped_log

RECORDS = 2_000


@pytest.fixture(autouse=True)
def _small_heap() -> Iterator[None]:
    """A full garbage collection walks the test session's whole heap, in whatever thread it happens to begin."""
    gc.freeze()
    yield
    gc.unfreeze()


async def test_slices_are_short_and_messages_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with stamped_log(sqlite_url(tmp_path / "log.db")) as world:
        slices: list[float] = []
        for name in ("link_timestamp", "set_archived", "clean"):
            _timed(world, name, slices, monkeypatch)
        record = world.record()
        await asyncio.gather(*(world.log.append(replace(record, query_id=str(n))) for n in range(RECORDS)))
        appended = asyncio.create_task(_keep_appending(world))

        assert await world.timestamper.stamp_pending(RECORDS) >= RECORDS
        archiver = Archiver(
            world.log, tmp_path, rules=ArchivingRules(keep=timedelta(days=1)), clock=world.clock
        )
        await archiver.archive()
        world.now += timedelta(days=2)
        assert await archiver.clean() == RECORDS

        appended.cancel()
        # CPU time, because the machine may be busy with something else
        slices.sort()
        assert slices[-1] < 0.05 and slices[len(slices) * 9 // 10] < 0.01, slices[-10:]


def _timed(world: StampedLog, name: str, slices: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    method: Callable[..., object] = getattr(world.log.store, name)

    def timed(*arguments: object) -> object:
        before = time.thread_time()
        result = method(*arguments)
        slices.append(time.thread_time() - before)
        return result

    monkeypatch.setattr(world.log.store, name, timed)


async def _keep_appending(world: StampedLog) -> None:
    record = world.record("meanwhile")
    while True:
        await world.log.append(record)
        await asyncio.sleep(0.01)
