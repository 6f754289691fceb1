"""Serving ASGI applications with uvicorn: trust services, central servers, registers, screens (everything off the message path)."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from sild.errors import CallerError
from sild.telemetry import get_logger

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send
    from uvicorn._types import ASGIApplication

__all__ = ["ApplicationServer", "serve_application", "with_client_certificates"]

log = get_logger("asgi")

GRACE_SECONDS = 5


class _Uvicorn(uvicorn.Server):
    """Wakes each second for its Date header, and at once to end: uvicorn's own looks ten times a second whether it should."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._ending = asyncio.Event()

    def end(self) -> None:
        self.should_exit = True
        self._ending.set()

    async def main_loop(self) -> None:
        while not await self.on_tick(0):
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), 1)

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Signals belong to the process, which may hold several servers."""
        yield


class _SaysCertificates(HttpToolsProtocol):
    """Hands the certificate a client showed to the application: the ASGI TLS extension, which uvicorn has not."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        shown = transport.get_extra_info("ssl_object").getpeercert(binary_form=True)
        chain = [ssl.DER_cert_to_PEM_cert(shown)] if shown else []
        self.app = cast("ASGIApplication", with_client_certificates(cast("ASGIApp", self.app), chain))


class ApplicationServer:
    """One application at one address. `ended` completes when it has stopped, for whatever reason."""

    def __init__(self, server: _Uvicorn, bound: socket.socket, scheme: str) -> None:
        self._server = server
        self._bound = bound
        self.host, self.port = bound.getsockname()[:2]
        self.url = f"{scheme}://{self.host}:{self.port}"
        self.ended = asyncio.create_task(server.serve([bound]))

    async def close(self) -> None:
        """Take no more requests, finish those in hand within `GRACE_SECONDS`."""
        self._server.end()
        try:
            await self.ended
        finally:
            self._bound.close()


def with_client_certificates(application: ASGIApp, chain: Sequence[str]) -> ASGIApp:
    """`application` that finds in its scope who is at the other end of the connection. chain: PEM, leaf first."""

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        extensions = {**scope.get("extensions", {}), "tls": {"client_cert_chain": list(chain)}}
        await application({**scope, "extensions": extensions}, receive, send)

    return call


async def serve_application(
    application: ASGIApp,
    host: str,
    port: int,
    *,
    certificate: Path | None = None,
    key: Path | None = None,
    client_certificates: Sequence[Path] = (),
    welcome_certificates: Sequence[Path] = (),
) -> ApplicationServer:
    """Listen and serve; returns once requests are taken. `port` 0 takes a free one.

    certificate, key: PEM files; with them it speaks TLS. client_certificates: PEM files; only who shows one of these is heard.
    welcome_certificates: PEM files; who shows one of these, or one that these issued, is named to the application in the ASGI TLS
    extension (`client_cert_chain`), who shows none is heard as well, and any other ends the handshake.
    Raises CallerError when the address cannot be had or a file cannot be read.
    """
    config = uvicorn.Config(
        cast("ASGIApplication", application),  # the same thing, typed by another library
        host=host,
        port=port,
        ssl_certfile=certificate,
        ssl_keyfile=key,
        log_config=None,
        log_level="error",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
        http=_SaysCertificates if welcome_certificates else "auto",
    )
    try:
        config.load()
        if client_certificates:
            _ask_for_certificates(config.ssl, client_certificates, ssl.CERT_REQUIRED)
        elif welcome_certificates:
            _ask_for_certificates(config.ssl, welcome_certificates, ssl.CERT_OPTIONAL)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        bound = socket.create_server((host, port), family=family)
    except OSError as error:
        raise CallerError(f"cannot listen on {host}:{port}: {_reason(error)}") from error
    bound.setblocking(False)
    server = ApplicationServer(_Uvicorn(config), bound, "https" if certificate else "http")
    log.info("asgi.listening", address=server.url)
    return server


def _ask_for_certificates(
    context: ssl.SSLContext | None, known: Sequence[Path], mode: ssl.VerifyMode
) -> None:
    """Raises CallerError, OSError."""
    if context is None:
        raise CallerError(
            "certificates of clients go with a certificate and a key: without TLS nobody shows one"
        )
    for file in known:
        try:
            context.load_verify_locations(file)
        except ssl.SSLError as error:
            raise CallerError(f"{file} holds no certificate in PEM") from error
    context.verify_mode = mode
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # a known one needs nobody above it


def _reason(error: OSError) -> str:
    """In the system's words: Python's own repeat the address."""
    return os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
