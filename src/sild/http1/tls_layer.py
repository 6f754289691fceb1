"""TLS between a TCP transport and an HTTP connection, through memory buffers.

To asyncio this is a protocol, to the HTTP connection a transport; the context is chosen per connection, the handshake's
outcome is known before the HTTP connection hears of it. Bytes pass in records of at most 16 KiB and in slices, so that
OpenSSL's buffers stay small. What is written within one turn of the event loop leaves as one record where it fits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Iterable
from typing import Any, cast

from sild.http1.connection import SLICE, ByteConnection
from sild.http1.errors import TlsFailed
from sild.http1.peer import TlsPeer
from sild.http1.tls import AnyTls
from sild.http1.tls_engines import RECORD, ROOM, Engine, make_engine
from sild.telemetry import get_logger

__all__ = ["TlsLayer"]

log = get_logger("http1")


class TlsLayer(asyncio.Protocol, asyncio.Transport):
    """One TLS connection. `established` (a client's) ends with the handshake or its failure."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        context: AnyTls,
        app: ByteConnection,
        *,
        server_side: bool,
        handshake_timeout: float,
        hostname: str | None = None,
        peer: Hashable = None,
        established: asyncio.Future[None] | None = None,
    ) -> None:
        super().__init__()
        self._loop = loop
        self._app: ByteConnection | None = app
        self._engine: Engine | None = make_engine(
            context, server_side=server_side, hostname=hostname, peer=peer
        )
        self._established = established
        self._handshake_timeout = handshake_timeout
        self._timer: asyncio.TimerHandle | None = None
        self._tcp: asyncio.Transport | None = None
        self._open = False
        self._closing = False
        self._session_kept = server_side
        self._sessions_over = server_side
        self._goodbye_heard = False
        self._failure: Exception | None = None
        self._owed = 0  # bytes still to come of the record begun
        self._header = b""  # the beginning of a record's header, when a read ended inside it
        self._pending: list[bytes] = []
        self._pending_size = 0
        self._peer: TlsPeer | None = None
        app.below = self

    # As a protocol: the TCP side.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._tcp = cast(asyncio.Transport, transport)
        self._timer = self._loop.call_later(self._handshake_timeout, self._handshake_expired)
        self._shake()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        app, self._app = self._app, None
        if not self._sessions_over and self._engine is not None and self._session_kept:
            self._engine.keep_session()  # with the tickets that came since (TLS 1.3)
        self._tcp = self._engine = self._peer = None
        self._pending.clear()
        failure = self._failure or exc
        if failure is None and self._open and not self._goodbye_heard and not self._closing:
            failure = TlsFailed("the peer ended the connection without saying so")
        if self._established is not None and not self._established.done():
            self._established.set_exception(
                failure or TlsFailed("the peer ended the connection in the handshake")
            )
        if app is not None:
            app.below = None
            app.connection_lost(failure)

    def eof_received(self) -> bool:
        return False

    def pause_writing(self) -> None:
        if self._app is not None:
            self._app.pause_writing()

    def resume_writing(self) -> None:
        if self._app is not None:
            self._app.resume_writing()

    def data_received(self, data: bytes) -> None:
        engine, app = self._engine, self._app
        if engine is None or app is None or self._closing:
            return
        if not self._open:
            self._count_records(data)
            engine.feed(data)
            self._shake()
            return
        try:
            if (
                len(data) <= ROOM
                and len(data) == 5 + int.from_bytes(data[3:5], "big")
                and not self._owed
                and not self._header
            ):
                engine.feed(data)  # one whole record, as small messages are: there is nothing more to ask for
                plain = engine.read(len(data))
                if plain:
                    app.data_received(plain)
                elif plain is None:
                    self._send_out()
                else:
                    self._hear_goodbye()
            elif len(data) <= SLICE:
                self._receive(data)
            else:
                for at in range(0, len(data), SLICE):
                    self._receive(data[at : at + SLICE])
        except TlsFailed as failure:
            self._fail(failure)
            return
        if not self._session_kept:
            self._session_kept = True
            engine.keep_session()

    def _receive(self, data: bytes) -> None:
        """Feed a slice and take all that can be read."""
        self._count_records(data)
        engine = self._engine
        if engine is not None:
            engine.feed(data)
            self._drain()

    def _drain(self) -> None:
        while self._engine is not None and self._app is not None and not self._closing:
            plain = self._engine.read(RECORD)
            if plain is None:
                self._send_out()
                return
            if not plain:
                self._hear_goodbye()
                return
            self._app.data_received(plain)

    def _count_records(self, data: bytes) -> None:
        """Follow record boundaries (RFC 8446 5.1), to know when a read ends on one."""
        if self._header:
            data = self._header + data
            self._header = b""
        at, end = self._owed, len(data)
        while at + 5 <= end:
            at += 5 + int.from_bytes(data[at + 3 : at + 5], "big")
        self._owed = max(0, at - end)
        self._header = data[at:]

    def _hear_goodbye(self) -> None:
        if self._goodbye_heard or self._app is None:
            return
        self._goodbye_heard = True
        if not self._app.eof_received():
            self.close()

    def _shake(self) -> None:
        engine, app = self._engine, self._app
        if engine is None or app is None:
            return
        try:
            done = engine.handshake()
        except TlsFailed as failure:
            self._fail(failure)
            return
        self._send_out()
        if not done or self._tcp is None:
            return
        self._stop_timer()
        self._open = True
        self._peer = peer = engine.peer()
        if peer.version == "TLSv1.2" and not self._session_kept:
            self._session_kept = True
            engine.keep_session()
        app.connection_made(self)
        if self._established is not None and not self._established.done():
            self._established.set_result(None)
        try:
            self._drain()
        except TlsFailed as failure:
            self._fail(failure)

    def _handshake_expired(self) -> None:
        self._timer = None
        self._fail(TlsFailed(f"no handshake within {self._handshake_timeout:g} s"))

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _fail(self, failure: TlsFailed) -> None:
        """The peer is told by an alert, where the library has one; then the connection is over."""
        if self._failure is not None or self._tcp is None or self._engine is None:
            return
        self._failure = TlsFailed(failure.message)  # without the frames of where it came from
        if self._established is None:
            log.info("tls.failed", reason=failure.message, handshake=not self._open)
        self.forget_session()
        self._send_out()
        self._closing = True
        self._tcp.close()

    def _send_out(self) -> None:
        if self._engine is not None and self._tcp is not None:
            data = self._engine.out()
            if data:
                self._tcp.write(data)

    # As a transport: the HTTP connection's side.

    def write(self, data: bytes) -> None:  # type: ignore[override]  # our connections write nothing else
        if self._closing:
            return
        self._pending.append(data)
        size = self._pending_size
        self._pending_size = size + len(data)
        if self._pending_size >= RECORD:
            self._flush()
        elif not size:
            self._loop.call_soon(self._flush)

    def writelines(self, pieces: Iterable[bytes]) -> None:  # type: ignore[override]  # as above
        for piece in pieces:
            self.write(piece)

    def _flush(self) -> None:
        engine, tcp = self._engine, self._tcp
        if not self._pending_size or engine is None or tcp is None:
            return
        pending = self._pending
        data = pending[0] if len(pending) == 1 else b"".join(pending)
        pending.clear()
        self._pending_size = 0
        try:
            if len(data) <= RECORD:
                tcp.write(engine.encrypt(data))
            else:
                view = memoryview(data)
                tcp.writelines([engine.encrypt(view[at : at + RECORD]) for at in range(0, len(data), RECORD)])
        except TlsFailed as failure:
            self._fail(failure)

    def close(self) -> None:
        if self._closing or self._tcp is None or self._engine is None:
            return
        self._flush()
        self._closing = True
        if self._open:
            self._engine.goodbye()
            self._send_out()
        self._tcp.close()

    def forget_session(self) -> None:
        """The next connection to this peer shakes hands in full."""
        self._sessions_over = True
        if self._engine is not None:
            self._engine.forget_session()

    def abort(self) -> None:
        self._closing = True
        if self._tcp is not None:
            self._tcp.abort()

    def is_closing(self) -> bool:
        return self._closing or self._tcp is None or self._tcp.is_closing()

    def pause_reading(self) -> None:
        if self._tcp is not None and not self._tcp.is_closing():
            self._tcp.pause_reading()

    def resume_reading(self) -> None:
        if self._tcp is not None and not self._tcp.is_closing():
            self._tcp.resume_reading()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        if self._tcp is not None:
            self._tcp.set_write_buffer_limits(high=high, low=low)

    def get_write_buffer_size(self) -> int:
        return self._pending_size + (self._tcp.get_write_buffer_size() if self._tcp is not None else 0)

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        """Say goodbye and end our half of the TCP connection; what still comes is read and dropped."""
        if self._closing or self._tcp is None or self._engine is None:
            return
        self._flush()
        self._closing = True
        self._engine.goodbye()
        self._send_out()
        if self._tcp.can_write_eof():
            self._tcp.write_eof()

    def get_extra_info(self, name: str, default: Any = None) -> Any:  # Any: as asyncio has it
        if name == "tls_peer":
            return self._peer
        return self._tcp.get_extra_info(name, default) if self._tcp is not None else default
