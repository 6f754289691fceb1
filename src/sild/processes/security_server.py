"""`sild security-server --config FILE`: one security server as a process of its own."""

from __future__ import annotations

import asyncio
import gc
import json
import signal
from pathlib import Path

import click

from sild.http1 import run
from sild.security_server import SecurityServer, SecurityServerSettings
from sild.settings import read_settings
from sild.telemetry import configure_logging

__all__ = ["command"]


@click.command("security-server")
@click.option(
    "--config",
    "config",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="TOML settings.",
)
@click.option("--grace", default=30.0, show_default=True, help="Seconds messages in hand get at the end.")
@click.option("--log-level", default="INFO", show_default=True)
def command(config: Path, grace: float, log_level: str) -> None:
    """Run a security server until SIGTERM or SIGINT. Prints one JSON line with its addresses when it serves."""
    configure_logging(log_level)
    run(_serve(read_settings(SecurityServerSettings, config), grace))


async def _serve(settings: SecurityServerSettings, grace: float) -> None:
    server = SecurityServer(settings)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    await server.start()
    gc.collect()
    gc.freeze()  # what stands now stays: the collector need not look at it for every few messages
    click.echo(json.dumps({"server": str(server.server_id), "addresses": server.addresses}))
    await stopping.wait()
    await server.stop(grace)
