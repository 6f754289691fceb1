"""The service behind the provider's server is down, hangs, answers garbage or cannot be trusted; what the client is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from faults import error_of
from world import ECHO, REGISTER, Pair

from sild.http1 import Request, Responder, information_system_server_context
from sild.nation.layout import free_ports
from sild.pki import der

RawService = Callable[[bytes, bool], Awaitable[None]]


@pytest.fixture
async def raw_service(pair: Pair) -> AsyncIterator[RawService]:
    """A service that writes the given bytes and, maybe, closes."""
    servers: list[asyncio.Server] = []

    async def make(answer: bytes, closes: bool) -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(100)
            writer.write(answer)
            await writer.drain()
            if not closes:
                await reader.read(-1)
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        servers.append(server)
        port = server.sockets[0].getsockname()[1]
        pair.provider.server.serverconf.update_service(ECHO, url=f"http://127.0.0.1:{port}/", timeout=1)

    yield make
    for server in servers:
        server.close()


def only_the_request_is_logged(pair: Pair) -> None:
    """The request was acted on, so it is in both logs; no answer was given, so none is."""
    assert [is_response for _, is_response in pair.records(pair.provider)] == [False]
    assert [is_response for _, is_response in pair.records(pair.consumer)] == [False]


async def test_down(pair: Pair) -> None:
    (port,) = free_ports(1)
    pair.provider.server.serverconf.update_service(ECHO, url=f"http://127.0.0.1:{port}/")
    assert error_of(await pair.call("POST", body=b"x")) == (500, "server.serverproxy.network_error")
    only_the_request_is_logged(pair)


async def test_name_does_not_resolve(pair: Pair) -> None:
    pair.provider.server.serverconf.update_service(ECHO, url="http://service.invalid/")
    assert error_of(await pair.call()) == (500, "server.serverproxy.unknown_host")


async def test_hangs(pair: Pair, raw_service: RawService) -> None:
    await raw_service(b"", False)
    assert error_of(await pair.call()) == (500, "server.serverproxy.io_error")
    only_the_request_is_logged(pair)


async def test_hangs_in_the_middle_of_a_long_answer(pair: Pair, raw_service: RawService) -> None:
    """The answer has begun to stream to the client's server: a fault stands in place of its signature."""
    await raw_service(b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n" + b"x" * 500_000, False)
    assert error_of(await pair.call()) == (500, "server.serverproxy.io_error")
    only_the_request_is_logged(pair)


async def test_closes_without_an_answer(pair: Pair, raw_service: RawService) -> None:
    await raw_service(b"", True)
    assert error_of(await pair.call()) == (500, "server.serverproxy.network_error")
    only_the_request_is_logged(pair)


@pytest.mark.parametrize(
    "answer",
    [
        b"garbage\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nnot a size\r\n",
        b"HTTP/1.1 200 OK\r\nX-Endless: " + b"x" * 200_000,
        b"\x16\x03\x01\x00\xa5",
    ],
)
async def test_garbage(pair: Pair, raw_service: RawService, answer: bytes) -> None:
    await raw_service(answer, True)
    assert error_of(await pair.call()) == (500, "server.serverproxy.io_error")
    only_the_request_is_logged(pair)


async def test_its_own_errors_are_passed_on(pair: Pair) -> None:
    async def fails(request: Request, responder: Responder) -> None:
        await responder.send(503, [(b"Content-Type", b"text/plain")], b"out of order")

    pair.echo.answer = fails
    answer = await pair.call()
    assert (answer.status, answer.body) == (503, b"out of order")
    assert answer.header(b"x-road-error") is None


async def test_redirects_are_not_followed(pair: Pair) -> None:
    async def moves(request: Request, responder: Responder) -> None:
        await responder.send(302, [(b"Location", b"/elsewhere")], b"")

    pair.echo.answer = moves
    answer = await pair.call()
    assert (answer.status, answer.header(b"location")) == (302, b"/elsewhere")
    assert len(pair.echo.requests) == 1


async def https_service(pair: Pair) -> bytes:
    """Move the service to https; its certificate."""
    tls = pair.world.pki.tls_credential()
    context = information_system_server_context()
    context.use_key(tls.key, [tls.certificate])
    url = await pair.world.serve(pair.echo, tls=lambda: context)
    pair.provider.server.serverconf.update_service(ECHO, url=url, verify_tls=True)
    return der(tls.certificate)


async def test_https_without_any_stored_certificate(pair: Pair) -> None:
    await https_service(pair)
    assert error_of(await pair.call()) == (500, "server.serverproxy.ssl_authentication_failed")
    assert pair.echo.requests == []


async def test_https_with_another_certificate_than_stored(pair: Pair) -> None:
    await https_service(pair)
    pair.provider.server.serverconf.add_certificate(REGISTER, der(pair.world.pki.ca.certificate))
    assert error_of(await pair.call()) == (500, "server.serverproxy.ssl_authentication_failed")
    assert pair.echo.requests == []


async def test_https_with_the_stored_certificate(pair: Pair) -> None:
    pair.provider.server.serverconf.add_certificate(REGISTER, await https_service(pair))
    assert (await pair.call()).status == 200


async def test_https_unverified(pair: Pair) -> None:
    await https_service(pair)
    pair.provider.server.serverconf.update_service(ECHO, verify_tls=False)
    assert (await pair.call()).status == 200
