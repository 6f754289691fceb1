"""However bytes are cut they mean the same; whatever they are, the server stands."""

from __future__ import annotations

import asyncio
import logging
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sild.http1 import Limits, Request, Responder, run, serve
from sild.http1.client import Connection
from sild.http1.server import ServerConnection
from support.http_pipe import Pipe


async def respond(request: Request, responder: Responder) -> None:
    if request.target == b"/early":
        await responder.send(200, [(b"date", b"x")], b"early")
        return
    body = await request.read(1_000_000)
    seen = [request.method.encode(), request.target, *(n + b"=" + v for n, v in request.headers), body]
    if request.target == b"/stream":
        await responder.start(200, [(b"date", b"x")])
        for piece in seen:
            await responder.write(piece)
        await responder.finish()
    else:
        await responder.send(200, [(b"date", b"x")], b"\n".join(seen))


async def feed(pieces: list[bytes]) -> bytes:
    loop = asyncio.get_running_loop()
    gone = asyncio.Event()
    connection = ServerConnection(loop, respond, Limits(max_header_bytes=4096), lambda _: gone.set())
    pipe = Pipe(connection)
    connection.connection_made(pipe)
    for piece in pieces:
        if not pipe.closed:
            connection.data_received(piece)
            await asyncio.sleep(0)
    for _ in range(20):
        await asyncio.sleep(0)
    if not pipe.closed:
        connection.eof_received() or pipe.close()
    async with asyncio.timeout(5):
        await gone.wait()
    return bytes(pipe.written)


REQUESTS = (
    b"GET /a%2Fb?x=1 HTTP/1.1\r\nHost: h\r\nx-Lower:  v \r\nx-Lower:\r\n\r\n"
    b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\nhello world"
    b"POST /stream HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\nT: x\r\n\r\n"
    b"\r\nPOST /u HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 3\r\n\r\nabc"
    b"POST /u HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    b"HEAD http://h/x HTTP/1.1\r\nHost: h\r\n\r\n"
    b"POST /early HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"
    b"PUT /last HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 1\r\n\r\nz"
)
quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def cut(data: bytes, at: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(i % len(data) for i in at)})
    return [data[a:b] for a, b in pairwise(edges)]


@quick
@given(st.lists(st.integers(0, 10_000), max_size=40))
def test_any_cut_of_requests_gives_the_same_answers(at: list[int]) -> None:
    assert run(feed(cut(REQUESTS, at)), uvloop=False) == WHOLE


WHOLE = run(feed([REQUESTS]), uvloop=False)


def test_byte_by_byte() -> None:
    assert WHOLE.count(b"HTTP/1.1 200 OK") == 8
    assert run(feed([bytes([b]) for b in REQUESTS]), uvloop=False) == WHOLE


@pytest.fixture
def no_bugs(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.ERROR)
    return caplog


@settings(quick, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=200),
            st.sampled_from(
                [
                    b"GET / HTTP/1.1\r\n",
                    b"POST /early HTTP/1.1\r\n",
                    b"Host: h\r\n",
                    b"Content-Length: 5\r\n",
                    b"Transfer-Encoding: chunked\r\n",
                    b"Connection: Upgrade\r\nUpgrade: h2c\r\n",
                    b"Connection: close\r\n",
                    b"Expect: 100-continue\r\n",
                    b"\r\n",
                    b"5\r\nabcde\r\n",
                    b"0\r\n\r\n",
                    b"A: " + b"b" * 3000 + b"\r\n",
                ]
            ),
        ),
        max_size=30,
    ),
    st.booleans(),
)
def test_random_bytes_are_answered_or_not_and_nothing_breaks(
    no_bugs: pytest.LogCaptureFixture, pieces: list[bytes], together: bool
) -> None:
    answer = run(feed([b"".join(pieces)] if together else pieces), uvloop=False)
    assert not answer or answer.startswith(b"HTTP/1.1 ")
    assert not [r for r in no_bugs.records if r.levelno >= logging.ERROR], no_bugs.text


@settings(quick, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, len(REQUESTS) - 1), st.integers(0, 255), st.lists(st.integers(0, 10_000), max_size=5))
def test_one_changed_byte(no_bugs: pytest.LogCaptureFixture, at: int, byte: int, cuts: list[int]) -> None:
    changed = REQUESTS[:at] + bytes([byte]) + REQUESTS[at + 1 :]
    assert run(feed(cut(changed, cuts)), uvloop=False).startswith(b"HTTP/1.1 ")
    assert not [r for r in no_bugs.records if r.levelno >= logging.ERROR], no_bugs.text


ANSWERS = (
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 Fine\r\nx-Lower:  v \r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\nT: x\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n\r\nuntil the end",
    b"HTTP/1.1 204 No\r\n\r\n",
)


async def receive(pieces: list[bytes]) -> tuple[object, ...]:
    connection = Connection(asyncio.get_running_loop(), Limits(max_header_bytes=4096), b"h")
    pipe = Pipe(connection)
    connection.connection_made(pipe)

    async def peer() -> None:
        for piece in pieces:
            if not pipe.closed:
                connection.data_received(piece)
                await asyncio.sleep(0)
        if not pipe.closed:
            connection.eof_received()
            pipe.close()

    feeding = asyncio.create_task(peer())
    try:
        response = await connection.request("GET", b"/", [])
        return (response.status, response.reason, response.headers, await response.read(100_000))
    except Exception as error:
        return (type(error).__name__,)
    finally:
        await feeding
        connection.abort()
        await asyncio.sleep(0)


@quick
@given(st.sampled_from(ANSWERS), st.lists(st.integers(0, 10_000), max_size=40))
def test_any_cut_of_an_answer_reads_the_same(answer: bytes, at: list[int]) -> None:
    whole = run(receive([answer]), uvloop=False)
    assert whole[0] in (200, 204)
    assert run(receive(cut(answer, at)), uvloop=False) == whole
    assert run(receive([bytes([b]) for b in answer]), uvloop=False) == whole


@quick
@given(
    st.sampled_from(ANSWERS),
    st.integers(0, 10_000),
    st.binary(max_size=30),
    st.lists(st.integers(0, 10_000), max_size=5),
)
def test_a_damaged_answer_is_an_answer_or_a_peers_fault(
    answer: bytes, at: int, junk: bytes, cuts: list[int]
) -> None:
    at %= len(answer)
    damaged = answer[:at] + junk + answer[at + len(junk) :]
    result = run(receive(cut(damaged, cuts)), uvloop=False)
    assert len(result) == 4 or result[0] in ("BrokenMessage", "ConnectionLost")


async def test_pieces_of_every_size_through_a_socket() -> None:
    """Streamed both ways with awkward sizes around the boundaries of records, slices and buffers."""
    from sild.http1 import open_connection

    async def handler(request: Request, responder: Responder) -> None:
        await responder.start(200, [])
        async for chunk in request.chunks():
            await responder.write(chunk)
        await responder.finish()

    server = await serve(handler, "127.0.0.1", 0, limits=Limits(buffer_bytes=50_000))
    connection = await open_connection("127.0.0.1", server.port)
    sizes = [1, 16_383, 16_384, 16_385, 32_767, 32_769, 65_536, 131_073, 400_000]
    outgoing = await connection.start("POST", b"/", [])

    async def send() -> None:
        for size in sizes:
            await outgoing.write(bytes([size % 251]) * size)
        await outgoing.finish()

    sending = asyncio.create_task(send())
    response = await outgoing.response(5)
    body = await response.read(10_000_000)
    await sending
    assert body == b"".join(bytes([size % 251]) * size for size in sizes)
    connection.close()
    await connection.wait_closed()
    await server.close(1)
