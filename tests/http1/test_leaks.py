"""What a connection leaves behind when it has ended: nothing, and without the garbage collector's help."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from sild.errors import CallerError
from sild.http1 import (
    AnyTls,
    Connection,
    ConnectionLost,
    Request,
    Responder,
    TimedOut,
    TlsContext,
    fetch,
    open_connection,
    peer_client_context,
    peer_server_context,
    serve,
)
from sild.http1.deadline import Deadline
from sild.http1.message import IncomingMessage
from sild.http1.server import ServerConnection
from sild.http1.tls_layer import TlsLayer

from .certs import auth_identity
from .conftest import answering, echo


@pytest.fixture(autouse=True)
def young_heap() -> Iterator[None]:
    """Only what is made from here on is looked at: in a process that has run thousands of tests the rest takes minutes."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


OURS = (Connection, ServerConnection, IncomingMessage, Responder, Deadline, TlsLayer)


def alive() -> Counter[str]:
    return Counter(type(o).__name__ for o in gc.get_objects() if isinstance(o, OURS))


async def settled(expected: Counter[str] | None = None) -> Counter[str]:
    """What is alive once it stays the same, or is as expected: what has ended may still be on its way out on a busy machine."""
    same, last = 0, alive()
    for _ in range(100):
        await asyncio.sleep(0.05)
        found = alive()
        same, last = (same + 1 if found == last else 0), found
        if found == expected if expected is not None else same == 3:
            break
    return last


async def exchanges(port: int, tls: AnyTls | None) -> None:
    connection = await open_connection("127.0.0.1", port, tls=tls)
    for _ in range(3):
        await (await connection.request("POST", b"/", [], b"x" * 100)).read(10_000)
    connection.close()
    await connection.wait_closed()
    connection = await open_connection("127.0.0.1", port, tls=tls)
    outgoing = await connection.start("POST", b"/", [])
    await outgoing.write(b"abc")
    connection.abort()
    await connection.wait_closed()
    try:
        await outgoing.response()
    except ConnectionLost:
        pass


async def leave_nothing(server_tls: Callable[[], TlsContext] | None, client_tls: TlsContext | None) -> None:
    server = await serve(echo, "127.0.0.1", 0, tls=server_tls)
    try:
        await exchanges(server.port, client_tls)
        await settled()
        gc.collect()
        gc.disable()
        before = await settled()
        for _ in range(5):
            await exchanges(server.port, client_tls)
        assert await settled(before) == before
    finally:
        gc.enable()
        await server.close(1)


async def test_plain() -> None:
    await leave_nothing(None, None)


async def test_tls() -> None:
    identity = auth_identity("p256")
    server_context, client_context = peer_server_context(), peer_client_context()
    for context in (server_context, client_context):
        context.use_key(identity.key, identity.chain)
    await leave_nothing(lambda: server_context, client_context)


async def test_failures() -> None:
    async def handler(request: Request, responder: Responder) -> None:
        raise CallerError("no")  # an unforeseen error would be kept by the captured log, with its frames

    server = await serve(handler, "127.0.0.1", 0)

    async def fail() -> None:
        assert (await fetch(f"http://127.0.0.1:{server.port}/")).status == 500
        async with answering(b"", close=False) as (port, _):
            try:
                await fetch(f"http://127.0.0.1:{port}/", timeout=0.02)
            except TimedOut:
                pass
        async with answering(b"garbage") as (port, _):
            try:
                await fetch(f"http://127.0.0.1:{port}/")
            except Exception:
                pass

    try:
        await fail()
        await settled()
        gc.collect()
        before = await settled()
        for _ in range(3):
            await fail()
        await settled()
        gc.collect()  # an exception may hold its frame for a while
        assert await settled(before) == before
    finally:
        await server.close(1)
