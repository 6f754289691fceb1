"""A message on its way in: the head as it came, the body as a bounded buffer between connection and reader."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Protocol

from sild.errors import PlatformError
from sild.http1.errors import BodyTooLarge
from sild.http1.heads import Header

__all__ = ["IncomingMessage"]

LARGE_BODY = 4 * 1024 * 1024
"""Bytes from which putting the pieces together goes to a thread: it lets the interpreter go, 90 MB take 30 ms."""


class Flow(Protocol):
    """The connection, as its message sees it."""

    def reader_waits(self) -> None:
        """Somebody waits for body bytes: bring them (and watch the clock)."""

    def reader_served(self) -> None:
        """The waiting is over."""

    def buffer_full(self) -> None:
        """Stop reading from the peer."""

    def buffer_taken(self) -> None:
        """The reader has emptied the buffer: read on."""


class IncomingMessage:
    """Head and body of a message. `headers` are (name, value) in order, case and number as received."""

    __slots__ = (
        "_by_name",
        "_complete",
        "_failure",
        "_flow",
        "_held",
        "_high",
        "_parts",
        "_waiter",
        "headers",
        "received",
    )

    def __init__(self, headers: list[Header], flow: Flow, high: int) -> None:
        self.headers = headers
        self._by_name: dict[bytes, bytes] | None = None
        self._flow = flow
        self._high = high
        self._parts: list[bytes] = []
        self._held = 0
        self.received = 0
        """Bytes of the body so far, taken or not."""
        self._complete = False
        self._failure: PlatformError | None = None
        self._waiter: asyncio.Future[None] | None = None

    def header(self, name: bytes) -> bytes | None:
        """The first value of the header; `name` in lower case."""
        names = self._by_name
        if names is None:
            names = self._by_name = {n.lower(): v for n, v in reversed(self.headers)}
        return names.get(name)

    def header_values(self, name: bytes) -> list[bytes]:
        """Every value of the header in order; `name` in lower case."""
        return [v for n, v in self.headers if n.lower() == name]

    @property
    def complete(self) -> bool:
        """The whole message has arrived (its body may still be unread)."""
        return self._complete

    async def read(self, max_bytes: int) -> bytes:
        """The whole body. Raises BodyTooLarge past `max_bytes`, BrokenMessage, ConnectionLost, TimedOut."""
        if self._complete and self._failure is None:  # a small message: everything came with the head
            body = self._take()
            if len(body) > max_bytes:
                raise BodyTooLarge(f"body of more than {max_bytes} bytes")
            return body
        parts: list[bytes] = []
        size = 0
        while data := await self.read_some():
            size += len(data)
            if size > max_bytes:
                raise BodyTooLarge(f"body of more than {max_bytes} bytes")
            parts.append(data)
        return b"".join(parts) if size < LARGE_BODY else await asyncio.to_thread(b"".join, parts)

    async def read_some(self) -> bytes:
        """The bytes that are here, or the next that come; empty at the end of the body."""
        while not self._parts:
            if self._failure is not None:
                failure = self._failure
                raise type(failure)(failure.message, code=failure.code, **failure.detail)
            if self._complete:
                return b""
            await self._wait()
        return self._take()

    def chunks(self) -> AsyncIterator[bytes]:
        """The body piece by piece as it comes; the peer is slowed to the reader's pace."""
        return _Chunks(self)

    def _take(self) -> bytes:
        parts = self._parts
        if not parts:
            return b""
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        parts.clear()
        full = self._held >= self._high
        self._held = 0
        if full:
            self._flow.buffer_taken()
        return data

    async def _wait(self) -> None:
        if self._waiter is not None:
            raise RuntimeError("two readers of one body")
        waiter = self._waiter = asyncio.get_running_loop().create_future()
        self._flow.reader_waits()
        try:
            await waiter
        finally:
            self._waiter = None
            self._flow.reader_served()

    # The connection's side.

    def feed(self, data: bytes) -> None:
        self._parts.append(data)
        self.received += len(data)
        before = self._held
        self._held = held = before + len(data)
        if held >= self._high > before:
            self._flow.buffer_full()
        if self._waiter is not None:
            self._wake()

    def end(self) -> None:
        self._complete = True
        if self._waiter is not None:
            self._wake()

    def fail(self, failure: PlatformError) -> None:
        """Bytes already here can still be read; then the reader gets the failure."""
        if not self._complete and self._failure is None:
            self._failure = failure
            if self._waiter is not None:
                self._wake()

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)


class _Chunks:
    __slots__ = ("_message",)

    def __init__(self, message: IncomingMessage) -> None:
        self._message = message

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        data = await self._message.read_some()
        if not data:
            raise StopAsyncIteration
        return data
