"""TLS between a TCP transport and an HTTP connection, through memory buffers.

To asyncio this is a protocol, to the HTTP connection a transport; the context is chosen per connection, the handshake's
outcome is known before the HTTP connection hears of it. Bytes pass in records of at most 16 KiB and in slices, so that
OpenSSL's buffers stay small. What is written within one turn of the event loop leaves as one record where it fits.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Hashable, Iterable
from ipaddress import ip_address
from typing import Any, Protocol, cast

from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL

from sild.http1.connection import SLICE, ByteConnection
from sild.http1.errors import TlsFailed
from sild.http1.peer import TlsPeer
from sild.http1.tls import AnyTls, TlsContext
from sild.telemetry import get_logger

__all__ = ["TlsLayer"]

log = get_logger("http1")

RECORD = 16 * 1024
_ROOM = RECORD + 2048


class Engine(Protocol):
    """A TLS library on memory buffers. Methods raise TlsFailed."""

    feed: Callable[[bytes], object]
    """Takes bytes from the peer."""

    def handshake(self) -> bool:
        """Go on with it; true when it is done."""

    def read(self, most: int) -> bytes | None:
        """At most `most` plain bytes; None when more must be fed first, empty when the peer has said goodbye."""

    def encrypt(self, data: bytes | memoryview) -> bytes:
        """At most one record's worth of plain bytes as it goes to the peer."""

    def out(self) -> bytes:
        """What the library itself wants sent: handshake, alerts."""

    def goodbye(self) -> None:
        """Put a close_notify into `out`."""

    def peer(self) -> TlsPeer: ...

    def keep_session(self) -> None:
        """Remember the session, for the next connection to this peer."""

    def forget_session(self) -> None: ...


class OpenSSLEngine:
    """On our own contexts."""

    def __init__(
        self, context: TlsContext, *, server_side: bool, hostname: str | None, peer: Hashable
    ) -> None:
        self._context = context
        self._peer = None if server_side else peer
        self._connection = connection = context.connection(self._peer)
        if server_side:
            connection.set_accept_state()
        else:
            connection.set_connect_state()
            if hostname is not None and not _is_address(hostname):
                connection.set_tlsext_host_name(hostname.encode("idna"))
        self.feed: Callable[[bytes], object] = connection.bio_write

    def handshake(self) -> bool:
        try:
            self._connection.do_handshake()
        except SSL.WantReadError:
            return False
        except SSL.Error as error:
            raise TlsFailed(_reason(error)) from error
        return True

    def read(self, most: int) -> bytes | None:
        try:
            return self._connection.recv(most)
        except SSL.WantReadError:
            return None
        except SSL.ZeroReturnError:
            return b""
        except SSL.Error as error:
            raise TlsFailed(_reason(error)) from error

    def encrypt(self, data: bytes | memoryview) -> bytes:
        try:
            self._connection.send(data)
            return self._connection.bio_read(len(data) + 256)
        except SSL.Error as error:
            raise TlsFailed(_reason(error)) from error

    def out(self) -> bytes:
        pieces = []
        try:
            while True:
                pieces.append(self._connection.bio_read(_ROOM))
        except SSL.Error:  # nothing left
            return b"".join(pieces)

    def goodbye(self) -> None:
        try:
            self._connection.shutdown()
        except SSL.Error:
            pass

    def peer(self) -> TlsPeer:
        connection = self._connection
        certificate = connection.get_peer_certificate(as_cryptography=True)
        cipher, version = connection.get_cipher_name() or "", connection.get_protocol_version_name()
        if certificate is None:
            return TlsPeer(None, (), cipher, version)
        sent = connection.get_peer_cert_chain(as_cryptography=True) or ()
        leaf = certificate.public_bytes(Encoding.DER)
        chain = self._context.whole_chain(leaf, tuple(c.public_bytes(Encoding.DER) for c in sent))
        return TlsPeer(leaf, chain, cipher, version)

    def keep_session(self) -> None:
        if self._peer is not None:
            self._context.keep_session(self._peer, self._connection)

    def forget_session(self) -> None:
        if self._peer is not None:
            self._context.forget_session(self._peer)


class StandardEngine:
    """On the standard library's contexts."""

    def __init__(self, context: ssl.SSLContext, *, server_side: bool, hostname: str | None) -> None:
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._object = context.wrap_bio(
            self._in, self._out, server_side=server_side, server_hostname=hostname
        )
        self.feed: Callable[[bytes], object] = self._in.write

    def handshake(self) -> bool:
        try:
            self._object.do_handshake()
        except ssl.SSLWantReadError:
            return False
        except ssl.SSLError as error:
            raise TlsFailed(error.reason or str(error)) from error
        return True

    def read(self, most: int) -> bytes | None:
        try:
            return self._object.read(most)
        except ssl.SSLWantReadError:
            return None
        except ssl.SSLZeroReturnError:
            return b""
        except ssl.SSLError as error:
            raise TlsFailed(error.reason or str(error)) from error

    def encrypt(self, data: bytes | memoryview) -> bytes:
        try:
            self._object.write(data)
        except ssl.SSLError as error:
            raise TlsFailed(error.reason or str(error)) from error
        return self._out.read()

    def out(self) -> bytes:
        return self._out.read()

    def goodbye(self) -> None:
        try:
            self._object.unwrap()
        except ssl.SSLError:
            pass

    def peer(self) -> TlsPeer:
        certificate = self._object.getpeercert(binary_form=True)
        cipher = self._object.cipher()
        name, version = (cipher[0], self._object.version() or "") if cipher else ("", "")
        return TlsPeer(certificate, (certificate,) if certificate else (), name, version)

    def keep_session(self) -> None:
        pass

    def forget_session(self) -> None:
        pass


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
        self._engine: Engine | None = _engine(context, server_side=server_side, hostname=hostname, peer=peer)
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
                len(data) <= _ROOM
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


def _engine(context: AnyTls, *, server_side: bool, hostname: str | None, peer: Hashable) -> Engine:
    if isinstance(context, TlsContext):
        return OpenSSLEngine(context, server_side=server_side, hostname=hostname, peer=peer)
    return StandardEngine(context, server_side=server_side, hostname=hostname)


def _reason(error: SSL.Error) -> str:
    """OpenSSL's words for it."""
    first = error.args[0] if error.args else None
    if isinstance(first, list) and first:
        return "; ".join(str(entry[-1]) for entry in first)
    return ": ".join(str(a) for a in error.args) or type(error).__name__


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
