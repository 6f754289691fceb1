"""Bodies: streamed into the log in pieces, cut or refused when too long, left out by policy, read out in pieces again."""

from __future__ import annotations

import asyncio
import io
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from sild.database import sqlite_url
from sild.errors import Unavailable
from sild.message_log import BodyLogging, MessageLog
from sild.message_log.entries import PIECE_SIZE
from sild.signatures import read_asice, write_asice
from sild.xroad.identifiers import ClientId
from support.logged_messages import CLIENT, message
from support.stamped_log import StampedLog


class Generated:
    """A body that exists only while it is read. fails_at: byte where reading breaks off."""

    def __init__(self, size: int, *, piece: int = 64 * 1024, fails_at: int | None = None) -> None:
        self.size = size
        self._piece = piece
        self._fails_at = fails_at

    def pieces(self) -> Iterator[bytes]:
        for start in range(0, self.size, self._piece):
            if self._fails_at is not None and start >= self._fails_at:
                raise OSError(5, "Input/output error")
            yield b"x" * min(self._piece, self.size - start)


async def test_any_size_in_any_pieces(log: MessageLog) -> None:
    for size in (0, 1, PIECE_SIZE - 1, PIECE_SIZE, PIECE_SIZE + 1, 3 * PIECE_SIZE):
        for piece in (1_000, PIECE_SIZE, 1_000_000):
            record_id = await log.append(message(attachments=(Generated(size, piece=piece), b"second")))
            assert log.store.attachment_sizes(record_id) == {1: size, 2: 6}, (size, piece)


async def test_a_large_body_does_not_fill_the_memory(tmp_path: Path) -> None:
    log = MessageLog(sqlite_url(tmp_path / "log.db"), body_logging=BodyLogging(max_body_size=10**9))
    tracemalloc.start()
    record_id = await log.append(message(attachments=(Generated(100_000_000),)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4_000_000
    assert log.store.attachment_sizes(record_id) == {1: 100_000_000}
    await log.close()


async def test_the_container_holds_what_was_logged(world: StampedLog) -> None:
    body = bytes(range(256)) * 3_000
    (record_id,) = await world.append("1", body=body)
    await world.timestamper.stamp(record_id)
    record = await world.stamped(record_id)
    file = io.BytesIO()
    write_asice(await world.log.as_asice(record), file, at=record.time)
    (attachment,) = read_asice(file).attachments
    with attachment.open() as source:
        assert source.read() == body


@pytest.mark.parametrize("size", [1_000, 1_001])
async def test_a_body_over_the_limit_fails_the_exchange(log_url: str, size: int) -> None:
    log = MessageLog(log_url, body_logging=BodyLogging(max_body_size=1_000))
    if size <= 1_000:
        await log.append(message(attachments=(Generated(size),)))
    else:
        with pytest.raises(Unavailable, match="exceeds maximum loggable size") as caught:
            await log.append(message(attachments=(Generated(size),)))
        assert caught.value.code_path == "logging_failed"
        assert await log.find("DEV-1") == ()
    await log.close()


async def test_or_it_is_cut_where_that_is_allowed(log_url: str) -> None:
    log = MessageLog(log_url, body_logging=BodyLogging(max_body_size=1_000, truncated_allowed=True))
    record_id = await log.append(message(attachments=(Generated(700_000), b"y" * 1_001, b"z")))
    assert log.store.attachment_sizes(record_id) == {1: 1_000, 2: 1_000, 3: 1}
    await log.close()


async def test_no_bodies_at_all(log_url: str) -> None:
    log = MessageLog(log_url, body_logging=BodyLogging(max_body_size=0))
    record_id = await log.append(message(attachments=(Generated(700_000),)))
    assert log.store.attachment_sizes(record_id) == {}
    await log.close()


async def test_bodies_left_out_of_one_message(log: MessageLog) -> None:
    record_id = await log.append(message(attachments=(b"body",), body_logged=False))
    assert log.store.attachment_sizes(record_id) == {}


def test_the_switch_for_each_subsystem() -> None:
    other = ClientId("DEV", "COM", "1234", "Other")
    on = BodyLogging(local_providers=frozenset({CLIENT}))
    assert not on.is_logged(CLIENT, client_side=False)
    assert on.is_logged(CLIENT, client_side=True)
    assert on.is_logged(other, client_side=False)
    off = BodyLogging(enabled=False, remote_providers=frozenset({CLIENT}))
    assert off.is_logged(CLIENT, client_side=True)
    assert not off.is_logged(CLIENT, client_side=False)
    assert not off.is_logged(other, client_side=True)


async def test_a_body_that_cannot_be_read_fails_its_own_message_only(log: MessageLog) -> None:
    outcomes = await asyncio.gather(
        log.append(message("good-1")),
        log.append(message("bad", attachments=(Generated(900_000, fails_at=600_000),))),
        log.append(message("good-2", attachments=(b"body",))),
        return_exceptions=True,
    )
    assert isinstance(outcomes[1], Unavailable)
    assert outcomes[1].code_path == "logging_failed.database_error"
    assert await log.find("bad") == ()
    for query_id, record_id in (("good-1", outcomes[0]), ("good-2", outcomes[2])):
        assert [found.id for found in await log.find(query_id)] == [record_id]


async def test_a_message_the_database_cannot_hold_fails_alone(log: MessageLog) -> None:
    """PostgreSQL has no text with a NUL in it; SQLite has."""
    outcomes = await asyncio.gather(
        *(log.append(message(query_id)) for query_id in ("1", "2\0", "3")), return_exceptions=True
    )
    assert all(isinstance(outcome, int) for outcome in (outcomes[0], outcomes[2]))
    assert isinstance(outcomes[1], int | Unavailable)


async def test_a_cancelled_exchange_gets_its_body_back_only_when_it_has_been_read(log: MessageLog) -> None:
    reading = asyncio.Event()
    loop = asyncio.get_running_loop()

    class Slow(Generated):
        done = False

        def pieces(self) -> Iterator[bytes]:
            loop.call_soon_threadsafe(reading.set)
            import time

            time.sleep(0.1)
            yield from super().pieces()
            self.done = True

    body = Slow(1_000)
    appending = asyncio.create_task(log.append(message(attachments=(body,))))
    await reading.wait()
    appending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await appending
    assert body.done
