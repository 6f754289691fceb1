"""`sild message-log-witness`: what the log itself says about a person, sealed, to hold a tracker's completeness statement against."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from sild.errors import Unavailable
from sild.message_log import MessageLog, scan, seal_witness
from sild.openid import SigningKey, load_signing_key, new_signing_key, render_jwks
from sild.private_files import write_private
from sild.settings import read_secret

__all__ = ["command"]


@click.command("message-log-witness")
@click.argument("person")
@click.option("--database", required=True, help="SQLAlchemy URL of the message log.")
@click.option("--log", "name", required=True, help="The security server: INSTANCE/CLASS/CODE/SERVER.")
@click.option("--register", "registers", multiple=True, help="Only this one: CLASS/CODE/SUBSYSTEM; may be repeated.")  # fmt: skip
@click.option(
    "--key",
    "key_file",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Of whoever keeps the log; made, with KEY.jwks for others, if it is not there.",
)
@click.option(
    "--password-file",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Its first line is the key's password.",
)
def command(
    person: str, database: str, name: str, registers: tuple[str, ...], key_file: Path, password_file: Path
) -> None:
    """Print which requests of the log name PERSON (EE38001085718), as a JWS. Beside a running server, too."""
    key = _key(key_file, read_secret(None, password_file))
    said = asyncio.run(_look(database, name, person, registers))
    click.echo(seal_witness(said, key))


async def _look(database: str, name: str, person: str, registers: tuple[str, ...]) -> dict[str, Any]:
    log = MessageLog(database)
    try:
        return await scan(log, name, person, at=datetime.now(UTC), registers=registers)
    finally:
        await log.close()


def _key(file: Path, password: str) -> SigningKey:
    try:
        if file.exists():
            return load_signing_key(file.read_bytes(), "ES256", password)
        made = new_signing_key("ES256")
        write_private(file, made.to_pem(password))
        file.with_suffix(file.suffix + ".jwks").write_text(json.dumps(render_jwks([made])))
    except OSError as error:
        raise Unavailable(f"{file}: {error.strerror or error}", code="io_error") from error
    return made
