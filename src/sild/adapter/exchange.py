"""One call on the wire, with its repetitions: connection, request, the judging of what comes back, pauses.

A call's `judge` reads the answer as far as the call wants it and raises what is wrong with it; what it raises counts as the
attempt's failure, and `retries` says whether there is another one.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import count
from time import monotonic
from typing import Generic, TypeVar

from sild.adapter.bodies import RequestBody, Sendable
from sild.adapter.connections import Connections, Timeouts
from sild.adapter.faults import XRoadFault
from sild.adapter.retries import Retries, Sent
from sild.errors import PlatformError
from sild.http1 import ClientResponse, Connection, Header, TimedOut
from sild.telemetry import get_logger

__all__ = ["Call", "Exchanges"]

log = get_logger("adapter")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """judge: gets the answer and the number of the attempt.  service: for the log; paths and queries hold personal data."""

    method: str
    target: bytes
    headers: tuple[Header, ...]
    judge: Callable[[ClientResponse, int], Awaitable[T]]
    repeatable: bool
    query_id: str = ""
    service: str = ""
    body: Sendable = field(default_factory=lambda: RequestBody(None))
    timeouts: Timeouts | None = None


class Exchanges:
    """Calls to one security server."""

    def __init__(self, connections: Connections, timeouts: Timeouts, retries: Retries) -> None:
        self._connections = connections
        self._timeouts = timeouts
        self._retries = retries

    async def run(self, call: Call[T]) -> T:
        """Send, judge, repeat while the rule allows; the connection is free again when this returns."""
        connection, judged = await self._begin(call)
        self._end(connection)
        return judged

    @asynccontextmanager
    async def open(self, call: Call[T]) -> AsyncIterator[T]:
        """The same, but the connection stays the call's inside the block, for an answer that is read piece by piece.

        The bound on the whole call ends when the block begins. Enter and leave may run in different tasks.
        """
        connection, judged = await self._begin(call)
        try:
            yield judged
        except BaseException:
            connection.abort()
            raise
        finally:
            self._end(connection)

    async def _begin(self, call: Call[T]) -> tuple[Connection, T]:
        """Wait for a connection's turn, and send until something good comes back. `_end` gives the turn up."""
        timeouts = call.timeouts or self._timeouts
        async with _within(timeouts.total) if timeouts.total is not None else nullcontext():
            await self._connections.acquire()
            try:
                return await self._attempts(call, timeouts)
            except BaseException:
                self._connections.release()
                raise

    def _end(self, connection: Connection) -> None:
        self._give_back(connection)
        self._connections.release()

    async def _attempts(self, call: Call[T], timeouts: Timeouts) -> tuple[Connection, T]:
        for attempt in count(1):
            began, sent = monotonic(), False
            try:
                connection = await self._connections.take()
                sent = True
                judged = await self._attempt(connection, call, timeouts, attempt)
            except PlatformError as error:
                known = Sent(sent, call.repeatable, call.body.replayable)
                pause = self._retries.pause_after(attempt, error, known, chance=random.random())  # noqa: S311 - no secret
                self._report(call, error, attempt, pause)
                if pause is None:
                    raise
            else:
                log.debug(
                    "adapter.answered",
                    service=call.service,
                    method=call.method,
                    query_id=call.query_id,
                    attempt=attempt,
                    milliseconds=round(1000 * (monotonic() - began), 1),
                )
                return connection, judged
            await asyncio.sleep(pause)
        raise AssertionError("count() ends nowhere")

    async def _attempt(self, connection: Connection, call: Call[T], timeouts: Timeouts, attempt: int) -> T:
        try:
            response = await _send(connection, call, timeouts.silence)
            return await call.judge(response, attempt)
        except XRoadFault:
            self._give_back(connection)  # read to its end: the connection is as good as before
            raise
        except BaseException:
            connection.abort()
            raise

    def _give_back(self, connection: Connection) -> None:
        if connection.reusable:
            self._connections.give(connection)
        else:
            connection.abort()

    def _report(self, call: Call[T], error: PlatformError, attempt: int, pause: float | None) -> None:
        """A failure is raised to the caller, who may log it as he likes; a repetition he would not see."""
        (log.debug if pause is None else log.info)(
            "adapter.failed" if pause is None else "adapter.repeated",
            fault=type(error).__name__,
            code=error.code_path,
            service=call.service,
            method=call.method,
            query_id=call.query_id,
            attempt=attempt,
        )


async def _send(connection: Connection, call: Call[T], silence: float) -> ClientResponse:
    """Send, and wait for the head of the answer. A stream is sent to its end unless the server answers before.

    Silence counts from the request's last byte: a long upload is none.
    """
    body = call.body.send()
    if body is None or isinstance(body, bytes):
        return await connection.request(call.method, call.target, call.headers, body, read_timeout=silence)
    outgoing = await connection.start(call.method, call.target, call.headers)
    async with aclosing(body):
        async for piece in body:
            if outgoing.answered:
                break
            await outgoing.write(piece)
        else:
            await outgoing.finish()
    return await outgoing.response(silence)


@asynccontextmanager
async def _within(seconds: float) -> AsyncIterator[None]:
    """A bound on everything inside, as an error of ours."""
    try:
        async with asyncio.timeout(seconds) as bound:
            yield
    except TimeoutError:
        if bound.expired():
            raise TimedOut(f"the call took longer than {seconds:g} s") from None
        raise
