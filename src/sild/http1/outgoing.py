"""A request whose body is written by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sild.http1.errors import ConnectionLost
from sild.http1.request import write_chunk

if TYPE_CHECKING:
    from sild.http1.client import ClientResponse, Connection

__all__ = ["Outgoing"]


class Outgoing:
    """A request under way, made by `Connection.start`: `write` its body, `finish` it, take the `response`.

    The peer may answer early (a fault, say): look at `answered` and stop writing. Once it has answered, bytes it no
    longer takes are dropped without a word, so that the answer gets read.
    """

    __slots__ = ("_chunked", "_connection", "_remaining", "finished")

    def __init__(self, connection: Connection, length: int | None) -> None:
        self._connection = connection
        self._chunked = length is None
        self._remaining = length
        self.finished = False

    @property
    def answered(self) -> bool:
        """The head of the answer is here."""
        return self._connection.answered

    async def write(self, data: bytes) -> None:
        """The next piece of the body; waits while the peer is slow. Raises ConnectionLost, TimedOut."""
        await self._body(data, last=False)

    async def finish(self, data: bytes = b"") -> None:
        """The end of the body, with a last piece of it if there is one."""
        await self._body(data, last=True)
        self.finished = True
        self._connection.sent()

    async def response(self, read_timeout: float | None = None) -> ClientResponse:
        """The answer's head; see `Connection.request`."""
        return await self._connection.receive(read_timeout)

    async def _body(self, data: bytes, *, last: bool) -> None:
        if self.finished:
            raise RuntimeError("the request is finished")
        if self._remaining is not None:
            self._remaining -= len(data)
            if self._remaining < 0 or (last and self._remaining):
                raise ValueError("the body is not as long as announced")
        connection = self._connection
        try:
            if self._chunked:
                write_chunk(connection, data, last=last)
            elif data:
                connection.write(data)
            if connection.clogged:
                await connection.drained()
        except ConnectionLost:
            if not connection.answered:
                raise connection.failure() from None
