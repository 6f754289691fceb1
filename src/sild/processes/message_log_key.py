"""`sild message-log-key`: a new key in the PKCS#12 keystore that the message log encrypts bodies with."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click

from sild.errors import Unavailable
from sild.message_log import add_secret
from sild.private_files import write_private
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
    try:
        with _alone(keystore):
            new = add_secret(
                keystore.read_bytes() if keystore.exists() else None,
                password,
                key_id,
                secrets.token_bytes(SECRET_BYTES),
                at=datetime.now(UTC),
                random=secrets.token_bytes(RANDOM_BYTES),
            )
            write_private(keystore, new)
    except OSError as error:
        raise Unavailable(f"{keystore}: {error.strerror or error}", code="io_error") from error
    click.echo(f"{keystore} has a key {key_id}")


@contextlib.contextmanager
def _alone(keystore: Path) -> Iterator[None]:
    """One command at a time adds keys: the later would take the other's away, and old records could not be read without it."""
    directory = os.open(keystore.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)
        yield
    finally:
        os.close(directory)
