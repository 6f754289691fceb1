"""The server's end of a connection: one protocol object and one task, no task per request.

The incoming half (request_reader.py) queues requests as they come; the connection's task answers them one by one, so
pipelined requests are answered in order. Two things happen side by side:

    incoming   idle -> head -> body -> idle                             the parser (`_head_open`, `_incoming`)
    outgoing   waiting -> handling -> discarding -> waiting | leaving   the task (`_run`)

A head that is refused (400, 408, 417, 431, 501, 505) is answered after the requests before it, and nothing after it is read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from sild.errors import PlatformError
from sild.http1.errors import BodyTooLarge, BrokenMessage, ConnectionLost, TimedOut
from sild.http1.limits import Limits
from sild.http1.request import Request, Responder
from sild.http1.request_reader import MOST_WAITING, RequestReader
from sild.telemetry import get_logger

__all__ = ["Handler", "ServerConnection"]

Handler = Callable[[Request, Responder], Awaitable[None]]

log = get_logger("http1")

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class ServerConnection(RequestReader):
    """One accepted connection. `gone` is called once when it has ended, its task included."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        handler: Handler,
        limits: Limits,
        gone: Callable[[ServerConnection], None],
    ) -> None:
        super().__init__(loop, limits)
        self._handler = handler
        self._gone = gone
        self.task: asyncio.Task[None] | None = None
        self._wakeup: asyncio.Future[None] | None = None
        # the request being answered
        self._current: Request | None = None
        self._waited = 0.0  # seconds its reader has waited for its body
        self._wait_began = 0.0
        # the end
        self._stopping = False
        self._heard_end = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._deadline.set(self._limits.idle_timeout)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self.task is None:
            self._gone(self)

    def eof_received(self) -> bool:
        """The client has no more to say but may still listen: answer what is queued."""
        self._heard_end = True
        self._hear_no_more("the client stopped in the middle of a request")
        return self.task is not None

    def last_call(self) -> None:
        """The server is closing soon: the next answer says that it is the last."""
        self._stopping = True

    def stop(self) -> None:
        """The server is closing: finish the request in hand, take no other."""
        self._stopping = True
        if self._current is None and not self._queue:
            self._no_more = True
            if self._transport is None:
                self.abort()  # still shaking hands
            elif self.task is None:
                self.close()
            else:
                self.wake()

    # The reader's side.

    def reader_waits(self) -> None:
        request = self._current
        if request is not None and request.expects_continue:
            request.expects_continue = False
            self.write(_CONTINUE)
        limits = self._limits
        received = 0 if request is None else request.received
        self._wait_began = self._loop.time()
        left = limits.body_timeout + received / limits.body_rate - self._waited
        self._deadline.set(max(0.0, min(limits.body_timeout, left)))

    def reader_served(self) -> None:
        self._waited += self._loop.time() - self._wait_began
        self._deadline.clear()

    def _expired(self) -> None:
        if self._leaving:
            super()._expired()
        elif self._current is not None:
            self._deaf = self._no_more = True
            self._current.fail(TimedOut("the client sends its body too slowly"))
            self._incoming = None
        elif self._head_open:
            self._refuse(408)
        elif self.task is None:
            self.close()
        else:
            self._no_more = True
            self.wake()

    # Outgoing: the connection's task.

    @property
    def must_close(self) -> bool:
        if self._stopping or (self._no_more and not self._queue):
            return True
        request = self._current
        return request is not None and request.expects_continue and not request.complete

    @property
    def is_waiting(self) -> bool:
        return self.task is None or self._wakeup is not None

    def wake(self) -> None:
        if self._wakeup is not None:
            if not self._wakeup.done():
                self._wakeup.set_result(None)
        elif self.task is None and self._transport is not None and (self._queue or self._refused):
            self.task = self._loop.create_task(self._run())

    async def _run(self) -> None:
        try:
            while True:
                if self._queue:
                    if not await self._exchange(self._queue.popleft()):
                        return
                elif self._unparsed:
                    self._parse_kept()
                elif self._no_more:
                    break
                else:
                    await self._next_head()
            refused, self._refused = self._refused, 0  # answered once: the client's end comes later
            if refused and self._transport is not None:
                await Responder(self, _nobody(self)).send(refused, [(b"Connection", b"close")])
                self._leave(unread=True)
        except (ConnectionLost, TimedOut):
            self.abort()
        except Exception as error:  # noqa: BLE001 - the connection's last resort
            log.bug("connection.task", error)
            self.abort()
        finally:
            self._current = None
            self.task = None
            if self._transport is None:
                self._gone(self)
            elif not self._leaving:
                self.close()

    async def _next_head(self) -> None:
        limits = self._limits
        self._deadline.set(limits.header_timeout if self._head_open else limits.idle_timeout)
        self._head_watched = self._head_open
        self._wakeup = self._loop.create_future()
        try:
            await self._wakeup
        finally:
            self._wakeup = None

    async def _exchange(self, request: Request) -> bool:
        """Have one request answered. Says whether the connection can carry another."""
        self._current = request
        self._waited = 0.0
        self._deadline.clear()
        if self._unparsed and len(self._queue) <= MOST_WAITING:
            self._parse_kept()  # the rest of this request's body may be there
        elif self._crowded and len(self._queue) <= MOST_WAITING:
            self._crowded = False
            self._steer_reading()
        responder = Responder(self, request)
        try:
            await self._handler(request, responder)
        except asyncio.CancelledError:
            self.abort()
            raise
        except Exception as error:  # noqa: BLE001 - a handler's bug must not end the server
            await self._failed(responder, error)
        if self._transport is None:
            return False
        if responder.started and not responder.finished:
            self.abort()  # the client must not take what it has for the whole
            return False
        if not responder.started:
            log.error("connection.unanswered", method=request.method)
            await responder.send(500, [])
        if not request.complete and not await self._discard(request):
            self._leave(unread=True)
            return False
        if responder.close or self._transport is None:
            return False
        self._current = None
        if self._body_full:
            self.buffer_taken()
        return True

    async def _failed(self, responder: Responder, error: Exception) -> None:
        """A handler let an error escape: what the client's own breach deserves, else 500 without a word."""
        if isinstance(error, PlatformError):
            log.refusal("connection.handler", error, peer=self._peer_address)
        else:
            log.bug("connection.handler", error)
        if responder.started or self._transport is None:
            return
        status = 500
        if isinstance(error, BrokenMessage):
            status = 400
        elif isinstance(error, BodyTooLarge):
            status = 413
        elif isinstance(error, TimedOut):
            status = 408
        await responder.send(status, [])

    async def _discard(self, request: Request) -> bool:
        """Read on what the handler left unread of the body, if that is little: the connection can then be kept."""
        if self._no_more or self._transport is None or request.expects_continue:
            return False
        size = 0
        try:
            async with asyncio.timeout(self._limits.linger_timeout):
                while data := await request.read_some():
                    size += len(data)
                    if size > self._limits.discard_bytes:
                        return False
        except (TimeoutError, PlatformError):
            return False
        return True

    def _leave(self, *, unread: bool) -> None:
        """Close. While the client may still be sending, say so first and read on for a moment: a reset could take
        our answer away from it (RFC 9112 9.6)."""
        transport = self._transport
        if transport is None:
            return
        if not unread or self._heard_end or not transport.can_write_eof() or transport.is_closing():
            self.close()
            return
        self._deaf = self._leaving = True
        self._left_behind = transport.get_write_buffer_size()
        self._body_full = self._crowded = False
        self._steer_reading()
        self._deadline.set(self._limits.linger_timeout)
        try:
            transport.write_eof()
        except OSError:  # the client is gone altogether
            transport.abort()


def _nobody(flow: ServerConnection) -> Request:
    """The request a refused head did not become."""
    return Request("GET", b"", [], flow, 0, "", None)
