"""A valid central server to change one thing in: one member with a server, trust services, keys, a management provider."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from sild.central_server import CentralServer
from sild.clock import Clock, system_clock
from sild.pki import der
from sild.xroad.identifiers import ClientId, SecurityServerId
from support.pki import Pki

PROFILE = "ee.ria.xroad.common.certificateprofile.impl.FiVRKCertificateProfileInfoProvider"
PIN = "Secret1234"
INSTANCE = "DEV"
MEMBER = ClientId(INSTANCE, "COM", "1234")
MANAGEMENT = ClientId(INSTANCE, "COM", "1234", "Management")
OTHER = ClientId(INSTANCE, "GOV", "5678")
OTHER_SUBSYSTEM = ClientId(INSTANCE, "GOV", "5678", "Registry")
SERVER = SecurityServerId(MEMBER, "SS0")
START = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


class SetClock:
    """A clock that stands still until it is moved."""

    def __init__(self, at: datetime = START) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def advance(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


def empty_central_server(
    directory: Path,
    *,
    database_url: str | None = None,
    clock: Clock = system_clock,
    address: str = "cs.example.org",
) -> CentralServer:
    return CentralServer.create(
        directory,
        instance_identifier=INSTANCE,
        address=address,
        pin=PIN,
        database_url=database_url,
        clock=clock,
    )


def fill(server: CentralServer, pki: Pki) -> None:
    with server.transaction("test"):
        server.add_member_class("COM", "Private companies")
        server.add_member_class("GOV", "Government")
        server.add_member("COM", "1234", "Company OÜ")
        server.add_member("GOV", "5678", "Ministry & sons")
        server.add_subsystem(MANAGEMENT)
        server.add_subsystem(OTHER_SUBSYSTEM, "Population register")
        server.set_management_service_provider(MANAGEMENT)
        service = server.add_certification_service(der(pki.ca.certificate), PROFILE)
        server.add_ocsp_responder(
            service.id, "http://ca.example.org:8888", der(pki.ocsp.certificate), cost_type="FREE"
        )
        server.add_timestamping_service("http://ca.example.org:8899", der(pki.tsa.certificate))
        server.register_security_server(
            MEMBER, "SS0", "ss0.example.org", der(pki.auth_credential().certificate)
        )
        server.register_client(SERVER, MANAGEMENT)
        server.register_client(SERVER, OTHER_SUBSYSTEM)
        server.add_global_group("everyone", "All of us")
        server.add_global_group_members("everyone", [MEMBER, OTHER_SUBSYSTEM])
        server.add_signing_key("INTERNAL", key_algorithm="EC")
        server.add_signing_key("EXTERNAL", key_algorithm="EC")
