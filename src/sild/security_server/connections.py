"""Connections to other security servers: who is tried first, who answered, and what is kept for the next message.

    servers -> remembered winner, or all at once -> TLS -> is it that server, and does it serve the provider? -> message

X-Road races TCP connections and then shakes hands with the first; here the whole of connection and handshake is raced, so
a server that accepts and then hangs costs nothing. A winner among several is remembered for its set (WIRE 11.3). A kept
connection is checked again for each message: the configuration may have changed meanwhile.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from sild.errors import PlatformError, TrustError, Unavailable
from sild.http1 import Connection, ConnectionPool, Limits, TlsContext, TlsFailed, open_connection
from sild.security_server.settings import PeerRoute, SecurityServerSettings
from sild.telemetry import get_logger
from sild.xroad.globalconf import GlobalConf, SecurityServer
from sild.xroad.identifiers import ClientId

__all__ = ["PeerConnections"]

log = get_logger("security_server")

REMEMBERED_TIMEOUT = 5.0
MAX_REMEMBERED = 10_000

Authenticate = Callable[[Connection, PeerRoute, ClientId, GlobalConf, datetime], Awaitable[None]]


class PeerConnections:
    """Gives out verified connections.

    authenticate: raises TrustError unless the server at the other end is one that
    serves the provider.
    """

    def __init__(
        self,
        settings: SecurityServerSettings,
        authenticate: Authenticate,
        limits: Limits,
    ) -> None:
        self._settings = settings
        self._authenticate = authenticate
        self._limits = limits
        self._pool = ConnectionPool(settings.max_idle_peer_connections, settings.peer_idle_timeout)
        self._winners: dict[frozenset[str], tuple[str, float]] = {}

    def to(
        self,
        servers: Sequence[SecurityServer],
        provider: ClientId,
        globalconf: GlobalConf,
        at: datetime,
        tls: TlsContext,
    ) -> _Lent:
        """`async with`: a verified connection to one of `servers`; kept for another message if it can carry one, and if
        that goes out under the same context.

        Raises TrustError (`ssl_authentication_failed`) or Unavailable (`network_error`): none could be used.
        """
        addresses = tuple(dict.fromkeys(server.address for server in servers if server.address))
        return _Lent(self, addresses, provider, globalconf, at, tls)

    def release(self, address: str, connection: Connection, tls: TlsContext) -> None:
        """The exchange on it is over and was good."""
        if self._settings.keep_peer_connections:
            self._pool.give((address, tls), connection)
        else:
            connection.close()

    async def acquire(
        self,
        addresses: tuple[str, ...],
        provider: ClientId,
        globalconf: GlobalConf,
        at: datetime,
        tls: TlsContext,
    ) -> tuple[str, Connection]:
        key = frozenset(addresses)
        alone = len(addresses) == 1
        likely = addresses[0] if alone else self._winner(key)
        if likely is not None:
            kept = await self._kept(likely, provider, globalconf, at, tls)
            if kept is not None:
                return likely, kept
        if likely is not None and not alone:
            try:
                return await self._race((likely,), REMEMBERED_TIMEOUT, provider, globalconf, at, tls)
            except PlatformError as error:
                log.refusal("connections.winner_lost", error, address=likely)
                self._winners.pop(key, None)
                addresses = tuple(address for address in addresses if address != likely)
        found = await self._race(addresses, self._settings.connect_timeout, provider, globalconf, at, tls)
        if not alone:
            self._remember(key, found[0])
        return found

    # winners

    def _winner(self, key: frozenset[str]) -> str | None:
        address, until = self._winners.get(key, (None, 0.0))
        return address if time.monotonic() < until else None

    def _remember(self, key: frozenset[str], address: str) -> None:
        if self._settings.winner_remembered > 0:
            if len(self._winners) >= MAX_REMEMBERED:
                self._winners.clear()
            self._winners[key] = (address, time.monotonic() + self._settings.winner_remembered)

    # kept connections

    async def _kept(
        self, address: str, provider: ClientId, globalconf: GlobalConf, at: datetime, tls: TlsContext
    ) -> Connection | None:
        """An idle connection to `address`, if it is still what a new one would be."""
        while (connection := self._pool.take((address, tls))) is not None:
            try:
                await self._authenticate(connection, self._route(address), provider, globalconf, at)
            except PlatformError:
                connection.close()
                continue
            return connection
        return None

    def close(self) -> None:
        self._pool.close()

    # new connections

    def _route(self, address: str) -> PeerRoute:
        settings = self._settings
        return settings.peer_routes.get(address) or PeerRoute(
            host=address,
            port=settings.peer_server_proxy_port,
            ocsp_port=settings.peer_ocsp_responder_port,
        )

    async def _race(
        self,
        addresses: tuple[str, ...],
        timeout: float,  # noqa: ASYNC109 - bounds the opening alone
        provider: ClientId,
        globalconf: GlobalConf,
        at: datetime,
        tls: TlsContext,
    ) -> tuple[str, Connection]:
        """The first of `addresses` that can be connected to and is what it must be; the others are let go."""
        order = random.sample(addresses, len(addresses))
        attempts = {
            asyncio.create_task(self._open(address, timeout, provider, globalconf, at, tls)): address
            for address in order
        }
        failures: list[BaseException] = []
        won: tuple[str, Connection] | None = None
        try:
            for finished in asyncio.as_completed(attempts):
                try:
                    won = await finished
                    return won
                except PlatformError as error:
                    log.refusal("connections.failed", error)
                    failures.append(error)
        finally:
            for attempt in attempts:
                attempt.cancel()
            for outcome in await asyncio.gather(*attempts, return_exceptions=True):
                if isinstance(outcome, tuple) and outcome is not won:
                    outcome[1].close()
        raise self._none_connected(order, failures)

    async def _open(
        self,
        address: str,
        timeout: float,  # noqa: ASYNC109 - handed on
        provider: ClientId,
        globalconf: GlobalConf,
        at: datetime,
        tls: TlsContext,
    ) -> tuple[str, Connection]:
        route = self._route(address)
        try:
            connection = await open_connection(
                route.host, route.port, tls=tls, connect_timeout=timeout, limits=self._limits
            )
        except TlsFailed as error:
            raise TrustError("TLS handshake failed", code="ssl_authentication_failed") from error
        try:
            await self._authenticate(connection, route, provider, globalconf, at)
        except BaseException:
            connection.close()
            raise
        return address, connection

    def _none_connected(self, addresses: Sequence[str], failures: Sequence[BaseException]) -> PlatformError:
        for error in reversed(failures):
            if isinstance(error, TrustError):
                return error
        targets = ", ".join(f"https://{address}:{self._route(address).port}/" for address in addresses)
        return Unavailable(f"Could not connect to any target host ([{targets}])", code="network_error")


class _Lent:
    """A connection for the length of one exchange. A class, not a generator: it is made for every message."""

    __slots__ = (
        "_address",
        "_addresses",
        "_at",
        "_connection",
        "_connections",
        "_globalconf",
        "_provider",
        "_tls",
    )

    def __init__(
        self,
        connections: PeerConnections,
        addresses: tuple[str, ...],
        provider: ClientId,
        globalconf: GlobalConf,
        at: datetime,
        tls: TlsContext,
    ) -> None:
        self._connections = connections
        self._addresses = addresses
        self._provider = provider
        self._globalconf = globalconf
        self._at = at
        self._tls = tls

    @property
    def address(self) -> str:
        """Of the server whose connection it is, as published."""
        return self._address

    async def __aenter__(self) -> Connection:
        self._address, self._connection = await self._connections.acquire(
            self._addresses, self._provider, self._globalconf, self._at, self._tls
        )
        return self._connection

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._connections.release(self._address, self._connection, self._tls)
        else:
            self._connection.abort()
