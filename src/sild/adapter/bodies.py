"""Request bodies: bytes, or a stream from whatever the caller has; and whether it can be sent a second time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable, Iterator
from typing import Protocol, runtime_checkable

__all__ = ["Body", "BodyStream", "ByteReader", "RequestBody", "Sendable"]

PIECE = 64 * 1024


@runtime_checkable
class ByteReader(Protocol):
    """A binary file, or what reads like one."""

    def read(self, size: int, /) -> bytes: ...


@runtime_checkable
class _Seekable(ByteReader, Protocol):
    def seekable(self) -> bool: ...
    def tell(self) -> int: ...
    def seek(self, offset: int, /) -> int: ...


BodyStream = AsyncIterable[bytes] | Iterable[bytes] | ByteReader
Body = bytes | BodyStream | Callable[[], BodyStream]
"""A function is asked for a new stream at each attempt: such a body can be repeated, as bytes and seekable files can."""


class Sendable(Protocol):
    """A body as a call sees it, attempt by attempt."""

    @property
    def present(self) -> bool: ...

    @property
    def replayable(self) -> bool:
        """It can be sent again from its beginning, or nothing of it has been read yet."""

    def send(self) -> bytes | AsyncGenerator[bytes, None] | None:
        """The body for one attempt."""


class RequestBody:
    """A call's body. A seekable file is sent from where it stands, each time."""

    def __init__(self, body: Body | None) -> None:
        if isinstance(body, str):
            raise TypeError("a body is bytes, not str: which encoding is the caller's to say")
        self._whole = body if isinstance(body, bytes) else None
        self._open: Callable[[], BodyStream] | None = None
        self._used = False
        self._once = False
        if isinstance(body, bytes) or body is None:
            return
        if callable(body):
            self._open = body
        elif isinstance(body, _Seekable) and body.seekable():
            self._open = _rewinding(body)
        else:
            self._open, self._once = lambda: body, True

    @property
    def present(self) -> bool:
        return bool(self._whole) or self._open is not None

    @property
    def replayable(self) -> bool:
        return not (self._once and self._used)

    def send(self) -> bytes | AsyncGenerator[bytes, None] | None:
        self._used = True
        return self._whole if self._open is None else _pieces(self._open())


def _rewinding(file: _Seekable) -> Callable[[], BodyStream]:
    start = file.tell()

    def rewind() -> BodyStream:
        file.seek(start)
        return file

    return rewind


async def _pieces(stream: BodyStream) -> AsyncGenerator[bytes, None]:
    """Blocking streams are read in a thread, so that a slow disk holds up nobody else's call."""
    if isinstance(stream, AsyncIterable):
        async for piece in stream:
            if piece:
                yield piece
        return
    source = _read(stream) if isinstance(stream, ByteReader) else iter(stream)
    while (piece_or_end := await asyncio.to_thread(_next, source)) is not None:
        if piece_or_end:
            yield piece_or_end


def _next(source: Iterator[bytes]) -> bytes | None:
    return next(source, None)


def _read(file: ByteReader) -> Iterator[bytes]:
    while piece := file.read(PIECE):
        yield piece
