"""Several servers on one listening socket, and the last call before idle connections are closed."""

from __future__ import annotations

import asyncio
import socket
import time

from sild.http1 import Handler, Request, Responder, serve

from .conftest import Dial, Wire, echo, serving

GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"


def named(name: bytes) -> Handler:
    async def handler(request: Request, responder: Responder) -> None:
        await responder.send(200, [], name)

    return handler


async def test_a_kept_connection_brings_its_next_request_and_is_told_that_it_was_the_last(dial: Dial) -> None:
    async with serving(echo) as server:
        busy, idle = await dial(server), await dial(server)
        await busy.send(GET)
        assert b"onnection: close" not in (await busy.answer())[0]
        begun = time.monotonic()
        closing = asyncio.create_task(server.close(5, drain=0.4))
        await asyncio.sleep(0.1)
        await busy.send(GET)
        assert b"Connection: close" in await busy.to_end()
        assert not closing.done()
        assert await idle.to_end() == b""
        await closing
        assert 0.3 < time.monotonic() - begun < 2


async def test_it_ends_at_once_when_nobody_is_there(dial: Dial) -> None:
    async with serving(echo) as server:
        wire = await dial(server)
        await wire.send(GET)
        await wire.answer()
        await wire.close()
        begun = time.monotonic()
        await server.close(5, drain=5)
        assert time.monotonic() - begun < 1


async def test_whoever_is_left_serves_all_and_a_successor_what_waited() -> None:
    listening = socket.create_server(("127.0.0.1", 0), backlog=64)
    port = listening.getsockname()[1]
    first = await serve(named(b"1"), "", 0, listening=listening.dup())
    second = await serve(named(b"2"), "", 0, listening=listening.dup())
    assert first.port == second.port == port
    await first.close(1)
    wires = [Wire(*await asyncio.open_connection("127.0.0.1", port)) for _ in range(4)]
    for wire in wires:
        await wire.send(GET)
        assert (await wire.answer())[1] == b"2"
        await wire.close()
    await second.close(1)
    waiting = Wire(*await asyncio.open_connection("127.0.0.1", port))
    await waiting.send(GET)
    third = await serve(named(b"3"), "", 0, listening=listening.dup())
    assert (await waiting.answer())[1] == b"3"
    await waiting.close()
    await third.close(1)
    listening.close()
