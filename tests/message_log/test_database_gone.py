"""PostgreSQL goes away in the middle of messages, by a crash, and comes back: so does the log, without a restart."""

from __future__ import annotations

import asyncio
import signal

import pytest

from sild.errors import Unavailable
from sild.message_log import MessageLog
from support.logged_messages import message
from support.postgres import PostgreSQL


async def test_database_gone(postgresql: PostgreSQL) -> None:
    with postgresql.database() as url:
        log = MessageLog(url)
        logged: list[tuple[int, str]] = []
        refused: list[Unavailable] = []

        async def exchange(name: str) -> None:
            for number in range(300):
                query_id = f"{name}-{number}"
                try:
                    logged.append((await log.append(message(query_id)), query_id))
                except Unavailable as error:
                    refused.append(error)
                    await asyncio.sleep(0.01)

        exchanges = [asyncio.create_task(exchange(name)) for name in "abcd"]
        await asyncio.sleep(0.05)
        await asyncio.to_thread(postgresql.stop, signal.SIGQUIT)
        with pytest.raises(Unavailable) as caught:
            await log.append(message("while it is gone"))
        assert caught.value.code_path == "logging_failed.database_error"
        await asyncio.to_thread(postgresql.start)
        await asyncio.gather(*exchanges)

        assert refused and {error.code_path for error in refused} == {"logging_failed.database_error"}
        assert any(query_id.endswith("-299") for _, query_id in logged)
        for record_id, query_id in logged:
            assert record_id in [found.id for found in await log.find(query_id)]
        await log.close()
