"""A whole instance on loopback: certification authority, OCSP, TSA, central configuration, members, security servers.

    async with World(tmp_path) as world:
        consumer = await world.add_server("ss1", owner="1", subsystems=["Client"])
        provider = await world.add_server("ss2", owner="2", subsystems=["Register"])
        service = await world.add_service(provider, "Register", "echo", echo_handler, allowed=[...])

Every part is real and speaks HTTP; what tests change are its knobs: `certificate_status`, `tsa_up`, `publish(...)`.
Servers are `SecurityServer` objects in this process, or processes of their own by `world.spawn`.
"""

from __future__ import annotations

import asyncio
import atexit
import json
import secrets
import shutil
import ssl
import string
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from cryptography import x509

import sild
from sild.database import open_database, sqlite_url
from sild.http1 import Fetched, Header, Request, Responder, Server, fetch, serve
from sild.nation.layout import free_ports
from sild.pki import (
    CertificateProfile,
    CertificateStatus,
    Good,
    OCSPResponder,
    SignatureAlgorithm,
    TimeStampAuthority,
    der,
    issue_certificate,
    sign_bytes,
)
from sild.security_server import (
    ClientStatus,
    ConnectionType,
    PeerRoute,
    SecurityServer,
    SecurityServerSettings,
)
from sild.security_server.internal_tls import InternalTls
from sild.signer import KeyAlgorithm, KeyUsage
from sild.xroad.globalconf import (
    MONITORING,
    PRIVATE_PARAMETERS,
    SHARED_PARAMETERS,
    AnchorSource,
    ApprovedCA,
    ApprovedTSA,
    CaInfo,
    ConfigurationAnchor,
    ConfigurationSource,
    DirectoryPart,
    GlobalGroup,
    ManagementService,
    Member,
    MemberClass,
    OcspInfo,
    PrivateParameters,
    SharedParameters,
    Subsystem,
    auth_cert_hash,
    content_location_prefix,
    prepare_signed_directory,
    render_anchor,
    render_monitoring,
    render_private_parameters,
    render_shared_parameters,
)
from sild.xroad.globalconf import (
    SecurityServer as SharedServer,
)
from sild.xroad.identifiers import ClientId, SecurityServerId, ServiceId
from support.pki import KeyKind, Pki
from support.pki import name as pki_name

INSTANCE = "DEV"
MEMBER_CLASS = "COM"
PROFILE = "ee.ria.xroad.common.certificateprofile.impl.FiVRKCertificateProfileInfoProvider"
TSA_POLICY = "1.3.6.1.4.1.99999.1"
Handler = Callable[[Request, Responder], Awaitable[None]]


def member(code: str) -> ClientId:
    return ClientId(INSTANCE, MEMBER_CLASS, code)


def subsystem(code: str, name: str) -> ClientId:
    return ClientId(INSTANCE, MEMBER_CLASS, code, name)


class Trust:
    """CA, OCSP responder and TSA over HTTP, with a switch for each way they can fail."""

    def __init__(self, pki: Pki) -> None:
        self.pki = pki
        self.certificate_status: dict[int, CertificateStatus] = {}
        self.ocsp_up = True
        self.ocsp_age = timedelta(0)
        self.ocsp_validity: timedelta | None = timedelta(hours=1)
        self.tsa_up = True
        self.tsa_requests = 0
        self._serial = 0
        self._responder = OCSPResponder(pki.ocsp.certificate, pki.ocsp.key, pki.ca.certificate)
        self._authority = TimeStampAuthority(pki.tsa.certificate, pki.tsa.key, TSA_POLICY)

    async def handle(self, request: Request, responder: Responder) -> None:
        body = await request.read(1024 * 1024)
        if request.target == b"/tsa":
            self.tsa_requests += 1
            if not self.tsa_up:
                await responder.send(503, [], b"out of order")
                return
            self._serial += 1
            answer = self._authority.answer(body, at=datetime.now(UTC), serial_number=self._serial)
            await responder.send(200, [(b"Content-Type", b"application/timestamp-reply")], answer)
            return
        if not self.ocsp_up:
            await responder.send(503, [], b"out of order")
            return
        answer = self._responder.answer(
            body,
            at=datetime.now(UTC) - self.ocsp_age,
            status_of=lambda serial: self.certificate_status.get(serial, Good()),
            validity=self.ocsp_validity,
        )
        await responder.send(200, [(b"Content-Type", b"application/ocsp-response")], answer)


@dataclass
class Central:
    """The instance's registry and its signed configuration, version 6."""

    trust_url: str
    pki: Pki
    instance: str = INSTANCE
    member_class: str = MEMBER_CLASS
    members: dict[str, set[str]] = field(default_factory=dict)
    servers: list[SharedServer] = field(default_factory=list)
    groups: list[GlobalGroup] = field(default_factory=list)
    monitoring_client: ClientId | None = None
    ocsp_freshness_seconds: int = 3600
    more_cas: list[ApprovedCA] = field(default_factory=list)
    address: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    directory: bytes = b""

    def __post_init__(self) -> None:
        self.signer = self.pki.issue(
            CertificateProfile.CONFIGURATION_SIGNER,
            x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "internal")]),
        )

    def anchor(self) -> ConfigurationAnchor:
        source = AnchorSource(f"{self.address}/internalconf", (der(self.signer.certificate),))
        return ConfigurationAnchor(self.instance, (source,), datetime.now(UTC))

    def publish(self, *, lifetime: timedelta = timedelta(minutes=10)) -> None:
        """Generate and sign a new configuration with what is known now."""
        now = datetime.now(UTC)
        prefix = content_location_prefix(6, now)
        contents = {
            "shared-params.xml": (SHARED_PARAMETERS, render_shared_parameters(self._shared(), 6)),
            "private-params.xml": (PRIVATE_PARAMETERS, render_private_parameters(self._private())),
        }
        if self.monitoring_client is not None:
            contents["monitoring-params.xml"] = (MONITORING, render_monitoring(self.monitoring_client))
        parts = [
            DirectoryPart(identifier, self.instance, f"{prefix}/{name}", content)
            for name, (identifier, content) in contents.items()
        ]
        boundaries = tuple("".join(secrets.choice(string.ascii_letters) for _ in range(20)) for _ in "oi")
        algorithm = (
            SignatureAlgorithm.RSA_SHA512 if self.pki.kind == "rsa-2048" else SignatureAlgorithm.ECDSA_SHA512
        )
        prepared = prepare_signed_directory(
            parts,
            expire_at=now + lifetime,
            version=6,
            boundaries=(boundaries[0], boundaries[1]),
            certificate=der(self.signer.certificate),
            algorithm=algorithm,
        )
        self.files = {part.location: part.content for part in parts}
        self.directory = prepared.complete(sign_bytes(self.signer.key, algorithm, prepared.to_be_signed))

    async def handle(self, request: Request, responder: Responder) -> None:
        path, _, query = request.target.decode().partition("?")
        if path == "/internalconf" and query in ("version=6", ""):
            await responder.send(200, [(b"Content-Type", b"text/plain")], self.directory)
        elif path in self.files:
            await responder.send(200, [], self.files[path])
        else:
            await responder.send(404, [])

    def _shared(self) -> SharedParameters:
        pki = self.pki
        ocsp = (OcspInfo(f"{self.trust_url}/ocsp", der(pki.ocsp.certificate)),)
        return SharedParameters(
            instance_identifier=self.instance,
            version=6,
            sources=(
                ConfigurationSource(
                    self.address.removeprefix("http://"),
                    (der(self.signer.certificate),),
                    (der(self.signer.certificate),),
                ),
            ),
            approved_cas=(
                ApprovedCA("Test CA", CaInfo(der(pki.ca.certificate), ocsp), PROFILE),
                *self.more_cas,
            ),
            approved_tsas=(ApprovedTSA("Test TSA", f"{self.trust_url}/tsa", der(pki.tsa.certificate)),),
            members=tuple(
                Member(
                    ClientId(self.instance, self.member_class, code),
                    f"Member {code}",
                    tuple(
                        Subsystem(ClientId(self.instance, self.member_class, code, name), name)
                        for name in sorted(names)
                    ),
                )
                for code, names in sorted(self.members.items())
            ),
            security_servers=tuple(self.servers),
            global_groups=tuple(self.groups),
            member_classes=(MemberClass(self.member_class, "commercial"),),
            ocsp_freshness_seconds=self.ocsp_freshness_seconds,
        )

    def _private(self) -> PrivateParameters:
        return PrivateParameters(
            self.instance,
            ManagementService(
                "https://127.0.0.1:4001/managementservice/",
                ClientId(self.instance, self.member_class, "1", "Management"),
            ),
            60,
        )


@dataclass
class Site:
    """One security server of the world and what it was made of."""

    name: str
    server: SecurityServer
    owner: ClientId
    shared: SharedServer
    auth_certificate: x509.Certificate
    sign_certificates: dict[str, x509.Certificate]

    @property
    def url(self) -> str:
        host, port = self.server.addresses["client_http"]
        return f"http://{host}:{port}"

    @property
    def https_url(self) -> str:
        host, port = self.server.addresses["client_https"]
        return f"https://{host}:{port}"

    def forget_connections(self) -> None:
        """The next message goes out on a new one."""
        pool = self.server._parts.connections._pool
        for key in list(pool._idle):
            pool.drop(key)


@dataclass
class Spawned:
    """A security server as a process of its own."""

    process: asyncio.subprocess.Process
    addresses: dict[str, tuple[str, int]]
    log: Path

    @property
    def url(self) -> str:
        host, port = self.addresses["client_http"]
        return f"http://{host}:{port}"

    async def end(self) -> int:
        """SIGTERM, and its exit status."""
        if self.process.returncode is None:
            self.process.terminate()
        return await self.process.wait()


@dataclass
class Issuing:
    """How a certificate is issued, when not as it should be."""

    pki: Pki | None = None
    not_before: timedelta = timedelta(days=-30)
    not_after: timedelta = timedelta(days=365)
    subject_code: str | None = None
    token_id: str | None = None
    algorithm: KeyAlgorithm | None = None


class World:
    """An instance. Use as an asynchronous context manager."""

    def __init__(
        self,
        directory: Path,
        kind: KeyKind = "ec-p256",
        *,
        instance: str = INSTANCE,
        member_class: str = MEMBER_CLASS,
    ) -> None:
        self.directory = directory
        self.instance = instance
        self.member_class = member_class
        self.kind = kind
        self.pki = Pki(kind)
        self.trust = Trust(self.pki)
        self.sites: dict[str, Site] = {}
        self.routes: dict[str, PeerRoute] = {}
        self._listeners: list[Server] = []
        self._processes: list[Spawned] = []
        self._serials = iter(range(1000, 10_000_000))

    async def __aenter__(self) -> World:
        trust_url = await self.serve(self.trust.handle)
        self.central = Central(trust_url, self.pki, self.instance, self.member_class)
        self.central.address = await self.serve(self.central.handle)
        self.anchor = self.directory / "anchor.xml"
        self.anchor.write_bytes(render_anchor(self.central.anchor()))
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.gather(*(spawned.end() for spawned in self._processes))
        await asyncio.gather(*(site.server.stop(grace=2) for site in self.sites.values()))
        await asyncio.gather(*(listener.close(1) for listener in self._listeners))

    async def serve(self, handler: Handler, *, tls: Callable[[], ssl.SSLContext] | None = None) -> str:
        """Any HTTP service on loopback; its address."""
        listener = await serve(handler, "127.0.0.1", 0, tls=tls)
        self._listeners.append(listener)
        return f"{'https' if tls else 'http'}://127.0.0.1:{listener.port}"

    def member(self, code: str) -> ClientId:
        return ClientId(self.instance, self.member_class, code)

    # security servers

    async def add_server(
        self,
        name: str,
        owner: str,
        clients: Sequence[ClientId] = (),
        *,
        start: bool = True,
        auth: Issuing | None = None,
        sign: Issuing | None = None,
        **settings: object,
    ) -> Site:
        """A server owned by member `owner`, with `clients` registered at it and in the configuration (plain HTTP)."""
        ports = free_ports(2)
        address = f"{name}.test"
        self.routes[address] = PeerRoute(host="127.0.0.1", port=ports[0], ocsp_port=ports[1])
        for site in self.sites.values():
            site.server.settings.peer_routes.update(self.routes)
        values: dict[str, object] = {
            "owner": str(self.member(owner)),
            "server_code": name,
            "anchor": self.anchor,
            "directory": self.directory / name,
            "pin": "1234",
            "client_http_port": 0,
            "client_https_port": 0,
            "server_proxy_port": ports[0],
            "ocsp_responder_port": ports[1],
            "peer_routes": self.routes,
            "configuration_interval": 3600.0,
        }
        prepare_directory(self.directory / name)
        server = SecurityServer(SecurityServerSettings.model_validate(values | settings))
        await server.initialise_token("1234")
        await server.hardware.open()
        auth_certificate = await self.certify(server, KeyUsage.AUTHENTICATION, self.member(owner), auth)
        codes = sorted({owner, *(client.member_code for client in clients)})
        sign_certificates = {
            code: await self.certify(server, KeyUsage.SIGNING, self.member(code), sign) for code in codes
        }
        server.serverconf.add_timestamping_service("Test TSA", f"{self.central.trust_url}/tsa")
        for client in clients:
            server.serverconf.add_client(
                client, status=ClientStatus.REGISTERED, connection_type=ConnectionType.HTTP
            )
        shared = SharedServer(
            SecurityServerId(self.member(owner), name),
            address,
            (auth_cert_hash(der(auth_certificate), 6),),
            tuple(clients),
        )
        self.central.servers.append(shared)
        for client in (self.member(owner), *clients):
            names = self.central.members.setdefault(client.member_code, set())
            if client.subsystem_code:
                names.add(client.subsystem_code)
        site = Site(name, server, self.member(owner), shared, auth_certificate, sign_certificates)
        self.sites[name] = site
        await self.publish()
        if start:
            await server.start()
        return site

    async def publish(self, *, lifetime: timedelta = timedelta(minutes=10)) -> None:
        """Sign a new configuration and have every running server take it up."""
        self.central.publish(lifetime=lifetime)
        for site in self.sites.values():
            if site.server.addresses:
                await site.server.configuration.refresh()

    def change_server(self, name: str, **values: object) -> None:
        """Alter what the shared parameters say of a server; `publish` makes it known."""
        servers = self.central.servers
        for index, server in enumerate(servers):
            if server.id.server_code == name:
                servers[index] = replace(server, **values)  # type: ignore[arg-type]

    async def certify(
        self, server: SecurityServer, usage: KeyUsage, who: ClientId, issuing: Issuing | None = None
    ) -> x509.Certificate:
        issuing = issuing or Issuing()
        usual = KeyAlgorithm.RSA_2048 if self.kind == "rsa-2048" else KeyAlgorithm.EC_P256
        algorithm = issuing.algorithm or usual
        code = issuing.subject_code or who.member_code
        subject = name_of(
            C="FI",
            O=f"Member {code}",
            CN=code,
            SERIALNUMBER=f"{self.instance}/{server.server_id.server_code}/{self.member_class}",
        )
        request = x509.load_der_x509_csr(
            await server.request_certificate(usage, who, subject, algorithm, token_id=issuing.token_id)
        )
        profile = CertificateProfile.AUTH if usage is KeyUsage.AUTHENTICATION else CertificateProfile.SIGN
        pki, now = issuing.pki or self.pki, datetime.now(UTC)
        certificate = issue_certificate(
            profile,
            subject=subject,
            public_key=request.public_key(),  # type: ignore[arg-type]
            issuer=pki.ca.certificate.subject,
            issuer_key=pki.ca.key,
            issuer_public_key=pki.ca.key.public_key(),
            serial_number=next(self._serials),
            not_before=now + issuing.not_before,
            not_after=now + issuing.not_after,
        )
        await server.import_certificate(der(certificate))
        return certificate

    # processes

    async def spawn(
        self, site: Site, *, prefix: Sequence[str] = (), grace: float = 2.0, **changed: object
    ) -> Spawned:
        """Go on with `site` in a process of its own; its server in this process ends. prefix: a command to run it under."""
        settings = site.server.settings.model_copy(update=changed)
        await site.server.stop(grace=0.5)
        self.sites.pop(site.name, None)
        return await self.launch(settings, prefix=prefix, grace=grace)

    async def launch(
        self,
        settings: SecurityServerSettings,
        *,
        prefix: Sequence[str] = (),
        grace: float = 2.0,
        workers: int | None = None,
    ) -> Spawned:
        """A process of `settings`; with `workers`, a supervisor and theirs."""
        directory = settings.directory
        config = directory / "settings.toml"
        config.write_text(toml_of(settings))
        log = directory / "log.jsonl"
        with log.open("ab") as out:
            process = await asyncio.create_subprocess_exec(
                *prefix,
                sys.executable,
                "-c",
                "from sild.cli import main; main()",
                "security-server",
                "--config",
                str(config),
                "--grace",
                str(grace),
                *(() if workers is None else ("--workers", str(workers))),
                stdout=asyncio.subprocess.PIPE,
                stderr=out,
            )
        assert process.stdout is not None
        line = await process.stdout.readline()
        assert line, log.read_text()[-3000:]
        addresses = {name: (host, port) for name, (host, port) in json.loads(line)["addresses"].items()}
        spawned = Spawned(process, addresses, log)
        self._processes.append(spawned)
        return spawned

    # messages

    async def call(
        self,
        site: Site,
        method: str,
        service: ServiceId,
        path: str = "",
        *,
        client: ClientId | None,
        body: bytes | None = None,
        headers: Sequence[Header] = (),
        timeout: float = 30.0,
    ) -> Fetched:
        """What an information system does: one request to `/r1/...`."""
        given = list(headers)
        if client is not None:
            given.append((b"X-Road-Client", client.encode().encode()))
        return await fetch(
            f"{site.url}/r1/{service.encode()}{path}",
            method=method,
            body=body,
            headers=given,
            timeout=timeout,
            max_bytes=64 * 1024 * 1024,
        )


@cache
def template() -> Path:
    """What every new server would make for itself at length: migrated databases, an RSA key."""
    directory = Path(tempfile.mkdtemp(prefix="sild-world-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    rooms = {
        "serverconf": "security_server",
        "signer": "signer",
        "messagelog": "message_log",
        "opmonitor": "op_monitor",
    }
    for name, room in rooms.items():
        migrations = Path(sild.__file__).parent / room / "migrations"
        open_database(sqlite_url(directory / f"{name}.db"), migrations).dispose()
    InternalTls(directory, host_names=("127.0.0.1", "localhost"), at=datetime.now(UTC))
    return directory


def prepare_directory(directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for path in template().iterdir():
        if path.suffix in (".db", ".pem"):
            shutil.copy(path, directory / path.name)


def toml_of(settings: SecurityServerSettings) -> str:
    """Enough TOML for settings: plain values, lists of text, tables of routes."""
    lines, tables = [], []
    pin = settings.pin.get_secret_value() if settings.pin else None
    for name, value in (settings.model_dump(mode="json", exclude_none=True) | {"pin": pin}).items():
        if isinstance(value, dict):
            plain = {key: content for key, content in value.items() if not isinstance(content, dict)}
            for key, table in {None: plain, **value}.items():
                if isinstance(table, dict) and table:
                    tables.append(f"[{name}]" if key is None else f'[{name}."{key}"]')
                    tables += [f"{field} = {json.dumps(content)}" for field, content in table.items()]
        elif value is not None:
            lines.append(f"{name} = {json.dumps(value)}")
    return "\n".join([*lines, *tables]) + "\n"


def name_of(**parts: str) -> x509.Name:
    return pki_name(**parts)


class Echo:
    """A service that answers with the body it got, and remembers what it saw."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, bytes, list[Header], bytes]] = []
        self.answer: Handler | None = None

    async def __call__(self, request: Request, responder: Responder) -> None:
        body = await request.read(64 * 1024 * 1024)
        self.requests.append((request.method, request.target, list(request.headers), body))
        if self.answer is not None:
            await self.answer(request, responder)
            return
        content_type = request.header(b"content-type") or b"application/octet-stream"
        await responder.send(200, [(b"Content-Type", content_type), (b"X-Service", b"echo")], body)


CLIENT = subsystem("1", "Client")
REGISTER = subsystem("2", "Register")
ECHO = ServiceId(REGISTER, "echo")


@dataclass
class Pair:
    """The smallest exchange: a consumer's server, a provider's server, an echo service that `CLIENT` may call."""

    world: World
    consumer: Site
    provider: Site
    echo: Echo
    seen: dict[str, int] = field(default_factory=dict)

    def begin(self) -> Pair:
        """Forget what came before: for a pair several tests share."""
        self.echo.requests.clear()
        self.echo.answer = None
        for site in (self.consumer, self.provider):
            with site.server.message_log.store.engine.connect() as connection:
                newest = connection.exec_driver_sql("select max(id) from message_record").scalar()
            self.seen[site.name] = newest or 0
        return self

    async def call(self, method: str = "GET", path: str = "", **given: Any) -> Fetched:
        given.setdefault("client", CLIENT)
        return await self.world.call(self.consumer, method, given.pop("service", ECHO), path, **given)

    def records(self, site: Site) -> list[tuple[str, bool]]:
        """(query id, is response) of every logged message, in order."""
        store = site.server.message_log.store
        with store.engine.connect() as connection:
            rows = connection.exec_driver_sql(
                "select query_id, is_response, id from message_record order by id"
            ).all()
        return [(row[0], bool(row[1])) for row in rows if row[2] > self.seen.get(site.name, 0)]


async def make_pair(
    world: World, *, consumer: Mapping[str, Any] | None = None, provider: Mapping[str, Any] | None = None
) -> Pair:
    echo = Echo()
    url = await world.serve(echo)
    first = await world.add_server("ss1", "1", [CLIENT], **(consumer or {}))
    second = await world.add_server("ss2", "2", [REGISTER], **(provider or {}))
    second.server.serverconf.add_rest_service(REGISTER, "echo", url)
    second.server.serverconf.grant(ECHO, CLIENT)
    return Pair(world, first, second, echo)
