"""The two TLS libraries behind one face: ours for peers, the standard library's for the web."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Hashable
from ipaddress import ip_address
from typing import Protocol

from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL

from sild.http1.errors import TlsFailed
from sild.http1.peer import TlsPeer
from sild.http1.tls import AnyTls, TlsContext

__all__ = ["RECORD", "ROOM", "Engine", "make_engine"]

RECORD = 16 * 1024
"""The most plain bytes of one TLS record."""
ROOM = RECORD + 2048
"""The most bytes of one on the wire."""


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
                pieces.append(self._connection.bio_read(ROOM))
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


def make_engine(context: AnyTls, *, server_side: bool, hostname: str | None, peer: Hashable) -> Engine:
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
