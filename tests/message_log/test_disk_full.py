"""No room left: the exchange fails whole, and goes on when there is room again."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sild.database import sqlite_url
from sild.errors import Unavailable
from sild.message_log import MessageLog
from support.logged_messages import message


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """No file of this process may grow beyond `size` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_disk_full(tmp_path: Path) -> None:
    log = MessageLog(sqlite_url(tmp_path / "log.db"))
    before = await log.append(message("before"))
    wal = tmp_path / "log.db-wal"
    with room_for(wal.stat().st_size + 200_000):
        for _ in range(3):
            with pytest.raises(Unavailable) as caught:
                await log.append(message("too much", attachments=(b"x" * 1_000_000,)))
            assert caught.value.code_path == "logging_failed.database_error"
        small = await log.append(message("small"))
    after = await log.append(message("after", attachments=(b"x" * 1_000_000,)))

    assert await log.find("too much") == ()
    for query_id, record_id in (("before", before), ("small", small), ("after", after)):
        assert [found.id for found in await log.find(query_id)] == [record_id]
    assert log.store.attachment_sizes(after) == {1: 1_000_000}
    await log.close()
