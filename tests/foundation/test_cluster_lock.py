"""Work one process does for all: who holds the lock, who gets it when the holder dies, and that nobody commits late."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from sild.cluster import ClusterLock, Hold
from sild.database import sqlite_url
from sild.errors import Unavailable
from support.postgres import PostgreSQL
from support.postgres import either_url as either_url
from support.postgres import postgresql as postgresql

PROGRAM = """
import sys
from sild.cluster import ClusterLock
lock = ClusterLock(sys.argv[1], "work")
print("held" if lock.try_hold() else "not held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def url(either_url: str) -> str:
    return either_url


@contextmanager
def other_process(url: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    path = ":".join(entry for entry in sys.path if entry)
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": path},
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        yield process, process.stdout.readline().decode().strip()
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def eventually(try_hold: Callable[[], Hold | None]) -> Hold:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        if hold := try_hold():
            return hold
        time.sleep(0.02)
    raise AssertionError("the lock did not come free")


def test_one_holder_among_processes_and_the_dead_let_go(url: str) -> None:
    lock = ClusterLock(url, "work")
    with other_process(url) as (process, said):
        assert said == "held"
        assert lock.try_hold() is None
        other_work = ClusterLock(url, "other work")
        assert other_work.try_hold() is not None
        process.kill()
        assert eventually(lock.try_hold).is_ours()
    with other_process(url) as (_, said):
        assert said == "not held"
    lock.release()
    with other_process(url) as (_, said):
        assert said == "held"
    other_work.release()


async def test_a_hold_is_kept_until_released(url: str) -> None:
    lock, rival = ClusterLock(url, "work"), ClusterLock(url, "work")
    first = await lock.hold()
    assert first is not None
    assert await lock.hold() is first
    assert await rival.hold() is None
    lock.release()
    assert not first.is_ours()
    with pytest.raises(Unavailable), first.transaction():
        pass
    assert await asyncio.to_thread(eventually, rival.try_hold) is not first
    rival.release()


def test_its_transaction_writes_and_a_failed_one_leaves_the_hold(url: str) -> None:
    lock = ClusterLock(url, "work")
    hold = lock.try_hold()
    assert hold is not None
    with hold.transaction() as connection:
        connection.execute(text("CREATE TABLE done (what TEXT)"))
        connection.execute(text("INSERT INTO done VALUES ('this')"))
    with pytest.raises(Unavailable) as caught, hold.transaction() as connection:
        connection.execute(text("INSERT INTO nowhere VALUES (1)"))
    assert caught.value.code == "database_error"
    assert hold.is_ours() and lock.try_hold() is hold
    with hold.transaction() as connection:
        assert connection.execute(text("SELECT what FROM done")).scalars().all() == ["this"]
    lock.release()


def test_who_has_lost_the_session_cannot_commit(postgresql: PostgreSQL) -> None:
    """The server ended the holder's session, another took over: what the first still meant to write does not appear."""
    with postgresql.database() as url:
        lock, rival = ClusterLock(url, "work"), ClusterLock(url, "work")
        engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE done (what TEXT)"))
        hold = lock.try_hold()
        assert hold is not None
        with pytest.raises(Unavailable), hold.transaction() as connection:
            connection.execute(text("INSERT INTO done VALUES ('late')"))
            with engine.begin() as killer:
                killer.execute(
                    text(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                        " WHERE state = 'idle in transaction' AND datname = current_database()"
                    )
                )
            successor = eventually(rival.try_hold)
        assert successor.is_ours() and not hold.is_ours()
        assert lock.try_hold() is None
        with engine.begin() as connection:
            assert connection.execute(text("SELECT count(*) FROM done")).scalar_one() == 0
        rival.release()
        assert eventually(lock.try_hold) is not hold
        lock.release()
        engine.dispose()


def test_what_cannot_be_reached_or_shared_says_so(tmp_path: Path) -> None:
    for url in (
        "sqlite://",
        f"postgresql://nobody@/none?host={tmp_path}",
        sqlite_url(tmp_path / "no" / "x.db"),
    ):
        with pytest.raises(Unavailable) as caught:
            ClusterLock(url, "work").try_hold()
        assert caught.value.code == "database_error"
