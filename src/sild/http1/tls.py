"""TLS contexts between security servers, information systems and services (WIRE 11.1, 11.4).

The handshake proves here that the peer holds the key of the certificate it shows, and nothing more. Whether that
certificate is known, current, unrevoked and whose it is, is decided above, in one place, with X-Road's fault codes: so an
expired, self-signed or unknown certificate must come through the handshake, on the client's side as on the server's.
OpenSSL allows that through a verification callback, which Python's `ssl` does not offer; hence pyOpenSSL, by the authors
of `cryptography` and on the same OpenSSL. It also takes keys as objects (none is written to a file), and reads whole
certificate chains. Key usage extensions are no obstacle: X-Road's auth certificates may carry clientAuth alone.

For downloads from the web, where the CAs of the system decide, `fetch` takes an `ssl.SSLContext` as well.
"""

from __future__ import annotations

import ssl
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from OpenSSL import SSL

from sild.errors import CallerError

__all__ = [
    "AnyTls",
    "TlsContext",
    "information_system_server_context",
    "peer_client_context",
    "peer_server_context",
    "service_client_context",
    "unverified_download_context",
]

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

SESSION_SECONDS = 600
_RELEASE_BUFFERS = 0x10  # SSL_MODE_RELEASE_BUFFERS: an idle connection holds no buffers (some 34 KB less)
_MOST_SESSIONS = 1024

# TLS 1.2. AEAD suites first; then what X-Road 7 offers by default, all of it CBC.
_SUITES = (
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:DHE-RSA-AES256-GCM-SHA384:DHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-SHA384:ECDHE-RSA-AES256-SHA384:DHE-RSA-AES256-SHA256"
)
# What X-Road lists for information systems besides those.
_MORE_SUITES = ":ECDHE-ECDSA-AES128-SHA256:ECDHE-RSA-AES128-SHA256:DHE-RSA-AES128-SHA256"

_DH_PARAMETERS = Path(__file__).with_name("ffdhe3072.pem")


class TlsContext:
    """One side's key, certificates and rules, shared by its connections. Fixed once the first connection is made.

    A new configuration is a new context: servers ask for the context at each connection.
    """

    def __init__(self, *, server: bool, suites: str, client_certificate: int = SSL.VERIFY_NONE) -> None:
        self._openssl = context = SSL.Context(SSL.TLS_SERVER_METHOD if server else SSL.TLS_CLIENT_METHOD)
        context.set_min_proto_version(SSL.TLS1_2_VERSION)
        context.set_cipher_list(suites.encode())
        context.set_options(SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION)
        context.set_timeout(SESSION_SECONDS)
        context.set_mode(_RELEASE_BUFFERS)
        self._sessions: OrderedDict[Hashable, SSL.Session] = OrderedDict()
        self._chains: OrderedDict[bytes, tuple[bytes, ...]] = OrderedDict()
        if server:
            context.set_options(SSL.OP_CIPHER_SERVER_PREFERENCE)
            context.set_session_id(b"sild")
            context.load_tmp_dh(str(_DH_PARAMETERS).encode())
            context.set_verify(client_certificate, _let_through)
        else:
            context.set_session_cache_mode(SSL.SESS_CACHE_OFF)  # kept here, by peer
            context.set_verify(SSL.VERIFY_PEER, _let_through)

    def use_key(self, key: PrivateKey, certificates: Sequence[x509.Certificate]) -> None:
        """Prove ourselves by `key`; certificates: leaf first, the root left out. Raises CallerError (no match)."""
        if not certificates:
            raise CallerError("a TLS key without its certificate", code="cert_not_found")
        try:
            self._openssl.use_certificate(certificates[0])
            for certificate in certificates[1:]:
                self._openssl.add_extra_chain_cert(certificate)
            self._openssl.use_privatekey(key)
            self._openssl.check_privatekey()
        except SSL.Error as error:
            raise CallerError(f"key and certificate cannot be used for TLS: {error}") from error

    def load_cert_chain(
        self,
        certfile: str | Path,
        keyfile: str | Path | None = None,
        password: str | bytes | Callable[[], str | bytes] | None = None,
    ) -> None:
        """`use_key` from PEM files, in the form of `ssl.SSLContext.load_cert_chain`."""
        secret = password() if callable(password) else password
        if isinstance(secret, str):
            secret = secret.encode()
        chain = x509.load_pem_x509_certificates(Path(certfile).read_bytes())
        key = load_pem_private_key(Path(keyfile or certfile).read_bytes(), secret)
        if not isinstance(key, PrivateKey):
            raise CallerError(f"TLS keys are RSA or EC, not {type(key).__name__}")
        self.use_key(key, chain)

    def name_client_cas(self, certificates: Iterable[x509.Certificate]) -> None:
        """Tell clients which CAs' certificates are welcome. A hint for choosing one: nothing is refused by it."""
        for certificate in certificates:
            self._openssl.add_client_ca(certificate)

    # For the TLS layer.

    def connection(self, resume: Hashable | None) -> SSL.Connection:
        connection = SSL.Connection(self._openssl, None)
        if resume is not None:
            session = self._sessions.get(resume)
            if session is not None:
                connection.set_session(session)
        return connection

    def keep_session(self, key: Hashable, connection: SSL.Connection) -> None:
        """Remember the session for the next connection to the same peer."""
        session = connection.get_session()
        if session is not None:
            _put(self._sessions, key, session)

    def forget_session(self, key: Hashable) -> None:
        self._sessions.pop(key, None)

    def whole_chain(self, certificate: bytes, sent: tuple[bytes, ...]) -> tuple[bytes, ...]:
        """A resumed session names the client's certificate alone: its chain is remembered from the full handshake."""
        if sent:
            chain = sent if sent[0] == certificate else (certificate, *sent)
            _put(self._chains, certificate, chain)
            return chain
        return self._chains.get(certificate, (certificate,))


AnyTls = TlsContext | ssl.SSLContext
"""Ours, or the standard library's where the system's rules of trust apply."""


def _let_through(connection: SSL.Connection, certificate: object, error: int, depth: int, ok: int) -> bool:
    """Everything passes here: see the module's docstring."""
    return True


def _put(table: OrderedDict[K, V], key: K, value: V) -> None:
    table[key] = value
    table.move_to_end(key)
    if len(table) > _MOST_SESSIONS:
        table.popitem(last=False)


def peer_server_context(*, client_cas: Iterable[x509.Certificate] = ()) -> TlsContext:
    """Port 5500: a client must show a certificate, of whatever kind, and hold its key."""
    required = SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT
    context = TlsContext(server=True, suites=_SUITES, client_certificate=required)
    context.name_client_cas(client_cas)
    return context


def peer_client_context() -> TlsContext:
    """Towards another security server: check `Connection.tls` before the first request."""
    return TlsContext(server=False, suites=_SUITES)


def information_system_server_context() -> TlsContext:
    """Port 8443: a client is asked for a certificate and may show none, or any."""
    return TlsContext(server=True, suites=_SUITES + _MORE_SUITES, client_certificate=SSL.VERIFY_PEER)


def service_client_context() -> TlsContext:
    """Towards an https service: `Connection.tls.certificate` is compared with those stored for it, by the caller."""
    return TlsContext(server=False, suites=_SUITES + _MORE_SUITES)


def unverified_download_context() -> ssl.SSLContext:
    """For `fetch` where what is downloaded is signed, and the server's certificate says nothing."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
