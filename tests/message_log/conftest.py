"""A log on each engine, and messages to put into it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from sild.database import sqlite_url
from sild.message_log import MessageLog
from support.postgres import PostgreSQL, postgresql  # noqa: F401 - a fixture
from support.stamped_log import StampedLog, stamped_log


@pytest.fixture(params=["sqlite", "postgresql"])
def log_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database on each engine."""
    if request.param == "sqlite":
        yield sqlite_url(tmp_path / "message-log.db")
        return
    server: PostgreSQL = request.getfixturevalue("postgresql")
    with server.schema() as url:
        yield url


@pytest_asyncio.fixture
async def log(log_url: str) -> AsyncIterator[MessageLog]:
    message_log = MessageLog(log_url)
    yield message_log
    await message_log.close()


@pytest_asyncio.fixture
async def world(log_url: str) -> AsyncIterator[StampedLog]:
    async with stamped_log(log_url) as world:
        yield world
