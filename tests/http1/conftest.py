"""Raw sockets against our server, and raw servers against our client: bytes as they are on the wire."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from sild.http1 import Handler, Limits, Request, Responder, Server, serve


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> dict[str, LoopFactory]:
    """Every test here runs on asyncio's loop, and on uvloop's where that is installed."""
    factories: dict[str, LoopFactory] = {"asyncio": asyncio.new_event_loop}
    try:
        import uvloop
    except ImportError:
        return factories
    return factories | {"uvloop": uvloop.new_event_loop}


class Wire:
    """A plain TCP client."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def to_end(self) -> bytes:
        """Everything until the peer closes."""
        async with asyncio.timeout(10):
            return await self.reader.read(-1)

    async def answer(self) -> tuple[bytes, bytes]:
        """One answer with Content-Length: head, body."""
        async with asyncio.timeout(10):
            head = await self.reader.readuntil(b"\r\n\r\n")
            length = 0
            for line in head.split(b"\r\n"):
                if line.lower().startswith(b"content-length:"):
                    length = int(line[15:])
            return head, await self.reader.readexactly(length)

    async def close(self) -> None:
        self.writer.close()
        try:
            await self.writer.wait_closed()
        except ConnectionError:
            pass


LoopFactory = Callable[[], asyncio.AbstractEventLoop]
Dial = Callable[[Server], Awaitable[Wire]]


@pytest.fixture
async def dial() -> AsyncIterator[Dial]:
    wires: list[Wire] = []

    async def connect(server: Server) -> Wire:
        wires.append(Wire(*await asyncio.open_connection("127.0.0.1", server.port)))
        return wires[-1]

    yield connect
    for wire in wires:
        await wire.close()


@asynccontextmanager
async def serving(handler: Handler, **limits: float) -> AsyncIterator[Server]:
    server = await serve(handler, "127.0.0.1", 0, limits=Limits(**limits))  # type: ignore[arg-type]
    try:
        yield server
    finally:
        await server.close(1)
        assert server.connections == 0


async def echo(request: Request, responder: Responder) -> None:
    """Answers with what came: method, target, headers, body."""
    body = await request.read(10_000_000)
    lines = [request.method.encode(), request.target, *(n + b"=" + v for n, v in request.headers), body]
    await responder.send(200, [(b"x-Kind", b"echo")], b"\n".join(lines))


@asynccontextmanager
async def answering(*answers: bytes, close: bool = True) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A raw server: reads a head (and what comes with it), writes the next answer. Yields port and what it read."""
    got: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            for answer in answers:
                got.append(await reader.readuntil(b"\r\n\r\n"))
                writer.write(answer)
                await writer.drain()
            if not close:
                await reader.read(-1)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            try:
                await writer.wait_closed()
            except ConnectionError:
                pass

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], got
    finally:
        server.close()
        await asyncio.sleep(0.01)
