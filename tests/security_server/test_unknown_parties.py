"""A client, provider, service or server nobody knows (WIRE 5, 11.3)."""

from __future__ import annotations

import pytest
from faults import error_of
from forger import Forger, request_part
from world import CLIENT, ECHO, REGISTER, Pair, subsystem

from sild.security_server import ClientStatus
from sild.xroad.identifiers import SecurityServerId, ServiceId


async def test_client_not_registered_at_its_server(pair: Pair) -> None:
    answer = await pair.call(client=subsystem("1", "Nobody"))
    assert error_of(answer) == (500, "server.clientproxy.unknown_member")
    pair.consumer.server.serverconf.set_client_status(CLIENT, ClientStatus.DISABLED)
    assert error_of(await pair.call()) == (500, "server.clientproxy.unknown_member")
    assert pair.records(pair.consumer) == []


async def test_provider_not_in_the_configuration(pair: Pair) -> None:
    answer = await pair.call(service=ServiceId(subsystem("9", "Nowhere"), "echo"))
    assert error_of(answer) == (500, "server.clientproxy.unknown_member")
    answer = await pair.call(service=ServiceId(subsystem("2", "Nowhere"), "echo"))
    assert error_of(answer) == (500, "server.clientproxy.unknown_member")


async def test_provider_not_registered_at_its_server(pair: Pair) -> None:
    pair.provider.server.serverconf.set_client_status(REGISTER, ClientStatus.SAVED)
    answer = await pair.call()
    assert error_of(answer) == (500, "server.serverproxy.service_failed.unknown_member")
    assert pair.records(pair.provider) == []
    assert pair.echo.requests == []


async def test_unknown_service(pair: Pair) -> None:
    answer = await pair.call(service=ServiceId(REGISTER, "nothing"))
    assert error_of(answer) == (500, "server.serverproxy.unknown_service")
    assert pair.records(pair.provider) == []


@pytest.mark.parametrize("wanted", ["DEV/COM/2/ss9", "DEV/COM/1/ss1"])
async def test_unknown_security_server(pair: Pair, wanted: str) -> None:
    """ss9 does not exist; ss1 does, but serves another member."""
    answer = await pair.call(headers=[(b"X-Road-Security-Server", wanted.encode())])
    assert error_of(answer) == (500, "server.clientproxy.invalid_security_server")


async def test_the_named_security_server_is_used(pair: Pair) -> None:
    named = SecurityServerId(pair.provider.owner, "ss2").encode()
    answer = await pair.call(headers=[(b"X-Road-Security-Server", named.encode())])
    assert answer.status == 200


async def test_client_of_another_server_in_the_message(pair: Pair) -> None:
    """A peer that speaks for a subsystem it does not host is refused before anything else is looked at."""
    forger = Forger(pair.world, pair.consumer, pair.provider)
    fault = await forger.fault(forger.message(request_part(subsystem("2", "Register"), ECHO)))
    assert fault.code == "server.serverproxy.service_failed.ssl_authentication_failed"
