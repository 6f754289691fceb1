"""One address does not take all connections of a port."""

from __future__ import annotations

import asyncio

import pytest

from http1.certs import self_signed
from http1.conftest import Wire, echo
from sild.http1 import Limits, Server, information_system_server_context, serve, subscriber_of

ASK = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"


async def dial_from(address: str, server: Server) -> Wire:
    return Wire(*await asyncio.open_connection("127.0.0.1", server.port, local_addr=(address, 0)))


async def answered(wire: Wire) -> bool:
    await wire.send(ASK)
    try:
        head, _ = await wire.answer()
    except (asyncio.IncompleteReadError, ConnectionError):
        return False
    return head.startswith(b"HTTP/1.1 200 ")


async def test_the_others_get_theirs() -> None:
    server = await serve(echo, "0.0.0.0", 0, limits=Limits(max_connections=8, max_address_connections=3))
    try:
        silent = [await dial_from("127.0.0.2", server) for _ in range(3)]
        while server.connections < 3:
            await asyncio.sleep(0.01)
        refused = await dial_from("127.0.0.2", server)
        assert (await refused.to_end()).startswith(b"HTTP/1.1 503 ")
        other = await dial_from("127.0.0.3", server)
        assert await answered(other)
        await silent.pop().close()  # and its place is free again
        while server.connections > 3:
            await asyncio.sleep(0.01)
        again = await dial_from("127.0.0.2", server)
        assert await answered(again)
        for wire in (*silent, refused, other, again):
            await wire.close()
        while server.connections:
            await asyncio.sleep(0.01)
        assert not server._of_address  # nobody is remembered
    finally:
        await server.close(1)


async def test_a_handshake_that_never_ends_counts() -> None:
    own, context = self_signed("ec"), information_system_server_context()
    context.use_key(own.key, own.chain)
    server = await serve(echo, "0.0.0.0", 0, tls=lambda: context, limits=Limits(max_address_connections=2))
    try:
        silent = [await dial_from("127.0.0.2", server) for _ in range(2)]
        while server.connections < 2:
            await asyncio.sleep(0.01)
        refused = await dial_from("127.0.0.2", server)
        assert await refused.to_end() == b""
        assert server.connections == 2
        for wire in (*silent, refused):
            await wire.close()
    finally:
        await server.close(1)


@pytest.mark.parametrize(("host", "most"), [("127.0.0.1", 2), ("0.0.0.0", 0)])
async def test_no_bound_where_all_share_an_address(host: str, most: int) -> None:
    """Only this machine reaches a loopback listener; 0 is for ports behind a load balancer or NAT."""
    server = await serve(echo, host, 0, limits=Limits(max_address_connections=most))
    try:
        wires = [await dial_from("127.0.0.1", server) for _ in range(5)]
        assert [await answered(wire) for wire in wires] == [True] * 5
        for wire in wires:
            await wire.close()
    finally:
        await server.close(1)


def test_who_counts_as_one() -> None:
    assert subscriber_of("2001:db8:1:2::1") == subscriber_of("2001:db8:1:2:ffff::9")
    assert subscriber_of("2001:db8:1:2::1") != subscriber_of("2001:db8:1:3::1")
    assert subscriber_of("::ffff:192.0.2.7") == subscriber_of("192.0.2.7")
    assert subscriber_of("192.0.2.7") != subscriber_of("192.0.2.8")
    assert subscriber_of("fe80::1%eth0") == subscriber_of("fe80::2%eth0")
