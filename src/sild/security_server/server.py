"""A security server, composed: the one place where its parts meet.

server = SecurityServer(settings)          # opens its stores; keys and configuration can be administered from here on
await server.start()                       # token, global configuration, OCSP responses, ports, background work
server.addresses                           # {"client_http": ("127.0.0.1", 8080), ...}
await server.stop(grace=10)
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from cryptography import x509

from sild.clock import Clock, system_clock
from sild.configuration_client import ConfigurationClient
from sild.errors import CallerError, PlatformError, Unavailable
from sild.http1 import Handler, Limits, Server, TlsContext, fetch, serve
from sild.message_log import (
    Archiver,
    MessageLog,
    Timestamper,
    TimestampingRules,
)
from sild.pki import is_auth_certificate, read_certificate
from sild.security_server.client_port import ClientPort
from sild.security_server.composition import (
    TimestampingServices,
    archive_directory,
    archiving_rules,
    body_encryption,
    body_logging,
    devices,
    pin_source,
)
from sild.security_server.connections import PeerConnections
from sild.security_server.crash_points import CrashPoints
from sild.security_server.descriptions import Descriptions
from sild.security_server.health import Check, Health, Maintenance
from sild.security_server.internal_tls import InternalTls
from sild.security_server.log_witness import LogWitness
from sild.security_server.monitoring import ServerAddresses
from sild.security_server.ocsp_responder import OCSPPort
from sild.security_server.parts import Parts
from sild.security_server.peer_authentication import PeerAuthentication
from sild.security_server.provider_port import ProviderPort
from sild.security_server.registration import Registration
from sild.security_server.registration_follow import RegistrationFollower
from sild.security_server.registration_messages import Wiring
from sild.security_server.serverconf import ServerConf
from sild.security_server.service_call import ServiceCaller
from sild.security_server.settings import SecurityServerSettings
from sild.security_server.sharing import ConfigurationDownload, take_up_changes
from sild.security_server.tls_contexts import TlsContexts
from sild.security_server.watch import Watch
from sild.security_server.witness_settings import WitnessSettings
from sild.signer import (
    AutoLogin,
    CertificateInfo,
    CertificateStatus,
    HardwareTokens,
    KeyAlgorithm,
    KeyUsage,
    Signer,
    SignerStore,
    SoftwareToken,
)
from sild.telemetry import get_logger
from sild.xroad.globalconf import GlobalConf
from sild.xroad.identifiers import ClientId, SecurityServerId
from sild.xroad.transport import TransportLimits
from sild.xroad.verification import CertificateVerifier

if TYPE_CHECKING:
    from sild.acme_client import AcmeClient, AcmeClientSettings

__all__ = ["SecurityServer"]

log = get_logger("security_server")

TlsSource = Callable[[], TlsContext]

_FOR_MESSAGES = frozenset({"client_http", "client_https", "server_proxy", "ocsp_responder"})
_ASIDE = Limits(max_connections=128, max_address_connections=64, header_timeout=10.0)
"""Of the other ports, one of which is everybody's (challenges): they do not take the files that messages need."""


class SecurityServer:
    """`registration`, `serverconf`, `signer`, `token` and `message_log` are its administration; see their rooms and `ServerConf`.

    listening: sockets that listen already, by the names of `addresses`, shared with other processes of this server.
    Raises CallerError (settings, a database of another server) or Unavailable (`database_error`).
    """

    def __init__(
        self,
        settings: SecurityServerSettings,
        *,
        clock: Clock = system_clock,
        listening: Mapping[str, socket.socket] | None = None,
    ) -> None:
        self.settings = settings
        self._clock = clock
        self._crash = CrashPoints(settings.crash_at)
        settings.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.serverconf = ServerConf(settings.serverconf_url, settings.server_id, clock=clock)
        self.configuration = ConfigurationClient(
            settings.anchor,
            settings.directory / "globalconf",
            clock=clock,
            allowed_federations=settings.allowed_federations,
            update_interval=settings.configuration_interval,
        )
        self._download = ConfigurationDownload(self.configuration, clock)
        signer_store = SignerStore(settings.signer_database_url)
        self.token = SoftwareToken(
            signer_store.token_files("softToken-0") if settings.signer_url else settings.directory / "token",
            batch_signing=settings.batch_signing,
        )
        self.signer = Signer(
            [self.token],
            signer_store,
            globalconf=self._globalconf,
            fetch=fetch,
            clock=clock,
            warning=timedelta(seconds=settings.certificate_warning),
        )
        self.auto_login = AutoLogin(pin_source(settings))
        self.auto_login.watch(self.token)
        self.hardware = HardwareTokens(
            devices(settings), found=self.signer.keyring.add_token, auto_login=self.auto_login
        )
        self.message_log = MessageLog(
            settings.log_url,
            clock=clock,
            body_logging=body_logging(settings),
            encryption=body_encryption(settings),
        )
        self.internal_tls = InternalTls(
            settings.directory,
            host_names=(settings.listen_address, "localhost"),
            at=clock(),
            key_algorithm=KeyAlgorithm(settings.internal_tls_key),
        )
        self._trusted = TimestampingServices(self.serverconf, self.configuration, clock)
        self.timestamper = Timestamper(
            self.message_log,
            urls=self._trusted.urls,
            tsa_certificates=self._trusted.certificates,
            interval=self._trusted.interval,
            fetch=fetch,
            clock=clock,
            rules=TimestampingRules(
                immediate=settings.timestamp_immediately,
                acceptable_failure_period=timedelta(seconds=settings.acceptable_timestamp_failure),
            ),
        )
        self.archiver = Archiver(
            self.message_log, archive_directory(settings), rules=archiving_rules(settings), clock=clock
        )
        self.watch = Watch(
            settings,
            clock=clock,
            serverconf=self.serverconf,
            signer=self.signer,
            configuration=self.configuration,
            message_log=self.message_log,
            timestamper=self.timestamper,
            internal_tls=self.internal_tls,
        )
        self.witness = None if settings.witness is None else self._log_witness(settings.witness)
        self._parts = self._compose()
        wiring = self._registration_wiring()
        self.registration = Registration(wiring)
        self.registration_follower = RegistrationFollower(wiring)
        self.acme = None if settings.acme is None else self._acme_client(settings.acme)
        self.health = Health(self._checks(), Maintenance(settings.directory))
        self._listening = dict(listening or {})
        self._servers: dict[str, Server] = {}
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def server_id(self) -> SecurityServerId:
        """As it is now: its owner may have changed since it was founded."""
        return self.serverconf.snapshot.server_id

    def _globalconf(self) -> GlobalConf | None:
        return self.configuration.current

    def _registration_wiring(self) -> Wiring:
        return Wiring(
            clock=self._clock,
            serverconf=self.serverconf,
            signer=self.signer,
            globalconf=self._globalconf,
            own_port=self._own_port,
            taken_up=self._taken_up,
            tls=self._parts.tls.services,
            internal_certificate=self.internal_tls.certificate_der,
            crash=self._crash,
        )

    def _log_witness(self, settings: WitnessSettings) -> LogWitness:
        return LogWitness(
            settings,
            settings.directory or self.settings.directory / "witness",
            message_log=self.message_log,
            serverconf=self.serverconf,
            clock=self._clock,
        )

    def _acme_client(self, settings: AcmeClientSettings) -> AcmeClient:
        from sild.acme_client import AcmeClient

        async def register(address: str, sha1: str) -> None:
            await self.registration.register_auth_certificate(address, sha1)

        return AcmeClient(
            settings,
            self.settings.acme_database_url,
            self.settings.directory,
            signer=self.signer,
            server_id=lambda: self.server_id,
            globalconf=lambda: self._parts.globalconf(self._clock()),
            register=register,
            clock=self._clock,
        )

    async def _taken_up(self) -> None:
        """Port 8443 of this process knows at once; another process looks for changes from time to time."""
        if "client_https" not in self._servers:
            await asyncio.sleep(self.settings.server_configuration_interval + 1.0)

    def _own_port(self) -> tuple[str, int]:
        """Port 8443, where this server's own management requests go: of this process, or of the one that serves beside it.

        Raises CallerError when it is switched off.
        """
        if "client_https" in self._servers:
            host, port = self._servers["client_https"].addresses[0]
        else:
            host, port = self.settings.listen_address, self.settings.client_https_port or 0
        if not port:
            raise CallerError(
                "management requests need a running server with client_https_port",
                code="action_not_possible",
            )
        everywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - not bound, called
        return everywhere.get(host, host), port

    def _compose(self) -> Parts:
        settings = self.settings
        limits = Limits()
        verifier = CertificateVerifier()
        authentication = PeerAuthentication(verifier)
        tls = TlsContexts(self.signer, self._globalconf, self._clock, self.internal_tls)
        return Parts(
            settings=settings,
            clock=self._clock,
            serverconf=self.serverconf,
            current_globalconf=self._globalconf,
            signer=self.signer,
            message_log=self.message_log,
            verifier=verifier,
            authentication=authentication,
            connections=PeerConnections(settings, authentication.provider_server, limits),
            services=ServiceCaller(tls.services, limits),
            limits=TransportLimits(max_body_bytes=settings.max_body_size),
            tls=tls,
            timestamper=self.timestamper,
            configuration_directory=self.configuration.directory,
            internal_certificate=self.internal_tls.certificate_der,
            crash=self._crash,
            monitoring=self.watch.monitoring,
            addresses=ServerAddresses(lambda: self.serverconf.snapshot),
            monitoring_services=self.watch.services,
            witness=self.witness,
        )

    # life

    def descriptions(self, actor: str = "system") -> Descriptions:
        """Adds and refreshes services by their published descriptions; `actor` stands in the audit rows."""
        return Descriptions(self.serverconf.acting_as(actor), self._parts.services)

    async def start(self) -> None:
        """Log in, get the configuration and OCSP responses if they can be had, listen. What is missing is retried."""
        if self.settings.pin is not None and self.token.is_initialized:
            await self.token.login(self.settings.pin.get_secret_value())
        await self.hardware.open()
        if not self.token.is_active:
            log.warning("server.token_not_active", initialized=self.token.is_initialized)
        try:
            await self._download.begin()
        except PlatformError as error:
            log.refusal("server.configuration_not_refreshed", error)
        try:
            await self.registration_follower.follow()
        except PlatformError as error:
            log.refusal("registration.not_followed", error)
        self.configuration.on_change(lambda _globalconf: self.registration_follower.wake())
        try:
            await self.signer.ocsp.refresh_stale()
        except PlatformError as error:
            log.refusal("server.ocsp_not_refreshed", error)
        await self._listen()
        self._run(self._download.run())
        self._run(self.signer.run())
        self._run(self.hardware.run())
        self._run(self.timestamper.run())
        self._run(self.archiver.run())
        self._run(self.registration_follower.run())
        if self.witness is not None:
            self._run(self.witness.index.run())
        if self.acme is not None:
            self._run(self.acme.renewal.run())
        self._run(self._watch_changes())
        if self._listening and self.watch.metrics is not None:
            self._run(self.watch.metrics.share(self.settings.metrics_directory))
        for work in self.watch.work():
            self._run(work)
        log.info("server.started", server=str(self.server_id), **self._ports())

    async def stop(self, grace: float = 10.0, *, drain: float = 0.0) -> None:
        """Take no new messages, finish those in hand for at most `grace` seconds, write what is to be written.

        drain: as of `sild.http1.Server.close`; for when others take the messages that come now.
        """
        self.health.leave()
        await asyncio.gather(*(server.close(grace, drain=drain) for server in self._servers.values()))
        await self.health.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        self._parts.connections.close()
        self._parts.services.close()
        await self.message_log.close()
        await self.watch.close()
        await self.hardware.close()
        self._download.close()
        self.signer.close()
        self.serverconf.close()
        if self.acme is not None:
            self.acme.close()
        log.info("server.stopped", server=str(self.server_id))

    @property
    def addresses(self) -> dict[str, tuple[str, int]]:
        """Listening: `client_http`, `client_https`, `server_proxy`, `ocsp_responder`; those switched off are absent."""
        return {name: server.addresses[0] for name, server in self._servers.items()}

    def _ports(self) -> dict[str, int]:
        return {name: port for name, (_, port) in self.addresses.items()}

    async def _listen(self) -> None:
        settings, parts = self.settings, self._parts
        client, provider = ClientPort(parts), ProviderPort(parts)
        ocsp = OCSPPort(self.signer.ocsp_response)
        handlers: dict[str, tuple[Handler, TlsSource | None]] = {
            "client_http": (client.handle, None),
            "client_https": (client.handle, parts.tls.information_systems),
            "server_proxy": (provider.handle, parts.tls.peer_server),
            "ocsp_responder": (ocsp.handle, None),
            "health_check": (self.health.handle, None),
            "proxy_admin": (self.health.maintenance.handle, None),
        }
        if self.watch.metrics is not None:
            handlers["metrics"] = (self.watch.metrics.handle, None)
        if self.acme is not None:
            handlers["acme_challenge"] = (self.acme.challenge.handle, None)
        messages = Limits(max_address_connections=settings.max_connections_of_address)
        for name, (host, port) in settings.listeners.items():
            handler, tls = handlers[name]
            limits = messages if name in _FOR_MESSAGES else _ASIDE
            listening = self._listening.get(name)
            self._servers[name] = await serve(
                handler, host, port, tls=tls, limits=limits, name=name, listening=listening
            )

    def _checks(self) -> dict[str, Check]:
        """What a message needs, in the order in which the reasons are told."""

        async def global_configuration() -> None:
            self._parts.globalconf(self._clock())

        async def authentication_key() -> None:
            self.signer.tls_credentials()

        async def server_configuration() -> None:
            await asyncio.to_thread(self.serverconf.ensure_database)

        async def signer_database() -> None:
            await asyncio.to_thread(self.signer.ensure_database)

        async def message_log() -> None:
            await self.message_log.get(0)

        async def hardware_tokens() -> None:
            for token in self.hardware.tokens:
                if not token.is_active:
                    raise Unavailable(f"token {token.token_id} does not work or is not logged in")

        checks: dict[str, Check] = {
            "global_configuration": global_configuration,
            "authentication_key": authentication_key,
            "server_configuration": server_configuration,
            "signer_database": signer_database,
            "message_log": message_log,
        }
        if self.settings.hsm_health_check_enabled:
            checks["hardware_tokens"] = hardware_tokens
        return checks

    # background work

    def _run(self, work: Coroutine[object, object, None]) -> None:
        self._tasks.append(asyncio.create_task(work))

    async def _watch_changes(self) -> None:
        """Take up what another process has changed."""
        while True:
            await asyncio.sleep(self.settings.server_configuration_interval)
            await self._take_up_changes()

    async def _take_up_changes(self) -> None:
        if await take_up_changes(self.serverconf, self.signer):
            self.registration_follower.wake()

    async def reload(self) -> None:
        """Take up every change at once: databases, global configuration. What fails is logged."""
        await self._take_up_changes()
        try:
            await self.configuration.refresh()
        except PlatformError as error:
            log.refusal("server.configuration_not_refreshed", error)

    # administration of keys

    async def initialise_token(self, pin: str) -> None:
        """Give the software token its PIN, once, and log in."""
        await self.token.initialize(pin)
        await self.token.login(pin)

    async def request_certificate(
        self,
        usage: KeyUsage,
        member: ClientId,
        subject: x509.Name,
        algorithm: KeyAlgorithm,
        *,
        token_id: str | None = None,
        dns_names: Sequence[str] = (),
    ) -> bytes:
        """A new key and its certificate request (PKCS#10, DER). token_id: None is the software token."""
        token = self.token if token_id is None else self.signer.keyring.token(token_id)
        key = await token.generate_key(algorithm, f"{usage.value} {member}")
        return await self.signer.keyring.request_certificate(key.key_id, usage, member, subject, dns_names)

    async def import_certificate(self, certificate: bytes) -> CertificateInfo:
        """A certificate for one of the keys. A sign certificate is in use at once; an auth certificate is SAVED, and in use
        when the global configuration shows it registered (`registration.register_auth_certificate`)."""
        kind = read_certificate(certificate)
        status = CertificateStatus.SAVED if is_auth_certificate(kind) else CertificateStatus.REGISTERED
        info = await self.signer.keyring.import_certificate(kind, status=status, is_active=True)
        await self.registration_follower.follow()
        return self.signer.keyring.certificate(info.sha1)
