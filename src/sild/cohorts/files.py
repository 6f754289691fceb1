"""Files that are there whole or not at all, and on the disk when the call returns."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sild.errors import CallerError, Unavailable

__all__ = ["held_alone", "translated", "write_whole"]

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def write_whole(path: Path, content: bytes) -> None:
    """Raises Unavailable (disk_full); then `path` is as it was."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
    with translated(path):
        try:
            with draft.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Refusals of the file system in our words."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            message = f"no room for {path}: make some, then go on with --resume"
            raise Unavailable(message, code="disk_full") from error
        raise CallerError(f"{path}: {error.strerror or error}") from error


@contextmanager
def held_alone(path: Path) -> Iterator[None]:
    """A lock that ends with its process, however that ends.  Raises CallerError (run_busy)."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CallerError(f"another process runs in {path.parent}", code="run_busy") from None
        yield
