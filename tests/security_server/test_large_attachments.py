"""Attachments larger than memory, there and back, through processes that may hold 200 MB (SILD_LARGE_BODY_MB for more)."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import AsyncIterator

import pytest
from soap_world import MULTIPART, SoapWorld, envelope
from test_large_bodies import LIMIT, MEGABYTE, SIZE, peak
from world import World

from sild.http1 import Header, Request, Responder, open_connection

HEAD = b"--MIME_boundary\r\nContent-Type: text/xml\r\n\r\n%s\r\n--MIME_boundary\r\nContent-Type: a/b\r\n\r\n"
END = b"\r\n--MIME_boundary--\r\n"


def head(*, response: bool) -> bytes:
    return HEAD % envelope(response=response)


async def attachment(digest: object) -> AsyncIterator[bytes]:
    for number in range(SIZE // MEGABYTE):
        piece = bytes([number % 253]) * MEGABYTE
        digest.update(piece)  # type: ignore[attr-defined]
        yield piece


class Service:
    """Digests what is attached, in the form the provider's server gives it, and answers with as much."""

    def __init__(self) -> None:
        self.received = hashlib.sha256()
        self.sent = hashlib.sha256()
        self.size = 0

    async def __call__(self, request: Request, responder: Responder) -> None:
        before = len(head(response=False).replace(b"Content-Type: ", b"content-type:"))
        expected = SIZE
        async for piece in request.chunks():
            skipped = min(before, len(piece))
            before -= skipped
            taken = piece[skipped : skipped + expected]
            expected -= len(taken)
            self.received.update(taken)
            self.size += len(taken)
        await responder.start(200, [(b"Content-Type", MULTIPART.encode())])
        await responder.write(head(response=True))
        async for piece in attachment(self.sent):
            await responder.write(piece)
        await responder.write(END)
        await responder.finish()


@pytest.mark.skipif(shutil.which("prlimit") is None, reason="prlimit limits the process")
@pytest.mark.timeout(1200)
async def test_attachments_larger_than_memory(tmp_path_factory: pytest.TempPathFactory) -> None:
    async with World(tmp_path_factory.mktemp("large"), instance="EE", member_class="BUSINESS") as world:
        soap = SoapWorld(world)
        await soap.start()
        service = Service()
        soap.service.handler = service
        limited = ["prlimit", f"--data={LIMIT}"]
        consumer = await world.spawn(soap.consumer, prefix=limited)
        provider = await world.spawn(soap.provider, prefix=limited)
        idle = peak(consumer), peak(provider)
        sent, got = hashlib.sha256(), hashlib.sha256()

        async def body() -> AsyncIterator[bytes]:
            yield head(response=False)
            async for piece in attachment(sent):
                yield piece
            yield END

        host, port = consumer.addresses["client_http"]
        connection = await open_connection(host, port)
        headers: list[Header] = [(b"Content-Type", MULTIPART.encode())]
        response = await connection.request("POST", b"/", headers, body())
        assert response.header(b"content-type") == MULTIPART.encode(), await response.read(10_000)
        beginning, size, kept = b"", 0, b""
        async for piece in response.chunks():
            if b"a/b\r\n\r\n" not in beginning:
                beginning += piece
                _, found, piece = beginning.partition(b"content-type:a/b\r\n\r\n")
                if not found:
                    continue
            kept += piece
            got.update(kept[: -len(END)])
            size += max(0, len(kept) - len(END))
            kept = kept[-len(END) :]
        assert kept == END
        assert (service.size, size) == (SIZE, SIZE)
        assert service.received.digest() == sent.digest()
        assert got.digest() == service.sent.digest()
        for before, spawned in zip(idle, (consumer, provider), strict=True):
            assert peak(spawned) < LIMIT
            assert peak(spawned) - before < 64 * MEGABYTE, "attachments pass through, they do not gather"
