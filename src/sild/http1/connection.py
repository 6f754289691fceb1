"""What the server's and the client's end of a connection share: writing with back-pressure, pausing, the clock."""

from __future__ import annotations

import asyncio
from typing import cast

from sild.http1.deadline import Deadline
from sild.http1.errors import ConnectionLost, TimedOut
from sild.http1.limits import Limits

__all__ = ["SLICE", "ByteConnection"]

SLICE = 32 * 1024
"""At most this much goes through the parser at once, so that limits are looked at in between."""


class ByteConnection(asyncio.Protocol):
    """A transport with one writer and one reader. Subclasses say what the bytes mean."""

    def __init__(self, loop: asyncio.AbstractEventLoop, limits: Limits) -> None:
        self._loop = loop
        self._limits = limits
        self._transport: asyncio.Transport | None = None
        self.below: asyncio.Transport | None = None
        """The TLS layer, while it lives: there before `connection_made`, when it still shakes hands."""
        self._deadline = Deadline(loop, self._expired)
        self._drain: asyncio.Future[None] | None = None
        self._body_full = False
        self._crowded = False
        self._reading_paused = False
        self._leaving = False
        self._left_behind = 0
        self._ended: asyncio.Future[None] | None = None
        self.clogged = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=self._limits.buffer_bytes)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self.clogged = True
        self._deadline.stop()
        self._wake_writer()
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(None)

    # Writing.

    def pause_writing(self) -> None:
        self.clogged = True

    def resume_writing(self) -> None:
        self.clogged = self._transport is None
        self._wake_writer()

    def write(self, data: bytes) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            raise ConnectionLost("the peer has closed the connection")
        transport.write(data)

    def write_pieces(self, pieces: list[bytes]) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            raise ConnectionLost("the peer has closed the connection")
        transport.writelines(pieces)

    async def drained(self) -> None:
        """Wait until the peer has taken what was written; it may be slow, but not stand still for body_timeout."""
        while self.clogged:
            transport = self._transport
            if transport is None:
                raise ConnectionLost("the peer has closed the connection")
            waiting = transport.get_write_buffer_size()
            self._drain = self._loop.create_future()
            try:
                async with asyncio.timeout(self._limits.body_timeout):
                    await self._drain
            except TimeoutError:
                if transport.get_write_buffer_size() >= waiting:
                    self.abort()
                    raise TimedOut(f"the peer took no bytes for {self._limits.body_timeout:g} s") from None
            finally:
                self._drain = None

    def _wake_writer(self) -> None:
        drain = self._drain
        if drain is not None and not drain.done():
            drain.set_result(None)

    # Reading.

    def buffer_full(self) -> None:
        self._body_full = True
        self._steer_reading()

    def buffer_taken(self) -> None:
        self._body_full = False
        self._steer_reading()

    def _steer_reading(self) -> None:
        pause = self._body_full or self._crowded
        transport = self._transport
        if transport is None or pause is self._reading_paused:
            return
        self._reading_paused = pause
        if pause:
            transport.pause_reading()
        else:
            transport.resume_reading()

    # The end.

    def abort(self) -> None:
        """End at once; bytes not yet taken by the peer are lost."""
        transport = self._transport or self.below
        if transport is not None:
            transport.abort()

    def close(self) -> None:
        """End after the peer has taken what was written, or has not moved for linger_timeout."""
        transport = self._transport
        if transport is not None:
            self._leaving = True
            self._left_behind = transport.get_write_buffer_size()
            transport.close()
            if self._transport is not None:
                self._deadline.set(self._limits.linger_timeout)

    async def wait_closed(self) -> None:
        """Wait until the transport is gone; call `close` or `abort` first."""
        if self._transport is not None:
            self._ended = self._loop.create_future()
            await self._ended

    def _expired(self) -> None:
        """A deadline has passed. Subclasses handle theirs first."""
        transport = self._transport
        if transport is None:
            return
        left = transport.get_write_buffer_size()
        if self._leaving and left < self._left_behind:
            self._left_behind = left
            self._deadline.set(self._limits.linger_timeout)
        else:
            transport.abort()
