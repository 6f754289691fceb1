"""A closed load: so many clients, each sending its next request when the last was answered, on connections kept alive."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from sild.errors import PlatformError
from sild.http1 import Connection, Header, Limits, open_connection

__all__ = ["Call", "Load", "joined", "run_load"]

ANSWER_LIMIT = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Call:
    """One request to a client port. `path` as in the request line, `body` bytes or none."""

    host: str
    port: int
    path: bytes
    headers: Sequence[Header]
    method: str = "GET"
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Load:
    """What was seen: `latencies` in seconds, ascending, of the answered calls; `errors` counts all others."""

    clients: int
    seconds: float
    latencies: tuple[float, ...]
    errors: int

    @property
    def rate(self) -> float:
        """Answered calls a second."""
        return len(self.latencies) / self.seconds

    def percentile(self, percent: float) -> float:
        """The latency that `percent` of the calls did not exceed, in seconds; NaN without any call."""
        if not self.latencies:
            return float("nan")
        return self.latencies[min(len(self.latencies) - 1, int(len(self.latencies) * percent / 100))]


def joined(loads: Sequence[Load]) -> Load:
    """Several of the same load, one after the other, as one."""
    latencies = sorted(latency for load in loads for latency in load.latencies)
    seconds, errors = sum(load.seconds for load in loads), sum(load.errors for load in loads)
    return Load(loads[0].clients, seconds, tuple(latencies), errors)


async def run_load(call: Call, *, clients: int, seconds: float) -> Load:
    """Send `call` from `clients` connections for `seconds`. A refused or broken call counts as an error."""
    latencies: list[float] = []
    errors = 0
    connections = [await open_connection(call.host, call.port, limits=Limits()) for _ in range(clients)]
    start = time.perf_counter()
    end = start + seconds

    async def client(connection: Connection) -> None:
        nonlocal errors
        try:
            while (begun := time.perf_counter()) < end:
                try:
                    response = await connection.request(call.method, call.path, call.headers, call.body)
                    await response.read(ANSWER_LIMIT)
                except PlatformError:
                    errors += 1
                    connection.close()
                    connection = await open_connection(call.host, call.port, limits=Limits())
                    continue
                if response.status == 200:
                    latencies.append(time.perf_counter() - begun)
                else:
                    errors += 1
        finally:
            connection.close()

    await asyncio.gather(*map(client, connections))
    return Load(clients, time.perf_counter() - start, tuple(sorted(latencies)), errors)
