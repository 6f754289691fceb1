"""The health check port (IG-XLB 3.4): well, in maintenance, and each thing a message needs when it is missing."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from world import Site, World, make_pair

from sild.http1 import Fetched, fetch
from support.postgres import PostgreSQL, postgresql  # noqa: F401 - a fixture


@pytest.fixture
async def site(world: World) -> AsyncIterator[Site]:
    pair = await make_pair(world, consumer={"health_check_port": 0, "proxy_admin_port": 0})
    yield pair.consumer


async def look(site: Site, path: str = "/", port: str = "health_check") -> Fetched:
    host, number = site.server.addresses[port]
    return await fetch(f"http://{host}:{number}{path}", timeout=10)


async def until(site: Site, status: int) -> Fetched:
    """What is told is not older than a second."""
    async with asyncio.timeout(20):
        while (answer := await look(site)).status != status:
            await asyncio.sleep(0.05)
    return answer


async def test_well(site: Site) -> None:
    answer = await look(site)
    assert (answer.status, answer.body) == (200, b"")
    ready = await look(site, "/ready")
    assert ready.status == 200
    assert json.loads(ready.body) == {
        "ready": True,
        "reason": None,
        "checks": dict.fromkeys(
            (
                "global_configuration",
                "authentication_key",
                "server_configuration",
                "signer_database",
                "message_log",
            ),
            "ok",
        ),
    }
    assert (await look(site, "/live")).status == 200


async def test_connections_nobody_needs_are_turned_away(site: Site) -> None:
    """Each is a file to the system, and the messages need theirs."""
    async with AsyncExitStack() as stack:
        async with asyncio.timeout(20):
            for _ in range(129):
                _, writer = await asyncio.open_connection(*site.server.addresses["health_check"])
                stack.callback(writer.close)
            assert (await look(site)).status == 503
    await until(site, 200)


async def test_it_costs_little_to_ask_often(site: Site) -> None:
    await look(site)
    asked: list[int] = []
    known = site.server.serverconf.ensure_database
    site.server.serverconf.ensure_database = lambda: (asked.append(1), known())[1]  # type: ignore[method-assign]
    begun = time.monotonic()
    for _ in range(50):
        assert (await look(site)).status == 200
    assert len(asked) <= time.monotonic() - begun + 1


async def test_maintenance(site: Site) -> None:
    asked = await look(site, "/maintenance?targetState=true", "proxy_admin")
    assert (asked.status, asked.body) == (200, b"Maintenance mode set: false => true")
    answer = await look(site)
    assert (answer.status, answer.body) == (503, b"Health check interface is in maintenance mode")
    assert (await look(site, "/ready")).status == 503
    assert (await look(site, "/live")).status == 200
    assert (await look(site, "/maintenance?targetState=perhaps", "proxy_admin")).status == 400
    assert (await look(site, "/anything", "proxy_admin")).status == 404
    asked = await look(site, "/maintenance?targetState=false", "proxy_admin")
    assert asked.body == b"Maintenance mode set: true => false"
    assert (await look(site)).status == 200


async def test_a_new_start_ends_maintenance(world: World, site: Site) -> None:
    site.server.health.maintenance.set(True)
    spawned = await world.spawn(site)
    host, port = spawned.addresses["health_check"]
    assert (await fetch(f"http://{host}:{port}/")).status == 200


async def test_token_logged_out(site: Site) -> None:
    await site.server.token.logout()
    answer = await until(site, 500)
    assert answer.body.startswith(b"the security server has no valid authentication certificate")
    assert json.loads((await look(site, "/ready")).body)["checks"]["message_log"] == "ok"


async def test_global_configuration_expired(world: World, site: Site) -> None:
    await world.publish(lifetime=timedelta(seconds=1))
    assert b"expired" in (await until(site, 500)).body.lower()
    await world.publish()
    await until(site, 200)


async def test_database_gone_and_back(tmp_path: Path, postgresql: PostgreSQL) -> None:  # noqa: F811
    with postgresql.schema() as url:
        async with World(tmp_path) as world:
            pair = await make_pair(
                world,
                consumer={
                    "health_check_port": 0,
                    "database_url": url,
                    "server_configuration_interval": 3600.0,
                },
            )
            await until(pair.consumer, 200)
            postgresql.stop()
            try:
                answer = await until(pair.consumer, 500)
                assert answer.body.startswith(b"server configuration: ")
                assert b"postgresql://" not in answer.body
            finally:
                postgresql.start()
            await until(pair.consumer, 200)
