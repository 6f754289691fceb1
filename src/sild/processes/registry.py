"""`sild registry --config FILE`: one register as a process of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click
from pydantic import Field

from sild.processes.asgi import Listen, Listener, serve_asgi
from sild.registries import PopulationRegister, ResidenceRegister, population_app, residence_app
from sild.settings import LogLevel, Settings, read_settings
from sild.telemetry import configure_logging

if TYPE_CHECKING:
    from fastapi import FastAPI

__all__ = ["RegistrySettings", "command"]


class RegistrySettings(Settings):
    """`directory` holds, without `database`, an SQLite file; relative paths start at the TOML file."""

    kind: Literal["population", "residence"] = "population"
    system: str = Field(
        pattern=r"^[^/]+/[^/]+/[^/]+/[^/]+$"
    )  # INSTANCE/CLASS/CODE/SUBSYSTEM, the source of its events
    directory: Path
    database: str | None = None  # SQLAlchemy URL
    people: int = Field(default=4_000, ge=100, le=1_000_000)  # about how many move into an empty register
    url: str | None = None  # the address given in the OpenAPI description
    listen: tuple[Listen, ...] = (Listen(port=8000),)
    log_level: LogLevel = "INFO"


Opened = tuple["FastAPI", Callable[[], None]]
"""The application, and what closes its register."""


def _population(settings: RegistrySettings, directory: Path) -> Opened:
    register = PopulationRegister.open(
        directory, settings.database, system=f"/{settings.system}", people=settings.people
    )
    return population_app(register, url=settings.url), register.close


def _residence(settings: RegistrySettings, directory: Path) -> Opened:
    register = ResidenceRegister.open(
        directory, settings.database, system=f"/{settings.system}", people=settings.people
    )
    return residence_app(register, url=settings.url), register.close


KINDS: Mapping[str, Callable[[RegistrySettings, Path], Opened]] = {
    "population": _population,
    "residence": _residence,
}


@click.command("registry")
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    help="Settings (TOML); see docs/registries.md.",
)
def command(config: Path) -> None:
    """Run one register until SIGTERM or SIGINT. Prints one JSON line with its addresses when it serves."""
    settings = read_settings(RegistrySettings, config)
    configure_logging(settings.log_level)
    asyncio.run(run(settings, base=config.parent.resolve()))


async def run(settings: RegistrySettings, *, base: Path) -> None:
    """Open the register and serve it until the process is asked to end."""
    application, close = await asyncio.to_thread(KINDS[settings.kind], settings, base / settings.directory)
    try:
        listeners = [Listener(application, listen.at(base)) for listen in settings.listen]
        await serve_asgi(listeners, name="registry")
    finally:
        close()
