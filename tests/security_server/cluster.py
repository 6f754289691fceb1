"""For tests of several processes and machines: a balancer that asks the health port, and load that accounts for each message."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import psycopg
from sqlalchemy import make_url
from world import CLIENT, ECHO, Echo, Spawned

from sild.errors import PlatformError
from sild.http1 import Connection, ConnectionLost, fetch, open_connection

POLL_SECONDS = 0.1


@dataclass(eq=False)
class Backend:
    """One node of a balancer: where `port` leads, and whether it is well."""

    spawned: Spawned
    port: str
    healthy: bool = False
    connections: int = 0


class Balancer:
    """TCP, round robin over healthy nodes, as the usual ones: a node that refuses a connection is passed over."""

    def __init__(self) -> None:
        self.backends: list[Backend] = []
        self._turn = itertools.count()
        self._listeners: list[asyncio.Server] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def add(self, spawned: Spawned, *ports: str) -> None:
        self.backends += [Backend(spawned, port) for port in ports]

    def remove(self, spawned: Spawned) -> None:
        self.backends = [backend for backend in self.backends if backend.spawned is not spawned]

    async def listen(self, name: str, port: int = 0) -> int:
        """For the port of the nodes that is called `name`; the balancer's own."""

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            self._tasks.add(task)
            try:
                await self._pass_on(name, reader, writer)
            except asyncio.CancelledError:
                pass  # the test is over
            finally:
                self._tasks.discard(task)
                writer.close()

        listener = await asyncio.start_server(accept, "127.0.0.1", port)
        self._listeners.append(listener)
        return int(listener.sockets[0].getsockname()[1])

    async def _pass_on(self, name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        candidates = [each for each in self.backends if each.port == name and each.healthy]
        turn = next(self._turn)
        for backend in (candidates[(turn + i) % len(candidates)] for i in range(len(candidates))):
            try:
                there, back = await asyncio.open_connection(*backend.spawned.addresses[name])
            except OSError:
                continue
            backend.connections += 1
            try:
                await asyncio.gather(_pump(reader, back), _pump(there, writer))
            finally:
                back.close()
            return

    async def poll(self) -> None:
        while True:
            await asyncio.gather(*map(self._look, self.backends))
            await asyncio.sleep(POLL_SECONDS)

    async def _look(self, backend: Backend) -> None:
        host, port = backend.spawned.addresses["health_check"]
        backend.healthy = await health(host, port) == 200

    async def until_healthy(self, count: int) -> None:
        async with asyncio.timeout(40):
            while sum(backend.healthy for backend in self.backends) != count:
                await asyncio.sleep(0.02)

    async def close(self) -> None:
        for listener in self._listeners:
            listener.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
    except OSError:  # reset: both ends shall hear of it
        writer.close()


async def health(host: str, port: int, path: str = "/") -> int:
    """The status, 0 when nobody answers."""
    try:
        return (await fetch(f"http://{host}:{port}{path}", timeout=2)).status
    except PlatformError:
        return 0


@asynccontextmanager
async def balancer() -> AsyncIterator[Balancer]:
    made = Balancer()
    polling = asyncio.create_task(made.poll())
    try:
        yield made
    finally:
        polling.cancel()
        await asyncio.gather(polling, return_exceptions=True)
        await made.close()


@dataclass
class Load:
    """Clients that send numbered messages one after the other until told to stop, every second one on a connection it keeps.

    failed: ids that were not answered, which the client sends again under the same id until they are.  again: those of them that were
    sent again because a kept connection was closed under them, as whoever leaves may do (RFC 9112, section 9.3.1).
    """

    url: str
    clients: int = 6
    pause: float = 0.02
    answered: list[str] = field(default_factory=list)
    failed: Counter[str] = field(default_factory=Counter)
    again: Counter[str] = field(default_factory=Counter)
    reasons: list[str] = field(default_factory=list)
    _stopped: bool = False

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Load]:
        clients = [asyncio.create_task(self._client(number)) for number in range(self.clients)]
        try:
            yield self
        finally:
            self._stopped = True
            await asyncio.gather(*clients)

    async def more(self, messages: int) -> None:
        """Until so many more have been answered."""
        wanted = len(self.answered) + messages
        async with asyncio.timeout(40):
            while len(self.answered) < wanted:
                await asyncio.sleep(0.01)

    async def _client(self, number: int) -> None:
        connection: Connection | None = None
        turn = 0
        while not self._stopped:
            turn += 1
            query_id = f"{number}-{turn}"
            while True:
                was_kept = connection is not None and connection.reusable
                try:
                    connection = await self._ask(query_id, connection, keep=number % 2 == 0)
                    break
                except (PlatformError, OSError) as error:
                    lost = was_kept and isinstance(error, ConnectionLost)
                    (self.again if lost else self.failed)[query_id] += 1
                    self.reasons.append(f"{query_id}: {error}")
                    if connection is not None:
                        connection.close()
                    connection = None
                    await asyncio.sleep(0.05)
            self.answered.append(query_id)
            await asyncio.sleep(random.uniform(0, 2 * self.pause))
        if connection is not None:
            connection.close()

    async def _ask(self, query_id: str, connection: Connection | None, *, keep: bool) -> Connection | None:
        if connection is None or not connection.reusable:
            parts = urlsplit(self.url)
            assert parts.hostname is not None and parts.port is not None
            connection = await open_connection(parts.hostname, parts.port)
        body = query_id.encode() * 20
        headers = [
            (b"X-Road-Client", CLIENT.encode().encode()),
            (b"X-Road-Id", query_id.encode()),
            (b"Content-Length", str(len(body)).encode()),
        ]
        response = await connection.request("POST", f"/r1/{ECHO.encode()}".encode(), headers, body)
        answer = await response.read(65536)
        if response.status != 200 or answer != body:
            connection.close()
            raise OSError(f"{response.status} {response.header(b'x-road-error')!r} {answer[:200]!r}")
        if not keep:
            connection.close()
            return None
        return connection


def query_ids_at(echo: Echo) -> Counter[str]:
    """How often the service was asked, by query id."""
    return Counter(
        value.decode()
        for _, _, headers, _ in echo.requests
        for name, value in headers
        if name.lower() == b"x-road-id"
    )


def rows(url: str, query: str) -> list[tuple]:  # type: ignore[type-arg]
    """Of a PostgreSQL database by its SQLAlchemy URL."""
    with psycopg.connect(
        make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    ) as connection:
        return connection.execute(query).fetchall()  # type: ignore[call-overload,no-any-return]


def logged(url: str) -> Counter[tuple[str, bool]]:
    return Counter(rows(url, "SELECT query_id, is_response FROM message_record"))


def ensure_none_lost_or_doubled(load: Load, echo: Echo, *logs: Counter[tuple[str, bool]]) -> None:
    """Every answered message stands in each log, request and answer, and was served; once unless its client sent it again."""
    served = query_ids_at(echo)
    for query_id in load.answered:
        most = 1 + load.failed[query_id] + load.again[query_id]
        assert 1 <= served[query_id] <= most, query_id
        for log in logs:
            for is_response in (False, True):
                assert 1 <= log[query_id, is_response] <= most, (query_id, is_response)
    assert len(load.answered) == len(set(load.answered))
