"""Five hundred exchanges that fail at every stage leave no file, no connection and no task behind."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from forger import BODY, HEADERS, Forger, render
from world import CLIENT, REGISTER, Pair

from sild.errors import PlatformError
from sild.http1 import Request, Responder
from sild.xroad.identifiers import ServiceId

LARGE = b"x" * 300_000  # more than is kept in memory: there is a temporary file of it
TIMES = 84

pytestmark = [
    pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="open files are counted in /proc"),
    pytest.mark.timeout(120),
]


def open_files() -> Counter[str]:
    kinds: Counter[str] = Counter()
    for link in list(Path("/proc/self/fd").iterdir()):
        with contextlib.suppress(OSError):
            target = str(link.readlink())
            kinds["temporary file" if "(deleted)" in target else target.split(":")[0]] += 1
    return kinds


async def the_service_is_unknown(pair: Pair, forger: Forger) -> None:
    assert (await pair.call("POST", service=ServiceId(REGISTER, "none"), body=LARGE)).status == 500


async def the_client_leaves_in_mid_body(pair: Pair, forger: Forger) -> None:
    _, writer = await asyncio.open_connection(*pair.consumer.server.addresses["client_http"])
    head = f"POST /r1/DEV/COM/2/Register/echo HTTP/1.1\r\nHost: x\r\nX-Road-Client: {CLIENT.encode()}\r\n"
    writer.write(head.encode() + b"Content-Length: 900000\r\n\r\n" + LARGE)
    await writer.drain()
    await asyncio.sleep(0.005)
    writer.transport.abort()


async def the_client_leaves_before_the_answer(pair: Pair, forger: Forger) -> None:
    async def slow(request: Request, responder: Responder) -> None:
        await asyncio.sleep(0.01)
        await responder.send(200, [], LARGE)

    pair.echo.answer = slow
    _, writer = await asyncio.open_connection(*pair.consumer.server.addresses["client_http"])
    head = f"GET /r1/DEV/COM/2/Register/echo HTTP/1.1\r\nHost: x\r\nX-Road-Client: {CLIENT.encode()}\r\n\r\n"
    writer.write(head.encode())
    await writer.drain()
    await asyncio.sleep(0.002)
    writer.transport.abort()


async def the_peer_leaves_in_mid_message(pair: Pair, forger: Forger) -> None:
    connection = await forger.connect()
    outgoing = await connection.start("POST", b"/", HEADERS)
    await outgoing.write(render(forger.message(body=LARGE))[:-2000])
    connection.abort()


async def the_body_is_not_the_one_signed(pair: Pair, forger: Forger) -> None:
    parts = forger.message(body=LARGE)
    parts[2] = (BODY, b"y" + LARGE[1:])
    connection = await forger.connect()
    response = await connection.request("POST", b"/", HEADERS, render(parts), read_timeout=20.0)
    assert b"signature_verification" in await response.read(65536)
    connection.abort()


async def the_service_breaks_off(pair: Pair, forger: Forger) -> None:
    async def breaks_off(request: Request, responder: Responder) -> None:
        await responder.start(200, [], length=900_000)
        await responder.write(LARGE)
        raise ConnectionResetError

    pair.echo.answer = breaks_off
    assert (await pair.call()).status == 500


FAILURES: list[Callable[[Pair, Forger], Awaitable[None]]] = [
    the_service_is_unknown,
    the_client_leaves_in_mid_body,
    the_client_leaves_before_the_answer,
    the_peer_leaves_in_mid_message,
    the_body_is_not_the_one_signed,
    the_service_breaks_off,
]


async def settled(pair: Pair) -> tuple[Counter[str], int, int]:
    """Open files, tasks and accepted connections when nothing is under way any more."""
    for site in (pair.consumer, pair.provider):
        site.forget_connections()
    found, quiet = (open_files(), 0, 0), 0
    for _ in range(200):
        await asyncio.sleep(0.05)
        gc.collect()
        servers = [
            server for site in (pair.consumer, pair.provider) for server in site.server._servers.values()
        ]
        now = (open_files(), len(asyncio.all_tasks()), sum(server.connections for server in servers))
        quiet = quiet + 1 if now == found else 0
        found = now
        if quiet == 6:
            return found
    raise AssertionError(f"it does not settle: {found}")


@pytest.fixture(autouse=True)
def young_heap() -> Iterator[None]:
    """What other tests made is not looked at again and again."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


async def test_five_hundred_failures(pair: Pair) -> None:
    forger = Forger(pair.world, pair.consumer, pair.provider)

    async def fail(times: int) -> None:
        for failure in FAILURES:
            for _ in range(times):
                with contextlib.suppress(PlatformError, ConnectionError):
                    await failure(pair, forger)
            await asyncio.sleep(0.05)
            pair.echo.answer = None

    await fail(3)
    assert (await pair.call("POST", body=LARGE)).status == 200
    files, tasks, connections = await settled(pair)
    await fail(TIMES)
    assert (await pair.call("POST", body=LARGE)).status == 200
    after_files, after_tasks, after_connections = await settled(pair)
    assert after_files["temporary file"] == files["temporary file"]
    assert sum(after_files.values()) <= sum(files.values()) + 4, (
        files,
        after_files,
    )  # kept-alive ones, of few
    assert after_tasks <= tasks + 2
    assert after_connections <= connections + 2
