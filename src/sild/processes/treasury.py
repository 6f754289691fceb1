"""`sild treasury`: instruction files for the bank, and what the bank says of them. Beside the register that runs, on its database."""

from __future__ import annotations

from pathlib import Path

import click

from sild.errors import PlatformError
from sild.processes.registry import RegistrySettings
from sild.registries import TreasuryRegister
from sild.settings import read_settings

__all__ = ["command"]

CONFIG = click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    help="Settings of the register (TOML), kind `treasury`; see docs/registries.md.",
)


@click.group("treasury")
def command() -> None:
    """Payments: files for the bank (ISO 20022, pain.001), and its answers (pain.002)."""


@command.command("instruct")
@CONFIG
@click.option("--currency", required=True, help="Of the account to pay from: EUR, VND.")
@click.option(
    "--to",
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Where files go.",
)
def instruct(config: Path, currency: str, directory: Path) -> None:
    """Put what may be paid by today in a new file; write it, and every earlier one of which the bank has not said all.

    A file's name is its MsgId, by which a bank takes it once: copying it again pays nothing twice.
    """
    directory.mkdir(parents=True, exist_ok=True)
    register = _open(config)
    try:
        register.instruct(currency)
        for file in register.open_instructions():
            path = directory / f"{file.id}.xml"
            if not path.exists():
                draft = path.with_suffix(".new")
                draft.write_bytes(file.xml)
                draft.replace(path)
            click.echo(f"{path}  {file.count} transfers, {file.total} {file.currency}")
    finally:
        register.close()


@command.command("report")
@CONFIG
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
def report(config: Path, files: tuple[Path, ...]) -> None:
    """Take what the bank says (pain.002). Exit status 1: something it says cannot be; it was left as it was."""
    register = _open(config)
    contradicted = 0
    try:
        for path in files:
            taken = register.take_report(path.read_bytes())
            contradicted += len(taken.contradicted)
            click.echo(f"{path}  {taken.executed} executed, {taken.returned} returned")
            for end_to_end in taken.contradicted:
                click.echo(f"  cannot be: {end_to_end}", err=True)
    except PlatformError as error:
        raise click.ClickException(f"{path}: {error.message}") from error
    finally:
        register.close()
    raise SystemExit(1 if contradicted else 0)


def _open(config: Path) -> TreasuryRegister:
    settings = read_settings(RegistrySettings, config)
    if settings.kind != "treasury":
        raise click.ClickException(f"{config} is of a register of kind {settings.kind}, not of a treasury")
    directory = config.parent.resolve() / settings.directory
    return TreasuryRegister.open(directory, settings.database, system=f"/{settings.system}")
