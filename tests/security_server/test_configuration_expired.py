"""The global configuration is outdated or missing: nothing goes in or out (WIRE 5, 13.3)."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from faults import error_of
from forger import Forger
from world import CLIENT, Pair, Site, World

from sild.errors import TrustError

OUTDATED = "global_conf_outdated"


async def expire(pair: Pair, site: Site) -> None:
    """On a machine so busy that a configuration expires before it is read, one that lives longer: what says the same as the one
    held, and has expired, leaves that in force."""
    for seconds in (1, 4, 16):
        expires = datetime.now(UTC) + timedelta(seconds=seconds)
        pair.world.central.publish(lifetime=timedelta(seconds=seconds))
        try:
            held = await site.server.configuration.refresh()
        except TrustError:
            continue
        if held.valid_until > expires + timedelta(minutes=1):
            continue
        await asyncio.sleep(seconds + 0.2)
        return
    raise AssertionError("no configuration was read before it expired")


async def test_expired_at_the_clients_server(pair: Pair) -> None:
    await expire(pair, pair.consumer)
    assert error_of(await pair.call()) == (500, f"server.clientproxy.{OUTDATED}")
    assert pair.records(pair.consumer) == []
    await pair.world.publish()
    assert (await pair.call()).status == 200, "a new configuration is enough to go on"


async def test_expired_at_the_providers_server(pair: Pair) -> None:
    await expire(pair, pair.provider)
    forger = Forger(pair.world, pair.consumer, pair.provider)
    assert (await forger.fault(forger.message())).code == f"server.serverproxy.{OUTDATED}"
    assert error_of(await pair.call()) == (500, f"server.serverproxy.{OUTDATED}")
    assert pair.echo.requests == []


async def test_started_without_any_configuration(world: World) -> None:
    world.central.publish()
    site = await world.add_server("ss1", "1", [CLIENT], start=False)
    world.central.directory = b"broken"
    await site.server.start()
    pair = Pair(world, site, site, None)  # type: ignore[arg-type]
    assert error_of(await pair.call()) == (500, f"server.clientproxy.{OUTDATED}")
