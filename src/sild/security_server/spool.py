"""A message body of any size: in memory up to a threshold, then in an unnamed temporary file that dies with its handle.

The digest runs along, so that a body is read once. Writes go to the page cache and are short; reading back hands out
pieces of 64 KiB.
"""

from __future__ import annotations

import hashlib
import io
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from sild.errors import CallerError, Unavailable

__all__ = ["DEFAULT_SPOOL_THRESHOLD", "SpooledBody"]

DEFAULT_SPOOL_THRESHOLD = 128 * 1024
PIECE = 64 * 1024


class SpooledBody:
    """Write pieces, then read them back any number of times. Use as a context manager: closing frees the file.

    threshold: bytes kept in memory.  limit: bytes accepted at all (None: as many as the disk holds).
    keep: False computes size and digest only, for a body nobody will read again.
    """

    __slots__ = ("_digest", "_directory", "_file", "_limit", "_pieces", "_threshold", "keep", "size")

    def __init__(
        self,
        *,
        directory: Path | None = None,
        threshold: int = DEFAULT_SPOOL_THRESHOLD,
        limit: int | None = None,
        keep: bool = True,
    ) -> None:
        self._directory = directory
        self._threshold = threshold
        self._limit = limit
        self._pieces: list[bytes] = []
        self._file: IO[bytes] | None = None
        self._digest = hashlib.sha512()
        self.keep = keep
        self.size = 0

    def write(self, piece: bytes) -> None:
        """Raises CallerError (body over the limit) or Unavailable (`io_error`: the disk is full)."""
        self.size += len(piece)
        if self._limit is not None and self.size > self._limit:
            raise CallerError("the message body is longer than this server accepts", code="invalid_request")
        self._digest.update(piece)
        if not self.keep:
            return
        if self._file is None:
            self._pieces.append(piece)
            if self.size <= self._threshold:
                return
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(dir=self._directory, prefix="sild-", buffering=0)  # noqa: SIM115 - closed in close()
                piece = b"".join(self._pieces)
                self._pieces.clear()
            left = memoryview(piece)
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            raise Unavailable(
                "cannot spool a message body", code="io_error", reason=error.strerror
            ) from error  # the reason names directories: it is for the log, not for the peer

    @property
    def digest(self) -> bytes:
        """SHA-512 of what has been written so far."""
        return self._digest.digest()

    @property
    def in_memory(self) -> bool:
        return self._file is None

    def pieces(self) -> Iterator[bytes]:
        """The whole body from its beginning, in pieces."""
        if self._file is None:
            yield from self._pieces
            return
        position = 0
        while True:
            self._file.seek(position)
            piece = self._file.read(PIECE)
            if not piece:
                return
            position += len(piece)
            yield piece

    def read(self) -> bytes:
        """The whole body; only for one known to be small."""
        if self._file is None and len(self._pieces) == 1:
            return self._pieces[0]
        return b"".join(self.pieces())

    def open(self) -> IO[bytes]:
        """A file of the body, positioned at its beginning and owned by the caller only until this body is closed."""
        if self._file is None:
            return io.BytesIO(b"".join(self._pieces))
        self._file.seek(0)
        return self._file

    def close(self) -> None:
        self._pieces.clear()
        if self._file is not None:
            self._file.close()
            self._file = None

    def __enter__(self) -> SpooledBody:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
