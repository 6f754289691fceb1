"""Exchanges go on without their traces."""

from __future__ import annotations

from test_traces import TRACEPARENT, Collector, servers, settings
from world import World, make_pair


async def test_a_collector_that_is_down(world: World) -> None:
    pair = await make_pair(
        world, consumer=settings("http://127.0.0.1:1"), provider=settings("http://127.0.0.1:1")
    )
    for _ in range(3):
        assert (await pair.call()).status == 200


async def test_none_is_kept(world: World) -> None:
    collector = Collector()
    off = settings(await world.serve(collector), otlp_ratio=0.0)
    pair = await make_pair(world, consumer=off, provider=off)
    assert (await pair.call(headers=[(b"traceparent", TRACEPARENT)])).status == 200
    await collector.found(servers(pair), lambda _: True, 0)
