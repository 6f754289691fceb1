"""`sild ai-gateway --config FILE`: the gateway until SIGTERM or SIGINT; its keys, switches and report as commands beside it.

The commands write to the gateway's database; the running process sees a switch within a quarter of a second, a key at its next call.
"""

from __future__ import annotations

import asyncio
import getpass
import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from random import SystemRandom
from typing import TypeVar
from uuid import uuid4

import click

from sild.ai_gateway import (
    Gateway,
    GatewayKey,
    GatewaySettings,
    KeyBook,
    Switch,
    egress_report,
    gateway_app,
    make_canaries,
    metrics_app,
    open_data,
    open_parts,
    open_store,
)
from sild.clock import system_clock
from sild.errors import CallerError
from sild.processes.asgi import Listen, Listener, serve_asgi
from sild.settings import LogLevel, read_settings
from sild.telemetry import configure_logging

__all__ = ["AIGatewaySettings", "command"]

F = TypeVar("F", bound=Callable[..., object])


class AIGatewaySettings(GatewaySettings):
    """Relative paths start at the TOML file."""

    listen: tuple[Listen, ...] = (Listen(port=8090),)
    metrics_listen: tuple[Listen, ...] = ()  # GET /metrics, for the operator's Prometheus alone
    log_level: LogLevel = "INFO"


_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


def _config(function: F) -> F:
    return click.option(
        "--config", type=_FILE, required=True, help="Settings (TOML); see docs/ai_gateway.md."
    )(function)


@click.group("ai-gateway", invoke_without_command=True)
@click.option("--config", type=_FILE, help="Settings (TOML); see docs/ai_gateway.md.")
@click.pass_context
def command(context: click.Context, config: Path | None) -> None:
    """Run the gateway to AI models, or look after its keys and switches."""
    if context.invoked_subcommand is not None:
        return
    if config is None:
        raise click.UsageError("--config is needed")
    settings = read_settings(AIGatewaySettings, config)
    configure_logging(settings.log_level)
    asyncio.run(run(settings, base=config.parent.resolve()))


async def run(settings: AIGatewaySettings, *, base: Path) -> None:
    """Open the gateway and serve it until the process is asked to end."""
    gateway = Gateway(await asyncio.to_thread(open_parts, settings, base))
    watching = asyncio.create_task(gateway.run())
    try:
        listeners = [Listener(gateway_app(gateway), listen.at(base)) for listen in settings.listen]
        listeners += [Listener(metrics_app(gateway), listen.at(base)) for listen in settings.metrics_listen]
        await serve_asgi(listeners, name="ai-gateway")
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await gateway.close()


@command.group("key")
def key_group() -> None:
    """Keys: a purpose, an entry of the algorithm register, templates."""


@key_group.command("add")
@_config
@click.option("--purpose", required=True)
@click.option("--algorithm", required=True, help="Its id in the algorithm register.")
@click.option(
    "--template", "templates", multiple=True, required=True, help="Id of a template; several times."
)
@click.option("--tokens-per-day", type=click.IntRange(1), default=200_000, show_default=True)
@click.option("--calls-per-minute", type=click.IntRange(1), default=60, show_default=True)
@click.option("--expires", type=click.DateTime(["%Y-%m-%d"]), help="Its last day.")
def add_key(
    config: Path,
    purpose: str,
    algorithm: str,
    templates: tuple[str, ...],
    tokens_per_day: int,
    calls_per_minute: int,
    expires: datetime | None,
) -> None:
    """Make a key and print it: it is kept nowhere."""
    settings = read_settings(AIGatewaySettings, config)
    base = config.parent.resolve()
    with closing(open_store(settings, base)) as store:
        prompts, algorithms = open_data(settings, base)
        _key, text = KeyBook(store, algorithms, prompts, system_clock).issue(
            purpose=purpose,
            algorithm=algorithm,
            templates=templates,
            made_by=getpass.getuser(),
            tokens_per_day=tokens_per_day,
            calls_per_minute=calls_per_minute,
            expires=expires.date() if expires else None,
        )
    click.echo(text)


@key_group.command("list")
@_config
def list_keys(config: Path) -> None:
    """One JSON line a key."""
    with closing(open_store(read_settings(AIGatewaySettings, config), config.parent.resolve())) as store:
        for key in store.all_keys():
            click.echo(json.dumps(_shown(key), default=str))


@key_group.command("revoke")
@_config
@click.argument("key_id")
def revoke_key(config: Path, key_id: str) -> None:
    """Take a key away, by the id `list` shows."""
    with closing(open_store(read_settings(AIGatewaySettings, config), config.parent.resolve())) as store:
        if not store.revoke_key(key_id, system_clock()):
            raise CallerError(f"no key {key_id} that holds", code="unknown_key")


@command.group("canary")
def canary_group() -> None:
    """Marks of people who never lived: planted in registers, never to leave."""


@canary_group.command("rotate")
@_config
@click.option("--country", type=click.Choice(["EE", "VN"]), required=True, help="Whose identity code it has.")
def rotate_canaries(config: Path, country: str) -> None:
    """Make a new set and print it, one JSON line each, to be planted. Those before are listened for still."""
    with closing(open_store(read_settings(AIGatewaySettings, config), config.parent.resolve())) as store:
        made = make_canaries(country, str(uuid4()), system_clock(), random=SystemRandom())
        store.add_canaries(made)
    for each in made:
        click.echo(json.dumps(asdict(each), default=str, ensure_ascii=False))


@canary_group.command("list")
@_config
def list_canaries(config: Path) -> None:
    """All that were ever made, one JSON line each: for whoever plants them, and for nobody else."""
    with closing(open_store(read_settings(AIGatewaySettings, config), config.parent.resolve())) as store:
        for each in store.canaries():
            click.echo(json.dumps(asdict(each), default=str, ensure_ascii=False))


@command.command("kill")
@_config
@click.argument("provider")
@click.option("--reason", required=True)
def kill(config: Path, provider: str, reason: str) -> None:
    """Switch PROVIDER off at once, calls under way included; `all-abroad` for every foreign one."""
    _throw(config, provider, reason, off=True)


@command.command("revive")
@_config
@click.argument("provider")
@click.option("--reason", required=True)
def revive(config: Path, provider: str, reason: str) -> None:
    """Switch PROVIDER on again."""
    _throw(config, provider, reason, off=False)


@command.command("report")
@_config
@click.option("--day", type=click.DateTime(["%Y-%m-%d"]), help="UTC; today without it.")
@click.option("--csv", "as_csv", is_flag=True)
def report(config: Path, day: datetime | None, as_csv: bool) -> None:
    """The public egress report of a day, as JSON or CSV."""
    wanted = (day or system_clock()).date()
    with closing(open_store(read_settings(AIGatewaySettings, config), config.parent.resolve())) as store:
        found = egress_report(
            wanted,
            store.ledger(since=wanted, until=wanted),
            store.canaries(),
            store.alarms(since=wanted, until=wanted),
        )
    click.echo(found.to_csv() if as_csv else json.dumps(found.to_json(), indent=2), nl=not as_csv)


def _throw(config: Path, provider: str, reason: str, *, off: bool) -> None:
    settings = read_settings(AIGatewaySettings, config)
    names = {each.name for each in settings.providers}
    if provider not in names | {"all-abroad"}:
        raise CallerError(f"no provider {provider}; there are: {', '.join(sorted(names))}, all-abroad")
    name = "*" if provider == "all-abroad" else provider
    with closing(open_store(settings, config.parent.resolve())) as store:
        store.throw(Switch(name, off, system_clock(), getpass.getuser(), reason))


def _shown(key: GatewayKey) -> dict[str, object]:
    return {name: value for name, value in asdict(key).items() if name != "sha256"}
