"""Member classes, members, subsystems: what may be entered, what depends on what."""

from __future__ import annotations

import pytest
from central_world import MANAGEMENT, MEMBER, OTHER, OTHER_SUBSYSTEM, SERVER

from sild.central_server import CentralServer, Conflict, NotFound
from sild.errors import CallerError
from sild.xroad.identifiers import ClientId


def test_a_member_class_once(central_server: CentralServer) -> None:
    with pytest.raises(Conflict) as refusal:
        central_server.add_member_class("COM", "again")
    assert refusal.value.code == "member_class_exists"


def test_a_member_class_is_described_anew(central_server: CentralServer) -> None:
    central_server.update_member_class("COM", "Companies")
    assert central_server.member_classes()[0].description == "Companies"
    with pytest.raises(NotFound, match="member_class_not_found"):
        central_server.update_member_class("NEE", "Nobody")


def test_a_member_class_in_use_stays(central_server: CentralServer) -> None:
    with pytest.raises(Conflict, match="member_class_is_in_use"):
        central_server.delete_member_class("COM")
    central_server.add_member_class("NGO", "Others")
    central_server.delete_member_class("NGO")
    assert [known.code for known in central_server.member_classes()] == ["COM", "GOV"]


def test_a_member_once(central_server: CentralServer) -> None:
    with pytest.raises(Conflict, match="member_exists"):
        central_server.add_member("COM", "1234", "Again")


def test_a_member_of_an_unknown_class(central_server: CentralServer) -> None:
    with pytest.raises(NotFound, match="member_class_not_found"):
        central_server.add_member("NGO", "1", "Nobody")


@pytest.mark.parametrize("code", ["", "a:b", "a/b", "a%b", "a;b", "a\\b", "a\x00", "a\u200b", "x" * 256])
def test_codes_the_wire_could_not_carry(central_server: CentralServer, code: str) -> None:
    with pytest.raises(CallerError, match="bad_request"):
        central_server.add_member("COM", code, "Name")
    with pytest.raises(CallerError, match="bad_request"):
        central_server.add_subsystem(ClientId("DEV", "COM", "1234", code))


@pytest.mark.parametrize("name", ["", "   ", "a\nb", "x" * 256])
def test_names_nobody_could_read(central_server: CentralServer, name: str) -> None:
    with pytest.raises(CallerError, match="bad_request"):
        central_server.rename_member(MEMBER, name)


def test_a_member_is_renamed(central_server: CentralServer) -> None:
    central_server.rename_member(MEMBER, "Firma AS")
    assert central_server.member(MEMBER).name == "Firma AS"
    with pytest.raises(NotFound, match="member_not_found"):
        central_server.rename_member(ClientId("DEV", "COM", "9"), "x")


def test_identifiers_of_another_instance_are_unknown(central_server: CentralServer) -> None:
    with pytest.raises(NotFound, match="member_not_found"):
        central_server.member(ClientId("TEST", "COM", "1234"))


def test_a_deleted_member_takes_everything_of_it_along(central_server: CentralServer) -> None:
    other_server = central_server.register_security_server(OTHER, "SS1", "ss1.example.org")
    central_server.delete_member(OTHER)
    assert [client.client.id for client in central_server.clients(SERVER)] == [MANAGEMENT]
    assert [m.client.id for m in central_server.global_group_members("everyone")] == [MEMBER]
    assert [m.client.id for m in central_server.global_group_members("security-server-owners")] == [MEMBER]
    with pytest.raises(NotFound, match="security_server_not_found"):
        central_server.security_server(other_server)


def test_the_provider_of_the_management_services_cannot_be_deleted(central_server: CentralServer) -> None:
    with pytest.raises(Conflict, match="management_service_provider_in_use"):
        central_server.delete_member(MEMBER)
    central_server.unregister_client(SERVER, MANAGEMENT)
    with pytest.raises(Conflict, match="management_service_provider_in_use"):
        central_server.delete_subsystem(MANAGEMENT)


def test_a_subsystem_once_and_of_a_known_member(central_server: CentralServer) -> None:
    with pytest.raises(Conflict, match="subsystem_exists"):
        central_server.add_subsystem(MANAGEMENT)
    with pytest.raises(NotFound, match="member_not_found"):
        central_server.add_subsystem(ClientId("DEV", "COM", "9", "Sub"))
    with pytest.raises(CallerError, match="invalid_subsystem_id"):
        central_server.add_subsystem(MEMBER)


def test_a_registered_subsystem_cannot_be_deleted(central_server: CentralServer) -> None:
    with pytest.raises(CallerError, match="subsystem_registered_and_cannot_be_deleted"):
        central_server.delete_subsystem(OTHER_SUBSYSTEM)
    central_server.unregister_client(SERVER, OTHER_SUBSYSTEM)
    central_server.delete_subsystem(OTHER_SUBSYSTEM)
    assert central_server.subsystems(OTHER) == ()


def test_subsystems_tell_where_they_are_registered(central_server: CentralServer) -> None:
    central_server.disable_client(SERVER, OTHER_SUBSYSTEM)
    (subsystem,) = central_server.subsystems(OTHER)
    assert subsystem.id == OTHER_SUBSYSTEM
    assert subsystem.name == "Population register"
    assert subsystem.used_security_servers == ((SERVER, False),)


def test_clients_are_searched_and_paged(either_server: CentralServer) -> None:
    everybody = either_server.find_clients()
    assert [client.id for client in everybody.items] == [MEMBER, MANAGEMENT, OTHER, OTHER_SUBSYSTEM]
    assert everybody.total_items == 4
    second = either_server.find_clients(limit=2, offset=2)
    assert ([client.id for client in second.items], second.total_items) == ([OTHER, OTHER_SUBSYSTEM], 4)
    assert [client.id for client in either_server.find_clients("MINISTRY").items] == [OTHER, OTHER_SUBSYSTEM]
    assert [client.id for client in either_server.find_clients("population").items] == [OTHER_SUBSYSTEM]
    assert [client.id for client in either_server.find_clients(subsystems_only=False).items] == [
        MEMBER,
        OTHER,
    ]
    assert either_server.find_clients("%").items == ()
    assert either_server.find_clients(member_class="GOV", subsystems_only=True).items[0].id == OTHER_SUBSYSTEM
