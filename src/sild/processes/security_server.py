"""`sild security-server --config FILE`: one security server as a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import resource
import signal
from pathlib import Path

import click
from pydantic import SecretStr, model_validator

from sild.http1 import run
from sild.security_server import SecurityServer, SecurityServerSettings
from sild.settings import LogLevel, read_secret, read_settings
from sild.telemetry import configure_logging

__all__ = ["SecurityServerProcessSettings", "command"]


class SecurityServerProcessSettings(SecurityServerSettings):
    """Relative paths start at the TOML file. `pin_file`: its first line is the PIN; so with the keystore's password."""

    pin_file: Path | None = None
    message_log_keystore_password_file: Path | None = None
    log_level: LogLevel = "INFO"

    @model_validator(mode="after")
    def _one_pin(self) -> SecurityServerProcessSettings:
        if self.pin is not None and self.pin_file is not None:
            raise ValueError("either pin or pin_file")
        return self

    def at(self, base: Path) -> SecurityServerSettings:
        """The server's own settings: paths resolved, the PIN read. Raises CallerError."""
        values = {name: getattr(self, name) for name in SecurityServerSettings.model_fields}
        paths = (
            "anchor",
            "directory",
            "spool_directory",
            "archive_directory",
            "archive_encryption_keys",
            "archive_gpg_home",
            "message_log_keystore",
            "devices_file",
            "token_pins_file",
        )
        for name in paths:
            if values[name] is not None:
                values[name] = base / values[name]
        if self.pin_file is not None:
            values["pin"] = SecretStr(read_secret(None, base / self.pin_file))
        if self.message_log_keystore_password_file is not None:
            password = read_secret(None, base / self.message_log_keystore_password_file)
            values["message_log_keystore_password"] = SecretStr(password)
        return SecurityServerSettings(**values)


@click.command("security-server")
@click.option(
    "--config",
    "config",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Settings (TOML); see docs/security_server.md.",
)
@click.option("--grace", default=30.0, show_default=True, help="Seconds messages in hand get at the end.")
def command(config: Path, grace: float) -> None:
    """Run a security server until SIGTERM or SIGINT. Prints one JSON line with its addresses when it serves."""
    settings = read_settings(SecurityServerProcessSettings, config)
    configure_logging(settings.log_level)
    _allow_many_connections()
    run(_serve(settings.at(config.parent.resolve()), grace))


def _allow_many_connections() -> None:
    """Each connection is a file to the system; many systems start a process with 1024 until it asks for its due."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):  # a system that says "any number" and does not mean it
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def _serve(settings: SecurityServerSettings, grace: float) -> None:
    server = SecurityServer(settings)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    try:
        await server.start()
        gc.collect()
        gc.freeze()  # what stands now stays: the collector need not look at it for every few messages
        gc.set_threshold(
            5_000, 20, 20
        )  # messages leave few cycles behind; looking for them less often saves 2 %
        click.echo(json.dumps({"server": str(server.server_id), "addresses": server.addresses}))
        await stopping.wait()
    finally:
        await server.stop(grace)
