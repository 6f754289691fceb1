"""Registration end to end, between real servers: what both sides show at every step (issue 5.4)."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from newcomers import Instance, Newcomer

from sild.central_server import AutomaticApproval
from sild.errors import CallerError, PlatformError
from sild.http1 import Fetched, fetch
from sild.security_server import ClientStatus
from sild.security_server.registration_sending import RequestRefused
from sild.security_server.snapshot import RequestOutcome
from sild.signer import CertificateStatus, KeyUsage
from sild.xroad.identifiers import ClientId

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def instance(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Instance]:
    async with Instance(tmp_path_factory.mktemp("instance")) as made:
        yield made


async def ask(newcomer: Newcomer, client: ClientId, instance: Instance) -> Fetched:
    """A call of the register, which grants strangers nothing: `access_denied` is the provider's own word."""
    path = instance.nation.description["services"][0]["path"]  # type: ignore[index]
    return await fetch(
        f"{newcomer.url}{path}/persons/1", headers=[(b"X-Road-Client", client.encode().encode())]
    )


def code_of(answer: Fetched) -> str:
    return (answer.header(b"x-road-error") or b"").decode()


async def refused(work: object, code: str) -> PlatformError:
    with pytest.raises(PlatformError) as caught:
        await work  # type: ignore[misc]
    assert caught.value.code == code, caught.value
    return caught.value


async def test_a_server_and_its_client_by_a_registrar(instance: Instance) -> None:
    newcomer = await instance.newcomer("1001")
    central, registration = instance.central, newcomer.registration
    assert newcomer.auth_status is CertificateStatus.SAVED

    number = await registration.register_auth_certificate(newcomer.address)
    assert central.management_request(number).status == "WAITING"
    assert newcomer.auth_status is CertificateStatus.REGISTRATION_IN_PROGRESS
    await instance.settle()
    assert newcomer.auth_status is CertificateStatus.REGISTRATION_IN_PROGRESS
    assert (
        code_of(await ask(newcomer, newcomer.owner, instance))
        == "server.clientproxy.ssl_authentication_failed"
    )

    central.approve_management_request(number)
    assert newcomer.auth_status is CertificateStatus.REGISTRATION_IN_PROGRESS, "the configuration tells"
    await instance.settle()
    assert newcomer.auth_status is CertificateStatus.REGISTERED
    assert central.security_server(newcomer.server.server_id).address == newcomer.address

    client = newcomer.subsystem("desk")
    number = await registration.register_client(client, name="The desk")
    assert central.management_request(number).status == "WAITING"
    assert newcomer.status(client) is ClientStatus.REGISTRATION_IN_PROGRESS
    assert newcomer.status(newcomer.owner) is ClientStatus.REGISTERED, "the owner sends, so it is a client"
    assert code_of(await ask(newcomer, client, instance)) == "server.clientproxy.unknown_member"

    central.approve_management_request(number)
    await instance.settle()
    assert newcomer.status(client) is ClientStatus.REGISTERED
    globalconf = newcomer.server.configuration.current
    assert globalconf is not None
    assert globalconf.subsystem_name(client, newcomer.server._clock()) == "The desk"
    assert code_of(await ask(newcomer, client, instance)) == "server.serverproxy.access_denied"
    assert [(each.service_code, each.outcome) for each in registration.requests] == [
        ("authCertReg", RequestOutcome.IN_EFFECT),
        ("clientReg", RequestOutcome.IN_EFFECT),
    ]
    events = [row.event for row in newcomer.server.serverconf.audit_rows()]
    assert {"SEND_MANAGEMENT_REQUEST", "MANAGEMENT_REQUEST_SUBMITTED", "FOLLOW_CLIENT_STATUS"} <= set(events)


async def test_approved_automatically(instance: Instance) -> None:
    instance.central.automatic_approval = AutomaticApproval(
        auth_cert_registration=True, client_registration=True
    )
    try:
        newcomer = await instance.newcomer("1002")
        number = await newcomer.registration.register_auth_certificate(newcomer.address)
        assert instance.central.management_request(number).status == "APPROVED"
        await instance.settle()
        assert newcomer.auth_status is CertificateStatus.REGISTERED
        client = newcomer.subsystem("desk")
        await newcomer.registration.register_client(client)
        await instance.settle()
        assert newcomer.status(client) is ClientStatus.REGISTERED
    finally:
        instance.central.automatic_approval = AutomaticApproval()


async def test_a_dry_run_changes_nothing(instance: Instance) -> None:
    newcomer = await instance.newcomer("1003")
    assert await newcomer.registration.register_auth_certificate(newcomer.address, dry_run=True) == 0
    assert newcomer.auth_status is CertificateStatus.SAVED
    assert newcomer.registration.requests == ()


async def test_declined_and_asked_again(instance: Instance) -> None:
    newcomer = await instance.newcomer("1004")
    registration, central = newcomer.registration, instance.central
    first = await registration.register_auth_certificate(newcomer.address)
    error = await refused(
        registration.register_auth_certificate(newcomer.address, newcomer.auth), "action_not_possible"
    )
    assert "registration in progress" in error.message
    central.decline_management_request(first)
    await instance.settle()
    assert newcomer.auth_status is CertificateStatus.REGISTRATION_IN_PROGRESS, "nobody tells a server"
    await registration.mark_auth_certificate_for_deletion(newcomer.auth)
    await registration.remove_auth_certificate(newcomer.auth)
    newcomer.auth = await instance.certificate(newcomer.server, KeyUsage.AUTHENTICATION, newcomer.owner)
    central.approve_management_request(await registration.register_auth_certificate(newcomer.address))
    await instance.settle()
    assert newcomer.auth_status is CertificateStatus.REGISTERED

    client = newcomer.subsystem("desk")
    central.decline_management_request(await registration.register_client(client))
    await instance.settle()
    assert newcomer.status(client) is ClientStatus.REGISTRATION_IN_PROGRESS
    await registration.unregister_client(client)
    await registration.delete_client(client)
    client = newcomer.subsystem("counter")
    central.approve_management_request(await registration.register_client(client))
    central.unregister_client(newcomer.server.server_id, client)
    await instance.settle()
    assert newcomer.status(client) is ClientStatus.REGISTRATION_IN_PROGRESS
    error = await refused(
        registration.unregister_client(client), "management_request_client_registration_not_found"
    )
    assert isinstance(error, RequestRefused)
    assert error.next_step is not None
    assert newcomer.status(client) is ClientStatus.SAVED, (
        "there is nothing to delete, so it may be asked anew"
    )
    central.approve_management_request(await registration.register_client(client))
    await instance.settle()
    assert newcomer.status(client) is ClientStatus.REGISTERED


async def test_a_waiting_request_is_withdrawn(instance: Instance) -> None:
    newcomer = await instance.registered("1005")
    client = newcomer.subsystem("desk")
    waiting = await newcomer.registration.register_client(client)
    await newcomer.registration.unregister_client(client)
    assert instance.central.management_request(waiting).status == "REVOKED"
    assert newcomer.status(client) is ClientStatus.DELETION_IN_PROGRESS
    await newcomer.registration.delete_client(client)
    assert client not in newcomer.server.serverconf.snapshot.clients


async def test_unregistered_then_deleted(instance: Instance) -> None:
    newcomer, client = await instance.with_client("1006")
    await refused(newcomer.registration.delete_client(client), "action_not_possible")
    await newcomer.registration.unregister_client(client)
    assert newcomer.status(client) is ClientStatus.DELETION_IN_PROGRESS
    await instance.settle()
    assert newcomer.status(client) is ClientStatus.DELETION_IN_PROGRESS
    assert code_of(await ask(newcomer, client, instance)) == "server.clientproxy.unknown_member"
    await newcomer.registration.delete_client(client)
    await refused(newcomer.registration.unregister_client(client), "client_not_found")
    await refused(newcomer.registration.unregister_client(newcomer.owner), "cannot_unregister_owner")
    await refused(newcomer.registration.delete_client(newcomer.owner), "cannot_delete_owner")


async def test_disabled_and_enabled(instance: Instance) -> None:
    newcomer, client = await instance.with_client("1007")
    await refused(newcomer.registration.enable_client(client), "action_not_possible")
    await newcomer.registration.disable_client(client)
    assert newcomer.status(client) is ClientStatus.DISABLING_IN_PROGRESS
    assert code_of(await ask(newcomer, client, instance)) == "server.clientproxy.unknown_member"
    await instance.settle()
    assert newcomer.status(client) is ClientStatus.DISABLED
    assert code_of(await ask(newcomer, client, instance)) == "server.clientproxy.unknown_member"
    await newcomer.registration.enable_client(client)
    assert newcomer.status(client) is ClientStatus.ENABLING_IN_PROGRESS
    await instance.settle()
    assert newcomer.status(client) is ClientStatus.REGISTERED
    assert code_of(await ask(newcomer, client, instance)) == "server.serverproxy.access_denied"


async def test_renamed(instance: Instance) -> None:
    newcomer, client = await instance.with_client("1008")
    await newcomer.registration.rename_client(client, "Front desk")
    await refused(
        newcomer.registration.rename_client(client, "Front desk"), "client_rename_already_submitted"
    )
    await instance.settle()
    globalconf = instance.provider.configuration.current
    assert globalconf is not None
    assert globalconf.subsystem_name(client, instance.provider._clock()) == "Front desk"
    await refused(newcomer.registration.rename_client(client, "Front desk"), "invalid_client_name")
    assert newcomer.registration.requests[-1].outcome is RequestOutcome.IN_EFFECT


async def test_another_address(instance: Instance) -> None:
    newcomer = await instance.registered("1009")
    await refused(newcomer.registration.change_address(newcomer.address), "same_address_change_request")
    await newcomer.registration.change_address("new.test")
    await refused(newcomer.registration.change_address("new.test"), "duplicate_address_change_request")
    await instance.settle()
    globalconf = instance.provider.configuration.current
    assert globalconf is not None
    server = globalconf.server(newcomer.server.server_id, instance.provider._clock())
    assert server is not None
    assert server.address == "new.test"
    await refused(newcomer.registration.change_address("no address"), "invalid_request")


async def test_maintenance_mode_and_what_peers_see(instance: Instance) -> None:
    newcomer, client = await instance.with_client("1010", "offers")
    await newcomer.registration.enable_maintenance_mode("back at noon")
    await refused(
        newcomer.registration.enable_maintenance_mode(), "duplicate_maintenance_mode_change_request"
    )
    await instance.settle()
    await refused(newcomer.registration.enable_maintenance_mode(), "already_enabled_maintenance_mode")
    consumer = instance.nation.consumer
    host, port = consumer.addresses["client_http"]
    caller = instance.nation.plan.subsystem_id(instance.nation.plan.consumer)
    url = f"http://{host}:{port}/r1/{client.encode()}/anything"
    answer = await fetch(url, headers=[(b"X-Road-Client", caller.encode().encode())])
    assert code_of(answer) == "server.clientproxy.maintenance_mode"
    assert b"back at noon" in answer.body
    await newcomer.registration.disable_maintenance_mode()
    await instance.settle()
    answer = await fetch(url, headers=[(b"X-Road-Client", caller.encode().encode())])
    assert code_of(answer) == "server.serverproxy.unknown_service", "it is there again"
    await refused(newcomer.registration.disable_maintenance_mode(), "already_disabled_maintenance_mode")


async def test_another_owner(instance: Instance) -> None:
    newcomer = await instance.registered("1011")
    former = newcomer.owner
    heir = instance.member("2011")
    instance.central.add_member("COM", "2011", "Heir")
    await instance.certificate(newcomer.server, KeyUsage.SIGNING, heir)
    newcomer.server.serverconf.add_client(heir)
    await refused(newcomer.registration.change_owner(heir), "action_not_possible")
    instance.central.approve_management_request(await newcomer.registration.register_client(heir))
    await instance.settle()
    number = await newcomer.registration.change_owner(heir)
    await instance.settle()
    assert newcomer.owner == former
    instance.central.approve_management_request(number)
    await instance.settle()
    await newcomer.server.registration_follower.follow()
    assert newcomer.owner == heir
    assert newcomer.status(former) is ClientStatus.REGISTERED, "the former owner stays as a client"
    assert newcomer.auth_status is CertificateStatus.REGISTERED
    client = newcomer.subsystem("after")
    instance.central.approve_management_request(await newcomer.registration.register_client(client))
    await instance.settle()
    assert newcomer.status(client) is ClientStatus.REGISTERED, "the new owner registers its own"


async def test_a_second_certificate_takes_over(instance: Instance) -> None:
    newcomer = await instance.registered("1012")
    former, newcomer.auth = (
        newcomer.auth,
        await instance.certificate(newcomer.server, KeyUsage.AUTHENTICATION, newcomer.owner),
    )
    number = await newcomer.registration.register_auth_certificate(newcomer.address)
    instance.central.approve_management_request(number)
    await instance.settle()
    assert newcomer.auth_status is CertificateStatus.REGISTERED
    await newcomer.registration.delete_auth_certificate(former)
    keyring = newcomer.server.signer.keyring
    assert keyring.certificate(former).status is CertificateStatus.DELETION_IN_PROGRESS
    await instance.settle()
    assert keyring.certificate(former).status is CertificateStatus.DELETION_IN_PROGRESS
    await newcomer.registration.remove_auth_certificate(former)
    client = newcomer.subsystem("desk")
    assert await newcomer.registration.register_client(client), "under the second certificate"


async def test_deleted_by_the_registrar(instance: Instance) -> None:
    newcomer, client = await instance.with_client("1013")
    instance.central.unregister_client(newcomer.server.server_id, client)
    await instance.settle()
    assert newcomer.status(client) is ClientStatus.GLOBAL_ERROR
    await refused(newcomer.registration.register_client(client), "action_not_possible")
    await newcomer.registration.delete_client(client)


async def test_what_the_register_refuses_is_told_with_the_next_step(instance: Instance) -> None:
    newcomer, client = await instance.with_client("1014")
    with pytest.raises(CallerError, match="action_not_possible"):
        await newcomer.registration.register_client(client)
    stranger = ClientId("SILD", "COM", "9999", "nobody")
    newcomer.server.serverconf.add_client(stranger)
    error = await refused(newcomer.registration.register_client(stranger), "cannot_create_signature")
    assert newcomer.status(stranger) is ClientStatus.SAVED
    other = ClientId("OTHER", "COM", "1014", "desk")
    newcomer.server.serverconf.add_client(other)
    await refused(newcomer.registration.register_client(other), "invalid_instance_identifier")
    error = await refused(
        instance.provider.registration.disable_client(
            instance.nation.plan.subsystem_id(instance.nation.plan.operator)
        ),
        "forbidden_disable_management_service_client",
    )
    assert isinstance(error, CallerError)
