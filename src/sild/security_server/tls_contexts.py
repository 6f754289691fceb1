"""The TLS contexts of this server, made anew when a key, a certificate or the trusted authorities change.

Connections ask for a context when they are made, so a change needs no restart and drops no message (WIRE 11.1, 11.4).
"""

from __future__ import annotations

import time
from collections.abc import Callable

from sild.clock import Clock
from sild.errors import PlatformError, Unavailable
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

__all__ = ["TlsContexts"]

log = get_logger("security_server")

RECHECK_SECONDS = 5.0


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
        self._made_of: tuple[object, ...] = ()
        self._server: TlsContext | None = None
        self._client: TlsContext | None = None
        self._information_systems = information_system_server_context()
        self._services = service_client_context()
        for context in (self._information_systems, self._services):
            context.use_key(internal.key, [internal.certificate])

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
        """Of port 5500. While the certificate's status cannot be shown, the last context goes on."""
        try:
            self._renew(self.credentials())
        except PlatformError as error:
            log.refusal("tls.no_credentials", error)
        if self._server is None:
            raise Unavailable(
                "Security server has no authentication certificate", code="ssl_authentication_failed"
            )
        return self._server

    def peer_client(self) -> TlsContext:
        """For connections to other servers. Raises Unavailable (`ssl_authentication_failed`)."""
        self._renew(self.credentials())
        assert self._client is not None
        return self._client

    def information_systems(self) -> TlsContext:
        """Of port 8443."""
        return self._information_systems

    def services(self) -> TlsContext:
        """For https services."""
        return self._services

    def _renew(self, credentials: TlsCredentials) -> None:
        globalconf = self._globalconf()
        authorities = () if globalconf is None else globalconf.all_ca_certificates(self._clock())
        made_of = (credentials.info.sha1, authorities)
        if made_of == self._made_of:
            return
        server, client = peer_server_context(client_cas=authorities), peer_client_context()
        credentials.load_into(server)
        credentials.load_into(client)
        self._server, self._client = server, client
        self._made_of = made_of
