"""Management requests at the central server: who waits, what complements, what is refused, what takes effect (WIRE 16)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from central_world import INSTANCE, MANAGEMENT, MEMBER, OTHER, OTHER_SUBSYSTEM, SERVER, START, SetClock

from sild.central_server import AutomaticApproval, CentralServer, Conflict, NotFound
from sild.errors import CallerError, PlatformError
from sild.pki import certificate_hash, der
from sild.xroad.identifiers import ClientId, SecurityServerId
from sild.xroad.management import (
    AddressChange,
    AuthCertDeletion,
    AuthCertRegistration,
    ClientDeletion,
    ClientDisabling,
    ClientEnabling,
    ClientRegistration,
    ClientRenaming,
    MaintenanceModeDisabling,
    MaintenanceModeEnabling,
    ManagementRequest,
    OwnerChange,
)
from support.pki import Pki

NEW_SERVER = SecurityServerId(OTHER, "SS1")
NEW_SUBSYSTEM = ClientId(INSTANCE, "GOV", "5678", "New")
STRANGER = ClientId(INSTANCE, "GOV", "9999", "Sub")
ALL = AutomaticApproval(auth_cert_registration=True, client_registration=True, owner_change=True)


@pytest.fixture
def certificate(pki: Pki) -> bytes:
    return der(pki.auth_credential("SS1").certificate)


def refused(server: CentralServer, request: ManagementRequest, **options: str) -> str:
    """The code; nothing is recorded."""
    before = server.find_management_requests().total_items, server.revision
    with pytest.raises(PlatformError) as error:
        server.submit_management_request(request, **options)  # type: ignore[arg-type]
    assert (server.find_management_requests().total_items, server.revision) == before
    return error.value.code


def clients_of(server: CentralServer, of: SecurityServerId = SERVER) -> dict[ClientId, bool]:
    return {found.client.id: found.enabled for found in server.clients(of)}


def test_a_server_registers_and_a_registrar_approves(
    either_server: CentralServer, certificate: bytes
) -> None:
    request = AuthCertRegistration(NEW_SERVER, "ss1.example.org", certificate)
    record = either_server.submit_management_request(request)
    assert (record.status, record.origin, record.kind, record.owner_name) == (
        "WAITING",
        "SECURITY_SERVER",
        "AUTH_CERT_REGISTRATION_REQUEST",
        "Ministry & sons",
    )
    assert record.request == request
    assert record.created_at == START
    assert either_server.find_security_servers("SS1").total_items == 0
    with either_server.transaction("registrar"):
        approved = either_server.approve_management_request(record.id)
    assert approved.status == "APPROVED"
    assert either_server.security_server(NEW_SERVER).address == "ss1.example.org"
    assert [found.certificate for found in either_server.auth_certificates(NEW_SERVER)] == [certificate]
    assert OTHER in {
        found.client.id for found in either_server.global_group_members("security-server-owners")
    }
    rows = [row for row in either_server.audit_log() if row.actor == "registrar"]
    assert [row.event for row in rows[:2]] == ["approve_management_request", "register_security_server"]
    assert len({row.revision for row in rows}) == 1
    with pytest.raises(CallerError) as error:
        either_server.approve_management_request(record.id)
    assert error.value.code == "management_request_invalid_state_for_approval"
    assert refused(either_server, request) == "management_request_security_server_exists"


def test_the_server_complements_the_registrar(either_server: CentralServer, certificate: bytes) -> None:
    """The registrar first, without an address: the server's request needs no approval."""
    first = either_server.submit_management_request(
        AuthCertRegistration(NEW_SERVER, "", certificate), origin="CENTER"
    )
    assert first.status == "WAITING"
    second = either_server.submit_management_request(
        AuthCertRegistration(NEW_SERVER, "ss1.example.org", certificate)
    )
    assert second.status == "APPROVED"
    assert second.processing_id == first.processing_id
    assert either_server.management_request(first.id).status == "APPROVED"
    assert either_server.security_server(NEW_SERVER).address == "ss1.example.org"


def test_the_registrar_complements_the_server(either_server: CentralServer, certificate: bytes) -> None:
    """The server first: both asked, somebody still has to approve. Approving either's number will do."""
    first = either_server.submit_management_request(
        AuthCertRegistration(NEW_SERVER, "ss1.example.org", certificate)
    )
    second = either_server.submit_management_request(
        AuthCertRegistration(NEW_SERVER, "", certificate), origin="CENTER"
    )
    assert second.status == either_server.management_request(first.id).status == "SUBMITTED FOR APPROVAL"
    again = AuthCertRegistration(NEW_SERVER, "a", certificate)
    assert refused(either_server, again) == "management_request_exists"
    assert refused(either_server, again, origin="CENTER") == "management_request_exists"
    assert refused(either_server, AuthCertDeletion(NEW_SERVER, certificate)) == (
        "management_request_invalid_auth_certificate"
    )
    either_server.approve_management_request(second.id)
    assert either_server.security_server(NEW_SERVER).address == "ss1.example.org"


def test_the_same_certificate_for_two_servers(either_server: CentralServer, certificate: bytes) -> None:
    either_server.submit_management_request(AuthCertRegistration(NEW_SERVER, "a", certificate))
    other = AuthCertRegistration(SecurityServerId(OTHER, "SS2"), "a", certificate)
    assert refused(either_server, other, origin="CENTER") == "management_request_exists"


def test_another_certificate_of_a_server_changes_its_address(
    central_server: CentralServer, certificate: bytes
) -> None:
    central_server.automatic_approval = ALL
    central_server.submit_management_request(AuthCertRegistration(SERVER, "new.example.org", certificate))
    assert central_server.security_server(SERVER).address == "new.example.org"
    assert len(central_server.auth_certificates(SERVER)) == 2


def test_approval_looks_again(either_server: CentralServer, certificate: bytes, clock: SetClock) -> None:
    """The certificate has run out since, or its authority is no longer approved: the request stays where it was."""
    record = either_server.submit_management_request(AuthCertRegistration(NEW_SERVER, "a", certificate))
    clock.advance(timedelta(days=365 * 40).total_seconds())
    with pytest.raises(CallerError) as error:
        either_server.approve_management_request(record.id)
    assert error.value.code == "management_request_invalid_auth_certificate"
    assert either_server.management_request(record.id).status == "WAITING"
    assert either_server.find_security_servers("SS1").total_items == 0
    clock.at = START
    for service in either_server.certification_services():
        either_server.delete_certification_service(service.id)
    with pytest.raises(CallerError):
        either_server.approve_management_request(record.id)


def test_what_is_no_authentication_certificate(central_server: CentralServer, pki: Pki) -> None:
    sign = der(pki.sign_credential(INSTANCE, "GOV", "5678").certificate)
    stranger = der(Pki(common_name="Strange CA").auth_credential("SS1").certificate)
    for wrong in (sign, stranger, b"nonsense"):
        request = AuthCertRegistration(NEW_SERVER, "a", wrong)
        assert refused(central_server, request) == "management_request_invalid_auth_certificate"


def test_an_owner_nobody_knows(central_server: CentralServer, certificate: bytes) -> None:
    """A registrar may not ask for one; a server's request waits, and its approval makes the member, as in X-Road."""
    central_server.automatic_approval = ALL
    server = SecurityServerId(ClientId(INSTANCE, "GOV", "9999"), "SS9")
    request = AuthCertRegistration(server, "a.example.org", certificate)
    assert refused(central_server, request, origin="CENTER") == "management_request_server_owner_not_found"
    record = central_server.submit_management_request(request)
    assert (record.status, record.owner_name) == ("WAITING", None)
    assert central_server.approve_management_request(record.id).owner_name == "9999"
    unknown_class = SecurityServerId(ClientId(INSTANCE, "XXX", "1"), "SS9")
    pending = central_server.submit_management_request(ClientRegistration(server, STRANGER))
    assert pending.status == "APPROVED"
    waiting = central_server.submit_management_request(
        ClientRegistration(server, unknown_class.owner.with_subsystem("Sub"))
    )
    with pytest.raises(NotFound) as error:
        central_server.approve_management_request(waiting.id)
    assert error.value.code == "member_class_not_found"


def test_automatic_approval(either_server: CentralServer, certificate: bytes) -> None:
    either_server.automatic_approval = ALL
    record = either_server.submit_management_request(
        AuthCertRegistration(NEW_SERVER, "ss1.example.org", certificate)
    )
    assert record.status == "APPROVED"
    client = either_server.submit_management_request(ClientRegistration(NEW_SERVER, NEW_SUBSYSTEM, "New one"))
    assert client.status == "APPROVED"
    assert clients_of(either_server, NEW_SERVER) == {NEW_SUBSYSTEM: True}
    either_server.submit_management_request(ClientRegistration(SERVER, OTHER))
    owner = either_server.submit_management_request(OwnerChange(SERVER, OTHER))
    assert owner.status == "APPROVED"
    assert either_server.security_server(SecurityServerId(OTHER, "SS0")).owner_name == "Ministry & sons"


def test_automatic_approval_needs_the_parties(central_server: CentralServer) -> None:
    central_server.automatic_approval = ALL
    for request in (ClientRegistration(SERVER, STRANGER), ClientRegistration(NEW_SERVER, NEW_SUBSYSTEM)):
        assert central_server.submit_management_request(request).status == "WAITING"
    own = central_server.submit_management_request(ClientRegistration(SERVER, OTHER), origin="CENTER")
    assert own.status == "WAITING"


def test_a_client_is_registered(either_server: CentralServer) -> None:
    request = ClientRegistration(SERVER, NEW_SUBSYSTEM, "New one")
    record = either_server.submit_management_request(request)
    assert record.status == "WAITING"
    assert refused(either_server, request) == "management_request_exists"
    assert either_server.approve_management_request(record.id).status == "APPROVED"
    assert clients_of(either_server)[NEW_SUBSYSTEM]
    assert either_server.subsystems(OTHER)[0].name == "New one"
    assert refused(either_server, request) == "management_request_client_already_registered"


def test_a_client_the_registrar_asked_for_first(either_server: CentralServer) -> None:
    first = either_server.submit_management_request(
        ClientRegistration(SERVER, NEW_SUBSYSTEM), origin="CENTER", comments="letter 12"
    )
    assert (first.status, first.comments) == ("WAITING", "letter 12")
    second = either_server.submit_management_request(ClientRegistration(SERVER, NEW_SUBSYSTEM, "Named"))
    assert (second.status, either_server.management_request(first.id).status) == ("APPROVED", "APPROVED")
    assert clients_of(either_server)[NEW_SUBSYSTEM]


def test_clients_that_cannot_be_registered(central_server: CentralServer) -> None:
    assert refused(central_server, ClientRegistration(SERVER, MEMBER)) == (
        "management_request_cannot_register_owner"
    )
    assert refused(central_server, ClientRegistration(SERVER, STRANGER), origin="CENTER") == (
        "management_request_member_not_found"
    )
    assert refused(central_server, ClientRegistration(NEW_SERVER, OTHER_SUBSYSTEM), origin="CENTER") == (
        "management_request_server_not_found"
    )
    foreign = ClientId("OTHER", "GOV", "5678")
    assert (
        refused(central_server, ClientRegistration(SERVER, foreign)) == "management_request_member_not_found"
    )
    waiting = central_server.submit_management_request(ClientRegistration(NEW_SERVER, OTHER_SUBSYSTEM))
    with pytest.raises(NotFound) as error:
        central_server.approve_management_request(waiting.id)
    assert error.value.code == "management_request_server_not_found"


def test_a_registration_is_taken_back(either_server: CentralServer) -> None:
    """While waiting: revoked. Declined: the server may clean up. Registered: removed. Never asked: refused."""
    deletion = ClientDeletion(SERVER, NEW_SUBSYSTEM)
    assert refused(either_server, deletion) == "management_request_client_registration_not_found"
    waiting = either_server.submit_management_request(ClientRegistration(SERVER, NEW_SUBSYSTEM))
    assert either_server.submit_management_request(deletion).status == "APPROVED"
    assert either_server.management_request(waiting.id).status == "REVOKED"
    declined = either_server.submit_management_request(ClientRegistration(SERVER, NEW_SUBSYSTEM))
    assert either_server.decline_management_request(declined.id).status == "DECLINED"
    either_server.submit_management_request(deletion)
    assert either_server.management_request(declined.id).status == "DECLINED"
    either_server.submit_management_request(ClientDeletion(SERVER, OTHER_SUBSYSTEM))
    assert OTHER_SUBSYSTEM not in clients_of(either_server)


def test_certificates_are_deleted(either_server: CentralServer, certificate: bytes) -> None:
    assert refused(either_server, AuthCertDeletion(SERVER, certificate)) == (
        "management_request_invalid_auth_certificate"
    )
    waiting = either_server.submit_management_request(AuthCertRegistration(NEW_SERVER, "a", certificate))
    assert refused(either_server, AuthCertDeletion(SERVER, certificate)) == (
        "management_request_invalid_auth_certificate"
    )
    either_server.submit_management_request(AuthCertDeletion(NEW_SERVER, certificate))
    assert either_server.management_request(waiting.id).status == "REVOKED"
    either_server.add_auth_certificate(SERVER, certificate)
    assert refused(either_server, AuthCertDeletion(NEW_SERVER, certificate)) == "security_server_not_found"
    either_server.submit_management_request(AuthCertDeletion(SERVER, certificate))
    assert certificate not in [found.certificate for found in either_server.auth_certificates(SERVER)]


def test_an_owner_is_changed(either_server: CentralServer) -> None:
    request = OwnerChange(SERVER, OTHER)
    assert refused(either_server, request) == "management_request_owner_must_be_client"
    assert refused(either_server, OwnerChange(SERVER, OTHER_SUBSYSTEM)) == (
        "management_request_owner_must_be_member"
    )
    assert refused(either_server, OwnerChange(SERVER, MEMBER)) == "management_request_client_already_owner"
    assert refused(either_server, OwnerChange(NEW_SERVER, MEMBER)) == "management_request_server_not_found"
    either_server.register_client(SERVER, OTHER)
    record = either_server.submit_management_request(request)
    assert record.status == "WAITING"
    assert refused(either_server, request) == "management_request_exists"
    assert refused(either_server, request, origin="CENTER") == "management_request_exists"
    either_server.register_security_server(OTHER, "SS0", "other.example.org")
    with pytest.raises(Conflict) as error:
        either_server.approve_management_request(record.id)
    assert error.value.code == "management_request_server_code_exists"
    either_server.delete_security_server(SecurityServerId(OTHER, "SS0"))
    either_server.approve_management_request(record.id)
    assert MEMBER in clients_of(either_server, SecurityServerId(OTHER, "SS0"))


def test_requests_that_take_effect_at_once(either_server: CentralServer) -> None:
    server = either_server
    for request in (
        ClientDisabling(SERVER, OTHER_SUBSYSTEM),
        AddressChange(SERVER, "new.example.org"),
        ClientRenaming(SERVER, OTHER_SUBSYSTEM, "Renamed"),
    ):
        record = server.submit_management_request(request)
        assert (record.status, record.request) == ("APPROVED", request)
    assert not clients_of(server)[OTHER_SUBSYSTEM]
    assert server.security_server(SERVER).address == "new.example.org"
    assert server.subsystems(OTHER)[0].name == "Renamed"
    assert [found.comments for found in server.find_management_requests().items] == [
        "Changing subsystem name from 'Population register' to 'Renamed'.",
        "Changing from 'ss0.example.org'.",
        None,
    ]
    server.submit_management_request(ClientEnabling(SERVER, OTHER_SUBSYSTEM))
    assert clients_of(server)[OTHER_SUBSYSTEM]
    server.unregister_client(SERVER, MANAGEMENT)
    server.submit_management_request(MaintenanceModeEnabling(SERVER, "back at 12"))
    assert server.security_server(SERVER).maintenance_mode_message == "back at 12"
    assert refused(server, MaintenanceModeEnabling(SERVER)) == (
        "management_request_server_already_in_maintenance_mode"
    )
    server.submit_management_request(MaintenanceModeDisabling(SERVER))
    assert not server.security_server(SERVER).in_maintenance_mode
    with pytest.raises(CallerError):
        server.approve_management_request(record.id)
    with pytest.raises(CallerError) as error:
        server.decline_management_request(record.id)
    assert error.value.code == "management_request_invalid_state"


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (ClientDisabling(SERVER, MANAGEMENT), "mr_forbidden_disable_management_service_client"),
        (ClientDisabling(SERVER, NEW_SUBSYSTEM), "management_request_server_client_not_found"),
        (ClientEnabling(SERVER, NEW_SUBSYSTEM), "management_request_server_client_not_found"),
        (ClientRenaming(SERVER, OTHER, "name"), "management_request_only_subsystem_rename_allowed"),
        (ClientRenaming(SERVER, OTHER_SUBSYSTEM, " "), "management_request_invalid_subsystem_name"),
        (ClientRenaming(SERVER, NEW_SUBSYSTEM, "name"), "management_request_server_client_not_found"),
        (AddressChange(SERVER, ""), "management_request_invalid_server_address"),
        (AddressChange(NEW_SERVER, "a"), "security_server_not_found"),
        (
            MaintenanceModeEnabling(SERVER),
            "mr_forbidden_enable_maintenance_mode_for_management_service",
        ),
        (MaintenanceModeDisabling(SERVER), "management_request_server_not_in_maintenance_mode"),
        (MaintenanceModeEnabling(SERVER, "m" * 256), "bad_request"),
        (ClientRegistration(SERVER, NEW_SUBSYSTEM, "n" * 256), "bad_request"),
        (ClientRegistration(SERVER, OTHER.with_subsystem("a/b")), "bad_request"),
    ],
)
def test_requests_that_are_refused(
    central_server: CentralServer, request_: ManagementRequest, code: str
) -> None:
    assert refused(central_server, request_) == code


def test_own_requests_are_revoked_others_declined(either_server: CentralServer) -> None:
    own = either_server.submit_management_request(ClientRegistration(SERVER, NEW_SUBSYSTEM), origin="CENTER")
    assert either_server.decline_management_request(own.id).status == "REVOKED"
    first = either_server.submit_management_request(ClientRegistration(SERVER, NEW_SUBSYSTEM))
    second = either_server.submit_management_request(
        ClientRegistration(SERVER, NEW_SUBSYSTEM), origin="CENTER"
    )
    assert second.status == "SUBMITTED FOR APPROVAL"
    assert either_server.decline_management_request(second.id).status == "DECLINED"
    assert either_server.management_request(first.id).status == "DECLINED"
    with pytest.raises(NotFound) as error:
        either_server.decline_management_request(999)
    assert error.value.code == "management_request_not_found"


def test_the_same_message_is_taken_once(either_server: CentralServer) -> None:
    """A replay of a signed address change would bring an old address back."""
    digest = certificate_hash(b"the signed message")
    either_server.submit_management_request(AddressChange(SERVER, "one.example.org"), message_digest=digest)
    either_server.submit_management_request(AddressChange(SERVER, "two.example.org"))
    with pytest.raises(Conflict) as error:
        either_server.submit_management_request(
            AddressChange(SERVER, "one.example.org"), message_digest=digest
        )
    assert error.value.code == "management_request_exists"
    assert either_server.security_server(SERVER).address == "two.example.org"


def test_requests_are_found(either_server: CentralServer, certificate: bytes) -> None:
    server = either_server
    server.submit_management_request(AddressChange(SERVER, "one.example.org"))
    waiting = server.submit_management_request(ClientRegistration(SERVER, NEW_SUBSYSTEM), origin="CENTER")
    server.submit_management_request(AuthCertRegistration(NEW_SERVER, "a", certificate))

    def found(query: str = "", **filters: object) -> list[str]:
        page = server.find_management_requests(query, **filters)  # type: ignore[arg-type]
        return [record.kind.split("_")[0] for record in page.items]

    assert found() == ["AUTH", "CLIENT", "ADDRESS"]
    assert found("ministry") == ["AUTH"]
    assert found("nEW") == ["CLIENT"]
    assert found("%") == []
    assert found(str(waiting.id), security_server=SERVER, status=["WAITING"]) == ["CLIENT"]
    assert found(kinds=["ADDRESS_CHANGE_REQUEST", "CLIENT_REGISTRATION_REQUEST"]) == ["CLIENT", "ADDRESS"]
    assert found(status=["APPROVED"]) == ["ADDRESS"]
    assert found(origin="CENTER") == ["CLIENT"]
    assert found(security_server=NEW_SERVER) == ["AUTH"]
    page = server.find_management_requests(limit=1, offset=1)
    assert (page.total_items, [record.id for record in page.items]) == (3, [waiting.id])


def test_many_approve_at_once(either_server: CentralServer) -> None:
    record = either_server.submit_management_request(ClientRegistration(SERVER, NEW_SUBSYSTEM))

    def approve(_: int) -> str:
        try:
            return either_server.approve_management_request(record.id).status
        except CallerError as error:
            return error.code

    with ThreadPoolExecutor(6) as pool:
        results = sorted(pool.map(approve, range(6)))
    assert results == ["APPROVED", *["management_request_invalid_state_for_approval"] * 5]
