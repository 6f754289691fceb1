"""Calling the service behind this server (WIRE 2.3): address, headers, pinned certificates, its own timeout.

Redirects are not followed and any status is passed through: it is the service's answer, not ours.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from functools import lru_cache
from typing import Protocol
from urllib.parse import urlsplit

from sild.errors import CallerError, TrustError
from sild.http1 import (
    ClientResponse,
    Connection,
    ConnectionPool,
    Header,
    Limits,
    TlsContext,
    TlsFailed,
    open_connection,
)
from sild.security_server.snapshot import ServiceConf

__all__ = ["SentBody", "ServiceCaller", "service_target"]

BODY_METHODS = frozenset({"POST", "PUT", "PATCH"})
MAX_CONNECT_TIMEOUT = 30.0


class SentBody(Protocol):
    """A body whose length is known: a spooled one, or a message composed of several."""

    @property
    def size(self) -> int: ...
    @property
    def in_memory(self) -> bool: ...
    def read(self) -> bytes: ...
    def pieces(self) -> Iterator[bytes]: ...


@lru_cache(maxsize=1024)
def _address(url: str) -> tuple[bool, str, int, bytes]:
    """(https, host, port, path) of a service's base address."""
    if not url:
        raise CallerError("Service address not specified", code="service_missing_url")
    try:
        parsed = urlsplit(url)
        port = parsed.port
        path = (parsed.path + (f"?{parsed.query}" if parsed.query else "")).encode("ascii")
    except ValueError:
        raise CallerError(f"Malformed URL: {url!r}", code="service_malformed_url") from None
    if parsed.scheme not in ("http", "https") or not parsed.hostname:
        raise CallerError(f"Malformed URL: {url!r}", code="service_malformed_url")
    secure = parsed.scheme == "https"
    return secure, parsed.hostname, port or (443 if secure else 80), path


def service_target(url: str, service_path: str, query: str | None) -> bytes:
    """Path and query for the request line: base address + service path (one of two slashes) + `?query`.

    Raises CallerError (`service_missing_url`, `service_malformed_url`).
    """
    base = _address(url)[3]
    path = service_path.encode()
    target = base + (path[1:] if base.endswith(b"/") and path.startswith(b"/") else path)
    if query is not None:
        target += b"?" + query.encode()
    return target if target.startswith(b"/") else b"/" + target


class ServiceCaller:
    """Calls services; kept-alive connections per address and per certificate rule.

    tls: makes a context that offers the server's internal certificate.
    """

    def __init__(self, tls: Callable[[], TlsContext], limits: Limits) -> None:
        self._tls = tls
        self._limits = limits
        self._pool = ConnectionPool(max_idle=64, idle_seconds=4.0)  # many services close after 5 s

    def call(
        self,
        service: ServiceConf,
        method: str,
        target: bytes,
        headers: Sequence[Header],
        body: SentBody | None,
        certificates: frozenset[bytes],
        *,
        url: str | None = None,
    ) -> _Call:
        """`async with`: send one request and have the answer while it is read.

        url: whose host is asked, when it is not the service's own.  certificates: DER of those the service may present,
        when its `verify_tls` is set. A body goes only with POST, PUT and PATCH, with its Content-Length (WIRE 2.3).
        Raises Unavailable (`network_error`, `unknown_host`, `io_error`) or TrustError (`ssl_authentication_failed`).
        """
        sent = body if method in BODY_METHODS else None
        return _Call(
            self, service, method, target, headers, sent, certificates, service.url if url is None else url
        )

    async def connect(
        self, key: Hashable, url: str, service: ServiceConf, certificates: frozenset[bytes]
    ) -> Connection:
        connection = self._pool.take(key)
        if connection is not None:
            return connection
        secure, host, port, _ = _address(url)
        return await self._open(host, port, service, certificates, secure=secure)

    async def send(
        self,
        connection: Connection,
        method: str,
        target: bytes,
        headers: Sequence[Header],
        body: SentBody | None,
        timeout: float | None,  # noqa: ASYNC109 - of silence, not of the call
    ) -> ClientResponse:
        if body is None:
            return await connection.request(method, target, headers, read_timeout=timeout)
        if body.in_memory:
            return await connection.request(method, target, headers, body.read(), read_timeout=timeout)
        return await self._send_large(connection, method, target, headers, body, timeout)

    def release(self, key: Hashable, connection: Connection) -> None:
        """The answer has been read to its end."""
        self._pool.give(key, connection)

    async def _send_large(
        self,
        connection: Connection,
        method: str,
        target: bytes,
        headers: Sequence[Header],
        body: SentBody,
        timeout: float | None,  # noqa: ASYNC109 - of silence, not of the call
    ) -> ClientResponse:
        outgoing = await connection.start(method, target, headers, length=body.size)
        for piece in body.pieces():
            if outgoing.answered:
                break
            await outgoing.write(piece)
        else:
            await outgoing.finish()
        return await outgoing.response(timeout)

    async def _open(
        self, host: str, port: int, service: ServiceConf, certificates: frozenset[bytes], *, secure: bool
    ) -> Connection:
        bound = min(float(service.timeout) or MAX_CONNECT_TIMEOUT, MAX_CONNECT_TIMEOUT)
        try:
            connection = await open_connection(
                host,
                port,
                tls=self._tls() if secure else None,
                server_hostname=host if secure else None,
                connect_timeout=bound,
                limits=self._limits,
            )
        except TlsFailed as error:
            raise TrustError(
                "TLS handshake with the service failed", code="ssl_authentication_failed", host=host
            ) from error
        if secure and service.verify_tls:
            shown = connection.tls.certificate if connection.tls is not None else None
            if shown not in certificates:
                connection.abort()
                why = "Server certificate is not trusted" if certificates else "Client has no IS certificates"
                raise TrustError(why, code="ssl_authentication_failed", host=host)
        return connection

    def close(self) -> None:
        self._pool.close()


class _Call:
    """One call while its answer is read. A class, not a generator: it is made for every message."""

    __slots__ = (
        "_body",
        "_caller",
        "_certificates",
        "_connection",
        "_headers",
        "_key",
        "_method",
        "_service",
        "_target",
        "_url",
    )

    def __init__(
        self,
        caller: ServiceCaller,
        service: ServiceConf,
        method: str,
        target: bytes,
        headers: Sequence[Header],
        body: SentBody | None,
        certificates: frozenset[bytes],
        url: str,
    ) -> None:
        self._caller = caller
        self._service = service
        self._method = method
        self._target = target
        self._headers = headers
        self._body = body
        self._certificates = certificates
        self._url = url

    async def __aenter__(self) -> ClientResponse:
        service = self._service
        secure, host, port, _ = _address(self._url)
        pinned = self._certificates if service.verify_tls else None
        self._key = (secure, host, port, service.service_id.client_id, pinned)
        connection = await self._caller.connect(self._key, self._url, service, self._certificates)
        self._connection = connection
        try:
            return await self._caller.send(
                connection,
                self._method,
                self._target,
                self._headers,
                self._body,
                float(service.timeout) or None,
            )
        except BaseException:
            connection.abort()
            raise

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._caller.release(self._key, self._connection)
        else:
            self._connection.abort()
