"""Nothing is acted on that is not logged: database locked, disk full, time-stamping overdue, bodies that may not be logged."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from faults import error_of
from world import Pair, Site, World, make_pair

from sild.message_log import BodyLogging


def log_file(site: Site) -> Path:
    return site.server.settings.directory / "messagelog.db"


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Another process writes to the log, and does not end."""
    lock = sqlite3.connect(file, isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        lock.execute("ROLLBACK")
        lock.close()


async def test_clients_log_is_locked(pair: Pair) -> None:
    with locked(log_file(pair.consumer)):
        answer = await pair.call("POST", body=b"x")
    assert error_of(answer) == (500, "server.clientproxy.logging_failed.database_error")
    assert pair.records(pair.consumer) == []
    assert pair.records(pair.provider) == [], "a message that is not logged does not reach the provider whole"
    assert pair.echo.requests == []
    assert (await pair.call()).status == 200


async def test_providers_log_is_locked(pair: Pair) -> None:
    with locked(log_file(pair.provider)):
        answer = await pair.call("POST", body=b"x")
    assert error_of(answer) == (500, "server.serverproxy.logging_failed.database_error")
    assert pair.echo.requests == [], "the service is not called before the request is logged"
    assert [is_response for _, is_response in pair.records(pair.consumer)] == [False]


async def test_answer_cannot_be_logged(pair: Pair) -> None:
    """The log fails after the service has answered: the client gets a fault, not the answer."""
    path = log_file(pair.provider)
    locks: list[sqlite3.Connection] = []

    async def answer(request: object, responder: object) -> None:
        lock = sqlite3.connect(path, isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")
        locks.append(lock)
        await responder.send(200, [], b"secret")  # type: ignore[attr-defined]

    pair.echo.answer = answer
    told = await pair.call()
    for lock in locks:
        lock.execute("ROLLBACK")
        lock.close()
    assert error_of(told) == (500, "server.serverproxy.logging_failed.database_error")
    assert b"secret" not in told.body
    assert [is_response for _, is_response in pair.records(pair.provider)] == [False]


async def test_long_answer_cannot_be_logged(pair: Pair) -> None:
    """Part of it has left for the client's server by then; a fault stands in place of the signature."""
    pair.provider.server.message_log.body_logging = BodyLogging(max_body_size=1000)

    async def answer(request: object, responder: object) -> None:
        await responder.send(200, [], b"s" * 900_000)  # type: ignore[attr-defined]

    pair.echo.answer = answer
    assert error_of(await pair.call()) == (500, "server.serverproxy.logging_failed")
    assert [is_response for _, is_response in pair.records(pair.consumer)] == [False]


async def test_long_request_cannot_be_logged(pair: Pair) -> None:
    """It streams to the provider meanwhile, and is broken off before its signature."""
    pair.consumer.server.message_log.body_logging = BodyLogging(max_body_size=1000)
    assert error_of(await pair.call("POST", body=b"s" * 900_000)) == (
        500,
        "server.clientproxy.logging_failed",
    )
    assert pair.records(pair.provider) == []
    assert pair.echo.requests == []


async def test_bodies_not_logged_or_cut(pair: Pair) -> None:
    pair.consumer.server.message_log.body_logging = BodyLogging(enabled=False)
    pair.provider.server.message_log.body_logging = BodyLogging(max_body_size=4, truncated_allowed=True)
    body = b"personal data"
    headers = [(b"X-Road-Id", b"q"), (b"X-Secret", b"value")]
    assert (await pair.call("POST", "/people/1?x=1", body=body, headers=headers)).body == body
    store = pair.consumer.server.message_log.store
    with store.engine.connect() as connection:
        rows = connection.exec_driver_sql("select message from message_record").all()
        assert connection.exec_driver_sql("select count(*) from message_attachment").scalar() == 0
    assert all(b"X-Secret" not in row[0] and b"people" not in row[0] for row in rows)
    with pair.provider.server.message_log.store.engine.connect() as connection:
        kept = connection.exec_driver_sql("select data from message_attachment").all()
    assert [bytes(row[0]) for row in kept] == [b"pers", b"pers"]


async def test_time_stamping_overdue(pair: Pair) -> None:
    """Failing is allowed for four hours; then no message passes until the authority is back."""
    pair.world.trust.tsa_up = False
    assert (await pair.call()).status == 200
    stamper = pair.consumer.server.timestamper
    await stamper.tick()
    assert stamper.failed_since is not None
    assert (await pair.call()).status == 200
    stamper.failed_since = datetime.now(UTC) - timedelta(hours=4, minutes=1)
    expected = (500, "server.clientproxy.logging_failed.timestamping_failed")
    assert error_of(await pair.call()) == expected
    pair.world.trust.tsa_up = True
    await stamper.tick()
    assert (await pair.call()).status == 200


async def test_no_time_stamping_service_chosen(pair: Pair) -> None:
    pair.world.central.trust_url = "http://127.0.0.1:9"
    await pair.world.publish()
    code = "server.clientproxy.logging_failed.no_timestamping_provider_found"
    assert error_of(await pair.call()) == (500, code)


async def test_immediate_time_stamps(world: World) -> None:
    pair = await make_pair(world, consumer={"timestamp_immediately": True})
    assert (await pair.call("POST", body=b"x")).status == 200
    assert world.trust.tsa_requests == 2
    world.trust.tsa_up = False
    status, code = error_of(await pair.call())
    assert (status, code) == (500, "server.clientproxy.logging_failed.timestamping_failed")


async def test_nowhere_to_spool(world: World, tmp_path: Path) -> None:
    """A body longer than memory may hold finds no place: refused on either side, acted on by none."""
    pair = await make_pair(world, provider={"spool_directory": tmp_path / "gone"})
    assert (await pair.call("POST", body=b"short")).status == 200
    pair.begin()
    status, code = error_of(await pair.call("POST", body=b"x" * 400_000))
    assert (status, code) == (500, "server.serverproxy.service_failed.io_error")
    assert pair.echo.requests == []
