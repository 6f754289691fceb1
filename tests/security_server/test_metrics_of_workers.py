"""Two workers behind one port: whoever is scraped tells what both have counted."""

from __future__ import annotations

import asyncio
import time

from test_metrics import Samples, count, read
from world import Spawned, World, make_pair

from sild.http1 import fetch

CALLS = 30


async def scrape(spawned: Spawned) -> Samples:
    host, port = spawned.addresses["metrics"]
    return read((await fetch(f"http://{host}:{port}/metrics")).body)


async def test_workers_are_told_as_one(world: World) -> None:
    pair = await make_pair(world, provider={"metrics_port": 0}, consumer={"keep_peer_connections": False})
    await pair.provider.server.stop(grace=0.5)
    world.sites.pop(pair.provider.name)
    spawned = await world.launch(pair.provider.server.settings, workers=2)
    answers = await asyncio.gather(*(pair.call() for _ in range(CALLS)))
    assert [answer.status for answer in answers] == [200] * CALLS
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        samples = await scrape(spawned)
        if count(samples, side="provider", outcome="ok") == CALLS:
            break
        await asyncio.sleep(0.2)
    for _ in range(6):
        samples = await scrape(spawned)
        assert count(samples, side="provider", outcome="ok") == CALLS
        assert samples["sild_processes", ()] == 2
