"""`sild central-server --config FILE`: a central server that keeps an instance, publishes its configuration and takes requests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import get_args

import click
from pydantic import Field, SecretStr, model_validator

from sild.central_server import (
    REQUEST_LIMITS,
    AutomaticApproval,
    CentralServer,
    ConfigurationType,
    InstanceContents,
    apply_contents,
    configuration_app,
    management_service,
    registration_service,
)
from sild.clock import system_clock
from sild.errors import CallerError, PeerError, PlatformError
from sild.http1 import Handler, serve
from sild.pki import der, read_certificate
from sild.processes.asgi import Listen, Listener, serve_asgi
from sild.processes.central_server_administration import requests_command, tls_command
from sild.settings import LogLevel, Settings, read_secret, read_settings
from sild.telemetry import configure_logging, get_logger

__all__ = ["CentralServerSettings", "command"]

log = get_logger("central_server")


class RegistrationServiceSettings(Settings):
    """Where security servers register their authentication certificates.

    `requests_per_minute`, `max_connections_of_address`: from one address; 0 connections: as many as the port has.
    """

    host: str = "127.0.0.1"
    port: int = Field(default=4001, ge=0, le=65535)
    requests_per_minute: int = Field(default=10, ge=1)
    max_connections_of_address: int = Field(default=64, ge=0)


class ManagementServiceSettings(Settings):
    """Where the management security servers bring all other requests.

    `clients`: the TLS certificates (PEM or DER) those servers show to services, that is their internal TLS certificates. Nobody else
    is taken, unless `any_client`, as with X-Road: then let nobody else reach the port.
    """

    host: str = "127.0.0.1"
    port: int = Field(default=4002, ge=0, le=65535)
    requests_per_minute: int = Field(default=100, ge=1)
    max_connections_of_address: int = Field(default=128, ge=0)
    clients: tuple[Path, ...] = ()
    any_client: bool = False

    @model_validator(mode="after")
    def _somebody(self) -> ManagementServiceSettings:
        if bool(self.clients) == self.any_client:
            raise ValueError("either clients or any_client")
        return self


class CentralServerSettings(Settings):
    """`directory` holds keys, public files and, without `database`, an SQLite file; relative paths start at the TOML file.

    `pin`, or `pin_file` whose first line is the PIN, of the software token. `instance` is what must be there (see
    `InstanceContents`); the rest of the instance is whatever was entered before.
    """

    directory: Path
    instance_identifier: str
    address: str  # public host name or IP address, and port if it is not the usual one
    pin: SecretStr | None = None
    pin_file: Path | None = None
    database: str | None = None  # SQLAlchemy URL
    regeneration_seconds: float = Field(default=60.0, gt=0)
    minimum_global_configuration_version: int = Field(default=2, ge=2, le=6)
    listen: tuple[Listen, ...] = (Listen(port=80),)
    registration_service: RegistrationServiceSettings | None = None
    management_service: ManagementServiceSettings | None = None
    auto_approve_auth_cert_reg_requests: bool = False
    auto_approve_client_reg_requests: bool = False
    auto_approve_owner_change_requests: bool = False
    log_level: LogLevel = "INFO"
    instance: InstanceContents = InstanceContents()

    @model_validator(mode="after")
    def _one_pin(self) -> CentralServerSettings:
        if (self.pin is None) == (self.pin_file is None):
            raise ValueError("either pin or pin_file")
        return self

    @property
    def automatic_approval(self) -> AutomaticApproval:
        return AutomaticApproval(
            auth_cert_registration=self.auto_approve_auth_cert_reg_requests,
            client_registration=self.auto_approve_client_reg_requests,
            owner_change=self.auto_approve_owner_change_requests,
        )


@click.group("central-server", invoke_without_command=True)
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Settings (TOML); see docs/central_server.md.",
)
@click.pass_context
def command(context: click.Context, config: Path | None) -> None:
    """Run a central server, or look after its management requests and TLS key."""
    if context.invoked_subcommand is not None:
        if config is not None:
            raise click.UsageError(f"--config goes behind {context.invoked_subcommand}.")
        return
    if config is None:
        raise click.UsageError("Missing option '--config'.")
    settings = read_settings(CentralServerSettings, config)
    configure_logging(settings.log_level)
    asyncio.run(run(settings, base=config.parent.resolve()))


command.add_command(requests_command)
command.add_command(tls_command)


async def run(settings: CentralServerSettings, *, base: Path) -> None:
    """Open or create the instance, apply the contents, publish and serve until the process is asked to end."""
    server = await asyncio.to_thread(_open, settings, base)
    try:
        await asyncio.to_thread(apply_contents, server, settings.instance, base=base)
        if settings.registration_service is not None and not settings.instance.management_service_certificate:
            await asyncio.to_thread(server.publish_management_service_tls)
        await asyncio.to_thread(_write_anchors, server, base / settings.directory)
        publishing = asyncio.create_task(server.run(interval=settings.regeneration_seconds))
        try:
            services = await asyncio.to_thread(server.management_services)
            application = configuration_app(
                server.public_directory, management_services_address=services.services_address
            )
            listeners = [Listener(application, listen.at(base)) for listen in settings.listen]
            async with _request_services(settings, server, base) as addresses:
                await serve_asgi(listeners, name="central-server", others=addresses)
        finally:
            publishing.cancel()
            await asyncio.wait([publishing])
    finally:
        server.close()


@asynccontextmanager
async def _request_services(
    settings: CentralServerSettings, server: CentralServer, base: Path
) -> AsyncIterator[list[str]]:
    """The services of management requests, as far as the settings name them; gives their addresses."""
    services: list[tuple[RegistrationServiceSettings | ManagementServiceSettings, Handler]] = []
    registration, management = settings.registration_service, settings.management_service
    if registration is not None:
        handler = registration_service(
            server, clock=system_clock, requests_per_minute=registration.requests_per_minute
        )
        services.append((registration, handler))
    if management is not None:
        certificates = [_certificate(base / file) for file in management.clients]
        handler = management_service(
            server,
            clock=system_clock,
            client_certificates=None if management.any_client else certificates,
            requests_per_minute=management.requests_per_minute,
        )
        services.append((management, handler))
    tls = await asyncio.to_thread(server.management_service_tls) if services else None
    async with AsyncExitStack() as stack:
        addresses = []
        for service, handler in services:
            limits = replace(REQUEST_LIMITS, max_address_connections=service.max_connections_of_address)
            listening = await serve(
                handler, service.host, service.port, tls=tls, limits=limits, name="management-requests"
            )
            stack.push_async_callback(listening.close)
            addresses.append(f"https://{service.host}:{listening.port}")
        yield addresses


def _certificate(file: Path) -> bytes:
    """DER of the certificate in `file`."""
    try:
        return der(read_certificate(file.read_bytes()))
    except OSError as error:
        raise CallerError(f"{file}: {error.strerror or error}") from error
    except PeerError as error:
        raise CallerError(f"{file}: {error.message}") from error


def _write_anchors(server: CentralServer, directory: Path) -> None:
    """`internal-anchor.xml` for security servers and `external-anchor.xml` for partners, as they are at this start."""
    for source in get_args(ConfigurationType):
        try:
            anchor = server.anchor(source)
        except PlatformError as error:
            log.refusal("central_server.no_anchor", error, source=source)
            continue
        file = directory / f"{source.lower()}-anchor.xml"
        file.write_bytes(anchor.file)
        log.info("central_server.anchor", source=source, file=str(file), hash=anchor.hash)


def _open(settings: CentralServerSettings, base: Path) -> CentralServer:
    directory = base / settings.directory
    pin = read_secret(settings.pin, settings.pin_file and base / settings.pin_file)
    try:
        server = CentralServer.open(
            directory,
            pin=pin,
            database_url=settings.database,
            minimum_version=settings.minimum_global_configuration_version,
            automatic_approval=settings.automatic_approval,
        )
    except CallerError as error:
        if error.code != "instance_identifier_not_set":
            raise
        return CentralServer.create(
            directory,
            instance_identifier=settings.instance_identifier,
            address=settings.address,
            pin=pin,
            database_url=settings.database,
            minimum_version=settings.minimum_global_configuration_version,
            automatic_approval=settings.automatic_approval,
        )
    if server.instance_identifier != settings.instance_identifier:
        found = server.instance_identifier
        server.close()
        raise CallerError(f"the database holds the instance {found}, not {settings.instance_identifier}")
    if server.address != settings.address:
        server.set_address(settings.address)
    return server
