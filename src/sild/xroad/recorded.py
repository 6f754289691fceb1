"""An HTTP/1.1 message as it stood on the wire between two security servers: head, then the body's bytes (RFC 9112).

For recordings, which are judged long after the connection has closed; live connections are `sild.http1`'s. The body is what
chunked coding or Content-Length frames, else everything to the end of the recording.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sild.errors import PeerError

__all__ = ["RecordedHead", "is_recorded_message", "read_recorded_message"]

MAX_HEAD_BYTES = 64 * 1024
_REQUEST_LINE = re.compile(rb"([A-Z]{1,20}) (\S+) HTTP/1\.[01]")
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-9][0-9]{2})(?: ([^\r\n]*))?")
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,12})(?:[ \t]*;[^\r\n]*)?\r\n")


@dataclass(frozen=True, slots=True)
class RecordedHead:
    """status: of a response; None for a request.  method: of a request.  headers: lower-case names, in order."""

    method: str | None
    status: int | None
    headers: tuple[tuple[str, str], ...]

    @property
    def is_request(self) -> bool:
        return self.status is None

    def header(self, name: str) -> str | None:
        return next((value for found, value in self.headers if found == name), None)


def is_recorded_message(start: bytes) -> bool:
    """Do these first bytes of a file look like a recorded HTTP message?"""
    line = start.split(b"\r\n", 1)[0]
    return _REQUEST_LINE.fullmatch(line) is not None or _STATUS_LINE.fullmatch(line) is not None


def read_recorded_message(chunks: Iterable[bytes]) -> tuple[RecordedHead, Iterator[bytes]]:
    """The head, and the body piece by piece. Raises PeerError (`io_error`), while the pieces are taken too."""
    source = _Source(chunks)
    head = _parse_head(source.until(b"\r\n\r\n", MAX_HEAD_BYTES, "the HTTP head"))
    encoding = head.header("transfer-encoding")
    length = head.header("content-length")
    if encoding is not None:
        if encoding.strip().lower() != "chunked" or length is not None:
            raise PeerError("the framing of the recorded message is ambiguous", code="io_error")
        return head, _dechunk(source)
    if length is not None:
        if not (length.isascii() and length.isdigit() and len(length) <= 18):
            raise PeerError("Content-Length is no number", code="io_error")
        return head, _exactly(source, int(length))
    return head, source.rest()


def _parse_head(data: bytes) -> RecordedHead:
    first, *lines = data.split(b"\r\n")
    request, response = _REQUEST_LINE.fullmatch(first), _STATUS_LINE.fullmatch(first)
    if request is None and response is None:
        raise PeerError("not a recorded HTTP message", code="io_error")
    headers = []
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not name or name != name.strip():
            raise PeerError("a header line of the recorded message is unreadable", code="io_error")
        headers.append((name.decode("iso-8859-1").lower(), value.strip(b" \t").decode("iso-8859-1")))
    return RecordedHead(
        method=None if request is None else request.group(1).decode(),
        status=None if response is None else int(response.group(1)),
        headers=tuple(headers),
    )


class _Source:
    """Bytes on demand out of pieces of any size."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._buffer = b""

    def _more(self) -> bool:
        piece = next(self._chunks, b"")
        self._buffer += piece
        return bool(piece)

    def until(self, end: bytes, limit: int, what: str) -> bytes:
        """What stands before `end`, which is taken away too."""
        while (found := self._buffer.find(end)) < 0:
            if len(self._buffer) > limit or not self._more():
                raise PeerError(f"{what} is cut short or too long", code="io_error")
        taken, self._buffer = self._buffer[:found], self._buffer[found + len(end) :]
        return taken

    def take(self, size: int) -> Iterator[bytes]:
        while size:
            if not self._buffer and not self._more():
                raise PeerError("the recorded message is cut short", code="io_error")
            piece, self._buffer = self._buffer[:size], self._buffer[size:]
            size -= len(piece)
            yield piece

    def rest(self) -> Iterator[bytes]:
        while self._buffer or self._more():
            piece, self._buffer = self._buffer, b""
            yield piece


def _exactly(source: _Source, length: int) -> Iterator[bytes]:
    yield from source.take(length)
    _ensure_end(source)


def _dechunk(source: _Source) -> Iterator[bytes]:
    while True:
        line = _CHUNK_SIZE.fullmatch(source.until(b"\r\n", 200, "a chunk size") + b"\r\n")
        if line is None:
            raise PeerError("a chunk size is unreadable", code="io_error")
        size = int(line.group(1), 16)
        if size == 0:
            break
        yield from source.take(size)
        if b"".join(source.take(2)) != b"\r\n":
            raise PeerError("a chunk does not end where its size says", code="io_error")
    while source.until(b"\r\n", MAX_HEAD_BYTES, "the trailer"):
        pass
    _ensure_end(source)


def _ensure_end(source: _Source) -> None:
    if b"".join(source.rest()).strip(b"\r\n"):
        raise PeerError("more bytes after the recorded message", code="io_error")
