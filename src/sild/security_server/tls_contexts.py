"""The TLS contexts of this server, made anew when a key, a certificate or the trusted authorities change.

Connections ask for a context when they are made, so a change needs no restart and drops no message (WIRE 11.1, 11.4).
A message goes out under one `PeerIdentity` from beginning to end: the OCSP responses in it are about the certificate of its
connection, also when another certificate has come into use meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from sild.clock import Clock
from sild.errors import PlatformError
from sild.http1 import (
    TlsContext,
    information_system_server_context,
    peer_client_context,
    peer_server_context,
    service_client_context,
)
from sild.security_server.internal_tls import InternalTls
from sild.signer import Signer, TlsCredentials
from sild.telemetry import get_logger
from sild.xroad.globalconf import GlobalConf

__all__ = ["PeerIdentity", "TlsContexts"]

log = get_logger("security_server")

RECHECK_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class PeerIdentity:
    """Who this server is to another: the context of its connections, and DER responses about every certificate it shows."""

    context: TlsContext
    ocsp_responses: tuple[bytes, ...]


class TlsContexts:
    """credentials: of the authentication key in use, looked at again every few seconds."""

    def __init__(
        self, signer: Signer, globalconf: Callable[[], GlobalConf | None], clock: Clock, internal: InternalTls
    ) -> None:
        self._signer = signer
        self._globalconf = globalconf
        self._clock = clock
        self._credentials: TlsCredentials | None = None
        self._checked = 0.0
        self._checked_with: GlobalConf | None = None
        self._server_made_of: tuple[object, ...] = ()
        self._server = peer_server_context()  # without a key
        self._client_made_of: str | None = None
        self._client: TlsContext | None = None
        self._identity: PeerIdentity | None = None
        self._identity_of: TlsCredentials | None = None
        signer.keyring.on_change(self._forget)
        self._information_systems = information_system_server_context()
        self._services = service_client_context()
        for context in (self._information_systems, self._services):
            context.use_key(internal.key, [internal.certificate])

    def _forget(self) -> None:
        """Another certificate may be the one in use now."""
        self._credentials = None

    def credentials(self) -> TlsCredentials:
        """Raises Unavailable (`ssl_authentication_failed`): there is no certificate a peer would accept now."""
        globalconf = self._globalconf()
        now = time.monotonic()
        if (
            self._credentials is None
            or now - self._checked >= RECHECK_SECONDS
            or globalconf is not self._checked_with
        ):
            self._credentials = None
            self._credentials = self._signer.tls_credentials(at=self._clock())
            self._checked, self._checked_with = now, globalconf
        return self._credentials

    def peer_server(self) -> TlsContext:
        """Of port 5500. While the certificate's status cannot be shown, the last context goes on.

        Before there was one it has no key, and the handshake fails: a peer is told `ssl_authentication_failed`, as it is when it sees
        the status for itself, and does not take us for a server that is down.
        """
        try:
            self._renew_server(self.credentials())
        except PlatformError as error:
            log.refusal("tls.no_credentials", error)
        return self._server

    def peer_identity(self) -> PeerIdentity:
        """For a message to another server. Raises Unavailable (`ssl_authentication_failed`)."""
        credentials = self.credentials()
        if self._identity is None or self._identity_of is not credentials:
            if self._client is None or self._client_made_of != credentials.info.sha1:
                client = peer_client_context()
                credentials.load_into(client)
                self._client, self._client_made_of = client, credentials.info.sha1
            self._identity = PeerIdentity(self._client, credentials.ocsp_responses)
            self._identity_of = credentials
        return self._identity

    def information_systems(self) -> TlsContext:
        """Of port 8443."""
        return self._information_systems

    def services(self) -> TlsContext:
        """For https services."""
        return self._services

    def _renew_server(self, credentials: TlsCredentials) -> None:
        globalconf = self._globalconf()
        authorities = () if globalconf is None else globalconf.all_ca_certificates(self._clock())
        made_of = (credentials.info.sha1, authorities)
        if made_of != self._server_made_of:
            server = peer_server_context(client_cas=authorities)
            credentials.load_into(server)
            self._server, self._server_made_of = server, made_of
