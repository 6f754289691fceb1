"""What a handler gets: the request as it came, and the means to answer it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from sild.http1.heads import Framing, Header, date_line, join_head, render_head, status_line
from sild.http1.message import Flow, IncomingMessage
from sild.http1.peer import TlsPeer

__all__ = ["Outlet", "Request", "Responder"]

_NO_BODY = frozenset({204, 304})
_CLOSE = b"Connection: close\r\n"
LAST_CHUNK = b"0\r\n\r\n"
COPY_BELOW = 16 * 1024
"""A piece smaller than this is cheaper to copy into one write than to hand over beside its frame."""


class Request(IncomingMessage):
    """A request. `target` is as received: percent-encoding untouched, absolute form possible (RFC 9112 3.2.2)."""

    __slots__ = (
        "expects_continue",
        "has_body_hint",
        "keep_alive",
        "method",
        "minor",
        "peer_address",
        "target",
        "tls",
    )

    def __init__(
        self,
        method: str,
        target: bytes,
        headers: list[Header],
        flow: Flow,
        high: int,
        peer_address: str,
        tls: TlsPeer | None,
    ) -> None:
        super().__init__(headers, flow, high)
        self.method = method
        self.target = target
        self.peer_address = peer_address
        self.tls = tls
        self.minor = 1
        """HTTP/1.`minor`: 0 or 1."""
        self.keep_alive = True
        self.has_body_hint = False
        """The head announces a body (a Content-Length above 0, or chunked)."""
        self.expects_continue = False

    @property
    def origin_form(self) -> bytes:
        """The target without `http://authority`, which clients send as if to a proxy: `/path?query`, or `*`."""
        target = self.target
        if target.startswith(b"/") or b"://" not in target:
            return target
        after = target.index(b"://") + 3
        ends = [i for i in (target.find(c, after) for c in (b"/", b"?")) if i >= 0]
        rest = target[min(ends) :] if ends else b""
        return rest if rest.startswith(b"/") else b"/" + rest


class Sink(Protocol):
    """Where bytes go out."""

    def write(self, data: bytes) -> None: ...

    def write_pieces(self, pieces: list[bytes]) -> None: ...


class Outlet(Sink, Protocol):
    """The connection, as a responder sees it."""

    @property
    def must_close(self) -> bool:
        """The server is stopping, or the connection cannot carry another request."""

    @property
    def clogged(self) -> bool:
        """More than a buffer of our bytes waits for the peer, or the peer is gone."""

    async def drained(self) -> None:
        """Wait until the peer has taken them. Raises ConnectionLost, TimedOut."""


class Responder:
    """Answers one request: `send` once, or `start`, `write`..., `finish`.

    Header names and values go out as given. Content-Length or Transfer-Encoding, Connection and Date are added where the
    caller gave none; a caller's `Connection: close` closes. Raises ConnectionLost or TimedOut when the peer is gone, and
    ValueError for a head that would not be one.
    """

    __slots__ = (
        "_bodyless",
        "_chunked",
        "_outlet",
        "_remaining",
        "_request",
        "close",
        "finished",
        "started",
        "status",
    )

    def __init__(self, outlet: Outlet, request: Request) -> None:
        self._outlet = outlet
        self._request = request
        self._chunked = False
        self._bodyless = False
        self._remaining: int | None = None
        self.started = False
        self.finished = False
        self.status = 0
        self.close = not request.keep_alive
        """The connection ends with this answer."""

    async def send(self, status: int, headers: Iterable[Header], body: bytes = b"", reason: str = "") -> None:
        """The whole answer in one write. To HEAD the body is measured and not sent."""
        lines, framing = self._head(status, headers, reason)
        if framing.length is None:
            if status not in _NO_BODY:
                lines.append(b"Content-Length: %d\r\n" % len(body))
        elif framing.length != len(body) and not self._bodyless:
            raise ValueError(f"Content-Length {framing.length} for a body of {len(body)} bytes")
        head = join_head(lines)
        outlet = self._outlet
        if not body or self._bodyless:
            outlet.write(head)
        elif len(body) < COPY_BELOW:
            outlet.write(head + body)
        else:
            outlet.write_pieces([head, body])
        self.started = self.finished = True
        if outlet.clogged:
            await outlet.drained()

    async def start(
        self, status: int, headers: Iterable[Header], *, reason: str = "", length: int | None = None
    ) -> None:
        """Begin an answer whose body follows by `write`: of `length` bytes, or chunked when that is not known."""
        lines, framing = self._head(status, headers, reason)
        if framing.length is None and status not in _NO_BODY:
            if length is not None:
                lines.append(b"Content-Length: %d\r\n" % length)
                framing.length = length
            elif self._request.minor:
                self._chunked = True
                lines.append(b"Transfer-Encoding: chunked\r\n")
            elif not self.close:  # HTTP/1.0: the end of the connection is the end of the body
                self.close = True
                lines.append(_CLOSE)
        self._remaining = framing.length
        self._outlet.write(join_head(lines))
        self.started = True

    async def write(self, data: bytes) -> None:
        """The next piece of the body; waits while the peer is slow."""
        self._body(data, last=False)
        if self._outlet.clogged:
            await self._outlet.drained()

    async def finish(self, data: bytes = b"") -> None:
        """The end of the body, with a last piece of it if there is one."""
        self._body(data, last=True)
        self.finished = True
        if self._outlet.clogged:
            await self._outlet.drained()

    def _head(self, status: int, headers: Iterable[Header], reason: str) -> tuple[list[bytes], Framing]:
        if self.started:
            raise RuntimeError("a second answer to one request")
        if status < 200:
            raise ValueError(f"not a final status: {status}")
        framing = Framing()
        lines = render_head(status_line(status, reason), headers, framing)
        self.status = status
        self._bodyless = self._request.method == "HEAD" or status in _NO_BODY
        if not framing.date:
            lines.append(date_line())
        if framing.close:
            self.close = True
        elif self.close or self._outlet.must_close:
            self.close = True
            lines.append(_CLOSE)
        elif not self._request.minor:
            lines.append(b"Connection: keep-alive\r\n")
        return lines, framing

    def _body(self, data: bytes, *, last: bool) -> None:
        if not self.started or self.finished:
            raise RuntimeError("a body outside an answer")
        if self._bodyless:
            return
        if self._remaining is not None:
            self._remaining -= len(data)
            if self._remaining < 0 or (last and self._remaining):
                raise ValueError("the body is not as long as announced")
        outlet = self._outlet
        if not self._chunked:
            if data:
                outlet.write(data)
        else:
            write_chunk(outlet, data, last=last)


def write_chunk(outlet: Sink, data: bytes, *, last: bool) -> None:
    """One chunk (RFC 9112 7.1), and the end of the body after it when it is the last."""
    end = LAST_CHUNK if last else b""
    if not data:
        if last:
            outlet.write(end)
    elif len(data) < COPY_BELOW:
        outlet.write(b"%x\r\n%b\r\n%b" % (len(data), data, end))
    else:
        outlet.write_pieces([b"%x\r\n" % len(data), data, b"\r\n" + end])
