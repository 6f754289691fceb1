"""`sild identity --config FILE`: an identity provider until SIGTERM or SIGINT; officials, devices and auditors in its database."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click
from pydantic import Field, SecretStr, model_validator

from sild.adapter import AsyncXRoadClient, ClientId
from sild.asgi import with_client_certificates
from sild.database import sqlite_url
from sild.errors import CallerError
from sild.identity_provider import (
    BoardRights,
    FamilyRelations,
    IdentityProvider,
    IdentityProviderSettings,
    RegisteredRights,
    client_cert_header,
    mandates_door,
)
from sild.processes.asgi import ExchangeListen, Listen, Listener, is_loopback, serve_asgi
from sild.processes.officials import auditors, devices, officials
from sild.processes.own_server import OwnServer, OwnServerTls, ServiceName, SystemName, service_named
from sild.processes.sealing import SealSettings, certify_by
from sild.remote_signing import RemoteSigning
from sild.settings import LogLevel, Settings, read_settings
from sild.telemetry import configure_logging

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["IdentitySettings", "command"]


class CertificateListen(ExchangeListen):
    """The mutual TLS address. With `certificate` and `key` it is asked for here: the handshake proves the key.

    Otherwise a proxy asks, and says the certificate in `Client-Cert` (RFC 9440). Whoever reaches such an address can be anybody: so it
    is loopback, or TLS on which the proxy shows one of `client_certificates`.
    """

    device_authorities: tuple[Path, ...] = ()  # PEM: of devices, beside `certificate_authorities`, of people

    @property
    def is_behind_proxy(self) -> bool:
        return self.certificate is None or bool(self.client_certificates)

    @model_validator(mode="after")
    def _for_it_alone(self) -> CertificateListen:
        if self.client_certificates and self.certificate is None:
            raise ValueError("client_certificates go with a certificate and a key, which make it https")
        if self.certificate is None and not is_loopback(self.host):
            raise ValueError(
                f"{self.host} is not this machine's loopback: give certificate and key, by which people are asked for theirs here, "
                "and a proxy on another machine client_certificates (its own), or listen on 127.0.0.1"
            )
        if self.is_behind_proxy and self.device_authorities:
            raise ValueError("device_authorities: here the proxy asks for certificates")
        return self


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
            app, door = provider.app, mandates_door(provider)
            listeners = [Listener(app, listen.at(base)) for listen in settings.listen]
            listeners += [certificate_listener(app, told, one, base) for one in settings.certificate_listen]
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


def certificate_listener(
    app: ASGIApp, settings: IdentitySettings, listen: CertificateListen, base: Path
) -> Listener:
    """settings: as `placed` has them.  base: of the address's own paths. Raises CallerError."""
    if listen.is_behind_proxy:
        return Listener(with_client_cert(app), listen.at(base))
    devices = tuple(base / file for file in listen.device_authorities)
    welcome = (*settings.certificate_authorities, *devices)
    if not welcome:
        raise CallerError("certificate_listen asks for certificates of nobody: say certificate_authorities")
    return Listener(app, listen.at(base), welcome)


def with_client_cert(app: ASGIApp) -> ASGIApp:
    """`app` with the certificate of a `Client-Cert` header handed in as a TLS server would."""

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        headers = scope.get("headers", ())
        values = [value for name, value in headers if name == b"client-cert"]
        pem = client_cert_header(values[0].decode("latin-1")) if len(values) == 1 else None
        await with_client_certificates(app, [pem] if pem else [])(scope, receive, send)

    return call
