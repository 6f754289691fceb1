"""What the message processors are made of: one object, wired once by `server`, read by everything else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sild.clock import Clock
from sild.errors import TrustError
from sild.message_log import MessageLog, Timestamper
from sild.security_server.client_authentication import Channel, authenticate_client
from sild.security_server.connections import PeerConnections
from sild.security_server.crash_points import CrashPoints
from sild.security_server.log_witness import LogWitness
from sild.security_server.monitoring import Monitoring, ServerAddresses
from sild.security_server.monitoring_services import MonitoringServices
from sild.security_server.peer_authentication import PeerAuthentication
from sild.security_server.received import ReceivedMessage
from sild.security_server.serverconf import ServerConf
from sild.security_server.service_call import ServiceCaller
from sild.security_server.settings import SecurityServerSettings
from sild.security_server.snapshot import ServerConfSnapshot
from sild.security_server.spool import SpooledBody
from sild.security_server.tls_contexts import PeerIdentity, TlsContexts
from sild.signer import Signer
from sild.xroad.globalconf import GlobalConf
from sild.xroad.identifiers import ClientId, SecurityServerId
from sild.xroad.transport import TransportLimits
from sild.xroad.verification import CertificateVerifier, verify_message

__all__ = ["Parts"]


@dataclass(slots=True)
class Parts:
    """current_globalconf: None until one has been downloaded.
    verifier: checks certificates, remembering verdicts while they hold.
    internal_certificate: DER of the server's own TLS certificate towards information systems.
    """

    settings: SecurityServerSettings
    clock: Clock
    serverconf: ServerConf
    current_globalconf: Callable[[], GlobalConf | None]
    signer: Signer
    message_log: MessageLog
    verifier: CertificateVerifier
    authentication: PeerAuthentication
    connections: PeerConnections
    services: ServiceCaller
    limits: TransportLimits
    tls: TlsContexts
    timestamper: Timestamper
    configuration_directory: Path
    internal_certificate: bytes
    crash: CrashPoints
    monitoring: Monitoring
    addresses: ServerAddresses
    monitoring_services: MonitoringServices
    witness: LogWitness | None = None

    @property
    def conf(self) -> ServerConfSnapshot:
        return self.serverconf.snapshot

    @property
    def server_id(self) -> SecurityServerId:
        """This server; its owner may change."""
        return self.serverconf.snapshot.server_id

    def globalconf(self, at: datetime) -> GlobalConf:
        """The global configuration in force. Raises TrustError (`global_conf_outdated`) when there is no valid one."""
        globalconf = self.current_globalconf()
        if globalconf is None:
            raise TrustError("There is no global configuration yet", code="global_conf_outdated")
        globalconf.ensure_valid(at)
        return globalconf

    def peer_identity(self) -> PeerIdentity:
        """What this server shows others, for one message. Raises Unavailable (`ssl_authentication_failed`)."""
        return self.tls.peer_identity()

    def new_body(self, *, keep: bool = True) -> SpooledBody:
        settings = self.settings
        return SpooledBody(
            directory=settings.spool_directory,
            threshold=settings.spool_threshold,
            limit=settings.max_body_size,
            keep=keep,
        )

    def authenticate_client(
        self, conf: ServerConfSnapshot, client: ClientId, channel: Channel, at: datetime
    ) -> None:
        """See `client_authentication`."""
        authenticate_client(
            conf,
            client,
            channel,
            internal_certificate=self.internal_certificate,
            enforce_validity=self.settings.enforce_client_certificate_validity,
            at=at,
        )

    def verify(
        self,
        received: ReceivedMessage,
        signature: bytes,
        signer: ClientId,
        globalconf: GlobalConf,
        at: datetime,
    ) -> None:
        """The signature is `signer`'s and covers exactly the parts received. Raises what `verify_message` raises."""
        verify_message(
            received.signed_parts,
            signature,
            message=received.part,
            hash_chain_result=received.hash_chain_result,
            hash_chain=received.hash_chain,
            signer=signer,
            globalconf=globalconf,
            at=at,
            verifier=self.verifier,
        )
