"""`sild identity --config FILE`: an identity provider until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click
from pydantic import SecretStr

from sild.database import sqlite_url
from sild.identity_provider import IdentityProvider, IdentityProviderSettings, client_cert_header
from sild.processes.asgi import Listen, Listener, serve_asgi
from sild.processes.sealing import SealSettings, certify_by
from sild.remote_signing import RemoteSigning
from sild.settings import LogLevel, read_settings
from sild.telemetry import configure_logging

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["IdentitySettings", "command"]


class CertificateListen(Listen):
    """The mutual TLS address behind a proxy that checks possession of the key and says the certificate in `Client-Cert`
    (RFC 9440). Only the proxy may reach it: whoever can, can be anybody."""


class SigningSettings(SealSettings):
    """People's signing keys: the authority that certifies them, as for seals, with a key that is for that alone (`person_holders`)."""

    key_password: SecretStr  # of people's keys
    database: str | None = None  # SQLAlchemy URL; none: an SQLite file beside the provider's


class IdentitySettings(IdentityProviderSettings):
    """Relative paths start at the TOML file. `certificate_listen`: see `CertificateListen`."""

    listen: tuple[Listen, ...] = (Listen(port=8443),)
    certificate_listen: tuple[CertificateListen, ...] = ()
    signing: SigningSettings | None = None  # none: nobody signs here
    log_level: LogLevel = "INFO"


@click.command()
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    help="Settings (TOML); see docs/identity_provider.md.",
)
def command(config: Path) -> None:
    """Run an identity provider."""
    settings = read_settings(IdentitySettings, config)
    configure_logging(settings.log_level)
    asyncio.run(run(settings, base=config.parent.resolve()))


async def run(settings: IdentitySettings, *, base: Path) -> None:
    """Open the provider, look after keys and logout notices, serve until the process is asked to end."""
    files = tuple(base / file for file in settings.certificate_authorities)
    placed = settings.model_copy(
        update={"directory": base / settings.directory, "certificate_authorities": files}
    )
    signing = await asyncio.to_thread(open_signing, placed, base)
    provider = await asyncio.to_thread(IdentityProvider, placed, signing=signing)
    maintenance = asyncio.create_task(provider.run())
    try:
        app = provider.app
        listeners = [Listener(app, listen.at(base)) for listen in settings.listen]
        behind_proxy = with_client_cert(app)
        listeners += [Listener(behind_proxy, listen.at(base)) for listen in settings.certificate_listen]
        await serve_asgi(listeners, name="identity")
    finally:
        maintenance.cancel()
        await asyncio.wait([maintenance])
        provider.close()


def open_signing(settings: IdentitySettings, base: Path) -> RemoteSigning | None:
    """base: of relative paths. Blocks. Raises CallerError, Unavailable."""
    told = settings.signing
    if told is None:
        return None
    url = told.database or sqlite_url(settings.directory / "signing.db")
    password = told.key_password.get_secret_value()
    return RemoteSigning.open(url, key_password=password, certify=certify_by(told, base))


def with_client_cert(app: ASGIApp) -> ASGIApp:
    """`app` with the certificate of a `Client-Cert` header handed in as a TLS server would."""

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            values = [value for name, value in scope["headers"] if name == b"client-cert"]
            pem = client_cert_header(values[0].decode("latin-1")) if len(values) == 1 else None
            extensions = {**scope.get("extensions", {}), "tls": {"client_cert_chain": [pem] if pem else []}}
            scope = {**scope, "extensions": extensions}
        await app(scope, receive, send)

    return call
