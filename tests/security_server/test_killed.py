"""kill -9 between receiving and answering: after a restart the log holds what was acted on, and all that was answered."""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
import sqlite3
from pathlib import Path

import pytest
from world import CLIENT, ECHO, Pair, Site, World, make_pair

from sild.errors import PlatformError
from sild.http1 import Fetched, fetch

REQUEST, ANSWER = ("q", False), ("q", True)

# Killed there: what stands in the client's log, in the provider's log, how often the service was called.
CLIENT_POINTS = {
    "client.request_signed": ([], [], 0),
    "client.request_logged": ([REQUEST], [], 0),
    "client.request_sent": ([REQUEST], None, None),
    "client.response_verified": ([REQUEST], [REQUEST, ANSWER], 1),
    "client.response_logged": ([REQUEST, ANSWER], [REQUEST, ANSWER], 1),
}
PROVIDER_POINTS = {
    "provider.request_verified": ([REQUEST], [], 0),
    "provider.request_logged": ([REQUEST], [REQUEST], 0),
    "provider.service_answered": ([REQUEST], [REQUEST], 1),
    "provider.response_signed": ([REQUEST], [REQUEST], 1),
    "provider.response_logged": ([REQUEST], [REQUEST, ANSWER], 1),
}


def logged(directory: Path) -> list[tuple[str, bool]]:
    with contextlib.closing(sqlite3.connect(directory / "messagelog.db")) as connection:
        assert connection.execute("pragma integrity_check").fetchone() == ("ok",)
        rows = connection.execute("select query_id, is_response from message_record order by id")
        return [(query_id, bool(is_response)) for query_id, is_response in rows]


async def ask(url: str, query_id: str, body: bytes = b"question") -> Fetched:
    headers = [(b"X-Road-Client", CLIENT.encode().encode()), (b"X-Road-Id", query_id.encode())]
    return await fetch(f"{url}/r1/{ECHO.encode()}", method="POST", body=body, headers=headers, timeout=20)


async def killed_at(pair: Pair, site: Site, point: str) -> tuple[Fetched | None, list[Site]]:
    """Start `site` as a process armed at `point`, send one message, see the process die."""
    spawned = await pair.world.spawn(site, crash_at=point)
    url = spawned.url if site is pair.consumer else pair.consumer.url
    answer = None
    with contextlib.suppress(PlatformError):
        answer = await ask(url, "q")
    assert await asyncio.wait_for(spawned.process.wait(), 10) == -signal.SIGKILL
    return answer, []


@pytest.mark.parametrize("point", CLIENT_POINTS)
async def test_clients_server(world: World, point: str) -> None:
    pair = await make_pair(world)
    answer, _ = await killed_at(pair, pair.consumer, point)
    assert answer is None, "nothing had been handed over"
    await asyncio.sleep(0.2)
    in_client, in_provider, calls = CLIENT_POINTS[point]
    assert logged(world.directory / "ss1") == in_client
    if in_provider is not None:
        assert pair.records(pair.provider) == in_provider
        assert len(pair.echo.requests) == calls
    again = await world.spawn(pair.consumer, crash_at=None)
    assert (await ask(again.url, "again")).body == b"question"
    assert logged(world.directory / "ss1") == [*in_client, ("again", False), ("again", True)]


@pytest.mark.parametrize("point", PROVIDER_POINTS)
async def test_providers_server(world: World, point: str) -> None:
    pair = await make_pair(world)
    answer, _ = await killed_at(pair, pair.provider, point)
    assert answer is not None
    assert answer.status == 500
    assert (answer.header(b"x-road-error") or b"").startswith(b"server.clientproxy.")
    in_client, in_provider, calls = PROVIDER_POINTS[point]
    assert pair.records(pair.consumer) == in_client
    assert logged(world.directory / "ss2") == in_provider
    assert len(pair.echo.requests) == calls
    await world.spawn(pair.provider, crash_at=None)
    assert (await ask(pair.consumer.url, "again")).body == b"question"
    assert logged(world.directory / "ss2") == [*in_provider, ("again", False), ("again", True)]


@pytest.mark.parametrize("whose", ["consumer", "provider"])
async def test_under_load_at_any_moment(world: World, whose: str) -> None:
    """Twelve clients at once, a kill at a random moment after the first answer: every answer somebody got stands in both logs, twice per log."""
    pair = await make_pair(world)
    site = pair.consumer if whose == "consumer" else pair.provider
    spawned = await world.spawn(site)
    url = spawned.url if whose == "consumer" else pair.consumer.url
    answered: set[str] = set()
    begun = asyncio.Event()

    async def client(number: int) -> None:
        for turn in range(1000):
            query_id = f"{number}-{turn}"
            try:
                answer = await ask(url, query_id, b"x" * random.choice([10, 1000, 300_000]))
            except PlatformError:
                return
            if answer.status != 200:
                return
            answered.add(query_id)
            begun.set()

    clients = [asyncio.create_task(client(number)) for number in range(12)]
    some_answer = asyncio.create_task(begun.wait())
    await asyncio.wait({some_answer, *clients}, return_when=asyncio.FIRST_COMPLETED)
    some_answer.cancel()
    await asyncio.sleep(random.uniform(0, 1.2))
    spawned.process.kill()
    await asyncio.gather(*clients)
    await spawned.process.wait()
    assert answered
    for name in ("ss1", "ss2"):
        found = logged(world.directory / name)
        assert len(found) == len(set(found)), "nothing is logged twice"
        assert {(query_id, True) for query_id in answered} <= set(found)
        assert {(query_id, False) for query_id in answered} <= set(found)
