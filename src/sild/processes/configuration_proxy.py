"""`sild configuration-proxy`: the process that keeps proxy instances published, and UG-CP 3.4-3.5's commands beside it.

Each command takes the process's settings and the reference's own options (`-p`, `-k`, `-t`, `-a`, `-f`). The process sees what
they change at its next round.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click
from pydantic import SecretStr, model_validator

from sild.configuration_proxy import (
    ConfigurationProxy,
    ConfigurationProxySettings,
    TokenKeyAlgorithm,
    distribution_app,
    view,
)
from sild.errors import CallerError, PlatformError
from sild.processes.asgi import Listen, Listener, serve_asgi
from sild.settings import LogLevel, read_secret, read_settings
from sild.telemetry import configure_logging

__all__ = ["ConfigurationProxyProcessSettings", "command"]

F = TypeVar("F", bound=Callable[..., object])


class ConfigurationProxyProcessSettings(ConfigurationProxySettings):
    """Relative paths start at the TOML file. `pin`, or `pin_file` whose first line is the PIN, of the software token."""

    pin: SecretStr | None = None
    pin_file: Path | None = None
    listen: tuple[Listen, ...] = (Listen(port=80),)
    log_level: LogLevel = "INFO"

    @model_validator(mode="after")
    def _one_pin(self) -> ConfigurationProxyProcessSettings:
        if (self.pin is None) == (self.pin_file is None):
            raise ValueError("either pin or pin_file")
        return self

    def read_pin(self, base: Path) -> str:
        return read_secret(self.pin, self.pin_file and base / self.pin_file)


class Administration:
    """The settings of one call, and the proxy they describe."""

    def __init__(self, config: Path) -> None:
        self.base = config.parent.resolve()
        self.settings = read_settings(ConfigurationProxyProcessSettings, config)
        configure_logging(self.settings.log_level)
        self.proxy = ConfigurationProxy(self.settings.at(self.base))

    async def log_in(self) -> None:
        await self.proxy.log_in(await asyncio.to_thread(self.settings.read_pin, self.base))


def _config(function: F) -> F:
    return click.option(
        "--config",
        "administration",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        callback=lambda _context, _option, path: Administration(path),
        required=True,
        help="Settings (TOML); see docs/configuration_proxy.md.",
    )(function)


def _proxy_instance(function: F) -> F:
    return click.option("-p", "--proxy-instance", "name", required=True, help="The proxy instance.")(function)


@click.group("configuration-proxy")
def command() -> None:
    """Run or administer a configuration proxy."""


@command.command("serve")
@_config
def serve(administration: Administration) -> None:
    """Keep every proxy instance published, and serve what is."""
    asyncio.run(run(administration))


async def run(administration: Administration) -> None:
    """Log in, publish and serve until the process is asked to end."""
    await administration.log_in()
    publishing = asyncio.create_task(administration.proxy.run())
    try:
        application = distribution_app(administration.proxy.settings.public_directory)
        listeners = [
            Listener(application, listen.at(administration.base)) for listen in administration.settings.listen
        ]
        await serve_asgi(listeners, name="configuration-proxy")
    finally:
        publishing.cancel()
        await asyncio.wait([publishing])


@command.command("update")
@_config
@click.argument("names", nargs=-1, metavar="[PROXY_INSTANCE]...")
def update(administration: Administration, names: tuple[str, ...]) -> None:
    """Publish all proxy instances, or those named, once: where another web server serves them."""

    async def update() -> None:
        await administration.log_in()
        failed = []
        for name in names or administration.proxy.instance_names():
            try:
                versions = await administration.proxy.mediate(name)
            except PlatformError as error:
                click.echo(f"{name}: {error}", err=True)
                failed.append(name)
            else:
                click.echo(f"{name}: published versions {', '.join(map(str, versions))}")
        if failed:
            raise SystemExit(1)

    asyncio.run(update())


@command.command("create-instance")
@_config
@_proxy_instance
def create_instance(administration: Administration, name: str) -> None:
    """Create the configuration files of a proxy instance."""
    administration.proxy.create_instance(name)
    click.echo(f"Generating configuration directory for instance '{name}' ...")
    click.echo("Populating 'conf.ini' with default values ...")
    click.echo("Done.")


@command.command("view-conf")
@_config
@click.option("-p", "--proxy-instance", "name", help="The proxy instance.")
@click.option("-a", "--all", "everything", is_flag=True, help="Show all of them.")
def view_conf(administration: Administration, name: str | None, everything: bool) -> None:
    """Show a proxy instance's source, addresses and keys."""
    if (name is None) == (not everything):
        raise click.UsageError("either --proxy-instance or --all")
    for each in [name] if name is not None else administration.proxy.instance_names():
        click.echo(view(administration.proxy.instance(each), administration.proxy.urls(each)), nl=False)


@command.command("set-anchor")
@_config
@_proxy_instance
@click.option(
    "-f",
    "--filename",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    help="The source's anchor, as downloaded from a central server.",
)
def set_anchor(administration: Administration, name: str, filename: Path) -> None:
    """Say which configuration a proxy instance mediates: the same as putting the file there as anchor.xml."""
    administration.proxy.set_source_anchor(name, filename.read_bytes())
    click.echo(
        f"Saved the source anchor of '{name}': {administration.proxy.instance(name).source_anchor_hash}"
    )


@command.command("set-validity-interval")
@_config
@_proxy_instance
@click.argument("seconds", type=click.IntRange(min=1))
def set_validity_interval(administration: Administration, name: str, seconds: int) -> None:
    """For how many seconds each published configuration may be used."""
    administration.proxy.set_validity_interval(name, seconds)
    click.echo(f"Validity interval: {seconds} s.")


@command.command("add-signing-key")
@_config
@_proxy_instance
@click.option("-k", "--key-id", help="A key of the token; without it a new key is generated.")
@click.option("-t", "--token-id", default="0", show_default=True, help="The token to generate a key in.")
@click.option(
    "-a",
    "--algorithm",
    type=click.Choice(["RSA", "EC"], case_sensitive=False),
    default="RSA",
    show_default=True,
    help="Of a new key.",
)
def add_signing_key(
    administration: Administration, name: str, key_id: str | None, token_id: str, algorithm: TokenKeyAlgorithm
) -> None:
    """Add a signing key with its self-signed certificate; the first is active at once."""

    async def add() -> None:
        await administration.log_in()
        had_active = administration.proxy.instance(name).active_signing_key is not None
        key = await administration.proxy.add_signing_key(
            name, token_id=token_id, key_id=key_id, algorithm=algorithm
        )
        if key_id is None:
            click.echo(f"Generated key with ID {key.id}")
        click.echo(f"Saved self-signed certificate to {key.certificate_path.name}")
        if not had_active:
            click.echo("No active key configured, setting new key as active in conf.ini")
        click.echo("Added key to conf.ini")

    asyncio.run(add())


@command.command("activate-signing-key")
@_config
@_proxy_instance
@click.option("-k", "--key-id", required=True, help="One of the instance's keys.")
def activate_signing_key(administration: Administration, name: str, key_id: str) -> None:
    """Sign with another key from the next publication on."""
    administration.proxy.activate_signing_key(name, key_id)
    click.echo(f"Active signing key: {key_id}")


@command.command("del-signing-key")
@_config
@_proxy_instance
@click.option("-k", "--key-id", required=True, help="An inactive key of the instance.")
def del_signing_key(administration: Administration, name: str, key_id: str) -> None:
    """Delete a signing key for good."""

    async def delete() -> None:
        await administration.log_in()
        await administration.proxy.delete_signing_key(name, key_id)

    asyncio.run(delete())
    click.echo("Deleted key from 'conf.ini'.")
    click.echo(f"Deleted self-signed certificate 'cert_{key_id}.pem'")
    click.echo("Deleted key from the token")


@command.command("generate-anchor")
@_config
@_proxy_instance
@click.option(
    "-f",
    "--filename",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="Where the anchor goes.",
)
def generate_anchor(administration: Administration, name: str, filename: Path) -> None:
    """Make the anchor that clients of a proxy instance start from; again after every change of its keys or address."""
    anchor = administration.proxy.anchor(name)
    draft = filename.with_name(f".{filename.name}.new")
    try:
        draft.write_bytes(anchor)
        draft.replace(filename)
    except OSError as error:
        raise CallerError(f"Cannot write anchor to '{filename}', {error.strerror}.") from error
    click.echo(f"Generated anchor xml to '{filename}'")
