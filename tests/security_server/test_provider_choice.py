"""Several servers for one provider (WIRE 11.3): which is used, what happens when it fails, maintenance mode."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from faults import error_of
from world import CLIENT, ECHO, REGISTER, Echo, Pair, Site, World

from sild.errors import PlatformError
from sild.nation.layout import free_ports
from sild.security_server import PeerRoute
from sild.security_server.provider_choice import choose_servers
from sild.xroad.globalconf import GlobalConf, MaintenanceMode, Member, SecurityServer, SharedParameters
from sild.xroad.identifiers import ClientId, SecurityServerId

AT = datetime(2026, 3, 1, tzinfo=UTC)
OWNER = ClientId("DEV", "COM", "2")


def conf(*servers: SecurityServer) -> GlobalConf:
    parameters = SharedParameters("DEV", members=(Member(OWNER, "Two"),), security_servers=servers)
    return GlobalConf("DEV", {"DEV": (parameters, datetime(2050, 1, 1, tzinfo=UTC))})


def server(code: str, address: str | None = "a.test", **given: object) -> SecurityServer:
    return SecurityServer(SecurityServerId(OWNER, code), address, (), (REGISTER,), **given)  # type: ignore[arg-type]


def code_of(globalconf: GlobalConf, wanted: SecurityServerId | None = None) -> tuple[str, str]:
    with pytest.raises(PlatformError) as caught:
        choose_servers(globalconf, ECHO, wanted, AT)
    return caught.value.code, caught.value.message


def test_servers_in_maintenance_are_skipped() -> None:
    quiet = server("s2", maintenance=MaintenanceMode("until noon"))
    assert choose_servers(conf(server("s1"), quiet), ECHO, None, AT) == (server("s1"),)
    code, text = code_of(conf(quiet))
    assert code == "maintenance_mode"
    assert text.endswith('is in maintenance mode. Message from "a.test" administrator: until noon')
    code, text = code_of(conf(server("s1"), quiet), quiet.id)
    assert code == "maintenance_mode"
    assert 'Security server "SERVER:DEV/COM/2/s2" with address "a.test"' in text


def test_unusable_addresses_are_skipped() -> None:
    unusable = [
        server(f"u{n}", address) for n, address in enumerate(["", "127.0.0,78", "a b", "x\u200by.test", None])
    ]
    good = [server(f"g{n}", address) for n, address in enumerate(["h.test", "10.0.0.1", "::1", "a-b.test."])]
    assert choose_servers(conf(*unusable, *good), ECHO, None, AT) == tuple(good)
    assert code_of(conf(*unusable))[0] == "unknown_member"


def test_the_wanted_server() -> None:
    first, second = server("s1"), server("s2", "b.test")
    assert choose_servers(conf(first, second), ECHO, second.id, AT) == (second,)
    assert code_of(conf(first), SecurityServerId(OWNER, "s9"))[0] == "invalid_security_server"


async def two_providers(world: World) -> tuple[Pair, Site, Site, Echo, Echo]:
    """`REGISTER` stands at ss2 and at ss3, each with a service of its own."""
    consumer = await world.add_server("ss1", "1", [CLIENT])
    sites, echoes = [], []
    for name in ("ss2", "ss3"):
        site = await world.add_server(name, "2", [REGISTER])
        echo = Echo()
        site.server.serverconf.add_rest_service(REGISTER, "echo", await world.serve(echo))
        site.server.serverconf.grant(ECHO, CLIENT)
        sites.append(site)
        echoes.append(echo)
    await world.publish()
    return Pair(world, consumer, sites[0], echoes[0]), sites[0], sites[1], echoes[0], echoes[1]


async def test_fail_over_and_the_remembered_winner(world: World) -> None:
    pair, first, second, echo, other = await two_providers(world)
    for _ in range(5):
        assert (await pair.call()).status == 200
    used, rest = (echo, other) if echo.requests else (other, echo)
    assert (len(used.requests), len(rest.requests)) == (5, 0), "the winner is remembered"
    loser = first if used is echo else second
    world.sites.pop(loser.name)
    await loser.server.stop(grace=0.5)
    for _ in range(3):
        assert (await pair.call("POST", body=b"x")).status == 200
    assert len(rest.requests) == 3, "the other one serves when the winner has gone"
    assert [is_response for _, is_response in pair.records(pair.consumer)].count(True) == 8


async def test_one_of_two_cannot_be_trusted(world: World) -> None:
    pair, first, _, echo, other = await two_providers(world)
    world.change_server(first.name, auth_cert_hashes=())
    await world.publish()
    for _ in range(3):
        pair.consumer.server._parts.connections._winners.clear()
        assert (await pair.call()).status == 200
    assert (len(echo.requests), len(other.requests)) == (0, 3)


async def test_none_can_be_reached(pair: Pair) -> None:
    ports = free_ports(2)
    routes = pair.consumer.server.settings.peer_routes
    routes["ss2.test"] = PeerRoute(host="127.0.0.1", port=ports[0], ocsp_port=ports[1])
    answer = await pair.call()
    assert error_of(answer) == (500, "server.clientproxy.network_error")
    assert b"Could not connect to any target host ([https://ss2.test:" in answer.body
    assert pair.records(pair.consumer) == [], "what was never sent is not logged"


async def test_maintenance_mode_in_the_configuration(pair: Pair) -> None:
    pair.world.change_server("ss2", maintenance=MaintenanceMode("new roof"))
    await pair.world.publish()
    answer = await pair.call()
    assert error_of(answer) == (500, "server.clientproxy.maintenance_mode")
    assert b"new roof" in answer.body


@pytest.mark.parametrize("keeps", ["both", "client", "provider", "neither"])
async def test_connections_kept_or_not(world: World, keeps: str) -> None:
    """Either side may want a connection for each message; both ways work."""
    from world import make_pair

    pair = await make_pair(
        world,
        consumer={"keep_peer_connections": keeps in ("both", "client")},
        provider={"keep_client_connections": keeps in ("both", "provider")},
    )
    for _ in range(3):
        assert (await pair.call("POST", body=b"x")).status == 200
    kept = len(pair.consumer.server._parts.connections._pool)
    assert kept == (1 if keeps == "both" else 0)
