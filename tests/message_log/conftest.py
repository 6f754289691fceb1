"""A log on each engine, and messages to put into it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from sild.message_log import MessageLog
from support.postgres import either_url as either_url
from support.postgres import postgresql as postgresql
from support.stamped_log import StampedLog, stamped_log


@pytest.fixture
def log_url(either_url: str) -> str:
    return either_url


@pytest_asyncio.fixture
async def log(log_url: str) -> AsyncIterator[MessageLog]:
    message_log = MessageLog(log_url)
    yield message_log
    await message_log.close()


@pytest_asyncio.fixture
async def world(log_url: str) -> AsyncIterator[StampedLog]:
    async with stamped_log(log_url) as world:
        yield world
