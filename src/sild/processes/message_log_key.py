"""`sild message-log-key`: a new key in the PKCS#12 keystore that the message log encrypts bodies with."""

from __future__ import annotations

import contextlib
import os
import secrets
from datetime import UTC, datetime
from pathlib import Path

import click

from sild.errors import Unavailable
from sild.message_log import add_secret
from sild.settings import read_secret

__all__ = ["command"]

SECRET_BYTES = 32
RANDOM_BYTES = 56


@click.command("message-log-key")
@click.argument("keystore", type=click.Path(dir_okay=False, path_type=Path))
@click.argument("key_id")
@click.option(
    "--password-file",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Its first line is the keystore's password.",
)
def command(keystore: Path, key_id: str, password_file: Path) -> None:
    """Add a random key KEY_ID to KEYSTORE, which is made if it is not there. What is in it stays.

    Give every node the new keystore first, then name the key in `message_log_key_id`.
    """
    password = read_secret(None, password_file)
    old = keystore.read_bytes() if keystore.exists() else None
    new = add_secret(
        old,
        password,
        key_id,
        secrets.token_bytes(SECRET_BYTES),
        at=datetime.now(UTC),
        random=secrets.token_bytes(RANDOM_BYTES),
    )
    try:
        _replace(keystore, new)
    except OSError as error:
        raise Unavailable(f"{keystore}: {error.strerror or error}", code="io_error") from error
    click.echo(f"{keystore} has a key {key_id}")


def _replace(path: Path, data: bytes) -> None:
    """Whole or not at all: old records cannot be read without it."""
    draft = path.with_name(f".{path.name}.new")
    with contextlib.suppress(FileNotFoundError):
        draft.unlink()
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(descriptor)
    draft.replace(path)
