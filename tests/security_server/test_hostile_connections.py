"""Endless headers, slow peers, broken chunking, smuggling: on the client port in the clear, on 5500 inside TLS."""

from __future__ import annotations

import asyncio

import pytest
from world import CLIENT, Pair

pytestmark = pytest.mark.asyncio(loop_scope="module")

HEAD = (
    f"POST /r1/DEV/COM/2/Register/echo HTTP/1.1\r\nHost: x\r\nX-Road-Client: {CLIENT.encode()}\r\n".encode()
)


async def exchange(pair: Pair, *pieces: bytes, pause: float = 0.0) -> bytes:
    host, port = pair.consumer.server.addresses["client_http"]
    reader, writer = await asyncio.open_connection(host, port)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)
        return await asyncio.wait_for(reader.read(65536), 10)
    except ConnectionError:
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize(
    ("pieces", "status"),
    [
        ((HEAD + b"X-Long: " + b"x" * 200_000 + b"\r\n\r\n",), b"431"),
        ((HEAD + b"X-Many: 1\r\n" * 20_000 + b"\r\n",), b"431"),
        ((HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"zz\r\nbroken\r\n0\r\n\r\n"), b"500"),
        ((HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"5\r\nhello\r\nzz\r\n\r\n"), b"500"),
        ((HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",), b"400"),
        ((HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",), b"400"),
        ((HEAD + b"Content-Length: -5\r\n\r\nhello",), b"400"),
        ((b"GARBAGE\r\n\r\n",), b"400"),
        ((b"\x16\x03\x01\x02\x00\x01",), b"400"),
    ],
)
async def test_client_port_refuses(shared_pair: Pair, pieces: tuple[bytes, ...], status: bytes) -> None:
    answer = await exchange(shared_pair, *pieces, pause=0.02)
    assert answer.startswith(b"HTTP/1.1 " + status), answer[:300]
    assert (b"X-Road-Error: server.clientproxy.io_error\r\n" in answer) is (status == b"500")
    assert shared_pair.echo.requests == []
    assert shared_pair.records(shared_pair.provider) == []


async def test_a_body_that_ends_too_early_is_never_signed(shared_pair: Pair) -> None:
    host, port = shared_pair.consumer.server.addresses["client_http"]
    for size in (10, 400_000):
        _, writer = await asyncio.open_connection(host, port)
        writer.write(HEAD + b"Content-Length: 900000\r\n\r\n" + b"x" * size)
        await writer.drain()
        await asyncio.sleep(0.1)
        writer.close()
    await asyncio.sleep(0.3)
    assert shared_pair.records(shared_pair.consumer) == []
    assert shared_pair.records(shared_pair.provider) == []
    assert shared_pair.echo.requests == []
    assert (await shared_pair.call()).status == 200


async def test_a_trickling_client_does_not_hold_up_others(shared_pair: Pair) -> None:
    host, port = shared_pair.consumer.server.addresses["client_http"]
    trickles = [await asyncio.open_connection(host, port) for _ in range(50)]
    for _, writer in trickles:
        writer.write(HEAD + b"Content-Length: 100\r\n\r\nx")
    assert (await shared_pair.call("POST", body=b"quick", timeout=5)).body == b"quick"
    for _, writer in trickles:
        writer.close()


async def test_plain_text_on_the_tls_port(shared_pair: Pair) -> None:
    host, port = shared_pair.provider.server.addresses["server_proxy"]
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(b"POST / HTTP/1.1\r\n\r\n")
    answer = await asyncio.wait_for(reader.read(100), 10)
    assert b"HTTP" not in answer
    writer.close()
    assert (await shared_pair.call()).status == 200


async def test_a_message_cut_off_inside_tls(shared_pair: Pair) -> None:
    from forger import HEADERS, Forger, render

    forger = Forger(shared_pair.world, shared_pair.consumer, shared_pair.provider)
    whole = render(forger.message(body=b"x" * 1000))
    connection = await forger.connect()
    outgoing = await connection.start("POST", b"/", HEADERS)
    await outgoing.write(whole[:-200])
    connection.abort()
    await asyncio.sleep(0.3)
    assert shared_pair.echo.requests == []
    assert shared_pair.records(shared_pair.provider) == []
