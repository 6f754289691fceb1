"""Where a software token keeps its files: a directory of this machine, or the signer's database, which several machines share.

The files are the same in both places, and as safe: what is secret in them is encrypted under the token's PIN.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from sild.errors import Unavailable
from sild.private_files import write_private

__all__ = ["DirectoryFiles", "TokenFiles"]


class TokenFiles(Protocol):
    """Methods block: call them from a thread."""

    def names(self) -> frozenset[str]: ...

    def read(self, name: str) -> bytes:
        """Raises Unavailable (`token_not_available`)."""
        ...

    def add(self, files: Mapping[str, bytes]) -> bool:
        """Write new files, each whole or not at all, durably, in this order; False when the first is there already.

        Raises Unavailable (`database_error`, `io_error`).
        """
        ...

    def delete(self, *names: str) -> None: ...


class DirectoryFiles:
    """In `directory`, made when it is needed, readable by its owner alone."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def names(self) -> frozenset[str]:
        return frozenset(path.name for path in self._directory.glob("[!.]*"))

    def read(self, name: str) -> bytes:
        try:
            return (self._directory / name).read_bytes()
        except OSError as error:
            raise Unavailable(f"{name}: {error.strerror}", code="token_not_available") from error

    def add(self, files: Mapping[str, bytes]) -> bool:
        try:
            self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            for number, (name, data) in enumerate(files.items()):
                if not write_private(self._directory / name, data, replace=number > 0):
                    return False
        except OSError as error:
            raise Unavailable(f"the token's directory: {error.strerror}", code="io_error") from error
        return True

    def delete(self, *names: str) -> None:
        for name in names:
            (self._directory / name).unlink(missing_ok=True)
