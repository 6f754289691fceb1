"""What is refused, and how: broken heads, smuggling, slow and silent clients."""

from __future__ import annotations

import asyncio

import pytest

from sild.http1 import BrokenMessage, ConnectionLost, Request, Responder, TimedOut

from .conftest import Dial, echo, serving

OK = b"GET /next HTTP/1.1\r\nHost: h\r\n\r\n"


@pytest.mark.parametrize(
    ("status", "request_bytes"),
    [
        (400, b"garbage\r\n\r\n"),
        (400, b"\x16\x03\x01\x02\x00\x01\x00"),
        (400, b"GET / HTTP/1.1\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
        (400, b"GET / HTTP/1.1\nHost: h\n\n"),
        (400, b"GET / HTTP/1.1\r\nHost: h\nX: y\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\nHost: h\r\nX: y\r\n folded\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\nHost: h\r\n X: y\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\nHost : h\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\nHost: h\r\nX\x00: y\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\nHost: h\r\nX: \x00\r\n\r\n"),
        (400, b"GET /a b HTTP/1.1\r\nHost: h\r\n\r\n"),
        (400, b"FOO / HTTP/1.1\r\nHost: h\r\n\r\n"),
        (400, b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na"),
        (400, b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
        (400, b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1, 1\r\n\r\na"),
        (400, b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +1\r\n\r\na"),
        (400, b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0x1\r\n\r\na"),
        (400, b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999999\r\n\r\na"),
        (
            400,
            b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ),
        (
            400,
            b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        ),
        (
            400,
            b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        ),
        (400, b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"),
        (501, b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
        (501, b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
        (400, b"POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        (501, b"CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n"),
        (505, b"GET / HTTP/2.0\r\nHost: h\r\n\r\n"),
        (505, b"GET / HTTP/0.9\r\nHost: h\r\n\r\n"),
        (400, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        (417, b"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nExpect: tea\r\n\r\na"),
        (431, b"GET / HTTP/1.1\r\nHost: h\r\n" + b"X: y\r\n" * 30_000 + b"\r\n"),
        (431, b"GET / HTTP/1.1\r\nHost: h\r\nX: " + b"y" * 200_000),
        (431, b"GET /" + b"y" * 200_000),
    ],
)
async def test_a_head_that_is_refused(dial: Dial, status: int, request_bytes: bytes) -> None:
    """It is answered after the request before it, and nothing after it is: there is no second reading of the bytes."""
    async with serving(echo, linger_timeout=0.2) as server:
        wire = await dial(server)
        await wire.send(OK)
        assert (await wire.answer())[0].startswith(b"HTTP/1.1 200 ")
        await wire.send(request_bytes + OK)
        answer = await wire.to_end()
        assert answer.startswith(b"HTTP/1.1 %d " % status), answer
        assert b"Connection: close\r\n" in answer
        assert answer.count(b"HTTP/1.1") == 1


@pytest.mark.parametrize("ends", ["half-closed", "closed", "half-closed later"])
async def test_a_refused_client_that_ends_its_side(
    dial: Dial, caplog: pytest.LogCaptureFixture, ends: str
) -> None:
    """Its end may come with the head, or while our goodbye waits for it: one answer, and no second one after that."""
    async with serving(echo, linger_timeout=0.3) as server:
        wire = await dial(server)
        wire.writer.write(b"GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\nand more")
        if ends == "half-closed":
            wire.writer.write_eof()
        answer = await wire.to_end()
        assert answer.count(b"HTTP/1.1 400 ") == answer.count(b"HTTP/1.1") == 1
        if ends == "half-closed later":
            wire.writer.write_eof()
        elif ends == "closed":
            await wire.close()
        await asyncio.sleep(0.05)
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


@pytest.mark.parametrize(
    "body",
    [
        b"zz\r\n",
        b"-1\r\n",
        b"1\nab\r\n",
        b"1\r\nab\r\n",
        b"2\r\nab\n0\r\n\r\n",
        b"2 \r\nab\r\n0\r\n\r\n",
        b"fffffffffffffffff\r\n",
        b"2;" + b"x" * 200_000,
        b"0\r\n" + b"X: y\r\n" * 30_000,
        b"0\r\nX y\r\n\r\n",
    ],
)
async def test_a_chunked_body_that_is_none(dial: Dial, body: bytes) -> None:
    caught: list[BaseException] = []

    async def handler(request: Request, responder: Responder) -> None:
        try:
            await request.read(1000)
        except BrokenMessage as error:
            caught.append(error)
            raise

    async with serving(handler, linger_timeout=0.2) as server:
        wire = await dial(server)
        await wire.send(b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + body)
        answer = await wire.to_end()
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert answer.count(b"HTTP/1.1") == 1
        assert len(caught) == 1


@pytest.mark.parametrize("cut", [b"", b"12345"])
async def test_a_client_that_leaves_in_mid_body(dial: Dial, cut: bytes) -> None:
    caught: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()

    async def handler(request: Request, responder: Responder) -> None:
        try:
            await request.read(1000)
        except BrokenMessage as error:
            caught.set_result(error)
            raise

    async with serving(handler) as server:
        wire = await dial(server)
        await wire.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n" + cut)
        await wire.close()
        async with asyncio.timeout(5):
            assert "middle" in str(await caught)


async def test_a_client_that_leaves_before_its_answer(dial: Dial) -> None:
    outcome: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
    gone = asyncio.Event()

    async def handler(request: Request, responder: Responder) -> None:
        await gone.wait()
        try:
            while True:
                if not responder.started:
                    await responder.start(200, [])
                await responder.write(b"x" * 100_000)
        except ConnectionLost as error:
            outcome.set_result(error)

    async with serving(handler) as server:
        wire = await dial(server)
        await wire.send(OK)
        await asyncio.sleep(0.05)
        wire.writer.transport.abort()
        await asyncio.sleep(0.05)
        gone.set()
        async with asyncio.timeout(5):
            await outcome


async def test_a_half_closed_client_gets_its_answer(dial: Dial) -> None:
    async with serving(echo) as server:
        wire = await dial(server)
        wire.writer.write(OK + OK)
        wire.writer.write_eof()
        assert (await wire.to_end()).count(b"HTTP/1.1 200 ") == 2


async def test_the_trickling_head(dial: Dial) -> None:
    """Slow loris: each byte in time, the head never complete."""
    async with serving(echo, header_timeout=0.3, linger_timeout=0.1) as server:
        wire = await dial(server)
        await wire.send(OK)
        await wire.answer()
        began = asyncio.get_running_loop().time()
        reading = asyncio.create_task(wire.to_end())
        for byte in b"GET / HTTP/1.1\r\nHost: h\r\nX-Long: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa":
            if reading.done():
                break
            await wire.send(bytes([byte]))
            await asyncio.sleep(0.02)
        assert (await reading).startswith(b"HTTP/1.1 408 ")
        assert asyncio.get_running_loop().time() - began < 2


async def test_the_silent_body(dial: Dial) -> None:
    caught: list[str] = []

    async def handler(request: Request, responder: Responder) -> None:
        try:
            await request.read(1000)
        except TimedOut as error:
            caught.append(error.code)
            raise

    async with serving(handler, body_timeout=0.1, linger_timeout=0.1) as server:
        wire = await dial(server)
        await wire.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc")
        assert (await wire.to_end()).startswith(b"HTTP/1.1 408 ")
        assert caught == ["io_error"]


async def test_the_trickling_body(dial: Dial) -> None:
    """Each byte in time, the whole at a rate that would hold the handler for hours."""

    async def handler(request: Request, responder: Responder) -> None:
        await request.read(100_000)

    async with serving(handler, body_timeout=0.2, body_rate=1000, linger_timeout=0.1) as server:
        wire = await dial(server)
        await wire.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 50000\r\n\r\n")
        reading = asyncio.create_task(wire.to_end())
        for _ in range(200):
            if reading.done():
                break
            await wire.send(b"x")
            await asyncio.sleep(0.02)
        assert (await reading).startswith(b"HTTP/1.1 408 ")


async def test_a_slow_but_steady_body_passes(dial: Dial) -> None:
    async with serving(echo, body_timeout=0.1, body_rate=1000) as server:
        wire = await dial(server)
        await wire.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3000\r\n\r\n")
        for _ in range(30):
            await wire.send(b"x" * 100)
            await asyncio.sleep(0.01)
        assert (await wire.answer())[1].endswith(b"x" * 3000)


async def test_idle_connections_end(dial: Dial) -> None:
    async with serving(echo, idle_timeout=0.1) as server:
        fresh, used = await dial(server), await dial(server)
        await used.send(OK)
        await used.answer()
        assert await used.to_end() == b""
        assert await fresh.to_end() == b""
        assert server.connections == 0


async def test_a_client_that_takes_nothing(dial: Dial) -> None:
    """A large answer to a client that never reads: the handler is told, the connection ends."""
    outcome: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def handler(request: Request, responder: Responder) -> None:
        await responder.start(200, [])
        try:
            while True:
                await responder.write(b"x" * 100_000)
        except (TimedOut, ConnectionLost) as error:
            outcome.set_result(type(error).__name__)

    async with serving(handler, body_timeout=0.2) as server:
        wire = await dial(server)
        wire.reader._limit = 1000  # type: ignore[attr-defined]  # the client stops reading
        await wire.send(OK)
        async with asyncio.timeout(10):
            assert await outcome == "TimedOut"


async def test_a_closing_connection_does_not_wait_for_ever(dial: Dial) -> None:
    """The whole answer is written and the connection is to close, but the client takes nothing."""

    async def handler(request: Request, responder: Responder) -> None:
        await responder.send(200, [(b"Connection", b"close")], b"x" * 20_000_000)

    async with serving(handler, buffer_bytes=100_000_000, linger_timeout=0.2) as server:
        wire = await dial(server)
        wire.reader._limit = 1000  # type: ignore[attr-defined]
        await wire.send(OK)
        await asyncio.sleep(0.1)
        async with asyncio.timeout(5):
            while server.connections:
                await asyncio.sleep(0.02)
