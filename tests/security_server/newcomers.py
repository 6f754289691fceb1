"""A nation that strangers join: its central server's registrar, and new security servers that register themselves.

    async with Instance(tmp_path) as instance:
        newcomer = await instance.newcomer("80000001")
        number = await newcomer.registration.register_auth_certificate(newcomer.address)
        instance.central.approve_management_request(number)
        await instance.settle()

Everything is real. `settle` is the minute in which a configuration spreads: published, taken up by every server, followed.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import NameOID
from world import prepare_directory

from sild.central_server import CentralServer
from sild.nation import DEMO, Nation
from sild.nation.layout import free_ports
from sild.pki import CertificateProfile, der
from sild.security_server import (
    ClientStatus,
    ConnectionType,
    PeerRoute,
    SecurityServer,
    SecurityServerSettings,
)
from sild.security_server.registration import Registration
from sild.signer import CertificateStatus, KeyAlgorithm, KeyUsage
from sild.xroad.identifiers import ClientId

PLAN = replace(DEMO, people=200)


@dataclass
class Newcomer:
    """A stranger's security server and what the tests ask it."""

    server: SecurityServer
    address: str
    auth: str  # SHA-1 of its authentication certificate

    @property
    def owner(self) -> ClientId:
        return self.server.server_id.owner

    @property
    def registration(self) -> Registration:
        return self.server.registration

    def status(self, client: ClientId) -> ClientStatus:
        return self.server.serverconf.snapshot.clients[client].status

    @property
    def auth_status(self) -> CertificateStatus:
        return self.server.signer.keyring.certificate(self.auth).status

    @property
    def url(self) -> str:
        host, port = self.server.addresses["client_http"]
        return f"http://{host}:{port}"

    def subsystem(self, code: str) -> ClientId:
        """A new client: SAVED."""
        client = self.owner.with_subsystem(code)
        self.server.serverconf.add_client(client, connection_type=ConnectionType.HTTP)
        return client


@dataclass
class Instance:
    directory: Path
    newcomers: list[Newcomer] = field(default_factory=list)

    async def __aenter__(self) -> Instance:
        self.nation = await Nation.start(self.directory / "nation", plan=PLAN)
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.gather(*(newcomer.server.stop(1.0) for newcomer in self.newcomers))
        await self.nation.stop()

    @property
    def central(self) -> CentralServer:
        return self.nation.central

    @property
    def provider(self) -> SecurityServer:
        """Serves the register and the management services."""
        return self.nation.provider

    async def settle(self) -> None:
        await asyncio.to_thread(self.central.publish)
        for server in (self.nation.provider, self.nation.consumer, *(each.server for each in self.newcomers)):
            if server.addresses:
                await server.configuration.refresh()
                await server.registration_follower.follow()

    def member(self, code: str) -> ClientId:
        return ClientId(PLAN.instance_identifier, "COM", code)

    async def newcomer(
        self, code: str, *, known: bool = True, start: bool = True, **settings: object
    ) -> Newcomer:
        """A server of member `code` with keys and certificates, not registered. known: the member is in the register."""
        owner, directory = self.member(code), self.directory / f"s{code}"
        if known:
            self.central.add_member("COM", code, f"Company {code}")
        ports = free_ports(4)
        values: dict[str, object] = {
            "owner": str(owner),
            "server_code": f"s{code}",
            "anchor": self.nation.layout.anchor,
            "directory": directory,
            "pin": "1234",
            "client_http_port": ports[0],
            "client_https_port": ports[1],
            "server_proxy_port": ports[2],
            "ocsp_responder_port": ports[3],
            "configuration_interval": 3600.0,
            "peer_routes": self._routes(),
        }
        prepare_directory(directory)
        server = SecurityServer(SecurityServerSettings.model_validate(values | settings))
        await server.initialise_token("1234")
        auth = await self.certificate(server, KeyUsage.AUTHENTICATION, owner)
        await self.certificate(server, KeyUsage.SIGNING, owner)
        server.serverconf.add_timestamping_service("TSA", f"{self.nation.trust_url}/tsa")
        address = f"s{code}.test"
        for other in (self.nation.provider, self.nation.consumer):
            other.settings.peer_routes[address] = PeerRoute(
                host="127.0.0.1", port=ports[2], ocsp_port=ports[3]
            )
        newcomer = Newcomer(server, address, auth)
        self.newcomers.append(newcomer)
        if start:
            await server.start()
        return newcomer

    async def registered(self, code: str, **settings: object) -> Newcomer:
        """A newcomer whose server is registered."""
        newcomer = await self.newcomer(code, **settings)
        number = await newcomer.registration.register_auth_certificate(newcomer.address)
        self.central.approve_management_request(number)
        await self.settle()
        assert newcomer.auth_status is CertificateStatus.REGISTERED
        return newcomer

    async def with_client(self, code: str, subsystem: str = "desk") -> tuple[Newcomer, ClientId]:
        """A registered newcomer with a registered client."""
        newcomer = await self.registered(code)
        client = newcomer.subsystem(subsystem)
        self.central.approve_management_request(await newcomer.registration.register_client(client))
        await self.settle()
        assert newcomer.status(client) is ClientStatus.REGISTERED
        return newcomer, client

    async def certificate(self, server: SecurityServer, usage: KeyUsage, member: ClientId) -> str:
        """A new key's certificate of the nation's authority; its SHA-1."""
        subject = x509.Name(
            [
                x509.NameAttribute(NameOID.COMMON_NAME, f"{member.member_code} {usage.value}"),
                x509.NameAttribute(NameOID.BUSINESS_CATEGORY, member.member_class),
                x509.NameAttribute(NameOID.SERIAL_NUMBER, member.member_code),
            ]
        )
        request = await server.request_certificate(usage, member, subject, KeyAlgorithm.EC_P256)
        profile = CertificateProfile.SIGN if usage is KeyUsage.SIGNING else CertificateProfile.AUTH
        issued = self.nation.trust.issue(request, profile, actor="test")
        return (await server.import_certificate(der(issued))).sha1

    def _routes(self) -> dict[str, PeerRoute]:
        return dict(self.nation.provider.settings.peer_routes)
