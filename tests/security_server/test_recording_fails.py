"""Exchanges go on whatever becomes of their records; and what is recorded when there is no other server to speak of."""

from __future__ import annotations

import asyncio

import pytest
from faults import error_of
from recorded import SETTINGS, last
from world import World, make_pair

from sild.database import sqlite_url
from sild.op_monitor import OperationalMonitor
from sild.security_server import monitoring


async def test_the_provider_is_down(world: World) -> None:
    pair = await make_pair(world, consumer=SETTINGS, provider=SETTINGS)
    assert (await pair.call()).status == 200
    await pair.provider.server.stop(grace=1)
    world.sites.pop(pair.provider.name)
    assert error_of(await pair.call())[1] == "server.clientproxy.network_error"
    record = await last(pair.consumer)
    assert record["fault_code"] == "server.clientproxy.network_error"
    assert record["service_security_server_address"] == "ss2.test"
    assert "request_out_ts" in record
    assert "response_in_ts" not in record


async def test_recording_that_fails_does_not_fail_the_exchange(world: World) -> None:
    (world.directory / "file").touch()
    nowhere = SETTINGS | {"op_monitor_url": sqlite_url(world.directory / "file" / "opmonitor.db")}
    pair = await make_pair(world, consumer=nowhere, provider=nowhere)
    for _ in range(3):
        assert (await pair.call()).status == 200
        for site in (pair.consumer, pair.provider):
            monitor = site.server.watch.monitor
            assert isinstance(monitor, OperationalMonitor)
            while site.server.message_log.under_way:
                await asyncio.sleep(0.001)
            assert not await monitor.flush(), "nothing can be written"
            assert monitor.waiting, "and nothing is forgotten"


async def test_a_mistake_in_monitoring_itself(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    pair = await make_pair(world, consumer=SETTINGS, provider=SETTINGS)

    def mistaken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(monitoring, "record_of", mistaken)
    for _ in range(3):
        assert (await pair.call()).status == 200


async def test_switched_off(world: World) -> None:
    off = {"op_monitoring": "off"}
    pair = await make_pair(world, consumer=off, provider=off)
    assert (await pair.call()).status == 200
    assert pair.consumer.server.watch.monitor is None
