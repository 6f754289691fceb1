"""A transport without a network, for looking at the protocols of `sild.http1` alone."""

from __future__ import annotations

import asyncio

__all__ = ["Pipe"]


class Pipe(asyncio.Transport):
    """A transport that keeps what is written: the protocols alone are looked at."""

    def __init__(self, protocol: asyncio.Protocol) -> None:
        super().__init__()
        self.written = bytearray()
        self.closed = False
        self._protocol = protocol
        self._loop = asyncio.get_running_loop()

    def write(self, data: bytes) -> None:  # type: ignore[override]
        self.written += data

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...

    def can_write_eof(self) -> bool:
        return False

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self._loop.call_soon(self._protocol.connection_lost, None)

    abort = close
