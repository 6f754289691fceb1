"""Calling the service behind this server (WIRE 2.3): address, headers, pinned certificates, its own timeout.

Redirects are not followed and any status is passed through: it is the service's answer, not ours.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import lru_cache
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
from sild.security_server.spool import SpooledBody

__all__ = ["ServiceCaller", "service_target"]

BODY_METHODS = frozenset({"POST", "PUT", "PATCH"})
MAX_CONNECT_TIMEOUT = 30.0


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

    @asynccontextmanager
    async def call(
        self,
        service: ServiceConf,
        method: str,
        target: bytes,
        headers: Sequence[Header],
        body: SpooledBody | None,
        certificates: frozenset[bytes],
        *,
        url: str | None = None,
    ) -> AsyncIterator[ClientResponse]:
        """Send one request and give out the answer while it is read.

        url: whose host is asked, when it is not the service's own.  certificates: DER of those the service may present, when its `verify_tls` is set.
        A body goes only with POST, PUT and PATCH, with its Content-Length (WIRE 2.3).
        Raises Unavailable (`network_error`, `unknown_host`, `io_error`) or TrustError (`ssl_authentication_failed`).
        """
        secure, host, port, _ = _address(service.url if url is None else url)
        key = (host, port, service.service_id.client_id, certificates if service.verify_tls else None)
        connection = self._pool.take(key)
        if connection is None:
            connection = await self._open(host, port, service, certificates, secure=secure)
        timeout = float(service.timeout) or None
        try:
            if body is None or method not in BODY_METHODS:
                response = await connection.request(method, target, headers, read_timeout=timeout)
            elif body.in_memory:
                response = await connection.request(
                    method, target, headers, body.read(), read_timeout=timeout
                )
            else:
                response = await self._send_large(connection, method, target, headers, body, timeout)
            yield response
        except BaseException:
            connection.abort()
            raise
        self._pool.give(key, connection)

    async def _send_large(
        self,
        connection: Connection,
        method: str,
        target: bytes,
        headers: Sequence[Header],
        body: SpooledBody,
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
