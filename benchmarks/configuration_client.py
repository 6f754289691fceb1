"""How late the event loop is while a large global configuration is fetched, replaced and read back from disk.

    python benchmarks/configuration_client.py [members, by default 90000: 98 MB]

A task sleeps a millisecond at a time and notes how much later it woke. The source runs in a process of its own.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from sild.configuration_client import ConfigurationClient
from sild.http1 import run
from sild.xroad.globalconf import ConfigurationAnchor
from support.configuration_source import ConfigurationSourceServer
from support.shared_parameters import large_parameters

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


async def serve(connection: Connection, members: int) -> None:
    async with ConfigurationSourceServer() as source:
        shared = replace(large_parameters(members), sources=source.shared().sources)
        while True:
            servers, at = await asyncio.to_thread(connection.recv)
            given = replace(shared, security_servers=shared.security_servers[:servers])
            source.publish(at=at, shared=given, versions=(6,), lifetime=timedelta(hours=1))
            connection.send(source.anchor())


def serve_forever(connection: Connection, members: int) -> None:
    asyncio.run(serve(connection, members))


async def lateness(name: str, operation: Callable[[], Awaitable[object]]) -> None:
    late: list[float] = []

    async def tick() -> None:
        while True:
            started = time.perf_counter()
            await asyncio.sleep(0.001)
            late.append((time.perf_counter() - started) * 1e3 - 1)

    ticking = asyncio.create_task(tick())
    started = time.perf_counter()
    await operation()
    seconds = time.perf_counter() - started
    ticking.cancel()
    late.sort()
    shown = "  ".join(
        f"{word} {late[int(len(late) * part)]:6.1f}" for word, part in (("p50", 0.5), ("p99", 0.99))
    )
    print(f"{name:20} {seconds:6.2f} s   late: {shown}  worst {late[-1]:6.1f} ms")


async def measure(source: Connection) -> None:
    now = START

    async def published(servers: int | None) -> ConfigurationAnchor:
        source.send((servers, now))
        anchor = await asyncio.to_thread(source.recv)
        assert isinstance(anchor, ConfigurationAnchor)
        return anchor

    with tempfile.TemporaryDirectory() as directory:
        target = Path(directory) / "globalconf"
        client = ConfigurationClient(await published(None), target, clock=lambda: now)
        await lateness("idle", lambda: asyncio.sleep(1))
        await lateness("first", client.refresh)
        await lateness("nothing new", client.refresh)
        now += timedelta(minutes=1)
        await published(None)
        await lateness("a new date", client.refresh)
        now += timedelta(minutes=1)
        await published(-100)
        await lateness("another", client.refresh)
        await lateness("letting go", client.refresh)
        again = ConfigurationClient(await published(-100), target, clock=lambda: now)
        await lateness("from disk", again.restore)


def main() -> None:
    members = int(sys.argv[1]) if len(sys.argv) > 1 else 90_000
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=serve_forever, args=(theirs, members), daemon=True
    )
    process.start()
    try:
        run(measure(ours))
    finally:
        process.kill()


if __name__ == "__main__":
    main()
