"""A body larger than memory passes through processes that may hold 200 MB (SILD_LARGE_BODY_MB=1024 for the whole gigabyte)."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from world import CLIENT, ECHO, Spawned, World, make_pair

from sild.http1 import Request, Responder, open_connection

MEGABYTE = 1024 * 1024
SIZE = int(os.environ.get("SILD_LARGE_BODY_MB", "96")) * MEGABYTE
LIMIT = 200 * MEGABYTE


def peak(spawned: Spawned) -> int:
    """Most memory the process has held, bytes."""
    status = Path(f"/proc/{spawned.process.pid}/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))


class Hasher:
    """Answers with as many bytes as it got, and remembers the digest of both."""

    def __init__(self) -> None:
        self.received = ""
        self.size = 0

    async def __call__(self, request: Request, responder: Responder) -> None:
        digest, self.size = hashlib.sha256(), 0
        async for piece in request.chunks():
            digest.update(piece)
            self.size += len(piece)
        self.received = digest.hexdigest()
        await responder.start(200, [(b"Content-Type", b"application/octet-stream")])
        for number in range(self.size // MEGABYTE):
            await responder.write(bytes([number % 251]) * MEGABYTE)
        await responder.finish()


@pytest.mark.skipif(shutil.which("prlimit") is None, reason="prlimit limits the process")
@pytest.mark.timeout(1200)
async def test_a_body_larger_than_memory(world: World) -> None:
    pair = await make_pair(
        world, consumer={"truncated_body_allowed": True}, provider={"truncated_body_allowed": True}
    )
    hasher = Hasher()
    pair.provider.server.serverconf.update_service(ECHO, url=await world.serve(hasher))
    limited = ["prlimit", f"--data={LIMIT}"]
    consumer = await world.spawn(pair.consumer, prefix=limited)
    provider = await world.spawn(pair.provider, prefix=limited)
    idle = peak(consumer), peak(provider)
    sent, got = hashlib.sha256(), hashlib.sha256()

    async def body() -> AsyncIterator[bytes]:
        for number in range(SIZE // MEGABYTE):
            piece = bytes([number % 253]) * MEGABYTE
            sent.update(piece)
            yield piece

    host, port = consumer.addresses["client_http"]
    connection = await open_connection(host, port)
    headers = [(b"X-Road-Client", CLIENT.encode().encode())]
    response = await connection.request("POST", f"/r1/{ECHO.encode()}".encode(), headers, body())
    assert response.status == 200, await response.read(10_000)
    size = 0
    async for piece in response.chunks():
        got.update(piece)
        size += len(piece)
    assert (hasher.size, size) == (SIZE, SIZE)
    assert hasher.received == sent.hexdigest()
    expected = hashlib.sha256()
    for number in range(SIZE // MEGABYTE):
        expected.update(bytes([number % 251]) * MEGABYTE)
    assert got.hexdigest() == expected.hexdigest()
    for before, spawned in zip(idle, (consumer, provider), strict=True):
        assert peak(spawned) < LIMIT
        assert peak(spawned) - before < 64 * MEGABYTE, "the body passes through, it does not gather"
