"""Operational monitoring with 10,000, 100,000 and 1,000,000 records kept: storing, writing, asking.

    python benchmarks/operational_monitoring.py [--json] [--most N] [--url postgresql://...]

Microseconds of processor time for what each exchange costs (`store`, and writing in the background), milliseconds for the
questions of a collector: a page of 1,000 of 100 seconds, a client's own records among them, health data. The best of several
runs. What is asked for is always as much, so the questions should cost the same at any size.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from op_monitor.monitor_world import (
    BEGIN_SECONDS,
    CONSUMER,
    STRANGER,
    SetClock,
    data_request,
    health_request,
    message,
    page,
    record,
)
from sild.database import sqlite_url
from sild.op_monitor import OperationalMonitor

A_SECOND = 10
AT_ONCE = 1_000


async def fill(monitor: OperationalMonitor, clock: SetClock, present: int, wanted: int) -> float:
    """Seconds per record written."""
    rows = [
        record(
            f"3b241101-e2bb-4255-8caf-{number:012}",
            client=CONSUMER if number % 10 else STRANGER,
            request_out_ts=1_010,
            response_in_ts=1_040,
            rest_method="GET",
            rest_path="/persons/*",
            service_type="OPENAPI3",
            client_security_server_address="ss1.example.org",
            service_security_server_address="ss2.example.org",
            message_protocol_version="1",
            xroad_version="7.8.0",
            x_request_id="8a2f2e10-8ffb-40c3-b446-aebd23fd9248",
            service_code=f"service-{number % 50}",
        )
        for number in range(A_SECOND)
    ] * (AT_ONCE // A_SECOND)
    used = 0.0
    for _ in range(present, wanted, AT_ONCE):
        began = time.process_time()
        await monitor.write(rows)
        used += time.process_time() - began
        clock.pass_seconds(AT_ONCE / A_SECOND)
    return used / max(1, wanted - present)


async def best(monitor: OperationalMonitor, question: bytes, *, sees_all: bool, at_least: int = 0) -> float:
    """Milliseconds from question to answer."""
    times = []
    for _ in range(7):
        began = time.perf_counter()
        answer = await monitor.answer(message(question), client_sees_all=sees_all)
        times.append(time.perf_counter() - began)
        if at_least and page(answer).count < at_least:
            raise RuntimeError("records are missing")
    return min(times) * 1_000


async def measure(url: str, most: int) -> list[dict[str, float]]:
    clock = SetClock()
    monitor = OperationalMonitor(url, clock=clock)
    one, results, present, size = record(), [], 0, 10_000
    while size <= most:
        write = await fill(monitor, clock, present, size)
        present = size
        middle = BEGIN_SECONDS + size // A_SECOND // 2

        whole = data_request(middle, middle + 99)
        own = data_request(middle, middle + 99, client=STRANGER)
        began = time.process_time()
        for _ in range(10_000):
            monitor.store(one)
        store = (time.process_time() - began) / 10_000
        results.append(
            {
                "records": size,
                "store_us": round(store * 1e6, 2),
                "write_us": round(write * 1e6, 1),
                "page_ms": round(await best(monitor, whole, sees_all=True, at_least=1_000), 1),
                "own_ms": round(await best(monitor, own, sees_all=False, at_least=100), 1),
                "health_ms": round(await best(monitor, health_request(), sees_all=True), 1),
            }
        )
        size *= 10
    await monitor.close()
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--most", type=int, default=1_000_000)
    parser.add_argument("--url", help="an empty PostgreSQL database instead of SQLite")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        url = options.url or sqlite_url(Path(directory) / "op-monitor.db")
        results = asyncio.run(measure(url, options.most))
    if options.json:
        print(json.dumps(results))
        return
    for result in results:
        print("  ".join(f"{name} {value:,}" for name, value in result.items()))


if __name__ == "__main__":
    main()
