"""A security server, composed: the one place where its parts meet.

server = SecurityServer(settings)          # opens its stores; keys and configuration can be administered from here on
await server.start()                       # token, global configuration, OCSP responses, ports, background work
server.addresses                           # {"client_http": ("127.0.0.1", 8080), ...}
await server.stop(grace=10)
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from datetime import timedelta
from pathlib import Path

from cryptography import x509

from sild.clock import Clock, system_clock
from sild.configuration_client import ConfigurationClient
from sild.database import sqlite_url
from sild.errors import PlatformError
from sild.http1 import Handler, Limits, Server, TlsContext, fetch, serve
from sild.message_log import (
    Archiver,
    ArchivingRules,
    BodyLogging,
    MessageLog,
    Timestamper,
    TimestampingRules,
)
from sild.pki import Certificate
from sild.security_server.client_port import ClientPort
from sild.security_server.connections import PeerConnections
from sild.security_server.crash_points import CrashPoints
from sild.security_server.descriptions import Descriptions
from sild.security_server.internal_tls import InternalTls
from sild.security_server.monitoring import Monitoring, ServerAddresses
from sild.security_server.ocsp_responder import OCSPPort
from sild.security_server.parts import Parts
from sild.security_server.peer_authentication import PeerAuthentication
from sild.security_server.provider_port import ProviderPort
from sild.security_server.serverconf import ServerConf
from sild.security_server.service_call import ServiceCaller
from sild.security_server.settings import SecurityServerSettings
from sild.security_server.tls_contexts import TlsContexts
from sild.signer import (
    AutoLogin,
    CertificateInfo,
    CertificateStatus,
    HardwareTokens,
    KeyAlgorithm,
    KeyUsage,
    PinSource,
    Pkcs11Device,
    Signer,
    SoftwareToken,
    pins_from_command,
    pins_from_file,
    read_devices_ini,
)
from sild.telemetry import get_logger
from sild.xroad.globalconf import GlobalConf
from sild.xroad.identifiers import ClientId
from sild.xroad.transport import TransportLimits
from sild.xroad.verification import CertificateVerifier

__all__ = ["SecurityServer"]

log = get_logger("security_server")

TlsSource = Callable[[], TlsContext]


class SecurityServer:
    """`serverconf`, `signer`, `token` and `message_log` are its administration; see their rooms and `ServerConf`.

    Raises CallerError (settings, a database of another server) or Unavailable (`database_error`).
    """

    def __init__(self, settings: SecurityServerSettings, *, clock: Clock = system_clock) -> None:
        self.settings = settings
        self.server_id = settings.server_id
        self._clock = clock
        self._crash = CrashPoints(settings.crash_at)
        settings.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.serverconf = ServerConf(settings.serverconf_url, self.server_id, clock=clock)
        self.configuration = ConfigurationClient(
            settings.anchor,
            settings.directory / "globalconf",
            clock=clock,
            allowed_federations=settings.allowed_federations,
            update_interval=settings.configuration_interval,
        )
        self.token = SoftwareToken(settings.directory / "token", batch_signing=settings.batch_signing)
        self.signer = Signer(
            [self.token],
            sqlite_url(settings.directory / "signer.db"),
            globalconf=self._globalconf,
            fetch=fetch,
            clock=clock,
            warning=timedelta(seconds=settings.certificate_warning),
        )
        self.auto_login = AutoLogin(_pin_source(settings))
        self.auto_login.watch(self.token)
        self.hardware = HardwareTokens(
            _devices(settings), found=self.signer.keyring.add_token, auto_login=self.auto_login
        )
        self.message_log = MessageLog(settings.log_url, clock=clock, body_logging=_body_logging(settings))
        self.internal_tls = InternalTls(
            settings.directory, host_names=(settings.listen_address, "localhost"), at=clock()
        )
        self._trusted = _TimestampingServices(self.serverconf, self.configuration, clock)
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
            self.message_log, _archive_directory(settings), rules=_archiving_rules(settings), clock=clock
        )
        self._parts = self._compose()
        self._servers: dict[str, Server] = {}
        self._tasks: list[asyncio.Task[None]] = []

    def _globalconf(self) -> GlobalConf | None:
        return self.configuration.current

    def _compose(self) -> Parts:
        settings = self.settings
        limits = Limits()
        verifier = CertificateVerifier()
        authentication = PeerAuthentication(verifier)
        tls = TlsContexts(self.signer, self._globalconf, self._clock, self.internal_tls)
        return Parts(
            server_id=self.server_id,
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
            monitoring=Monitoring(lambda: self.serverconf.snapshot, settings.spelling),
            addresses=ServerAddresses(self.server_id),
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
            await self.configuration.refresh()
        except PlatformError as error:
            log.refusal("server.configuration_not_refreshed", error)
        try:
            await self.signer.ocsp.refresh()
        except PlatformError as error:
            log.refusal("server.ocsp_not_refreshed", error)
        await self._listen()
        self._run(self.configuration.run())
        self._run(self.signer.run())
        self._run(self.hardware.run())
        self._run(self.timestamper.run())
        self._run(self.archiver.run())
        self._run(self._watch_serverconf())
        log.info("server.started", server=str(self.server_id), **self._ports())

    async def stop(self, grace: float = 10.0) -> None:
        """Take no new messages, finish those in hand for at most `grace` seconds, write what is to be written."""
        await asyncio.gather(*(server.close(grace) for server in self._servers.values()))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        self._parts.connections.close()
        self._parts.services.close()
        await self.message_log.close()
        await self.hardware.close()
        self.signer.close()
        self.serverconf.close()
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
        here, outside = settings.listen_address, settings.peer_listen_address
        await self._serve("client_http", client.handle, here, settings.client_http_port)
        await self._serve(
            "client_https", client.handle, here, settings.client_https_port, parts.tls.information_systems
        )
        await self._serve(
            "server_proxy", provider.handle, outside, settings.server_proxy_port, parts.tls.peer_server
        )
        await self._serve("ocsp_responder", ocsp.handle, outside, settings.ocsp_responder_port)

    async def _serve(
        self, name: str, handler: Handler, host: str, port: int | None, tls: TlsSource | None = None
    ) -> None:
        if port is not None:
            self._servers[name] = await serve(handler, host, port, tls=tls, name=name)

    # background work

    def _run(self, work: Coroutine[object, object, None]) -> None:
        self._tasks.append(asyncio.create_task(work))

    async def _watch_serverconf(self) -> None:
        """Take up changes another process has made in the configuration's database."""
        while True:
            await asyncio.sleep(self.settings.server_configuration_interval)
            try:
                await asyncio.to_thread(self.serverconf.reload_if_changed)
            except PlatformError as error:
                log.refusal("server.serverconf_not_reloaded", error)

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
        """A certificate for one of the keys, in use at once: sign certificates need no registration, and for an auth
        certificate the caller has seen to it at the central server."""
        return await self.signer.keyring.import_certificate(
            certificate, status=CertificateStatus.REGISTERED, is_active=True
        )


class _TimestampingServices:
    """The authorities this server uses: those chosen by its administrator that the configuration approves (WIRE 9).

    Asked for every message, so the answer is kept while both stay the same.
    """

    def __init__(self, serverconf: ServerConf, configuration: ConfigurationClient, clock: Clock) -> None:
        self._serverconf = serverconf
        self._configuration = configuration
        self._clock = clock
        self._of: tuple[object, object] = (None, None)
        self._urls: tuple[str, ...] = ()

    def urls(self) -> Sequence[str]:
        conf, globalconf = self._serverconf.snapshot, self._configuration.current
        if self._of[0] is not conf or self._of[1] is not globalconf:
            approved = set()
            if globalconf is not None:
                tsas = globalconf.approved_tsas(globalconf.instance_identifier, self._clock())
                approved = {tsa.url for tsa in tsas}
            self._urls = tuple(url for _, url in conf.timestamping_services if url in approved)
            self._of = (conf, globalconf)
        return self._urls

    def certificates(self) -> Sequence[Certificate]:
        globalconf = self._configuration.current
        return () if globalconf is None else globalconf.tsa_certificates(self._clock())

    def interval(self) -> timedelta:
        globalconf = self._configuration.current
        if globalconf is None:
            return timedelta(seconds=60)
        try:
            return globalconf.timestamping_interval
        except PlatformError:  # an external source has no private parameters
            return timedelta(seconds=60)


def _devices(settings: SecurityServerSettings) -> dict[str, Pkcs11Device]:
    devices = dict(settings.devices)
    if settings.devices_file is not None:
        devices.update(read_devices_ini(settings.devices_file))
    return devices


def _pin_source(settings: SecurityServerSettings) -> PinSource | None:
    file, command = settings.token_pins_file, settings.token_pins_command
    if file is None and not command:
        return None

    async def pins() -> dict[str, str]:
        return await pins_from_file(file) if file is not None else await pins_from_command(command)

    return pins


def _archive_directory(settings: SecurityServerSettings) -> Path:
    directory = settings.archive_directory or settings.directory / "archive"
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    return directory


def _archiving_rules(settings: SecurityServerSettings) -> ArchivingRules:
    return ArchivingRules(
        grouping=settings.archive_grouping,
        archive_interval=timedelta(seconds=settings.archive_interval),
        clean_interval=timedelta(seconds=settings.clean_interval),
        keep=timedelta(seconds=settings.keep_records),
    )


def _body_logging(settings: SecurityServerSettings) -> BodyLogging:
    return BodyLogging(
        enabled=settings.log_bodies,
        local_providers=frozenset(map(ClientId.parse, settings.unlogged_local_providers)),
        remote_providers=frozenset(map(ClientId.parse, settings.unlogged_remote_providers)),
        max_body_size=settings.max_loggable_body_size,
        truncated_allowed=settings.truncated_body_allowed,
    )
