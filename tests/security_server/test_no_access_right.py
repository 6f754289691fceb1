"""Calls outside what was granted (WIRE 11.5): service, method, path, group; and a disabled service."""

from __future__ import annotations

import pytest
from faults import error_of
from world import CLIENT, ECHO, REGISTER, Pair, subsystem

from sild.xroad.globalconf import GlobalGroup
from sild.xroad.identifiers import GlobalGroupId, ServiceId

DENIED = (500, "server.serverproxy.access_denied")


async def test_no_right_at_all(pair: Pair) -> None:
    pair.provider.server.serverconf.revoke(ECHO, CLIENT)
    assert error_of(await pair.call()) == DENIED
    assert pair.echo.requests == []
    assert pair.records(pair.provider) == [], "what was refused is not logged"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/people/1", True),
        ("POST", "/people/1", False),
        ("GET", "/people/1/x", False),
        ("GET", "/people/1%2Fx", False),
        ("GET", "/people/1%20x", True),
        ("GET", "/people/../admin", False),
        ("GET", "/people/%2e%2e/admin", False),
        ("GET", "/people/%252e%252e", False),
        ("GET", "", False),
    ],
)
async def test_right_on_one_endpoint(pair: Pair, method: str, path: str, allowed: bool) -> None:
    conf = pair.provider.server.serverconf
    conf.revoke(ECHO, CLIENT)
    conf.grant(ECHO, CLIENT, method="GET", path="/people/*")
    answer = await pair.call(method, path)
    if allowed:
        assert answer.status == 200
        assert pair.echo.requests[0][1] == path.encode(), "the service sees the path as it was sent"
    else:
        assert error_of(answer) == DENIED


async def test_right_by_global_group(pair: Pair) -> None:
    conf = pair.provider.server.serverconf
    conf.revoke(ECHO, CLIENT)
    conf.grant(ECHO, GlobalGroupId("DEV", "friends"))
    assert error_of(await pair.call()) == DENIED
    pair.world.central.groups.append(GlobalGroup("friends", "Friends", (CLIENT,)))
    await pair.world.publish()
    assert (await pair.call()).status == 200


async def test_right_of_another_subsystem_of_the_same_member(pair: Pair) -> None:
    conf = pair.provider.server.serverconf
    conf.revoke(ECHO, CLIENT)
    conf.grant(ECHO, subsystem("1", "Other"))
    assert error_of(await pair.call()) == DENIED


async def test_disabled_service_shows_its_notice(pair: Pair) -> None:
    pair.provider.server.serverconf.disable_service(ECHO, "back at noon")
    answer = await pair.call()
    assert error_of(answer) == (500, "server.serverproxy.service_disabled")
    assert b"back at noon" in answer.body


async def test_soap_service_called_as_rest(pair: Pair) -> None:
    pair.provider.server.serverconf.add_soap_service(
        REGISTER, "wsdl", None, "http://127.0.0.1:1/wsdl", "http://127.0.0.1:1/"
    )
    answer = await pair.call(service=ServiceId(REGISTER, "wsdl"))
    assert error_of(answer) == (500, "server.serverproxy.service_type")
