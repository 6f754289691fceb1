"""The server's end of a connection: one protocol object and one task, no task per request.

Bytes go through the parser as they arrive; whole heads become `Request`s in a queue; the connection's task takes them one
by one, so pipelined requests are answered in order. Two things happen side by side:

    incoming   idle -> head -> body -> idle                             the parser (`_head_open`, `_incoming`)
    outgoing   waiting -> handling -> discarding -> waiting | leaving   the task (`_run`)

A head that is refused (400, 408, 417, 431, 501, 505) is answered after the requests before it, and nothing after it is read.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

import httptools

from sild.errors import PlatformError
from sild.http1.connection import SLICE, ByteConnection
from sild.http1.errors import BodyTooLarge, BrokenMessage, ConnectionLost, TimedOut
from sild.http1.heads import Header
from sild.http1.limits import Limits
from sild.http1.peer import TlsPeer
from sild.http1.request import Request, Responder
from sild.telemetry import get_logger

__all__ = ["Handler", "ServerConnection"]

Handler = Callable[[Request, Responder], Awaitable[None]]

log = get_logger("http1")

_METHODS = {m.encode(): m for m in ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE")}
_LENGTHS = frozenset(
    {4, 6, 7, 10, 14, 17}
)  # host, expect, upgrade, connection, content-length, transfer-encoding
_MOST_WAITING = 16  # pipelined requests parsed ahead of the one being answered
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class _Refused(Exception):
    """Raised inside a parser callback."""

    def __init__(self, status: int) -> None:
        self.status = status


class ServerConnection(ByteConnection):
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
        self._parser: httptools.HttpRequestParser | None = httptools.HttpRequestParser(self)
        self.task: asyncio.Task[None] | None = None
        self._wakeup: asyncio.Future[None] | None = None
        self._queue: deque[Request] = deque()
        self._current: Request | None = None
        self._unparsed: list[bytes] = []
        self._peer_address = ""
        self._tls: TlsPeer | None = None
        # the message being parsed
        self._target = b""
        self._headers: list[Header] = []
        self._incoming: Request | None = None
        self._head_open = False
        self._head_watched = False
        self._spent = 0  # bytes of the head, or of chunk framing without a byte of body, in whole slices
        self._slice_bytes = 0
        self._got_body = False
        self._upgrade_framing = b""  # the framing line of a body that follows a head with an upgrade
        self._repeating = False  # the parser is being fed a head it knows
        # the request being answered
        self._waited = 0.0  # seconds its reader has waited for its body
        self._wait_began = 0.0
        # the end
        self._refused = 0  # the status a broken head is answered with
        self._deaf = False  # what comes is no longer looked at
        self._no_more = False  # no request will be taken after those queued
        self._stopping = False
        self._heard_end = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        peer = transport.get_extra_info("peername")
        self._peer_address = peer[0] if isinstance(peer, tuple) else ""
        self._tls = transport.get_extra_info("tls_peer")
        self._deadline.set(self._limits.idle_timeout)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._parser = None
        self._hear_no_more("the client closed the connection in the middle of a request")
        if self.task is None:
            self._gone(self)

    def eof_received(self) -> bool:
        """The client has no more to say but may still listen: answer what is queued."""
        self._heard_end = True
        self._hear_no_more("the client stopped in the middle of a request")
        return self.task is not None

    def _hear_no_more(self, why: str) -> None:
        self._deaf = self._no_more = True
        self._unparsed.clear()
        if self._incoming is not None:
            self._incoming.fail(BrokenMessage(why))
            self._incoming = None
        self._wake_task()

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
                self._wake_task()

    # Incoming bytes.

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
        if self._unparsed:
            self._unparsed.append(data)
        elif len(data) <= SLICE:
            self._parse(data)
        else:
            self._parse_slices(data)

    def _parse_slices(self, data: bytes) -> None:
        """Give the parser a slice at a time; keep the rest when enough requests wait."""
        for at in range(0, len(data), SLICE):
            if self._deaf:
                return
            if len(self._queue) > _MOST_WAITING:
                self._unparsed.append(data[at:])
                return
            self._parse(data[at : at + SLICE])

    def _parse_kept(self) -> None:
        data = b"".join(self._unparsed)
        self._unparsed.clear()
        self._parse_slices(data)
        self._crowded = len(self._queue) > _MOST_WAITING
        self._steer_reading()

    def _parse(self, data: bytes) -> None:
        refused = None
        while self._parser is not None:
            self._slice_bytes = len(data)
            self._got_body = False
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                after = upgrade.args[0]
            except httptools.HttpParserCallbackError as error:
                cause = error.__context__
                if not isinstance(cause, _Refused):
                    log.bug("connection.parser_callback", cause or error)
                refused = cause.status if isinstance(cause, _Refused) else 500
                break
            except httptools.HttpParserError:
                if not self._deaf:  # else bytes after a request that was to be the last
                    refused = 400
                break
            else:
                break
            self._decline_upgrade()
            data = data[after:]
            if not data or self._deaf:
                break
        if refused is None:
            refused = self._look_at_limits(len(data))
        if refused is not None:
            self._refuse(refused)
        elif self._queue:
            if len(self._queue) > _MOST_WAITING:
                self._crowded = True
                self._steer_reading()
            self._wake_task()

    def _look_at_limits(self, size: int) -> int | None:
        """A slice of `size` bytes is parsed: the status to refuse with if what is unfinished has become too long."""
        if self._incoming is not None:
            self._spent = 0 if self._got_body else self._spent + size
        elif self._head_open:
            self._spent += size
            if not self._head_watched and (self.task is None or self._wakeup is not None):
                self._head_watched = True
                self._deadline.set(self._limits.header_timeout)
        return 431 if self._spent > self._limits.max_header_bytes else None

    def _decline_upgrade(self) -> None:
        """The client offered another protocol (the JDK offers HTTP/2 on each first request): go on in this one.

        The parser stops at such a head and takes what follows for the other protocol, the body included. So a new one
        goes on, told first how the body is framed.
        """
        self._parser = parser = httptools.HttpRequestParser(self)
        framing, self._upgrade_framing = self._upgrade_framing, b""
        if framing:
            self._repeating = True
            parser.feed_data(b"POST / HTTP/1.1\r\n" + framing + b"\r\n\r\n")
            self._repeating = False

    def _refuse(self, status: int) -> None:
        """What comes has no meaning from here on: answer what came before, then this, then leave."""
        if self._incoming is None:
            self._refused = status
            log.info("connection.refused", status=status, peer=self._peer_address)
        self._hear_no_more("the body is not framed as HTTP/1.1 frames it")

    # Parser callbacks.

    def on_message_begin(self) -> None:
        if self._repeating:
            return
        self._head_open = True
        self._head_watched = False
        self._spent = (
            -self._slice_bytes
        )  # where in this slice the head begins is unknown: it counts from the next

    def on_url(self, url: bytes) -> None:
        if not self._repeating:
            self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._incoming is None:  # else a trailer: dropped
            self._headers.append((name, value.rstrip(b" \t")))

    def on_headers_complete(self) -> None:
        parser = self._parser
        if self._repeating or parser is None:
            return
        headers, target = self._headers, self._target
        limits = self._limits
        if self._spent + 2 * self._slice_bytes > limits.max_header_bytes:
            size = len(target) + sum(len(n) + len(v) + 4 for n, v in headers)
            if size > limits.max_header_bytes:
                raise _Refused(431)
        method = parser.get_method()
        request = Request(
            _METHODS.get(method) or method.decode("ascii"),
            target,
            headers,
            self,
            limits.buffer_bytes,
            self._peer_address,
            self._tls,
        )
        request.keep_alive = parser.should_keep_alive()
        self._check_head(request, parser)
        self._headers = []
        self._target = b""
        self._head_open = False
        self._spent = 0
        self._incoming = request
        self._queue.append(request)

    def _check_head(self, request: Request, parser: httptools.HttpRequestParser) -> None:
        """What the parser leaves open (RFC 9112 3.2, 6.1, 6.3): two readers must not frame one message differently."""
        framing = b""
        upgrade = False
        said = not request.keep_alive
        hosts = 0
        for name, value in request.headers:
            if len(name) not in _LENGTHS:
                continue
            name = name.lower()
            if name == b"host":
                hosts += 1
            elif name == b"content-length":
                request.has_body_hint = value.strip(b"0") != b""
                framing = b"Content-Length: " + value
            elif name == b"transfer-encoding":
                if value.lower() != b"chunked":
                    raise _Refused(501)
                request.has_body_hint = True
                framing = b"Transfer-Encoding: chunked"
            elif name == b"connection":
                said = True
            elif name == b"upgrade":
                upgrade = True
            elif name == b"expect":
                if value.lower() != b"100-continue":
                    raise _Refused(417)
                request.expects_continue = True
        if said:  # else it is HTTP/1.1: no other version is kept alive unasked
            self._check_version(request, parser.get_http_version(), framing)
        if hosts > 1 or (hosts == 0 and request.minor):
            raise _Refused(400)
        if request.method == "CONNECT":
            raise _Refused(501)
        if upgrade and framing and parser.should_upgrade():
            self._upgrade_framing = framing

    def _check_version(self, request: Request, version: str, framing: bytes) -> None:
        if version == "1.1":
            return
        if version != "1.0":
            raise _Refused(505)
        request.minor = 0
        if framing.startswith(b"Transfer"):
            raise _Refused(400)

    def on_body(self, body: bytes) -> None:
        if self._incoming is not None:
            self._got_body = True
            self._incoming.feed(body)

    def on_message_complete(self) -> None:
        request = self._incoming
        if request is not None and not self._upgrade_framing:
            self._incoming = None
            request.end()
            if not request.keep_alive:
                self._deaf = self._no_more = True

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
            self._wake_task()

    # Outgoing: the connection's task.

    @property
    def must_close(self) -> bool:
        if self._stopping or (self._no_more and not self._queue):
            return True
        request = self._current
        return request is not None and request.expects_continue and not request.complete

    def _wake_task(self) -> None:
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
            if self._refused and self._transport is not None:
                await Responder(self, _nobody(self)).send(self._refused, [(b"Connection", b"close")])
                self._leave(unread=True)
        except ConnectionLost:
            pass
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
        if self._unparsed and len(self._queue) <= _MOST_WAITING:
            self._parse_kept()  # the rest of this request's body may be there
        elif self._crowded and len(self._queue) <= _MOST_WAITING:
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
