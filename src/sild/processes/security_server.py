"""`sild security-server --config FILE`: one security server as a process of its own, or as several that share its ports.

SIGTERM, SIGINT   take no new messages, finish those in hand, end; a second one ends at once
SIGHUP            take up changes now; with workers also the settings, see `supervisor`
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import resource
import shutil
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import click
from pydantic import Field, SecretStr, model_validator

from sild.http1 import run
from sild.processes.security_server_administration import ADMINISTRATION
from sild.processes.supervisor import LEAVE_SIGNAL, Plan, Supervisor, inherited_sockets, worker_command
from sild.security_server import Maintenance, SecurityServer, SecurityServerSettings
from sild.settings import LogLevel, read_secret, read_settings
from sild.telemetry import configure_logging

__all__ = ["SecurityServerProcessSettings", "command"]

LAST_CALL_SECONDS = 5.0  # for a kept connection to bring the message after which it is closed


class SecurityServerProcessSettings(SecurityServerSettings):
    """Relative paths start at the TOML file. `pin_file`: its first line is the PIN; so with the keystore's password.

    workers: processes that share the ports, under one more that supervises them; 0: this process serves.
    """

    pin_file: Path | None = None
    workers: int = Field(default=0, ge=0, le=256)
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
        for name, value in values.items():
            if isinstance(value, Path):
                values[name] = base / value
        if self.acme is not None:
            values["acme"] = self.acme.at(base)
        if self.witness is not None:
            values["witness"] = self.witness.at(base)
        if self.pin_file is not None:
            values["pin"] = SecretStr(read_secret(None, base / self.pin_file))
        if self.message_log_keystore_password_file is not None:
            password = read_secret(None, base / self.message_log_keystore_password_file)
            values["message_log_keystore_password"] = SecretStr(password)
        return SecurityServerSettings(**values)


@click.group("security-server", invoke_without_command=True)
@click.option(
    "--config",
    "config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Settings (TOML); see docs/security_server.md.",
)
@click.option("--grace", default=30.0, show_default=True, help="Seconds messages in hand get at the end.")
@click.option("--workers", type=click.IntRange(0, 256), help="Instead of the setting `workers`.")
@click.option("--worker", type=int, hidden=True)
@click.option("--listening", default="", hidden=True)
@click.pass_context
def command(
    context: click.Context,
    config: Path | None,
    grace: float,
    workers: int | None,
    worker: int | None,
    listening: str,
) -> None:
    """Run a security server until SIGTERM or SIGINT, or with a command administer the one that runs.

    Prints one JSON line with its addresses when it serves.
    """
    if context.invoked_subcommand is not None:
        return
    if config is None:
        raise click.MissingParameter(param_hint="--config", param_type="option")
    settings = read_settings(SecurityServerProcessSettings, config)
    configure_logging(settings.log_level)
    _allow_many_connections()
    if worker is None and (workers or (workers is None and settings.workers)):
        run(_supervise(config, grace, workers))
    else:
        run(_serve(settings.at(config.parent.resolve()), grace, worker, inherited_sockets(listening)))


for each in ADMINISTRATION:
    command.add_command(each)


def _allow_many_connections() -> None:
    """Each connection is a file to the system; many systems start a process with 1024 until it asks for its due."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):  # a system that says "any number" and does not mean it
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def _supervise(config: Path, grace: float, workers: int | None) -> None:
    def plan() -> Plan:
        settings = read_settings(SecurityServerProcessSettings, config)
        wanted = settings.workers if workers is None else workers
        arguments = ("security-server", "--config", str(config.resolve()), "--grace", str(grace))
        ending = settings.leave_delay + grace
        return Plan(worker_command(*arguments), settings.listeners, max(1, wanted), ending)

    settings = read_settings(SecurityServerProcessSettings, config).at(config.parent.resolve())
    Maintenance(settings.directory).set(False)
    shutil.rmtree(settings.metrics_directory, ignore_errors=True)  # of the workers of an earlier life
    supervisor = Supervisor(plan)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, supervisor.stop)
    loop.add_signal_handler(signal.SIGHUP, supervisor.reload)

    def serving() -> None:
        click.echo(json.dumps({"server": str(settings.server_id), "addresses": supervisor.addresses}))

    await supervisor.run(serving)


async def _serve(
    settings: SecurityServerSettings,
    grace: float,
    worker: int | None,
    listening: Mapping[str, socket.socket],
) -> None:
    """worker: this process's place under its supervisor, None without one."""
    server = SecurityServer(settings, listening=listening)
    stopping, leaving = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _once(stopping))
    reloading = asyncio.Event()
    loop.add_signal_handler(signal.SIGHUP, reloading.set)
    reloader = asyncio.create_task(_reload_when(reloading, server))
    if worker is None:
        server.health.maintenance.set(False)
    else:
        loop.add_signal_handler(LEAVE_SIGNAL, leaving.set)
        _end_with_supervisor(loop, stopping)
    try:
        await server.start()
        gc.collect()
        gc.freeze()  # what stands now stays: the collector need not look at it for every few messages
        gc.set_threshold(
            5_000, 20, 20
        )  # messages leave few cycles behind; looking for them less often saves 2 %
        click.echo(json.dumps({"server": str(server.server_id), "addresses": server.addresses}))
        await _either(stopping, leaving)
        if stopping.is_set() and settings.leave_delay > 0:
            server.health.leave()
            await asyncio.sleep(settings.leave_delay)
    finally:
        reloader.cancel()
        drain = settings.leave_delay if stopping.is_set() else grace
        await server.stop(grace, drain=min(drain, LAST_CALL_SECONDS))


async def _reload_when(told: asyncio.Event, server: SecurityServer) -> None:
    while True:
        await told.wait()
        told.clear()
        await server.reload()


def _once(stopping: asyncio.Event) -> Callable[[], None]:
    def stop() -> None:
        if stopping.is_set():
            os._exit(1)  # what has been answered is in the message log, as after a kill
        stopping.set()

    return stop


def _end_with_supervisor(loop: asyncio.AbstractEventLoop, stopping: asyncio.Event) -> None:
    """Standard input is a pipe that only the supervisor can write to: its end is the supervisor's."""

    def heard() -> None:
        if not os.read(sys.stdin.fileno(), 1):
            loop.remove_reader(sys.stdin.fileno())
            stopping.set()

    loop.add_reader(sys.stdin.fileno(), heard)


async def _either(*events: asyncio.Event) -> None:
    waiting = [asyncio.create_task(event.wait()) for event in events]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for each in waiting:
        each.cancel()
