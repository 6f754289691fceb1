"""Whoever is slow gets an end: information systems, servers that send and that answer, at every point of an exchange."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from faults import error_of
from forger import HEADERS, FalseProvider, Forger, fault_in, render
from world import CLIENT, REGISTER, Echo, Pair, Site, World, make_pair

from sild.http1 import Limits, Request, Responder, open_connection
from sild.security_server import peer_ocsp

SHORT = 0.4
HEAD = (
    f"POST /r1/DEV/COM/2/Register/echo HTTP/1.1\r\nHost: x\r\nX-Road-Client: {CLIENT.encode()}\r\n".encode()
)


def hurry(site: Site, port: str) -> None:
    """New connections of this port have short limits."""
    site.server._servers[port]._limits = Limits(
        header_timeout=SHORT,
        idle_timeout=SHORT,
        body_timeout=SHORT,
        handshake_timeout=SHORT,
        linger_timeout=SHORT,
    )


async def first_line(reader: asyncio.StreamReader) -> bytes:
    return await asyncio.wait_for(reader.readline(), 10)


def nothing_happened(pair: Pair) -> None:
    assert pair.echo.requests == []
    assert pair.records(pair.provider) == []


async def test_an_information_system_that_stops_in_its_body(pair: Pair) -> None:
    hurry(pair.consumer, "client_http")
    for sent in (b"x", b"x" * 400_000):
        reader, writer = await asyncio.open_connection(*pair.consumer.server.addresses["client_http"])
        writer.write(HEAD + b"Content-Length: 900000\r\n\r\n" + sent)
        answer = await asyncio.wait_for(reader.read(-1), 10)
        assert answer.startswith(b"HTTP/1.1 500 ")
        assert b"X-Road-Error: server.clientproxy.io_error\r\n" in answer
        writer.close()
    assert pair.records(pair.consumer) == []
    nothing_happened(pair)


async def test_an_information_system_that_trickles_its_head(pair: Pair) -> None:
    hurry(pair.consumer, "client_http")
    reader, writer = await asyncio.open_connection(*pair.consumer.server.addresses["client_http"])
    began = time.monotonic()
    answer = asyncio.create_task(first_line(reader))
    for byte in HEAD:
        writer.write(bytes([byte]))
        await asyncio.sleep(0.05)
        if answer.done():
            break
    assert await answer == b"HTTP/1.1 408 Request Timeout\r\n"
    assert time.monotonic() - began < 5
    writer.close()


async def test_an_information_system_that_says_nothing(pair: Pair) -> None:
    for port in ("client_http", "client_https", "ocsp_responder"):
        hurry(pair.consumer, port)
        reader, writer = await asyncio.open_connection(*pair.consumer.server.addresses[port])
        assert await asyncio.wait_for(reader.read(-1), 10) == b""
        writer.close()


async def test_an_information_system_that_does_not_take_its_answer(pair: Pair) -> None:
    """It is logged by then, and let go: nothing is held for it."""
    hurry(pair.consumer, "client_http")

    async def large(request: Request, responder: Responder) -> None:
        await responder.send(200, [], b"x" * 9_000_000)

    pair.echo.answer = large
    _, writer = await asyncio.open_connection(*pair.consumer.server.addresses["client_http"], limit=1024)
    writer.write(HEAD + b"Content-Length: 0\r\n\r\n")
    writer.transport.pause_reading()  # type: ignore[attr-defined]  # a TCP transport has it
    for _ in range(100):
        await asyncio.sleep(0.1)
        if pair.consumer.server._servers["client_http"].connections == 0:
            break
    assert pair.consumer.server._servers["client_http"].connections == 0
    assert [is_response for _, is_response in pair.records(pair.consumer)] == [False, True]
    writer.transport.abort()


async def test_a_server_that_stops_in_its_message(pair: Pair) -> None:
    hurry(pair.provider, "server_proxy")
    forger = Forger(pair.world, pair.consumer, pair.provider)
    whole = render(forger.message(body=b"x" * 1000))
    for size in (10, len(whole) // 2, len(whole) - 10):
        connection = await forger.connect()
        outgoing = await connection.start("POST", b"/", HEADERS)
        await outgoing.write(whole[:size])
        response = await outgoing.response(10)
        assert response.status == 200
        fault = fault_in(await response.read(65536))
        assert fault.code == "server.serverproxy.service_failed.io_error"
        connection.abort()
    nothing_happened(pair)


async def test_a_server_that_never_shakes_hands(pair: Pair) -> None:
    hurry(pair.provider, "server_proxy")
    for sent in (b"", b"\x16\x03\x01\x02\x00"):
        reader, writer = await asyncio.open_connection(*pair.provider.server.addresses["server_proxy"])
        writer.write(sent)
        answer = await asyncio.wait_for(reader.read(-1), 10)
        assert b"HTTP" not in answer
        writer.close()
    assert (await pair.call()).status == 200


@pytest.fixture
async def slow(world: World) -> AsyncIterator[tuple[FalseProvider, Pair]]:
    """A provider's server of our making; the client's puts up with half a second of silence."""
    consumer = await world.add_server("ss1", "1", [CLIENT], peer_read_timeout=SHORT, connect_timeout=SHORT)
    site = await world.add_server("ss2", "2", [REGISTER], start=False)
    false = FalseProvider(world, site)
    await false.start()
    await world.publish()
    yield false, Pair(world, consumer, site, Echo())
    await false.stop()


async def test_a_provider_that_does_not_answer(slow: tuple[FalseProvider, Pair]) -> None:
    async def sleeps(self: FalseProvider, request: Request, responder: Responder) -> None:
        await self.read(request)
        await asyncio.sleep(3 * SHORT)

    false, pair = slow
    false.answer = sleeps
    assert error_of(await pair.call(timeout=10)) == (500, "server.clientproxy.io_error")
    assert [is_response for _, is_response in pair.records(pair.consumer)] == [False]


async def test_a_provider_that_stops_in_its_answer(slow: tuple[FalseProvider, Pair]) -> None:
    async def stops(self: FalseProvider, request: Request, responder: Responder) -> None:
        whole = render(self.message(await self.read(request)))
        await responder.start(200, self.response_headers, length=len(whole))
        await responder.write(whole[:-30])
        await asyncio.sleep(3 * SHORT)

    false, pair = slow
    false.answer = stops
    assert error_of(await pair.call(timeout=10)) == (500, "server.clientproxy.service_failed.io_error")
    assert [is_response for _, is_response in pair.records(pair.consumer)] == [False]


async def test_a_provider_whose_ocsp_port_hangs(
    slow: tuple[FalseProvider, Pair], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hangs(request: Request, responder: Responder) -> None:
        await asyncio.sleep(3 * SHORT)

    false, pair = slow
    monkeypatch.setattr(peer_ocsp, "TIMEOUT", SHORT)
    false._servers[1]._handler = hangs
    assert error_of(await pair.call(timeout=10)) == (500, "server.clientproxy.ssl_authentication_failed")
    assert false.requests == 0
    assert pair.records(pair.consumer) == []


async def test_a_provider_that_never_shakes_hands(world: World) -> None:
    pair = await make_pair(world, consumer={"connect_timeout": SHORT})
    host, port = pair.provider.server.addresses["server_proxy"]
    await pair.provider.server._servers["server_proxy"].close(0.1)

    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(-1)
        writer.close()

    listener = await asyncio.start_server(mute, host, port)
    assert error_of(await pair.call(timeout=10)) == (500, "server.clientproxy.network_error")
    listener.close()


async def test_a_thousand_idle_connections(pair: Pair) -> None:
    """They cost others nothing, and go after a while."""
    hurry(pair.consumer, "client_http")
    address = pair.consumer.server.addresses["client_http"]
    idle = [await asyncio.open_connection(*address) for _ in range(1000)]
    assert (await pair.call(timeout=5)).status == 200
    ends = await asyncio.wait_for(asyncio.gather(*(reader.read(-1) for reader, _ in idle)), 20)
    assert set(ends) == {b""}
    for _, writer in idle:
        writer.close()
    connection = await open_connection(*address)
    connection.close()
