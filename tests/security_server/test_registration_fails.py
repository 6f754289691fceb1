"""Management requests that fail: on the way, at the central server, in between. What is shown, and nothing twice."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from newcomers import Instance, Newcomer
from world import toml_of

from sild.errors import PlatformError, TrustError, Unavailable
from sild.nation.layout import free_ports
from sild.pki import der
from sild.security_server import ClientStatus, ConnectionType
from sild.security_server.registration import Registration
from sild.security_server.registration_sending import OutcomeUnknown, RequestRefused
from sild.security_server.snapshot import RequestOutcome
from sild.signer import CertificateStatus
from sild.xroad.faults import PeerFault
from sild.xroad.identifiers import ClientId, ServiceId
from sild.xroad.management import (
    AddressChange,
    ClientDeletion,
    ClientDisabling,
    ClientRegistration,
    ManagementRequest,
    OwnerChange,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def instance(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Instance]:
    async with Instance(tmp_path_factory.mktemp("instance")) as made:
        yield made


def service(instance: Instance, code: str) -> ServiceId:
    return ServiceId(instance.nation.plan.subsystem_id(instance.nation.plan.operator), code)


def of_client(instance: Instance, client: ClientId) -> list[tuple[str, str]]:
    """What the central server has about it: (kind, status), oldest first."""
    page = instance.central.find_management_requests(client.subsystem_code or client.member_code)
    return [(each.kind, each.status) for each in reversed(page.items)]


async def test_the_registration_service_is_down(instance: Instance) -> None:
    newcomer = await instance.newcomer("1101")
    central, url = instance.central, instance.nation.registration_service_url
    central.set_system_parameter("authCertRegUrl", f"https://127.0.0.1:{free_ports(1)[0]}/managementservice/")
    await instance.settle()
    try:
        with pytest.raises(RequestRefused) as caught:
            await newcomer.registration.register_auth_certificate(newcomer.address)
    finally:
        central.set_system_parameter("authCertRegUrl", url)
        await instance.settle()
    assert caught.value.code == "network_error"
    assert "ask again" in caught.value.message
    assert newcomer.auth_status is CertificateStatus.SAVED
    assert await newcomer.registration.register_auth_certificate(newcomer.address)


async def test_another_certificate_on_the_way_to_the_central_server(instance: Instance) -> None:
    newcomer = await instance.newcomer("1102")
    central = instance.central
    central.set_management_service_certificate(der(newcomer.server.internal_tls.certificate))
    await instance.settle()
    try:
        with pytest.raises(RequestRefused) as caught:
            await newcomer.registration.register_auth_certificate(newcomer.address)
    finally:
        central.publish_management_service_tls()
        await instance.settle()
    assert caught.value.code == "ssl_authentication_failed"
    assert central.find_management_requests("s1102").total_items == 0


async def test_the_central_server_is_down_behind_the_exchange(instance: Instance) -> None:
    newcomer, client = await instance.with_client("1103")
    other = newcomer.subsystem("other")
    conf = instance.provider.serverconf
    dead = f"https://127.0.0.1:{free_ports(1)[0]}/managementservice/manage/"
    for code in ("clientReg", "clientDisable"):
        conf.update_service(service(instance, code), url=dead)
    try:
        for work, about in (
            (newcomer.registration.register_client, other),
            (newcomer.registration.disable_client, client),
        ):
            with pytest.raises(OutcomeUnknown) as caught:
                await work(about)
            assert caught.value.code == "server.serverproxy.service_failed.network_error"
    finally:
        for code in ("clientReg", "clientDisable"):
            conf.update_service(service(instance, code), url=instance.nation.management_service_url)
    assert newcomer.status(other) is ClientStatus.SAVED
    assert newcomer.status(client) is ClientStatus.REGISTERED, "an outage takes nobody out of service"
    await instance.settle()
    assert newcomer.status(client) is ClientStatus.REGISTERED
    await newcomer.registration.register_client(other)
    assert [each.outcome for each in newcomer.registration.requests][-3:] == [
        RequestOutcome.SUPERSEDED,
        RequestOutcome.UNANSWERED,
        RequestOutcome.SUBMITTED,
    ]


async def test_services_the_operator_does_not_offer_or_grant(instance: Instance) -> None:
    newcomer = await instance.registered("1104")
    client = newcomer.subsystem("desk")
    conf, wanted = instance.provider.serverconf, service(instance, "clientReg")
    conf.disable_service(wanted, "closed for the night")
    try:
        with pytest.raises(RequestRefused) as caught:
            await newcomer.registration.register_client(client)
    finally:
        conf.enable_service(wanted)
    assert caught.value.code == "server.serverproxy.service_disabled"
    assert newcomer.status(client) is ClientStatus.SAVED
    assert newcomer.registration.requests[-1].outcome is RequestOutcome.REFUSED


async def test_an_unregistered_server_can_only_register(instance: Instance) -> None:
    newcomer = await instance.newcomer("1105")
    client = newcomer.subsystem("desk")
    with pytest.raises(RequestRefused) as caught:
        await newcomer.registration.register_client(client)
    assert caught.value.code == "server.clientproxy.ssl_authentication_failed"
    with pytest.raises(PlatformError, match="this server is not registered"):
        await newcomer.registration.change_address("elsewhere.test")


async def test_the_configuration_has_expired(instance: Instance) -> None:
    newcomer, client = await instance.with_client("1106")
    wiring = newcomer.registration._wiring
    tomorrow = Registration(replace(wiring, clock=lambda: wiring.clock() + timedelta(days=1)))
    with pytest.raises(TrustError) as caught:
        await tomorrow.disable_client(client)
    assert caught.value.code == "global_conf_outdated"
    assert newcomer.registration.requests[-1].service_code == "clientReg"


async def test_the_configuration_lags(instance: Instance) -> None:
    """The central server has acted; this server does not know yet, and asking again says so."""
    newcomer, client = await instance.with_client("1107")
    await newcomer.registration.disable_client(client)
    with pytest.raises(PlatformError, match="disabling in progress"):
        await newcomer.registration.disable_client(client)
    await newcomer.server.registration_follower.follow()
    assert newcomer.status(client) is ClientStatus.DISABLING_IN_PROGRESS, (
        "the old configuration shows it still"
    )
    await instance.settle()
    assert newcomer.status(client) is ClientStatus.DISABLED


async def administered(newcomer: Newcomer, *arguments: str, **settings: object) -> tuple[int, Any]:
    """`sild security-server ...` beside the server that runs; exit status and what it printed."""
    directory = newcomer.server.settings.directory
    config = Path(directory) / "admin.toml"
    config.write_text(toml_of(newcomer.server.settings.model_copy(update=settings)))
    command = [sys.executable, "-m", "sild", "security-server", *arguments, "--config", str(config), "--json"]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate()
    newcomer.server.serverconf.reload_if_changed()
    assert process.returncode is not None
    assert process.returncode in (0, 2, -9), err.decode()
    return process.returncode, json.loads(out) if out else None


async def test_killed_before_and_after_the_answer(instance: Instance) -> None:
    newcomer = await instance.registered("1108")
    client = newcomer.subsystem("desk1108")
    command = ("client", "register", str(client))

    status, _ = await administered(newcomer, *command, crash_at="registration.request_recorded")
    assert status == -9
    assert of_client(instance, client) == []
    assert newcomer.status(client) is ClientStatus.SAVED

    status, _ = await administered(newcomer, *command, crash_at="registration.request_answered")
    assert status == -9
    assert of_client(instance, client) == [("CLIENT_REGISTRATION_REQUEST", "WAITING")]
    assert newcomer.status(client) is ClientStatus.SAVED

    status, told = await administered(newcomer, *command)
    assert (status, told["error"]["code"]) == (2, "management_request_exists")
    assert of_client(instance, client) == [("CLIENT_REGISTRATION_REQUEST", "WAITING")], "once"
    assert newcomer.status(client) is ClientStatus.REGISTRATION_IN_PROGRESS
    number = instance.central.find_management_requests("desk1108").items[0].id
    instance.central.approve_management_request(number)
    await instance.settle()
    assert newcomer.status(client) is ClientStatus.REGISTERED


async def test_killed_after_the_answer_of_something_that_took_effect(instance: Instance) -> None:
    newcomer, client = await instance.with_client("1109")
    status, _ = await administered(
        newcomer, "client", "disable", str(client), crash_at="registration.request_answered"
    )
    assert status == -9
    assert newcomer.status(client) is ClientStatus.REGISTERED
    await instance.settle()
    assert newcomer.status(client) is ClientStatus.DISABLED, "it was asked for, so it is no error"
    status, told = await administered(newcomer, "states")
    assert status == 0
    states = {each["client"]: each["state"] for each in told["clients"]}
    assert states == {str(newcomer.owner): "registered", str(client): "disabled"}
    assert told["requests"][-1]["outcome"] == "in effect"


@pytest.mark.parametrize(
    "kind", ["clientReg", "clientDeletion", "clientDisable", "ownerChange", "addressChange"]
)
async def test_asked_by_the_wrong_party(instance: Instance, kind: str) -> None:
    """A registered server asks what only another one, or another member, may ask: signed by itself, through the exchange."""
    victim, client = await _victim(instance)
    intruder = next((each for each in instance.newcomers if each.owner.member_code == "1111"), None)
    intruder = intruder or await instance.registered("1111")
    server, theirs = intruder.server.server_id, victim.server.server_id
    request: ManagementRequest = {
        "clientReg": ClientRegistration(server, victim.owner.with_subsystem("stolen")),
        "clientDeletion": ClientDeletion(theirs, client),
        "clientDisable": ClientDisabling(theirs, client),
        "ownerChange": OwnerChange(theirs, intruder.owner),
        "addressChange": AddressChange(theirs, "evil.test"),
    }[kind]
    before = instance.central.find_management_requests("").total_items
    registration = _signing_all_itself(intruder)
    with pytest.raises(PeerFault) as caught:
        await registration._call(await registration._ordinary(request))
    assert not caught.value.fault.code.startswith("server."), "the central server said it"
    assert instance.central.find_management_requests("").total_items == before
    await instance.settle()
    assert victim.status(client) is ClientStatus.REGISTERED


async def _victim(instance: Instance) -> tuple[Newcomer, ClientId]:
    for each in instance.newcomers:
        if each.owner.member_code == "1110":
            return each, each.owner.with_subsystem("desk")
    return await instance.with_client("1110")


def _signing_all_itself(intruder: Newcomer) -> Registration:
    """It has no key of another member, so it signs with its own whatever it is told to."""
    registration = intruder.registration.acting_as("intruder")
    sign = registration._sign

    async def with_own_key(_member: ClientId, soap: Any) -> Any:
        return await sign(intruder.owner, soap)

    registration._sign = with_own_key  # type: ignore[method-assign]
    return registration


async def test_a_server_without_8443_says_so(instance: Instance) -> None:
    newcomer = await instance.newcomer("1112", client_https_port=None)
    number = await newcomer.registration.register_auth_certificate(newcomer.address)
    instance.central.approve_management_request(number)
    await instance.settle()
    with pytest.raises(PlatformError, match="client_https_port"):
        await newcomer.registration.change_address("elsewhere.test")


async def test_nothing_to_sign_with(instance: Instance) -> None:
    newcomer = await instance.registered("1113")
    await newcomer.server.token.logout()
    with pytest.raises(Unavailable) as caught:
        await newcomer.registration.change_address("elsewhere.test")
    assert caught.value.code == "cannot_create_signature"
    assert newcomer.registration.requests[-1].service_code == "authCertReg", "nothing was written down"


async def test_commands_say_what_is_next(instance: Instance) -> None:
    newcomer = await instance.registered("1119")
    client = newcomer.subsystem("desk1119")
    status, told = await administered(newcomer, "client", "connection", str(client), "HTTPS_NO_AUTH")
    assert (status, told["connection"]) == (0, "HTTPS_NO_AUTH")
    changed = newcomer.server.serverconf.snapshot.clients[client].connection_type
    assert changed is ConnectionType.HTTPS_NO_AUTH
    status, told = await administered(newcomer, "register", "127.0.0.1")
    assert status == 2 and "order one, or request and import it" in told["error"]["message"]
