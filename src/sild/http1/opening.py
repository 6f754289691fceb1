"""Opening a client connection: name, TCP, TLS; what can go wrong on the way is translated here."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

from sild.http1.client import Connection
from sild.http1.errors import ConnectionLost, UnknownHost
from sild.http1.limits import Limits
from sild.http1.tls import AnyTls
from sild.http1.tls_layer import TlsLayer

__all__ = ["open_connection"]

SILENCE_BEFORE_PROBES = 60  # seconds


async def open_connection(
    host: str,
    port: int,
    *,
    tls: AnyTls | None = None,
    server_hostname: str | None = None,
    connect_timeout: float = 30.0,
    limits: Limits | None = None,
) -> Connection:
    """Connect, and shake hands when `tls` is given.

    The peer's certificates are in `Connection.tls`: check them before the first request is sent.
    server_hostname: for SNI and, where the context asks for it, the name check.
    Raises UnknownHost, ConnectionLost (refused, unreachable, timed out), TlsFailed.
    """
    loop = asyncio.get_running_loop()
    authority = _authority(host, port, secure=tls is not None)
    limits = limits or Limits()
    connection = Connection(loop, limits, authority)
    with _connecting(host, port):
        async with asyncio.timeout(connect_timeout):
            if tls is None:
                transport, _ = await loop.create_connection(lambda: connection, host, port)
                _probe_when_silent(transport)
            else:
                await _connect_tls(loop, connection, host, port, tls, server_hostname, connect_timeout)
    return connection


async def _connect_tls(
    loop: asyncio.AbstractEventLoop,
    connection: Connection,
    host: str,
    port: int,
    tls: AnyTls,
    server_hostname: str | None,
    connect_timeout: float,
) -> None:
    established = loop.create_future()
    layer = TlsLayer(
        loop,
        tls,
        connection,
        server_side=False,
        handshake_timeout=connect_timeout,
        hostname=server_hostname,
        peer=(host, port, server_hostname),
        established=established,
    )
    transport, _ = await loop.create_connection(lambda: layer, host, port)
    _probe_when_silent(transport)
    try:
        await established
    except BaseException:
        layer.abort()
        raise


def _probe_when_silent(transport: asyncio.BaseTransport) -> None:
    """TCP keep-alive: a peer that is gone without a word ends even an exchange that may wait for ever."""
    opened: socket.socket = transport.get_extra_info("socket")
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_KEEPIDLE"):
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, SILENCE_BEFORE_PROBES)


def _authority(host: str, port: int, *, secure: bool) -> bytes:
    """The value of Host: an IPv6 address in brackets, the scheme's own port left out."""
    try:
        name = host.encode("ascii" if host.isascii() else "idna")
    except UnicodeError:
        raise UnknownHost(f"not a host name: {host!r}", host=host) from None
    if not name or not name.isascii() or any(c <= 32 for c in name):
        raise UnknownHost(f"not a host name: {host!r}", host=host)
    if b":" in name:
        name = b"[%b]" % name
    return name if port == (443 if secure else 80) else b"%b:%d" % (name, port)


@contextlib.contextmanager
def _connecting(host: str, port: int) -> Iterator[None]:
    try:
        yield
    except (socket.gaierror, UnicodeError, OverflowError) as error:
        raise UnknownHost(f"the name {host} does not resolve", host=host) from error
    except TimeoutError as error:
        raise ConnectionLost(f"no connection to {host}:{port} in time", host=host, port=port) from error
    except OSError as error:
        why = error.strerror or str(error)
        raise ConnectionLost(f"no connection to {host}:{port}: {why}", host=host, port=port) from error
