"""Connections to our own security server: plain or TLS, kept for the next call, bounded in number (WIRE 11.4; UG-SS 9).

With TLS the server is known by its own certificate, which its administrator exports and which no CA has signed; without one
given, the system's CAs and the host name decide, as on the web. Either way the server is known before a byte of a request is sent.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from sild.errors import CallerError, TrustError
from sild.http1 import (
    AnyTls,
    Connection,
    ConnectionPool,
    Limits,
    TlsFailed,
    open_connection,
    service_client_context,
)

__all__ = ["Connections", "SecurityServerTls", "Timeouts"]

# A server may close an idle connection just when the next request leaves, and a POST is not sent twice: shorter than servers wait.
IDLE_SECONDS = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Seconds. connect: for a connection, TLS included.  silence: without a byte from the server, before or within the answer;
    longer than the 60 s a server gives a service by default, so that its own error arrives.  total: of the whole call with its
    repetitions, of a streamed one until its answer begins; None sets no bound.
    """

    connect: float = 10.0
    silence: float = 75.0
    total: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityServerTls:
    """How the information system and its security server know each other on port 8443.

    server_certificate: PEM file with the server's internal TLS certificate; None leaves it to the system's CAs.
    certificate, key: PEM files of ours, for a client whose connection type is HTTPS; `key` None when it is in the same file.
    password: of the key.
    """

    server_certificate: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    password: str | None = None

    def context(self) -> AnyTls:
        """Raises CallerError when a file cannot be read or does not fit."""
        context: AnyTls = (
            service_client_context() if self.server_certificate else ssl.create_default_context()
        )
        try:
            if self.certificate is not None:
                context.load_cert_chain(self.certificate, self.key, self.password)
        except (OSError, ValueError, TypeError) as error:
            raise CallerError(f"TLS key or certificate of the information system: {error}") from error
        return context

    def pinned(self) -> frozenset[bytes]:
        """DER of the certificates the server may show; several in the file while it is being replaced."""
        if self.server_certificate is None:
            return frozenset()
        try:
            found = x509.load_pem_x509_certificates(self.server_certificate.read_bytes())
        except (OSError, ValueError) as error:
            raise CallerError(f"the security server's certificate: {error}") from error
        return frozenset(certificate.public_bytes(Encoding.DER) for certificate in found)


class Connections:
    """At most `limit` at a time; one more caller waits. Raises CallerError for an address that is none."""

    def __init__(
        self, address: str, tls: SecurityServerTls | None, *, timeouts: Timeouts, limit: int
    ) -> None:
        self._host, self._port, secure = _split(address)
        if tls is not None and not secure:
            raise CallerError("TLS settings for an http address", code="service_malformed_url")
        self._pinned: frozenset[bytes] = frozenset()
        self._context: AnyTls | None = None
        if secure:
            tls = tls or SecurityServerTls()
            self._pinned, self._context = tls.pinned(), tls.context()
        self._connect_timeout = timeouts.connect
        self._limits = Limits(body_timeout=timeouts.silence)
        self._pool = ConnectionPool(max_idle=limit, idle_seconds=IDLE_SECONDS)
        self._slots = asyncio.Semaphore(limit)

    async def acquire(self) -> None:
        """Wait for the right to one connection; `release` gives it up."""
        await self._slots.acquire()

    def release(self) -> None:
        self._slots.release()

    async def take(self) -> Connection:
        """A kept connection, or a new one. Raises Unavailable (UnknownHost, ConnectionLost, TlsFailed), TrustError."""
        connection = self._pool.take(None)
        if connection is not None:
            return connection
        try:
            connection = await open_connection(
                self._host,
                self._port,
                tls=self._context,
                server_hostname=self._host if self._context else None,
                connect_timeout=self._connect_timeout,
                limits=self._limits,
            )
        except TlsFailed as error:
            if "CERTIFICATE_VERIFY_FAILED" in error.message:  # OpenSSL's word: the system's rules refused it
                raise TrustError(
                    f"the security server's certificate: {error.message}", code="ssl_authentication_failed"
                ) from error
            raise
        if self._pinned and (connection.tls is None or connection.tls.certificate not in self._pinned):
            connection.abort()
            raise TrustError(
                "the security server shows another certificate than the one stored for it",
                code="ssl_authentication_failed",
            )
        return connection

    def give(self, connection: Connection) -> None:
        """Keep it for the next call if it can carry one."""
        self._pool.give(None, connection)

    def close(self) -> None:
        self._pool.close()


def _split(address: str) -> tuple[str, int, bool]:
    """Host, port, https or not. X-Road's own ports when none is given."""
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/") or parts.query:
        raise CallerError(
            f"a security server's address is http(s)://host:port, not {address!r}",
            code="service_malformed_url",
        )
    secure = parts.scheme == "https"
    return parts.hostname, port or (8443 if secure else 8080), secure
