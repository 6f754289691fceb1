"""The client against our server and against raw ones."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from sild.errors import CallerError
from sild.http1 import (
    BodyTooLarge,
    BrokenMessage,
    Connection,
    ConnectionLost,
    ConnectionPool,
    Request,
    Responder,
    TimedOut,
    UnknownHost,
    fetch,
    open_connection,
)

from .conftest import answering, echo, serving


async def connect(port: int) -> Connection:
    return await open_connection("127.0.0.1", port)


async def end(connection: Connection) -> None:
    connection.close()
    await connection.wait_closed()


async def test_kept_alive_requests_with_headers_as_given() -> None:
    async with serving(echo) as server:
        connection = await connect(server.port)
        for i in range(3):
            response = await connection.request(
                "POST",
                b"/%2F?a",
                [(b"x-hash-algorithm", b"SHA-512"), (b"X-B", b"")],
                b"body%d" % i,
                read_timeout=5,
            )
            assert (response.status, response.reason, response.header(b"x-kind")) == (200, "OK", b"echo")
            host = b"Host=127.0.0.1:%d" % server.port
            assert await response.read(1000) == (
                b"POST\n/%%2F?a\n%b\nx-hash-algorithm=SHA-512\nX-B=\nContent-Length=5\nbody%d" % (host, i)
            )
            assert connection.reusable
        await end(connection)
        assert not connection.reusable


async def test_a_request_line_cannot_be_broken() -> None:
    async with serving(echo) as server:
        connection = await connect(server.port)
        for method, target in (
            ("GET /x HTTP/1.1\r\nX:", b"/"),
            ("GET /x", b"/"),
            ("", b"/"),
            ("GET", b""),
            ("GET", b"/ HTTP/1.1"),
            ("GET", b"/\r\nX: y"),
            ("GET", b"/\t"),
        ):
            with pytest.raises(ValueError, match="not a"):
                await connection.request(method, target, [])
        response = await connection.request(
            "GET", b"/", [(b"Connection", b"keep-alive"), (b"Transfer-Encoding", b"x")]
        )
        assert b"onnection" not in await response.read(1000)
        await end(connection)


async def test_body_from_an_iterable() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for i in range(5):
            await asyncio.sleep(0)
            yield b"%d" % i
        yield b"x" * 50_000

    async with serving(echo) as server:
        connection = await connect(server.port)
        response = await connection.request("PUT", b"/", [], pieces())
        body = await response.read(100_000)
        assert b"Transfer-Encoding=chunked" in body
        assert body.endswith(b"\n01234" + b"x" * 50_000)
        response = await connection.request("PUT", b"/", [(b"content-length", b"50005")], pieces())
        assert b"chunked" not in await response.read(100_000)
        assert connection.reusable
        await end(connection)


async def test_what_the_iterable_raises_is_raised() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"1"
        raise KeyError("mine")

    async with serving(echo) as server:
        connection = await connect(server.port)
        with pytest.raises(KeyError, match="mine"):
            await connection.request("PUT", b"/", [], pieces())
        assert not connection.reusable


async def test_push_style() -> None:
    async with serving(echo) as server:
        connection = await connect(server.port)
        outgoing = await connection.start("POST", b"/", [])
        await outgoing.write(b"ab")
        await asyncio.sleep(0.01)
        assert not outgoing.answered
        assert not connection.reusable
        await outgoing.finish(b"c")
        response = await outgoing.response(read_timeout=5)
        assert (await response.read(1000)).endswith(b"\nabc")
        assert connection.reusable
        await end(connection)


async def test_an_answer_before_the_request_is_finished() -> None:
    async def handler(request: Request, responder: Responder) -> None:
        await responder.send(200, [], b"early")

    stopped = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x" * 10_000
                await asyncio.sleep(0)
        finally:
            stopped.set()

    async with serving(handler, discard_bytes=1000) as server:
        connection = await connect(server.port)
        response = await connection.request("POST", b"/", [], endless(), read_timeout=5)
        assert await response.read(10) == b"early"
        async with asyncio.timeout(5):
            await stopped.wait()
        assert not connection.reusable
        await connection.wait_closed()

        connection = await connect(server.port)
        outgoing = await connection.start("POST", b"/", [])
        while not outgoing.answered:
            await outgoing.write(b"x" * 10_000)
        await asyncio.sleep(0.05)
        await outgoing.finish(b"rest")
        assert await (await outgoing.response()).read(10) == b"early"
        await end(connection)


async def test_answers_to_head_and_without_body() -> None:
    answers = (
        b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n",
        b"HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nT: 1\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nA: b\r\n\r\nto the end",
    )
    async with answering(*answers) as (port, got):
        connection = await connect(port)
        for method, body in (
            ("HEAD", b""),
            ("GET", b""),
            ("GET", b""),
            ("HEAD", b""),
            ("GET", b"a"),
            ("GET", b"to the end"),
        ):
            assert await (await connection.request(method, b"/", [])).read(100) == body
        await connection.wait_closed()
        assert len(got) == 6


@pytest.mark.parametrize(
    "answer",
    [
        b"garbage\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
        b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 5000,
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab",
        b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n",
    ],
)
async def test_an_answer_that_is_none(answer: bytes) -> None:
    async with answering(answer) as (port, _):
        connection = await connect(port)
        with pytest.raises(BrokenMessage):
            await (await connection.request("GET", b"/", [], read_timeout=5)).read(1000)
        await connection.wait_closed()


async def test_no_answer_at_all() -> None:
    async with answering(b"") as (port, _):
        connection = await connect(port)
        with pytest.raises(ConnectionLost) as caught:
            await connection.request("GET", b"/", [])
        assert caught.value.code == "network_error"
        with pytest.raises(ConnectionLost):
            await connection.request("GET", b"/", [])


async def test_bytes_nobody_asked_for_end_the_connection() -> None:
    ok = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na"
    async with answering(ok + ok, close=False) as (port, _):
        connection = await connect(port)
        assert await (await connection.request("GET", b"/", [])).read(10) == b"a"
        assert not connection.reusable
        await connection.wait_closed()


async def test_read_timeouts() -> None:
    async with answering(b"", close=False) as (port, _):
        connection = await connect(port)
        with pytest.raises(TimedOut) as caught:
            await connection.request("GET", b"/", [], read_timeout=0.05)
        assert caught.value.code == "io_error"
        await connection.wait_closed()
    async with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na", close=False) as (port, _):
        connection = await connect(port)
        response = await connection.request("GET", b"/", [], read_timeout=0.05)
        with pytest.raises(TimedOut):
            await response.read(10)
        await connection.wait_closed()


async def test_nobody_there() -> None:
    async with answering() as (port, _):
        pass
    with pytest.raises(ConnectionLost):
        await connect(port)
    for name in ("no-such-host.invalid", "a..b", "a" * 64 + ".ee", "", "a b", "a\0b", "ä..ö", "x" * 300):
        with pytest.raises(UnknownHost):
            await open_connection(name, 80)
    with pytest.raises((UnknownHost, ConnectionLost)):
        await open_connection("127.0.0.1", 70_000)


async def test_pool_keeps_what_can_be_used_again() -> None:
    pool = ConnectionPool(max_idle=1, idle_seconds=0.1)
    async with serving(echo) as server:
        one, two = await connect(server.port), await connect(server.port)
        assert pool.take("a") is None
        for connection in (one, two):
            await (await connection.request("GET", b"/", [])).read(1000)
            pool.give("a", connection)
        assert len(pool) == 1
        await two.wait_closed()
        assert pool.take("b") is None
        assert pool.take("a") is one
        await (await one.request("GET", b"/", [])).read(1000)
        pool.give("a", one)
        await asyncio.sleep(0.2)
        assert len(pool) == 0
        assert pool.take("a") is None
        three = await connect(server.port)
        pool.give("a", three)
        await server.close(0)  # the peer closes it while it waits
        await asyncio.sleep(0.02)
        assert len(pool) == 0
    pool.close()


async def test_fetch() -> None:
    async with serving(echo) as server:
        base = f"http://127.0.0.1:{server.port}"
        got = await fetch(f"{base}/a%20b?version=3", headers=[(b"accept", b"x/y")])
        assert got.status == 200
        assert got.header(b"x-kind") == b"echo"
        assert got.body.startswith(b"GET\n/a%20b?version=3\n")
        got = await fetch(base, method="POST", body=b"\x30\x00")
        assert got.body.endswith(b"\n\x30\x00")
        with pytest.raises(BodyTooLarge):
            await fetch(base, max_bytes=10)
    with pytest.raises(ConnectionLost):
        await fetch(base)
    for bad in ("ftp://x/", "http://", "http://a:b/", "//x", "http://x/\u00e4"):
        with pytest.raises(CallerError) as caught:
            await fetch(bad)
        assert caught.value.code == "service_malformed_url"
    async with answering(b"", close=False) as (port, _):
        with pytest.raises(TimedOut):
            await fetch(f"http://127.0.0.1:{port}/", timeout=0.1)


async def test_a_silent_peer_is_probed() -> None:
    """A peer whose machine is gone sends nothing, not even an end: TCP has to ask."""
    async with serving(echo) as server:
        connection = await connect(server.port)
        assert connection._transport is not None
        opened = connection._transport.get_extra_info("socket")
        assert opened.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        await end(connection)
