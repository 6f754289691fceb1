"""One bounded download: configuration parts, OCSP and time-stamp answers."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from time import time
from typing import Protocol
from urllib.parse import urlsplit

from sild.errors import CallerError
from sild.http1.errors import TimedOut
from sild.http1.heads import Header
from sild.http1.opening import open_connection
from sild.http1.tls import AnyTls

__all__ = ["Answered", "Fetch", "Fetched", "fetch"]


@dataclass(frozen=True, slots=True)
class Fetched:
    """A whole answer. Any status is an answer: the caller judges it. Redirects are not followed."""

    status: int
    headers: tuple[Header, ...]
    body: bytes

    def header(self, name: bytes) -> bytes | None:
        """The first value of the header; `name` in lower case."""
        return next((v for n, v in self.headers if n.lower() == name), None)


class Answered(Protocol):
    """What a caller may rely on of a `Fetched`."""

    @property
    def status(self) -> int: ...

    @property
    def body(self) -> bytes: ...


class Fetch(Protocol):
    """The port of rooms that fetch small answers: `fetch`, or a double of the network beyond loopback."""

    async def __call__(
        self,
        url: str,
        *,
        method: str = "GET",
        body: bytes | None = None,
        headers: Sequence[Header] = (),
        timeout: float = ...,  # noqa: ASYNC109 - the port's own shape
        max_bytes: int = ...,
    ) -> Answered: ...


async def fetch(
    url: str,
    *,
    method: str = "GET",
    body: bytes | None = None,
    headers: Sequence[Header] = (),
    timeout: float = 30.0,  # noqa: ASYNC109 - the whole call's, and an error of ours when it passes
    max_bytes: int = 10 * 1024 * 1024,
    tls: AnyTls | None = None,
) -> Fetched:
    """Fetch `url` on a connection of its own, within `timeout` seconds in all and `max_bytes` of body.

    tls: for https; by default the system's CAs and the host's name are required.
    Raises CallerError (service_malformed_url), UnknownHost, ConnectionLost, TlsFailed, TimedOut, BrokenMessage,
    BodyTooLarge.
    """
    host, port, secure, target = _parse_url(url)
    context = (tls or _system_trust(int(time() // 3600))) if secure else None
    given = [*headers, (b"Connection", b"close")]
    try:
        async with asyncio.timeout(timeout):
            connection = await open_connection(
                host, port, tls=context, server_hostname=host if secure else None, connect_timeout=timeout
            )
            try:
                response = await connection.request(method, target, given, body)
                data = await response.read(max_bytes)
            finally:
                connection.abort()
    except TimeoutError:
        raise TimedOut(f"{host}:{port} did not answer within {timeout:g} s", host=host, port=port) from None
    return Fetched(response.status, tuple(response.headers), data)


@lru_cache(maxsize=1)
def _system_trust(hour: int) -> ssl.SSLContext:
    """Reading the system's CAs takes ten milliseconds and more; they are read again every hour."""
    return ssl.create_default_context()


def _parse_url(url: str) -> tuple[str, int, bool, bytes]:
    """Host, port, https or not, request target."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        wire = target.encode("ascii")
    except ValueError as error:
        raise CallerError(f"not a URL: {url}", code="service_malformed_url") from error
    if parts.scheme not in ("http", "https") or not host or any(c <= 32 for c in wire):
        raise CallerError(f"not an http or https URL: {url}", code="service_malformed_url")
    secure = parts.scheme == "https"
    return host, port or (443 if secure else 80), secure, wire
