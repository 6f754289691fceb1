"""Run by test_memory: a body of some size through client, relay and sink, one process; prints the growth of memory.

    python stream_main.py MEGABYTES plain|tls

The relay is what a security server does: a server whose handler passes its request's body on to another server as it
comes, and that server's answer back.
"""

from __future__ import annotations

import asyncio
import resource
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from http1.certs import auth_identity
from sild.http1 import (
    Request,
    Responder,
    TlsContext,
    open_connection,
    peer_client_context,
    peer_server_context,
    run,
    serve,
)

PIECE = bytes(range(256)) * 256  # 64 KiB


def peak() -> int:
    """KiB of resident memory, at its highest."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


async def main(megabytes: int, *, tls: bool) -> None:
    server_tls = client_tls = None
    if tls:
        identity = auth_identity("p256")
        server_context, client_tls = peer_server_context(), peer_client_context()
        for context in (server_context, client_tls):
            context.use_key(identity.key, identity.chain)

        def server_tls() -> TlsContext:
            return server_context

    async def count_and_echo(request: Request, responder: Responder) -> None:
        await responder.start(200, [])
        async for chunk in request.chunks():
            await responder.write(chunk)
        await responder.finish()

    async def relay(request: Request, responder: Responder) -> None:
        onward = await open_connection("127.0.0.1", sink.port, tls=client_tls)
        outgoing = await onward.start("POST", request.target, [])

        async def up() -> None:
            async for chunk in request.chunks():
                await outgoing.write(chunk)
            await outgoing.finish()

        sending = asyncio.create_task(up())
        response = await outgoing.response(30)
        await responder.start(response.status, [])
        async for chunk in response.chunks():
            await responder.write(chunk)
        await responder.finish()
        await sending
        onward.close()

    sink = await serve(count_and_echo, "127.0.0.1", 0, tls=server_tls)
    front = await serve(relay, "127.0.0.1", 0, tls=server_tls)

    async def exchange(pieces: int) -> int:
        async def body() -> AsyncIterator[bytes]:
            for _ in range(pieces):
                yield PIECE

        connection = await open_connection("127.0.0.1", front.port, tls=client_tls)
        response = await connection.request("POST", b"/", [], body(), read_timeout=30)
        size = 0
        async for chunk in response.chunks():
            size += len(chunk)
        connection.close()
        await connection.wait_closed()
        return size

    await exchange(64)
    before = peak()
    began = time.perf_counter()
    size = await exchange(megabytes * 16)
    elapsed = time.perf_counter() - began
    assert size == megabytes << 20, size
    await front.close(1)
    await sink.close(1)
    print(peak() - before, round(megabytes / elapsed))


if __name__ == "__main__":
    run(main(int(sys.argv[1]), tls=sys.argv[2] == "tls"))
