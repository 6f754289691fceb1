"""`sild identity --config FILE`: an identity provider until SIGTERM or SIGINT; officials, devices and auditors in its database."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click
from pydantic import Field, SecretStr

from sild.adapter import AsyncXRoadClient, ClientId
from sild.database import sqlite_url
from sild.identity_provider import (
    BoardRights,
    FamilyRelations,
    IdentityProvider,
    IdentityProviderSettings,
    RegisteredRights,
    client_cert_header,
    mandates_door,
)
from sild.processes.asgi import ExchangeListen, Listen, Listener, serve_asgi
from sild.processes.officials import auditors, devices, officials
from sild.processes.own_server import OwnServer, OwnServerTls, ServiceName, SystemName, service_named
from sild.processes.sealing import SealSettings, certify_by
from sild.remote_signing import RemoteSigning
from sild.settings import LogLevel, Settings, read_settings
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


class RightsSource(Settings):
    """A register that knows who represents whom by law, and the provision by which it is asked."""

    service: ServiceName
    basis: str = Field(min_length=1, max_length=255)


class RightsSettings(Settings):
    """Whom the provider asks, over the exchange, whom somebody represents, and whether who gave a power of attorney stands."""

    security_server: OwnServer  # its own, for information systems
    security_server_tls: OwnServerTls | None = None
    system: SystemName  # as which it asks
    population: RightsSource | None = None  # parents, guardians, whether people live
    business: RightsSource | None = None  # boards, whether companies act


class IdentitySettings(IdentityProviderSettings):
    """Relative paths start at the TOML file. `certificate_listen`: see `CertificateListen`."""

    listen: tuple[Listen, ...] = (Listen(port=8443),)
    certificate_listen: tuple[CertificateListen, ...] = ()
    rights: RightsSettings | None = None  # none: nobody represents anybody by law here
    exchange_listen: tuple[ExchangeListen, ...] = ()  # what auditors may look at, for other bodies
    signing: SigningSettings | None = None  # none: nobody signs here
    log_level: LogLevel = "INFO"


@click.group(invoke_without_command=True)
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    help="Settings (TOML); see docs/identity_provider.md.",
)
@click.pass_context
def command(context: click.Context, config: Path) -> None:
    """Run an identity provider; or, with a command behind the settings, keep its officials, devices and auditors."""
    settings = read_settings(IdentitySettings, config)
    configure_logging(settings.log_level)
    base = config.parent.resolve()
    if context.invoked_subcommand is None:
        asyncio.run(run(settings, base=base))
    else:
        context.obj = placed(settings, base)


command.add_command(officials)
command.add_command(devices)
command.add_command(auditors)


async def run(settings: IdentitySettings, *, base: Path) -> None:
    """Open the provider, look after keys and logout notices, serve until the process is asked to end."""
    told = placed(settings, base)
    async with AsyncExitStack() as running:
        sources = await open_sources(settings.rights, base, running)
        signing = await asyncio.to_thread(open_signing, told, base)
        provider = await asyncio.to_thread(IdentityProvider, told, mandate_sources=sources, signing=signing)
        running.callback(provider.close)
        maintenance = asyncio.create_task(provider.run())
        try:
            app = provider.app
            behind_proxy, door = with_client_cert(app), mandates_door(provider)
            listeners = [Listener(app, listen.at(base)) for listen in settings.listen]
            listeners += [Listener(behind_proxy, listen.at(base)) for listen in settings.certificate_listen]
            listeners += [Listener(door, listen.at(base)) for listen in settings.exchange_listen]
            await serve_asgi(listeners, name="identity")
        finally:
            maintenance.cancel()
            await asyncio.wait([maintenance])


def placed(settings: IdentitySettings, base: Path) -> IdentitySettings:
    """With paths that start at `base`."""
    files = tuple(base / file for file in settings.certificate_authorities)
    return settings.model_copy(
        update={"directory": base / settings.directory, "certificate_authorities": files}
    )


async def open_sources(
    told: RightsSettings | None, base: Path, running: AsyncExitStack
) -> Sequence[RegisteredRights]:
    """The registers that are asked, while `running` is open. Raises CallerError."""
    if told is None:
        return ()
    tls = None if told.security_server_tls is None else told.security_server_tls.at(base)
    system = ClientId(*told.system.split("/"))
    client = await running.enter_async_context(AsyncXRoadClient(told.security_server, system, tls=tls))
    loop = asyncio.get_running_loop()
    kinds = ((FamilyRelations, told.population), (BoardRights, told.business))
    return [kind(client, service_named(one.service), loop, one.basis) for kind, one in kinds if one]


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
