"""Security servers, their certificates and clients: the codes X-Road's management requests answer with."""

from __future__ import annotations

from datetime import timedelta

import pytest
from central_world import MANAGEMENT, MEMBER, OTHER, OTHER_SUBSYSTEM, SERVER, START

from sild.central_server import CentralServer, Conflict, NotFound
from sild.errors import CallerError
from sild.pki import der
from sild.xroad.identifiers import ClientId, SecurityServerId
from support.pki import Pki

NOWHERE = SecurityServerId(MEMBER, "SS9")


def owners(server: CentralServer) -> list[ClientId]:
    return [member.client.id for member in server.global_group_members("security-server-owners")]


def test_a_server_of_nobody(central_server: CentralServer) -> None:
    with pytest.raises(NotFound, match="management_request_server_owner_not_found"):
        central_server.register_security_server(ClientId("DEV", "COM", "9"), "SS1", "ss1")


def test_a_server_code_once_per_owner(central_server: CentralServer) -> None:
    with pytest.raises(Conflict, match="management_request_server_code_exists"):
        central_server.register_security_server(MEMBER, "SS0", "ss1")
    assert central_server.register_security_server(OTHER, "SS0", "ss1").owner == OTHER


@pytest.mark.parametrize(
    "address",
    [
        "",
        "a b",
        "-x.org",
        "http://ss0",
        "ss0:0",
        "ss0:99999",
        "ss0:x",
        "a..b",
        "1.2.3.4:",
        "::1:",
        "fe80::1%eth0",
        "fe80::1%\n   17  WAITING  CLIENT_REGISTRATION_REQUEST",
        "[fe80::1%\x9b31m]:80",
    ],
)
def test_addresses_nobody_could_reach(central_server: CentralServer, address: str) -> None:
    with pytest.raises(CallerError, match="management_request_invalid_server_address"):
        central_server.change_address(SERVER, address)


@pytest.mark.parametrize(
    "address", ["ss0", "ss0.example.org", "192.0.2.7", "127.0.0.1:5500", "::1", "[::1]:5500"]
)
def test_addresses_that_can_be_reached(central_server: CentralServer, address: str) -> None:
    central_server.change_address(SERVER, address)
    assert central_server.security_server(SERVER).address == address


def test_owners_are_a_group_that_keeps_itself(central_server: CentralServer) -> None:
    assert owners(central_server) == [MEMBER]
    first = central_server.register_security_server(OTHER, "SS1", "ss1")
    second = central_server.register_security_server(OTHER, "SS2", "ss2")
    assert owners(central_server) == [MEMBER, OTHER]
    central_server.delete_security_server(first)
    assert owners(central_server) == [MEMBER, OTHER]
    central_server.delete_security_server(second)
    assert owners(central_server) == [MEMBER]


def test_a_change_of_owner(central_server: CentralServer) -> None:
    central_server.register_client(SERVER, OTHER)
    new_id = central_server.change_owner(SERVER, OTHER)
    assert new_id == SecurityServerId(OTHER, "SS0")
    clients = {client.client.id for client in central_server.clients(new_id)}
    assert clients == {MEMBER, MANAGEMENT, OTHER_SUBSYSTEM}
    assert owners(central_server) == [OTHER]


def test_owners_that_cannot_be(central_server: CentralServer) -> None:
    for owner, code in (
        (OTHER_SUBSYSTEM, "management_request_owner_must_be_member"),
        (OTHER, "management_request_owner_must_be_client"),
        (MEMBER, "management_request_client_already_owner"),
    ):
        with pytest.raises(CallerError, match=code):
            central_server.change_owner(SERVER, owner)
    central_server.register_client(SERVER, OTHER)
    central_server.register_security_server(OTHER, "SS0", "elsewhere")
    with pytest.raises(Conflict, match="management_request_server_code_exists"):
        central_server.change_owner(SERVER, OTHER)


def test_an_auth_certificate_of_a_stranger(central_server: CentralServer) -> None:
    stranger = Pki(common_name="Stranger").auth_credential()
    with pytest.raises(CallerError, match="not issued by an approved"):
        central_server.add_auth_certificate(SERVER, der(stranger.certificate))


def test_a_sign_certificate_is_no_auth_certificate(central_server: CentralServer, pki: Pki) -> None:
    with pytest.raises(CallerError, match="is not an authentication certificate"):
        central_server.add_auth_certificate(SERVER, der(pki.sign_credential().certificate))


def test_an_expired_auth_certificate(central_server: CentralServer, pki: Pki) -> None:
    expired = pki.auth_credential(server_code="OLD", not_after=START - timedelta(days=1))
    with pytest.raises(CallerError, match="is not valid now"):
        central_server.add_auth_certificate(SERVER, der(expired.certificate))


def test_what_is_no_certificate(central_server: CentralServer) -> None:
    with pytest.raises(CallerError, match="management_request_invalid_auth_certificate"):
        central_server.add_auth_certificate(SERVER, b"certificate")


def test_an_auth_certificate_once(central_server: CentralServer) -> None:
    other = central_server.register_security_server(OTHER, "SS1", "ss1")
    (known,) = central_server.auth_certificates(SERVER)
    with pytest.raises(Conflict, match="management_request_security_server_exists"):
        central_server.add_auth_certificate(other, known.certificate)


def test_a_certificate_by_an_approved_intermediate(central_server: CentralServer, pki: Pki) -> None:
    intermediate = pki.intermediate()
    certificate = der(pki.auth_credential(server_code="SS7", issuer=intermediate).certificate)
    with pytest.raises(CallerError, match="not issued"):
        central_server.add_auth_certificate(SERVER, certificate)
    (service,) = central_server.certification_services()
    central_server.add_intermediate_ca(service.id, der(intermediate.certificate))
    added = central_server.add_auth_certificate(SERVER, certificate)
    assert central_server.auth_certificates(SERVER)[-1] == added
    central_server.delete_auth_certificate(SERVER, added.id)
    with pytest.raises(NotFound, match="ss_auth_certificate_not_found"):
        central_server.delete_auth_certificate(SERVER, added.id)


def test_a_refused_certificate_takes_its_new_server_along(central_server: CentralServer) -> None:
    with pytest.raises(CallerError):
        central_server.register_security_server(OTHER, "SS1", "ss1", b"nonsense")
    assert central_server.find_security_servers("SS1").total_items == 0
    assert owners(central_server) == [MEMBER]


def test_clients_are_registered_once(central_server: CentralServer) -> None:
    with pytest.raises(Conflict, match="management_request_client_already_registered"):
        central_server.register_client(SERVER, MANAGEMENT)
    with pytest.raises(CallerError, match="management_request_cannot_register_owner"):
        central_server.register_client(SERVER, MEMBER)
    with pytest.raises(NotFound, match="management_request_server_not_found"):
        central_server.register_client(NOWHERE, OTHER)
    with pytest.raises(NotFound, match="management_request_member_not_found"):
        central_server.register_client(SERVER, ClientId("DEV", "COM", "9", "Sub"))


def test_registering_a_new_subsystem_brings_it_into_being(central_server: CentralServer) -> None:
    new = ClientId("DEV", "GOV", "5678", "New")
    central_server.register_client(SERVER, new, subsystem_name="Brand new")
    assert {s.id: s.name for s in central_server.subsystems(OTHER)}[new] == "Brand new"


def test_registering_renames_when_another_name_is_given(central_server: CentralServer) -> None:
    central_server.unregister_client(SERVER, OTHER_SUBSYSTEM)
    central_server.register_client(SERVER, OTHER_SUBSYSTEM, subsystem_name="Registry of people")
    assert central_server.subsystems(OTHER)[0].name == "Registry of people"


def test_clients_are_disabled_and_enabled(central_server: CentralServer) -> None:
    central_server.disable_client(SERVER, OTHER_SUBSYSTEM)
    assert [c.enabled for c in central_server.clients(SERVER)] == [True, False]
    central_server.enable_client(SERVER, OTHER_SUBSYSTEM)
    assert [c.enabled for c in central_server.clients(SERVER)] == [True, True]
    with pytest.raises(Conflict, match="mr_forbidden_disable_management_service_client"):
        central_server.disable_client(SERVER, MANAGEMENT)
    with pytest.raises(Conflict, match="management_request_server_client_not_found"):
        central_server.disable_client(SERVER, OTHER)


def test_unregistering_a_stranger(central_server: CentralServer) -> None:
    with pytest.raises(NotFound, match="management_request_client_registration_not_found"):
        central_server.unregister_client(SERVER, OTHER)


def test_maintenance_mode(central_server: CentralServer) -> None:
    with pytest.raises(Conflict, match="mr_forbidden_enable_maintenance_mode_for_management_service"):
        central_server.enable_maintenance_mode(SERVER)
    other = central_server.register_security_server(OTHER, "SS1", "ss1")
    with pytest.raises(Conflict, match="management_request_server_not_in_maintenance_mode"):
        central_server.disable_maintenance_mode(other)
    central_server.enable_maintenance_mode(other, "New disks")
    assert central_server.security_server(other).maintenance_mode_message == "New disks"
    with pytest.raises(Conflict, match="management_request_server_already_in_maintenance_mode"):
        central_server.enable_maintenance_mode(other)
    central_server.disable_maintenance_mode(other)
    assert not central_server.security_server(other).in_maintenance_mode


def test_servers_are_searched_and_paged(either_server: CentralServer) -> None:
    either_server.register_security_server(OTHER, "Zeta", "zeta")
    assert [s.id.server_code for s in either_server.find_security_servers().items] == ["SS0", "Zeta"]
    assert either_server.find_security_servers("zET").items[0].owner_name == "Ministry & sons"
    page = either_server.find_security_servers(limit=1, offset=1)
    assert ([s.id.server_code for s in page.items], page.total_items) == (["Zeta"], 2)


def test_the_management_provider_is_registered_from_the_centre(central_server: CentralServer) -> None:
    with pytest.raises(CallerError, match="subsystem_already_registered_to_security_server"):
        central_server.register_management_service_provider(SERVER)
    central_server.set_management_service_provider(ClientId("DEV", "COM", "1234", "Management"))
    central_server.unregister_client(SERVER, MANAGEMENT)
    central_server.register_management_service_provider(SERVER)
    services = central_server.management_services()
    assert services.security_servers == (SERVER,)
    assert services.services_address == "https://cs.example.org:4002/managementservice/manage/"
    with pytest.raises(NotFound, match="subsystem_not_found"):
        central_server.set_management_service_provider(ClientId("DEV", "COM", "1234", "Nothing"))
