"""The client's end of a connection: one exchange at a time; the answer may come before the request is finished.

An exchange has two halves, `_sending` and `_receiving`. The connection carries another one when both have ended well and
neither side said `close`; otherwise it is closed as soon as both have ended.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Callable, Iterable

import httptools

from sild.errors import PlatformError
from sild.http1.connection import SLICE, ByteConnection
from sild.http1.errors import BrokenMessage, ConnectionLost, TimedOut
from sild.http1.heads import Framing, Header, join_head, render_head, request_line
from sild.http1.limits import Limits
from sild.http1.message import Flow, IncomingMessage
from sild.http1.outgoing import Outgoing
from sild.http1.peer import TlsPeer
from sild.http1.request import COPY_BELOW
from sild.http1.tls_layer import TlsLayer

__all__ = ["ClientResponse", "Connection"]

_LENGTHS = frozenset({10, 14, 17})  # connection, content-length, transfer-encoding
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


class ClientResponse(IncomingMessage):
    """An answer: the head as received, the body by `read`, `read_some` or `chunks`."""

    __slots__ = ("reason", "status")

    def __init__(self, status: int, reason: str, headers: list[Header], flow: Flow, high: int) -> None:
        super().__init__(headers, flow, high)
        self.status = status
        self.reason = reason


class Connection(ByteConnection):
    """A client connection, made by `open_connection`: `request` for one call, `start` to write the body by hand."""

    def __init__(self, loop: asyncio.AbstractEventLoop, limits: Limits, host: bytes) -> None:
        super().__init__(loop, limits)
        self._host_line = b"Host: %b\r\n" % host
        self._parser: httptools.HttpResponseParser | None = httptools.HttpResponseParser(self)
        self.tls: TlsPeer | None = None
        self.requests = 0
        """Exchanges begun on it so far."""
        self._parked: Callable[[], None] | None = None
        # the exchange
        self._sending = False
        self._receiving = False
        self._keep_alive = True
        self._head_request = False
        self._waiter: asyncio.Future[None] | None = None
        self._answered = False
        self._response: ClientResponse | None = None  # until it is given out
        self._incoming: ClientResponse | None = None
        self._read_timeout: float | None = None
        self._failure: PlatformError | None = None
        self._pump: asyncio.Task[None] | None = None
        self._pump_error: Exception | None = None
        # the message being parsed
        self._headers: list[Header] = []
        self._reason = b""
        self._interim = False
        self._until_eof = False
        self._spent = 0
        self._got_body = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.tls = transport.get_extra_info("tls_peer")

    @property
    def reusable(self) -> bool:
        """The last exchange is over on both sides and the connection stands."""
        return (
            self._keep_alive
            and not self._sending
            and not self._receiving
            and not self._leaving
            and self._transport is not None
            and not self._transport.is_closing()
        )

    @property
    def answered(self) -> bool:
        """The head of the answer is here."""
        return self._answered

    async def request(
        self,
        method: str,
        target: bytes,
        headers: Iterable[Header],
        body: bytes | AsyncIterable[bytes] | None = None,
        *,
        read_timeout: float | None = None,
    ) -> ClientResponse:
        """Send a request and wait for the head of the answer.

        Names and values go out as given; Host and Content-Length (or chunked, for an iterable without one) are added
        where missing. read_timeout: seconds without a byte from the peer once the request is sent, before the head and
        between pieces of the body; None waits for ever. An iterable is read in a task of its own: the answer may come
        before its end, and once the answer is complete the rest is not asked for.
        Raises ConnectionLost, TimedOut, BrokenMessage; what the iterable raises ends the connection and is raised here.
        """
        if body is None or isinstance(body, bytes):
            lines, framing = self._begin(method, target, headers)
            size = len(body) if body else 0
            if framing.length is None:
                if size or method in _WITH_BODY:
                    lines.append(b"Content-Length: %d\r\n" % size)
            elif framing.length != size:
                raise ValueError(f"Content-Length {framing.length} for a body of {size} bytes")
            head = join_head(lines)
            self._sending = False
            self._go(method)
            if not body:
                self.write(head)
            elif size < COPY_BELOW:
                self.write(head + body)
            else:
                self.write_pieces([head, body])
            return await self.receive(read_timeout)
        outgoing = await self.start(method, target, headers)
        self._pump = self._loop.create_task(self._send_all(outgoing, body))
        return await self.receive(read_timeout)

    async def start(
        self, method: str, target: bytes, headers: Iterable[Header], *, length: int | None = None
    ) -> Outgoing:
        """Send the head; the body follows by `Outgoing.write`, of `length` bytes or chunked when that is not known."""
        lines, framing = self._begin(method, target, headers)
        if framing.length is None:
            if length is None:
                lines.append(b"Transfer-Encoding: chunked\r\n")
            else:
                lines.append(b"Content-Length: %d\r\n" % length)
                framing.length = length
        head = join_head(lines)
        self._sending = True
        self._go(method)
        self.write(head)
        return Outgoing(self, framing.length)

    def _begin(self, method: str, target: bytes, headers: Iterable[Header]) -> tuple[list[bytes], Framing]:
        if self._transport is None or self._leaving:
            raise ConnectionLost("the connection is closed")
        if not self.reusable:
            raise RuntimeError("the connection is in use")
        framing = Framing()
        lines = render_head(request_line(method, target), headers, framing)
        if not framing.host:
            lines.insert(1, self._host_line)
        self._keep_alive = not framing.close
        return lines, framing

    def _go(self, method: str) -> None:
        self.requests += 1
        self._receiving = True
        self._answered = False
        self._response = None
        self._head_request = method == "HEAD"

    async def receive(self, read_timeout: float | None) -> ClientResponse:
        """Wait for the head of the answer to what was sent."""
        self._read_timeout = read_timeout
        response = self._response
        if response is None and self._failure is None:
            waiter = self._waiter = self._loop.create_future()
            if read_timeout:
                self._deadline.set(read_timeout)
            try:
                await waiter
            except asyncio.CancelledError:
                self.abort()
                raise
            finally:
                self._waiter = None
            self._deadline.clear()
            response = self._response
        if response is None:
            raise self.failure()
        self._response = None
        return response

    def failure(self) -> Exception:
        """Why there is no answer."""
        error, self._pump_error = self._pump_error, None
        if error is not None:
            return error
        failure = self._failure
        if failure is None:
            return ConnectionLost("the peer closed the connection without an answer")
        return type(failure)(failure.message, code=failure.code)

    async def _send_all(self, outgoing: Outgoing, body: AsyncIterable[bytes]) -> None:
        try:
            async for data in body:
                await outgoing.write(data)
            await outgoing.finish()
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - the iterable is the caller's: its error is raised to the caller
            if not self._answered:
                self._pump_error = error
            self.abort()
        finally:
            self._pump = None

    def close(self) -> None:
        self._forget_unused()
        super().close()

    def abort(self) -> None:
        self._forget_unused()
        super().abort()

    def _forget_unused(self) -> None:
        """Closed before the first request: its certificate did not please, so the session must not come again."""
        if self.requests == 0 and isinstance(self.below, TlsLayer):
            self.below.forget_session()

    def sent(self) -> None:
        """The request's last byte is written."""
        self._sending = False
        self._settle()

    def _settle(self) -> None:
        """A half has ended: when it was the second, keep or close."""
        if self._receiving:
            return
        if self._pump is not None and self._sending:
            self._keep_alive = False
            self._pump.cancel()
            self.close()
        elif not self._sending and not self._keep_alive and not self._leaving:
            self.close()

    # Incoming bytes.

    def data_received(self, data: bytes) -> None:
        if len(data) <= SLICE:
            self._parse(data)
        else:
            for at in range(0, len(data), SLICE):
                self._parse(data[at : at + SLICE])

    def _parse(self, data: bytes) -> None:
        parser = self._parser
        if parser is None:
            return
        if self._is_over():  # an answer nobody asked for
            self._broken("bytes after the answer")
            return
        self._got_body = False
        try:
            parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if self._is_over():
                self._keep_alive = False
                self.close()
            else:
                self._broken(f"the answer is not valid HTTP/1.1: {error}")
            return
        if not self._is_over():
            self._spent = 0 if self._got_body else self._spent + len(data)
            if self._spent > self._limits.max_header_bytes:
                self._broken("the head of the answer is too long")
        elif self._head_request:
            self._parser = httptools.HttpResponseParser(
                self
            )  # the old one waits for the body that HEAD announces

    def _is_over(self) -> bool:
        return not self._receiving

    def _broken(self, why: str) -> None:
        self._keep_alive = False
        self._fail(BrokenMessage(why))
        self.abort()

    def _fail(self, failure: PlatformError) -> None:
        if self._failure is None:
            self._failure = failure
        self._receiving = False
        if self._incoming is not None:
            self._incoming.fail(failure)
            self._incoming = None
        if self._pump is not None:
            self._pump.cancel()
        self._wake_receiver()

    def eof_received(self) -> bool:
        if self._incoming is not None and self._until_eof:
            self._end_response()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._parser = None
        self._keep_alive = False
        if self._receiving:
            if isinstance(exc, PlatformError):
                self._fail(exc)
            elif self._incoming is None:
                self._fail(ConnectionLost("the peer closed the connection without an answer"))
            elif exc is None:
                self._fail(BrokenMessage("the peer closed the connection in the middle of its answer"))
            else:
                self._fail(ConnectionLost("the connection broke in the middle of the answer"))
        if self._parked is not None:
            self._parked()

    def _wake_receiver(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # Parser callbacks.

    def on_message_begin(self) -> None:
        if not self._receiving:
            raise ValueError("bytes after the answer")

    def on_status(self, reason: bytes) -> None:
        self._reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._incoming is None:  # else a trailer: dropped
            self._headers.append((name, value.rstrip(b" \t")))

    def on_headers_complete(self) -> None:
        parser = self._parser
        if parser is None or not self._receiving:
            raise ValueError("bytes after the answer")
        headers, reason = self._headers, self._reason
        self._headers, self._reason = [], b""
        keep_alive = parser.should_keep_alive()
        said = not keep_alive
        status = parser.get_status_code()
        if status < 200:
            if status == 101:
                raise ValueError("switching protocols")
            self._interim = True
            return
        framed = self._head_request or status in (204, 304)
        for name, value in headers:
            if len(name) in _LENGTHS:
                name = name.lower()
                if name == b"content-length":
                    framed = True
                elif name == b"transfer-encoding":
                    if value.lower() != b"chunked":
                        raise ValueError("a transfer coding other than chunked")
                    framed = True
                elif name == b"connection":
                    said = True
        if said and parser.get_http_version() not in ("1.1", "1.0"):  # unsaid, it is 1.1: see the server
            raise ValueError("not HTTP/1.1")
        self._until_eof = not framed
        if not framed or not keep_alive:
            self._keep_alive = False
        response = ClientResponse(status, reason.decode("latin-1"), headers, self, self._limits.buffer_bytes)
        self._spent = 0
        self._response = self._incoming = response
        self._answered = True
        if self._head_request:
            self._end_response()
        self._wake_receiver()

    def on_body(self, body: bytes) -> None:
        if self._incoming is not None:
            self._got_body = True
            self._incoming.feed(body)
        else:
            self._keep_alive = False

    def on_message_complete(self) -> None:
        if self._interim:
            self._interim = False
        elif self._incoming is not None:
            self._end_response()

    def _end_response(self) -> None:
        response, self._incoming = self._incoming, None
        assert response is not None
        self._receiving = False
        self._spent = 0
        response.end()
        self.buffer_taken()
        self._settle()

    # The reader's side.

    def reader_waits(self) -> None:
        if self._read_timeout:
            self._deadline.set(self._read_timeout)

    def reader_served(self) -> None:
        self._deadline.clear()

    def _expired(self) -> None:
        if self._leaving:
            super()._expired()
        elif self._receiving:
            self._keep_alive = False
            self._fail(TimedOut(f"no answer for {self._read_timeout:g} s"))
            self.abort()
        else:
            self.close()

    # The pool's side.

    def park(self, seconds: float, gone: Callable[[], None]) -> None:
        """Wait to be used again, at most so long. `gone` is called when the connection has ended meanwhile."""
        self._parked = gone
        self._deadline.set(seconds)

    def unpark(self) -> None:
        self._parked = None
        self._deadline.clear()
