"""Is the security server at the other end of the TLS connection one that may speak for the member? (WIRE 5, 10, 11)

The rules are `sild.xroad.verification`'s; here is where the two sides get the OCSP responses from. The verdict on a
certificate is remembered there, so asking again for each message of a kept connection costs a few look-ups.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sild.errors import PlatformError, TrustError
from sild.http1 import Connection, TlsPeer
from sild.pki import der
from sild.security_server.peer_ocsp import PeerOcsp
from sild.security_server.settings import PeerRoute
from sild.xroad.globalconf import GlobalConf
from sild.xroad.identifiers import ClientId
from sild.xroad.verification import CertificateVerifier, authenticate_peer

__all__ = ["PeerAuthentication"]


class PeerAuthentication:
    """verifier: shared with the verification of messages, so that verdicts are remembered in one place."""

    def __init__(self, verifier: CertificateVerifier) -> None:
        self._verifier = verifier
        self._ocsp = PeerOcsp()

    def client_server(
        self,
        tls: TlsPeer | None,
        ocsp_responses: Sequence[bytes],
        globalconf: GlobalConf,
        member: ClientId,
        at: datetime,
    ) -> None:
        """Check the server a message came from; its OCSP responses came in the message.

        Raises TrustError (`ssl_authentication_failed`).
        """
        chain = _without_roots(tls, globalconf, member, at)
        authenticate_peer(
            chain, ocsp_responses, globalconf=globalconf, member=member, at=at, verifier=self._verifier
        )

    async def provider_server(
        self,
        connection: Connection,
        route: PeerRoute,
        provider: ClientId,
        globalconf: GlobalConf,
        at: datetime,
    ) -> None:
        """Check the server a message is about to be sent to; its OCSP responses are kept, or asked for at its port 5577.

        Raises TrustError (`ssl_authentication_failed`).
        """
        chain = _without_roots(connection.tls, globalconf, provider, at)
        kept = self._ocsp.kept(chain)
        if kept is not None:
            try:
                self._authenticate(chain, kept, provider, globalconf, at)
                return
            except PlatformError:
                self._ocsp.drop(chain)
        self._ensure_known(chain, globalconf, at)
        self._authenticate(chain, await self._ocsp.fetch(route, chain), provider, globalconf, at)

    def _authenticate(
        self,
        chain: Sequence[bytes],
        ocsp_responses: Sequence[bytes],
        member: ClientId,
        globalconf: GlobalConf,
        at: datetime,
    ) -> None:
        authenticate_peer(
            chain, ocsp_responses, globalconf=globalconf, member=member, at=at, verifier=self._verifier
        )

    def _ensure_known(self, chain: Sequence[bytes], globalconf: GlobalConf, at: datetime) -> None:
        """A stranger is not worth a question at its port 5577."""
        if not chain or globalconf.server_of_auth_certificate(chain[0], at) is None:
            raise TrustError(
                "Authentication certificate is not associated with any security server",
                code="ssl_authentication_failed",
            )


def _without_roots(
    tls: TlsPeer | None, globalconf: GlobalConf, member: ClientId, at: datetime
) -> Sequence[bytes]:
    """The chain the peer showed, without CA certificates that are trust anchors themselves at its end."""
    if tls is None or tls.certificate is None:
        raise TrustError("Peer presented no TLS certificate", code="ssl_authentication_failed")
    chain = tls.chain or (tls.certificate,)
    if len(chain) == 1:
        return chain
    try:
        anchors = {
            der(certificate) for certificate in globalconf.ca_certificates(member.instance_identifier, at)
        }
    except PlatformError as error:
        raise TrustError(error.message, code="ssl_authentication_failed") from error
    kept = list(chain)
    while len(kept) > 1 and kept[-1] in anchors:
        kept.pop()
    return kept
