"""`sild central-server --config FILE`: a central server that keeps an instance and publishes its configuration."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import get_args

import click
from pydantic import Field, SecretStr, model_validator

from sild.central_server import (
    CentralServer,
    ConfigurationType,
    InstanceContents,
    apply_contents,
    configuration_app,
)
from sild.errors import CallerError, PlatformError
from sild.processes.asgi import Listen, Listener, serve_asgi
from sild.settings import LogLevel, Settings, read_secret, read_settings
from sild.telemetry import configure_logging, get_logger

__all__ = ["CentralServerSettings", "command"]

log = get_logger("central_server")


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
    log_level: LogLevel = "INFO"
    instance: InstanceContents = InstanceContents()

    @model_validator(mode="after")
    def _one_pin(self) -> CentralServerSettings:
        if (self.pin is None) == (self.pin_file is None):
            raise ValueError("either pin or pin_file")
        return self


@click.command("central-server")
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    help="Settings (TOML); see docs/central_server.md.",
)
def command(config: Path) -> None:
    """Run a central server."""
    settings = read_settings(CentralServerSettings, config)
    configure_logging(settings.log_level)
    asyncio.run(run(settings, base=config.parent.resolve()))


async def run(settings: CentralServerSettings, *, base: Path) -> None:
    """Open or create the instance, apply the contents, publish and serve until the process is asked to end."""
    server = await asyncio.to_thread(_open, settings, base)
    try:
        await asyncio.to_thread(apply_contents, server, settings.instance, base=base)
        await asyncio.to_thread(_write_anchors, server, base / settings.directory)
        publishing = asyncio.create_task(server.run(interval=settings.regeneration_seconds))
        try:
            application = configuration_app(server.public_directory)
            listeners = [Listener(application, listen.at(base)) for listen in settings.listen]
            await serve_asgi(listeners, name="central-server")
        finally:
            publishing.cancel()
            await asyncio.wait([publishing])
    finally:
        server.close()


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
        )
    if server.instance_identifier != settings.instance_identifier:
        found = server.instance_identifier
        server.close()
        raise CallerError(f"the database holds the instance {found}, not {settings.instance_identifier}")
    if server.address != settings.address:
        server.set_address(settings.address)
    return server
