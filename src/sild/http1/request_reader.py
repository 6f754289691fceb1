"""The server's incoming half: bytes become requests in a queue.

    idle -> head -> body -> idle

Everything that makes a head or a body invalid or too long is found here; the other half (server.py) answers it in its turn.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import deque

import httptools

from sild.http1.connection import SLICE, ByteConnection
from sild.http1.errors import BrokenMessage
from sild.http1.heads import Header
from sild.http1.limits import Limits
from sild.http1.peer import TlsPeer
from sild.http1.request import Request
from sild.telemetry import get_logger

__all__ = ["MOST_WAITING", "RequestReader"]

log = get_logger("http1")

MOST_WAITING = 16
"""Pipelined requests parsed ahead of the one being answered."""

_METHODS = {m.encode(): m for m in ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE")}
# of host, expect, upgrade, connection, content-length, transfer-encoding
_LENGTHS = frozenset({4, 6, 7, 10, 14, 17})


class _Refused(Exception):
    """Raised inside a parser callback."""

    def __init__(self, status: int) -> None:
        self.status = status


class RequestReader(ByteConnection, ABC):
    """Parses what comes. A subclass takes requests from `_queue` and is woken when there are any, or will be no more."""

    def __init__(self, loop: asyncio.AbstractEventLoop, limits: Limits) -> None:
        super().__init__(loop, limits)
        self._parser: httptools.HttpRequestParser | None = httptools.HttpRequestParser(self)
        self._peer_address = ""
        self._tls: TlsPeer | None = None
        self._queue: deque[Request] = deque()
        self._unparsed: list[bytes] = []
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
        # the end
        self._refused = 0  # the status a broken head is to be answered with
        self._deaf = False  # what comes is no longer looked at
        self._no_more = False  # no request will come after those queued

    @abstractmethod
    def wake(self) -> None:
        """There is something to answer, or nothing will come any more."""

    @property
    @abstractmethod
    def is_waiting(self) -> bool:
        """No request is being answered."""

    @abstractmethod
    def reader_waits(self) -> None:
        """See `message.Flow`."""

    @abstractmethod
    def reader_served(self) -> None:
        """See `message.Flow`."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        peer = transport.get_extra_info("peername")
        self._peer_address = peer[0] if isinstance(peer, tuple) else ""
        self._tls = transport.get_extra_info("tls_peer")

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._parser = None
        self._hear_no_more("the client closed the connection in the middle of a request")

    def _hear_no_more(self, why: str) -> None:
        self._deaf = self._no_more = True
        self._unparsed.clear()
        if self._incoming is not None:
            self._incoming.fail(BrokenMessage(why))
            self._incoming = None
        self.wake()

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
            if len(self._queue) > MOST_WAITING:
                self._unparsed.append(data[at:])
                return
            self._parse(data[at : at + SLICE])

    def _parse_kept(self) -> None:
        data = b"".join(self._unparsed)
        self._unparsed.clear()
        self._parse_slices(data)
        self._crowded = len(self._queue) > MOST_WAITING
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
            if len(self._queue) > MOST_WAITING:
                self._crowded = True
                self._steer_reading()
            self.wake()

    def _look_at_limits(self, size: int) -> int | None:
        """A slice of `size` bytes is parsed: the status to refuse with if what is unfinished has become too long."""
        if self._incoming is not None:
            self._spent = 0 if self._got_body else self._spent + size
        elif self._head_open:
            self._spent += size
            if not self._head_watched and self.is_waiting:
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
        self._spent = -self._slice_bytes  # where in the slice the head begins is unknown: count from the next

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
        request.expects_continue = False  # RFC 9110 10.1.1
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
