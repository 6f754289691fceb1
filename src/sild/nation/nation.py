"""A running nation: trust services, central server, population register and two security servers in one process.

async with await Nation.start(directory) as nation:
    nation.description["security_servers"]...          # what nation.json holds
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from cryptography.hazmat.primitives.serialization import Encoding
from pydantic import SecretStr

from sild.central_server import (
    REQUEST_LIMITS,
    CentralServer,
    configuration_app,
    management_service,
    registration_service,
)
from sild.clock import Clock, system_clock
from sild.errors import CallerError, Unavailable
from sild.http1 import Handler, TlsContext, fetch, serve
from sild.nation.description import describe
from sild.nation.founding import (
    EVENTS,
    MANDATES,
    add_clients,
    describe_instance,
    equip_server,
    host_systems,
    offer_evidence,
    offer_management_services,
    offer_register,
    offer_system,
    offer_witness,
    published_address,
    register_server,
)
from sild.nation.layout import Layout, Ports, Secrets, ServerPorts, take_ports
from sild.nation.plan import DEMO, MemberPlan, NationPlan, SystemPlan
from sild.nation.running import HOST, Running
from sild.nation.server_process import write_settings
from sild.pki import Certificate, CertificateProfile
from sild.registries import Grounds, PopulationRegister, duties_without_case, population_app
from sild.security_server import PeerRoute, SecurityServer, SecurityServerSettings, WitnessSettings
from sild.trust_services import TrustOptions, TrustServices
from sild.xroad.globalconf import parse_anchor

if TYPE_CHECKING:
    from fastapi import FastAPI

    from sild.cases import CaseSystem
    from sild.identity_provider import IdentityProvider
    from sild.nation.ai_gateway import CountryGateway
    from sild.nation.people import TestPerson
    from sild.nation.systems import Systems

__all__ = ["Nation"]

OCSP_VALIDITY = timedelta(hours=24)
CONFIGURATION_INTERVAL = 2.0  # seconds: whoever tries a change from outside sees it at once
REQUESTS_PER_MINUTE = 1_000  # everybody here has one address
Progress = Callable[[str], None]


class Nation:
    """Made by `start`; `stop` ends it and keeps its state in the directory for the next start."""

    def __init__(
        self, plan: NationPlan, layout: Layout, ports: Ports, secrets: Secrets, clock: Clock
    ) -> None:
        self.plan = plan
        self.layout = layout
        self.ports = ports
        self.description: dict[str, object] = {}
        self._secrets = secrets
        self._clock = clock
        self.running = Running(AsyncExitStack())
        self.trust: TrustServices
        self.central: CentralServer
        self.register: PopulationRegister
        self.systems: Systems | None = None
        self.people: Mapping[str, TestPerson] = {}
        self.identity: IdentityProvider
        self.ai_gateway: CountryGateway | None = None
        self.cases: CaseSystem
        self._population: FastAPI
        self.provider: SecurityServer
        self.consumer: SecurityServer
        self._service_key: asyncio.Task[object]  # of the central server's services: it takes long to make

    @classmethod
    async def start(
        cls,
        directory: Path,
        *,
        plan: NationPlan = DEMO,
        progress: Progress = lambda _step: None,
        clock: Clock = system_clock,
        serving: bool = True,
    ) -> Nation:
        """Found a nation in `directory`, or start the one that is there; everything serves when this returns.

        progress: told each step in a few words.  serving: False founds and starts all but the security servers, which can
        then run as processes of their own with `settings_of`. Raises CallerError (the directory holds something else, a port of an
        older start is taken), Unavailable.
        """
        servers = [member.server_code for member in plan.servers]
        layout = Layout(directory, servers, plan.system_directories, plan.system_ports)
        async with AsyncExitStack() as opened:
            opened.enter_context(layout.held())
            is_new = not layout.is_founded
            if is_new:
                layout.clear_unfinished()
            secrets = layout.make_secrets() if is_new else layout.read_secrets()
            if is_new:
                ports, held = take_ports(plan.system_ports)
                opened.enter_context(held)
            else:
                ports = layout.read_ports()
            if not is_new and layout.anchor.exists():
                _ensure_same_country(layout, plan)
            if not is_new:
                layout.ensure_as_many_people(plan.people)
            layout.ensure_ports_free(ports)
            nation = cls(plan, layout, ports, secrets, clock)
            nation.running.opened = opened
            await nation._start(is_new, progress, serving)
            nation.running.opened = opened.pop_all()
        return nation

    async def stop(self) -> None:
        """End servers in the reverse order of their start. Safe to call twice."""
        await self.running.stop()

    async def failure(self) -> Unavailable:
        """Waits until a part of the nation ends by itself, and says which. It may never."""
        return await self.running.failure()

    async def __aenter__(self) -> Nation:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    # --- the steps of a start

    async def _start(self, is_new: bool, progress: Progress, serving: bool) -> None:
        progress("trust services")
        await self._start_trust_services(is_new)
        progress("central server")
        await self._start_central_server(is_new)
        progress("population register")
        register_url = await self._start_register()
        if self.plan.systems:
            progress(
                "registers of residence, health insurance, benefits, education, tax, voters; a treasury, a hospital"
            )
            await self._open_systems()
        progress("security servers")
        self.provider, self.consumer = (
            SecurityServer(self.settings_of(member), clock=self._clock) for member in self.plan.servers
        )
        if is_new:
            await self._equip(register_url)
        await self._start_management_services()
        for member in self.plan.servers:
            await asyncio.to_thread(write_settings, self.settings_of(member))
        progress("global configuration")
        await asyncio.to_thread(self.central.publish)
        self.running.run("the central server", self.central.run())
        for server in (self.provider, self.consumer):
            if serving:
                await server.start()
                self.running.opened.push_async_callback(server.stop, 5.0)
            else:
                await server.stop()
        if self.systems is not None and serving:
            await self.systems.begin()
            await self._open_to_citizens(is_new, progress)
        if is_new:
            self.layout.write_ports(self.ports)
        self.description = describe(self)
        self.layout.write_description(self.description)

    async def _start_trust_services(self, is_new: bool) -> None:
        url = f"http://{HOST}:{self.ports.trust_services}"
        options = TrustOptions(
            ocsp_url=f"{url}/ocsp",
            ocsp_validity=OCSP_VALIDITY,
            signing_form=True,  # strangers may join: on this machine
        )
        make = TrustServices.create if is_new else TrustServices.open
        self.trust = make(
            self.layout.trust_services,
            password=self._secrets.trust_services,
            options=options,
            clock=self._clock,
        )
        self.running.opened.callback(self.trust.close)
        authorities = (self.trust.ca_certificate, self.trust.tsa_certificate)
        self.layout.authorities.write_bytes(b"".join(one.public_bytes(Encoding.PEM) for one in authorities))
        await self.running.serve("the trust services", self.trust.app, self.ports.trust_services)
        self.trust_url = url

    async def _start_central_server(self, is_new: bool) -> None:
        address = f"{HOST}:{self.ports.central_server}"
        directory, pin = self.layout.central_server, self._secrets.central_server
        if is_new:
            self.central = CentralServer.create(
                directory,
                instance_identifier=self.plan.instance_identifier,
                address=address,
                pin=pin,
                clock=self._clock,
            )
            self._service_key = asyncio.create_task(
                asyncio.to_thread(self.central.management_service_tls, key_algorithm="EC")
            )
            describe_instance(
                self.central, self.plan, self.trust, self.trust_url, self.registration_service_url
            )
            self.layout.anchor.write_bytes(self.central.anchor("INTERNAL").file)
        else:
            self.central = CentralServer.open(directory, pin=pin, clock=self._clock)
        self.running.opened.callback(self.central.close)
        application = configuration_app(
            self.central.public_directory, management_services_address=self.management_service_url
        )
        await self.running.serve("the global configuration", application, self.ports.central_server)

    async def _start_management_services(self) -> None:
        """Ports 4001 and 4002 of the central server; the second takes the management security server alone."""
        tls = await asyncio.to_thread(self.central.management_service_tls)
        registrations = registration_service(
            self.central, clock=self._clock, requests_per_minute=REQUESTS_PER_MINUTE
        )
        requests = management_service(
            self.central,
            clock=self._clock,
            client_certificates=[self.provider.internal_tls.certificate_der],
            requests_per_minute=REQUESTS_PER_MINUTE,
        )
        await self._serve_tls(registrations, self.ports.registration_service, tls)
        await self._serve_tls(requests, self.ports.management_service, tls)

    async def _serve_tls(self, handler: Handler, port: int, tls: Callable[[], TlsContext]) -> None:
        server = await serve(handler, HOST, port, tls=tls, limits=REQUEST_LIMITS)
        self.running.opened.push_async_callback(server.close, 5.0)

    @property
    def registration_service_url(self) -> str:
        return f"https://{HOST}:{self.ports.registration_service}/managementservice/"

    @property
    def management_service_url(self) -> str:
        return f"https://{HOST}:{self.ports.management_service}/managementservice/manage/"

    async def _open_systems(self) -> None:
        from sild.decisions import TimeStampClient
        from sild.nation.people import find_test_people  # late: a nation of one register does without
        from sild.nation.systems import Systems
        from sild.nation.ward import notifying, ward_settings

        self.systems = Systems(
            self.plan,
            self.running,
            self.client_url,
            certify=self._certify,
            stamp=TimeStampClient([f"{self.trust_url}/tsa"], [self.trust.tsa_certificate], fetch),
            portal_url=self.portal_url,
        )
        self.people = await asyncio.to_thread(find_test_people, self.plan.people, self.plan.about)
        ward = ward_settings(
            self.plan,
            url=self.ward_url,
            issuer=self.issuer,
            secret=self._secrets.ward_client,
            stamp=self.systems.stamp,
        )
        await self.systems.open(
            self.register, self._population, self.layout.system, self._clock, self.people, ward
        )
        authorities = (self.trust.ca_certificate, self.trust.tsa_certificate)
        self.register.notifying = notifying(self.plan, self.people, authorities)
        for opened in self.systems.registers.values():
            opened.register.kernel.without_case = Grounds({"*": duties_without_case()})
        await self.systems.serve(lambda kind: self.ports.systems[kind])

    async def _open_to_citizens(self, is_new: bool, progress: Progress) -> None:
        from sild.nation.citizens import open_to_citizens  # late, as above

        opened = await open_to_citizens(self, self._secrets, self._clock, is_new=is_new, progress=progress)
        self.identity, self.ai_gateway, self.cases = opened.identity, opened.ai_gateway, opened.cases

    @property
    def issuer(self) -> str:
        return f"http://localhost:{self.ports.systems['identity']}"

    @property
    def portal_url(self) -> str:
        return f"http://localhost:{self.ports.systems['portal screens']}"

    @property
    def ward_url(self) -> str:
        return f"http://localhost:{self.ports.systems['ward']}"

    @property
    def ai_gateway_url(self) -> str:
        return f"http://{HOST}:{self.ports.systems['ai-gateway']}"

    def client_url(self, system: SystemPlan) -> str:
        return f"http://{HOST}:{self._server_ports(system.host).client_http}"

    def _system_url(self, kind: str) -> str:
        if kind == "population":
            return f"http://{HOST}:{self.ports.register}"
        port = self.ports.systems["mandates" if kind == "identity" else kind]  # people log in at the other
        return f"http://{HOST}:{port}"

    def _server_ports(self, member: MemberPlan) -> ServerPorts:
        return self.ports.provider if member is self.plan.provider else self.ports.consumer

    def _certify(self, request: bytes) -> Sequence[Certificate]:
        """Of a body's seal, from the nation's own authority."""
        issued = self.trust.issue(request, CertificateProfile.SIGN, actor="founding")
        return issued, self.trust.ca_certificate

    def certify_person(self, request: bytes) -> Sequence[Certificate]:
        """Of a person's signing key, from the same."""
        issued = self.trust.issue(request, CertificateProfile.SIGN, actor="remote signing", for_person=True)
        return issued, self.trust.ca_certificate

    async def _start_register(self) -> str:
        self.register = PopulationRegister.open(
            self.layout.register,
            system=f"/{self.plan.subsystem_id(self.plan.provider).encode()}",
            people=self.plan.people,
            zone=ZoneInfo(self.plan.profile.zone),
            certify=self._certify,
        )
        self.running.opened.callback(self.register.close)
        self._population = population_app(self.register)
        register = await self.running.serve("the population register", self._population, self.ports.register)
        return register.url

    def settings_of(self, member: MemberPlan) -> SecurityServerSettings:
        """Settings of a member's server, as its TOML file would hold them."""
        ports = self._server_ports(member)
        return SecurityServerSettings(
            owner=str(self.plan.member_id(member)),
            server_code=member.server_code,
            anchor=self.layout.anchor,
            directory=self.layout.security_server(member.server_code),
            pin=SecretStr(self._secrets.security_server),
            internal_tls_key="ec-p256",  # an RSA key takes a tenth of a second to make
            client_http_port=ports.client_http,
            client_https_port=ports.client_https,
            server_proxy_port=ports.server_proxy,
            ocsp_responder_port=ports.ocsp_responder,
            server_configuration_interval=CONFIGURATION_INTERVAL,
            configuration_interval=CONFIGURATION_INTERVAL,
            witness=self._witness_settings(),
            peer_routes={
                published_address(other): PeerRoute(
                    host=HOST, port=other_ports.server_proxy, ocsp_port=other_ports.ocsp_responder
                )
                for other, other_ports in (
                    (self.plan.provider, self.ports.provider),
                    (self.plan.consumer, self.ports.consumer),
                )
            },
        )

    def _witness_settings(self) -> WitnessSettings | None:
        if self.plan.witness_asker is None:
            return None
        population = self.plan.system_id("population")
        told = f"{population.member_class}/{population.member_code}/{population.subsystem_code}"
        orders = f"{told}/{self.plan.system('population').services[0]}/protection-orders"
        return WitnessSettings(
            issuer=self.issuer,
            password=SecretStr(self._secrets.security_server),
            untold=(orders, f"{orders}/end"),
        )

    async def _equip(self, register_url: str) -> None:
        for server, member in ((self.provider, self.plan.provider), (self.consumer, self.plan.consumer)):
            certificate = await equip_server(
                server, self.plan, member, self.trust, self._secrets.security_server
            )
            register_server(self.central, self.plan, member, certificate)
            add_clients(server, self.plan, member)
        description = await fetch(f"{register_url}/openapi.json")
        offer_register(self.provider, self.plan, register_url, description.body)
        servers = ((self.provider, self.plan.provider), (self.consumer, self.plan.consumer))
        for server, member in servers if self.plan.systems else ():
            await host_systems(server, member, self.central, self.plan, self.trust)
            url = f"http://{HOST}:{self._server_ports(member).client_http}"
            offer_witness(server, self.central, self.plan, member, url)
            for system in self.plan.systems:
                if system.host is member:
                    offer_system(
                        server,
                        self.plan,
                        system,
                        self._system_url(system.kind),
                        await self._description_of(system),
                    )
                    offer_evidence(server, self.plan, system, self.client_url(system))
        await self._service_key
        await offer_management_services(
            self.provider, self.central, self.plan, self.trust, self.management_service_url
        )

    async def _description_of(self, system: SystemPlan) -> bytes:
        if set(system.services) <= {EVENTS, MANDATES}:
            return b""
        answer = await fetch(f"{self._system_url(system.kind)}/openapi.json")
        return answer.body


def _ensure_same_country(layout: Layout, plan: NationPlan) -> None:
    """Raises CallerError: another country, or another instance, was founded here."""
    found = parse_anchor(layout.anchor.read_bytes()).instance_identifier
    if found != plan.instance_identifier:
        raise CallerError(
            f"{layout.directory} holds the instance {found}, not {plan.instance_identifier}: give another --dir"
        )
