"""Listening: accept connections, count them, stop gracefully."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections import Counter
from collections.abc import Callable
from typing import cast

from sild.errors import CallerError, PlatformError
from sild.http1.addresses import are_loopback, peer_of
from sild.http1.limits import Limits
from sild.http1.server import Handler, ServerConnection
from sild.http1.tls import AnyTls
from sild.http1.tls_layer import TlsLayer
from sild.telemetry import get_logger

__all__ = ["Server", "serve"]

log = get_logger("http1")

BACKLOG = 1024
_BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nRetry-After: 1\r\nConnection: close\r\n\r\n"
)


class Server:
    """A listening port and its connections. Made by `serve`."""

    def __init__(self, handler: Handler, limits: Limits, name: str, tls: Callable[[], AnyTls] | None) -> None:
        self.name = name
        self._tls = tls
        self._handler = handler
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._listener: asyncio.Server | None = None
        self._accepting = True
        self._draining = False
        self._connections: dict[ServerConnection, str | None] = {}  # and from where
        self._of_address: Counter[str] = Counter()
        self._most_of_address = 0
        self._none_left: asyncio.Event = asyncio.Event()
        self._none_left.set()
        self.addresses: tuple[tuple[str, int], ...] = ()

    @property
    def port(self) -> int:
        """The port listened on: the one asked for, or the one the system chose for 0."""
        return self.addresses[0][1]

    @property
    def connections(self) -> int:
        """Open now."""
        return len(self._connections)

    async def close(self, grace: float = 10.0, *, drain: float = 0.0) -> None:
        """Stop accepting, let requests in hand finish for at most `grace` seconds, end the rest.

        drain: for so long (within `grace`) a kept connection may still bring its next request, and is told with the
        answer that it was the last. Without it an idle connection is closed at once, maybe just when a request comes.
        """
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.close()
        drain = min(drain, grace)
        if drain > 0:
            self._draining = True
            for connection in list(self._connections):
                connection.last_call()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(drain):
                    await self._none_left.wait()
        self._accepting = False
        for connection in list(self._connections):
            connection.stop()
        try:
            async with asyncio.timeout(grace - drain):
                await self._none_left.wait()
        except TimeoutError:
            log.warning("server.grace_ended", server=self.name, connections=len(self._connections))
            tasks = [c.task for c in self._connections if c.task is not None]
            for connection in list(self._connections):
                connection.abort()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._none_left.wait()

    def _admit(self, transport: asyncio.BaseTransport) -> asyncio.BaseProtocol:
        """What is to happen to a connection that has come."""
        if not self._accepting or len(self._connections) >= self._limits.max_connections:
            log.warning("server.too_many_connections", server=self.name, connections=len(self._connections))
            return _TurnedAway(_BUSY if self._tls is None else b"")
        address = peer_of(transport) if self._most_of_address else None
        if address is not None and self._of_address[address] >= self._most_of_address:
            log.warning("server.too_many_of_address", server=self.name, peer=address)
            return _TurnedAway(_BUSY if self._tls is None else b"")
        context = None
        if self._tls is not None:
            try:
                context = self._tls()
            except PlatformError as error:
                log.refusal("server.no_tls_context", error, server=self.name)
                return _TurnedAway(b"")
        connection = ServerConnection(self._loop, self._handler, self._limits, self._gone)
        self._connections[connection] = address
        if address is not None:
            self._of_address[address] += 1
        self._none_left.clear()
        if self._draining:  # it was on its way to us when we stopped listening
            connection.last_call()
        if context is None:
            return connection
        return TlsLayer(
            self._loop,
            context,
            connection,
            server_side=True,
            handshake_timeout=self._limits.handshake_timeout,
        )

    def _gone(self, connection: ServerConnection) -> None:
        address = self._connections.pop(connection, None)
        if address is not None:
            self._of_address[address] -= 1
            if not self._of_address[address]:
                del self._of_address[address]
        if not self._connections:
            self._none_left.set()

    async def _listen(
        self, host: str, port: int, *, reuse_port: bool, listening: socket.socket | None
    ) -> None:
        def accept() -> asyncio.BaseProtocol:
            return _Arriving(self._admit)

        try:
            if listening is not None:
                self._listener = await self._loop.create_server(accept, sock=listening, backlog=BACKLOG)
            else:
                self._listener = await self._loop.create_server(
                    accept, host, port, backlog=BACKLOG, reuse_port=reuse_port or None
                )
        except OSError as error:
            # the system's words: the event loop's own repeat the address
            reason = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
            raise CallerError(f"cannot listen on {host}:{port}: {reason}") from error
        self.addresses = tuple(s.getsockname()[:2] for s in self._listener.sockets)
        if not are_loopback(host for host, _ in self.addresses):
            self._most_of_address = self._limits.max_address_connections


class _Arriving(asyncio.Protocol):
    """Until it is known from where: a listener is asked for a protocol before there is a transport."""

    def __init__(self, admit: Callable[[asyncio.BaseTransport], asyncio.BaseProtocol]) -> None:
        self._admit = admit

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        protocol = self._admit(transport)
        transport.set_protocol(protocol)
        protocol.connection_made(transport)


class _TurnedAway(asyncio.Protocol):
    def __init__(self, answer: bytes) -> None:
        self._answer = answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast(asyncio.Transport, transport)
        if self._answer:
            transport.write(self._answer)
        transport.close()


async def serve(
    handler: Handler,
    host: str,
    port: int,
    *,
    tls: Callable[[], AnyTls] | None = None,
    limits: Limits | None = None,
    name: str = "http",
    reuse_port: bool = False,
    listening: socket.socket | None = None,
) -> Server:
    """Listen on `host`:`port` (0: any free one) and have each request answered by `handler`.

    tls: asked at each connection, so that new keys and CAs need no restart.  reuse_port: several processes share a port.
    listening: a socket that listens already, shared with other processes, in place of `host` and `port`; closed in the end.
    Raises CallerError when the port cannot be had.
    """
    server = Server(handler, limits or Limits(), name, tls)
    await server._listen(host, port, reuse_port=reuse_port, listening=listening)
    return server
