"""`sild op-monitor --config FILE`: operational monitoring as a process of its own, for one or several security servers."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import click
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pydantic import model_validator

from sild.clock import system_clock
from sild.configuration_client import ConfigurationClient
from sild.database import sqlite_url
from sild.errors import CallerError, Unavailable
from sild.http1 import TlsContext, peer_server_context, run, serve
from sild.op_monitor import Daemon, MonitoringRules, OperationalMonitor, is_server_owner
from sild.processes.asgi import Listen
from sild.settings import LogLevel, Settings, read_settings
from sild.telemetry import configure_logging, get_logger
from sild.xroad.soap import SoapMessage

__all__ = ["OpMonitorSettings", "command"]

log = get_logger("op_monitor")


class OpMonitorSettings(Settings):
    """Relative paths start at the TOML file. With https only servers that show one of `client_certificates` are heard."""

    directory: Path
    database: str | None = None  # SQLAlchemy URL; without it op-monitor.db in `directory`
    listen: Listen = Listen(port=2080)
    client_certificates: tuple[Path, ...] = ()
    anchor: Path | None = None  # of the configuration that names the instance's monitoring client
    monitoring: MonitoringRules = MonitoringRules()
    log_level: LogLevel = "INFO"

    @model_validator(mode="after")
    def _clients_with_https(self) -> OpMonitorSettings:
        if (self.listen.certificate is None) != (not self.client_certificates):
            raise ValueError(
                "client_certificates go with a certificate and a key in listen, which make it https"
            )
        return self


@click.command("op-monitor")
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    help="Settings (TOML); see docs/op_monitor.md.",
)
def command(config: Path) -> None:
    """Run an operational monitoring daemon until SIGTERM or SIGINT. Prints one JSON line with its address when it serves."""
    settings = read_settings(OpMonitorSettings, config)
    configure_logging(settings.log_level)
    run(_serve(settings, config.parent.resolve()))


async def _serve(settings: OpMonitorSettings, base: Path) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    directory = base / settings.directory
    url = settings.database or sqlite_url(directory / "op-monitor.db")
    monitor = OperationalMonitor(url, rules=settings.monitoring)
    configuration = None
    if settings.anchor is not None:
        configuration = ConfigurationClient(base / settings.anchor, directory / "configuration")
    tls, certificates = _tls(settings, base)
    daemon = Daemon(monitor, sees_all=_sees_all(configuration), client_certificates=certificates)
    listen = settings.listen
    server = await serve(daemon, listen.host, listen.port, tls=tls, name="op_monitor")
    work: list[Coroutine[Any, Any, None]] = [monitor.run()]
    if configuration is not None:
        work.append(configuration.run())
    tasks = [asyncio.create_task(each) for each in work]
    try:
        scheme = "http" if tls is None else "https"
        address = f"{scheme}://{_in_url(listen.host)}:{server.port}"
        click.echo(json.dumps({"server": "op-monitor", "addresses": [address]}))
        await stopping.wait()
    finally:
        await server.close()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await monitor.close()


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _sees_all(configuration: ConfigurationClient | None) -> Callable[[SoapMessage], bool]:
    """The owner of the server asked, and the instance's monitoring client. With an anchor, only while its configuration is valid."""
    if configuration is None:
        return is_server_owner

    def sees_all(message: SoapMessage) -> bool:
        globalconf = configuration.current
        if globalconf is None:
            raise Unavailable(
                "Global configuration is not available yet", code="global_conf_download_failure"
            )
        globalconf.ensure_valid(system_clock())
        return is_server_owner(message) or message.client == globalconf.monitoring_client

    return sees_all


def _tls(
    settings: OpMonitorSettings, base: Path
) -> tuple[Callable[[], TlsContext] | None, frozenset[bytes] | None]:
    """The context for each connection, and the certificates (DER) of those who are heard. Raises CallerError."""
    listen = settings.listen.at(base)
    if listen.certificate is None:
        return None, None
    context = peer_server_context()
    try:
        context.load_cert_chain(listen.certificate, listen.key)
        known = frozenset(_certificate(base / path) for path in settings.client_certificates)
    except (OSError, ValueError) as error:
        raise CallerError(f"TLS of the operational monitoring daemon: {error}") from error
    return lambda: context, known


def _certificate(path: Path) -> bytes:
    data = path.read_bytes()
    if b"-----BEGIN" in data:
        return x509.load_pem_x509_certificate(data).public_bytes(Encoding.DER)
    return x509.load_der_x509_certificate(data).public_bytes(Encoding.DER)
