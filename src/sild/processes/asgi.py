"""What the mains of central server, trust services and registers share: addresses in settings, serving until asked to end."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
from pydantic import model_validator

from sild.asgi import ApplicationServer, serve_application
from sild.errors import Unavailable
from sild.settings import Settings

if TYPE_CHECKING:
    from starlette.types import ASGIApp

__all__ = ["ExchangeListen", "Listen", "Listener", "is_loopback", "serve_asgi"]


class Listen(Settings):
    """Where to listen; port 0 takes a free one. With `certificate` and `key` (PEM files) it speaks TLS."""

    host: str = "127.0.0.1"
    port: int
    certificate: Path | None = None
    key: Path | None = None

    @model_validator(mode="after")
    def _both_or_none(self) -> Listen:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key go together")
        return self

    def at(self, base: Path) -> Listen:
        """The same with paths that start at `base`."""
        if self.certificate is None or self.key is None:
            return self
        return self.model_copy(update={"certificate": base / self.certificate, "key": base / self.key})


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class ExchangeListen(Listen):
    """Where the own security server calls, and nobody else may: who asks stands in a header that it writes.

    So it is loopback, or TLS on which the security server shows one of `client_certificates` (PEM files: its own certificates).
    """

    client_certificates: tuple[Path, ...] = ()

    @model_validator(mode="after")
    def _for_it_alone(self) -> ExchangeListen:
        if self.client_certificates and self.certificate is None:
            raise ValueError("client_certificates go with a certificate and a key, which make it https")
        if not self.client_certificates and not is_loopback(self.host):
            raise ValueError(
                f"{self.host} is not this machine's loopback: give certificate, key and client_certificates "
                "(the security server's own), or listen on 127.0.0.1"
            )
        return self

    def at(self, base: Path) -> ExchangeListen:
        files = tuple(base / file for file in self.client_certificates)
        placed = (
            {"certificate": base / self.certificate, "key": base / self.key}
            if self.certificate and self.key
            else {}
        )
        return self.model_copy(update={**placed, "client_certificates": files})


@dataclass(frozen=True, slots=True)
class Listener:
    """An application and the address it is served at."""

    application: ASGIApp
    listen: Listen
    welcome_certificates: Sequence[Path] = ()  # see `serve_application`


async def serve_asgi(
    listeners: Sequence[Listener],
    *,
    name: str,
    others: Sequence[str] = (),
    leaving: Callable[[], None] = lambda: None,
    leave_delay: float = 0.0,
) -> None:
    """Serve until SIGTERM, SIGINT or cancelled; one JSON line with the addresses says that it serves.

    others: addresses the process serves besides, named after these.  leaving: called when it is asked to end; it serves for
    `leave_delay` seconds more, or until it is asked again.

    Raises CallerError (an address, a certificate), Unavailable (a server ended by itself).
    """
    stop, hurry = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, lambda: (hurry if stop.is_set() else stop).set())
    servers: list[ApplicationServer] = []
    try:
        for listener in listeners:
            listen = listener.listen
            server = await serve_application(
                listener.application,
                listen.host,
                listen.port,
                certificate=listen.certificate,
                key=listen.key,
                client_certificates=listen.client_certificates if isinstance(listen, ExchangeListen) else (),
                welcome_certificates=listener.welcome_certificates,
            )
            server.ended.add_done_callback(lambda _task: stop.set())
            servers.append(server)
        click.echo(json.dumps({"server": name, "addresses": [*(server.url for server in servers), *others]}))
        await stop.wait()
        if any(server.ended.done() for server in servers):
            raise Unavailable(f"{name} stopped serving", code="internal_error")
        leaving()
        with suppress(TimeoutError):
            await asyncio.wait_for(hurry.wait(), leave_delay)
    finally:
        for server in servers:
            await server.close()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
