"""Somebody holds the database: the exchange fails, nothing is half written, and the next message is logged again."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from sqlalchemy import make_url

from sild.errors import Unavailable
from sild.message_log import MessageLog, postgresql, sqlite
from support.logged_messages import message


@contextmanager
def locked(url: str) -> Iterator[None]:
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        assert parsed.database is not None
        other = sqlite3.connect(parsed.database, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")
        other.close()
        return
    with psycopg.connect(parsed.render_as_string(hide_password=False)) as connection:
        connection.execute("LOCK TABLE pending_timestamp IN ACCESS EXCLUSIVE MODE")
        yield
        connection.rollback()


async def test_database_locked(log_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "BUSY_MILLISECONDS", 50)
    monkeypatch.setattr(postgresql, "_SESSION", "SET lock_timeout = 50")
    log = MessageLog(log_url)
    await log.append(message("before"))
    with locked(log_url):
        for _ in range(2):
            with pytest.raises(Unavailable) as caught:
                await log.append(message("during", attachments=(b"body",)))
            assert caught.value.code_path == "logging_failed.database_error"
            assert caught.value.message == "the message log cannot be written"  # a peer may read it
    assert await log.find("during") == ()

    record_id = await log.append(message("after"))
    assert [found.id for found in await log.find("after")] == [record_id]
    await log.close()
