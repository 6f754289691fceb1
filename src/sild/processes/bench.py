"""`sild bench exchange`: throughput, latency and CPU of exchanges, beside the cryptographic floor of the same run.

Two security servers run as processes of their own; the load, the service, the central server and the trust services share
a third. CPU counts both security servers, databases included; so the ratio to the floor does not depend on the load's cost.
A point is measured in slices, and its CPU is the best slice's, as the floor is the best of its rounds: on a machine
shared with others their noise counts in neither. The mean over all slices stands beside it.
Added latency is what one client waits longer than it does for the service itself, asked without any server in between.
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import ssl
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import click
from rich.console import Console
from rich.table import Table

from sild.http1 import Request, Responder, open_connection, run, serve
from sild.nation import DEMO, Call, Floor, Load, Nation, ServerProcess, joined, measure_floor, run_load
from sild.security_server import ServerConf
from sild.signer import KeyAlgorithm

__all__ = ["command"]

SMALL_ANSWER = b'{"code":"38001010002","name":"Mari Maasikas","born":"1980-01-01"}'
CLIENTS = (1, 8, 64)
WARM_UP_SECONDS = 1.0
SLICES = 5  # of a second or more
LARGE_BODY = 100 * 1024 * 1024
LARGE_POSTS = 3
WIDTH = 110
PIECE = bytes(64 * 1024)
Keys = Literal["RSA-2048", "EC-P256"]
KEY_ALGORITHMS: dict[Keys, KeyAlgorithm] = {
    "RSA-2048": KeyAlgorithm.RSA_2048,
    "EC-P256": KeyAlgorithm.EC_P256,
}


@click.group("bench")
def command() -> None:
    """Measure on this machine."""


@command.command()
@click.option("--seconds", default=5.0, show_default=True, help="For each point of the load.")
@click.option(
    "--workers",
    default=0,
    show_default=True,
    help="Worker processes of each server; 0: each is one process.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of tables.")
def exchange(seconds: float, workers: int, as_json: bool) -> None:
    """Exchanges between two security servers: rate, latency, CPU beside the floor, large bodies, memory, start."""
    console = Console(stderr=True, quiet=as_json, highlight=False)
    result = run(_measure(seconds, workers, console))
    if as_json:
        click.echo(json.dumps(result, indent=1))
    else:
        _show(result, Console(highlight=False, width=WIDTH))


async def _measure(seconds: float, workers: int, console: Console) -> dict[str, Any]:
    points: list[dict[str, Any]] = []
    floors: dict[str, Floor] = {}
    servers: dict[str, Any] = {}
    large: dict[str, Any] = {}
    added: dict[str, Any] = {}
    for key in KEY_ALGORITHMS:
        for batch in (False, True):
            console.print(f"[dim]{key}, {'batch' if batch else 'single'} signatures[/dim]")
            floors[key] = await asyncio.to_thread(measure_floor, key)
            async with _pair(key, workers, batch=batch) as pair:
                if not batch:
                    servers[key] = _server_figures(pair)
                points += [
                    await _point(pair, key, floors[key], clients, seconds, batch=batch) for clients in CLIENTS
                ]
                if not batch:
                    added[key] = await _added_latency(pair, points[-len(CLIENTS)], seconds)
                if key == "EC-P256" and not batch:
                    console.print("[dim]100 MB bodies[/dim]")
                    large = await _large_body(pair)
        console.print(f"[dim]{key}, a new connection for each message[/dim]")
        async with _pair(key, workers, batch=False, keep=False) as pair:
            points.append(await _point(pair, key, floors[key], CLIENTS[-1], seconds, keep=False))
    return {
        "machine": _machine(),
        "workers": workers,
        "floor_microseconds": {key: _floor_figures(floor) for key, floor in floors.items()},
        "exchanges": points,
        "added_latency_ms": added,
        "large_body": large,
        "server": servers,
    }


@dataclass(frozen=True, slots=True)
class _Pair:
    consumer: ServerProcess
    provider: ServerProcess
    small: Call
    direct: Call
    large_path: bytes

    def cpu(self) -> float:
        return self.consumer.usage().cpu + self.provider.usage().cpu


@asynccontextmanager
async def _pair(key: Keys, workers: int, *, batch: bool, keep: bool = True) -> AsyncIterator[_Pair]:
    """Two server processes of a fresh nation and a service behind one of them. keep: their connections serve many messages."""
    plan = replace(DEMO, key_algorithm=KEY_ALGORITHMS[key], people=50)
    service = await serve(_service, "127.0.0.1", 0, name="bench")
    with tempfile.TemporaryDirectory(prefix="sild-bench-") as directory:
        async with await Nation.start(Path(directory) / "nation", plan=plan, serving=False) as nation:
            host, port = service.addresses[0]
            _offer(nation, f"http://{host}:{port}")
            processes = []
            try:
                for member in plan.servers:
                    settings = nation.settings_of(member).model_copy(
                        update={
                            "batch_signing": "always" if batch else "never",
                            "keep_peer_connections": keep,
                            "truncated_body_allowed": True,
                        }
                    )
                    processes.append(await ServerProcess.start(settings, workers=workers))
                provider, consumer = processes
                path = f"/r1/{plan.subsystem_id(plan.provider).encode()}/bench".encode()
                header = (b"X-Road-Client", plan.subsystem_id(plan.consumer).encode().encode())
                small = Call(*consumer.addresses["client_http"], path + b"/small", (header,))
                direct = Call(host, port, b"/small", ())
                yield _Pair(consumer, provider, small, direct, path + b"/large")
            finally:
                for process in processes:
                    await process.stop()
    await service.close(1.0)


def _offer(nation: Nation, url: str) -> None:
    settings = nation.settings_of(nation.plan.provider)
    conf = ServerConf(settings.serverconf_url, settings.server_id)
    service = conf.add_rest_service(nation.plan.subsystem_id(nation.plan.provider), "bench", url)
    conf.grant(service, nation.plan.subsystem_id(nation.plan.consumer))
    conf.close()


async def _service(request: Request, responder: Responder) -> None:
    """A small JSON answer; for a large body, the count of its bytes."""
    if request.method == "GET":
        await responder.send(200, [(b"Content-Type", b"application/json")], SMALL_ANSWER)
        return
    size = 0
    async for piece in request.chunks():
        size += len(piece)
    await responder.send(200, [(b"Content-Type", b"application/json")], str(size).encode())


async def _point(
    pair: _Pair,
    key: Keys,
    floor: Floor,
    clients: int,
    seconds: float,
    *,
    batch: bool = False,
    keep: bool = True,
) -> dict[str, Any]:
    await run_load(pair.small, clients=clients, seconds=min(WARM_UP_SECONDS, seconds))
    slices = max(1, min(SLICES, int(seconds)))
    loads: list[Load] = []
    cpu: list[float] = []
    for _ in range(slices):
        before = pair.cpu()
        loads.append(await run_load(pair.small, clients=clients, seconds=seconds / slices))
        cpu.append((pair.cpu() - before) / max(1, len(loads[-1].latencies)) * 1e6)
    load = joined(loads)
    return {
        "key": key,
        "signatures": "batch" if batch else "single",
        "connections": "kept" if keep else "new",
        "clients": clients,
        "exchanges_per_second": round(load.rate, 1),
        "errors": load.errors,
        "latency_ms": {f"p{p}": round(load.percentile(p) * 1e3, 2) for p in (50, 95, 99)},
        "cpu_microseconds_per_exchange": round(min(cpu)),
        "cpu_microseconds_mean": round(sum(cpu) / slices),
        "floor_ratio": round(min(cpu) / floor.exchange, 2),
    }


async def _added_latency(pair: _Pair, exchanged: dict[str, Any], seconds: float) -> dict[str, float]:
    """exchanged: the point with one client."""
    direct = await run_load(pair.direct, clients=1, seconds=min(WARM_UP_SECONDS, seconds))
    latency = exchanged["latency_ms"]
    return {f"p{p}": round(latency[f"p{p}"] - direct.percentile(p) * 1e3, 2) for p in (50, 99)}


async def _large_body(pair: _Pair) -> dict[str, Any]:
    """POSTs of 100 MB after small ones have warmed everything: the fastest; memory is how far all of them raised the peak."""
    before = [process.usage().peak for process in (pair.consumer, pair.provider)]
    posts = [await _post_large(pair) for _ in range(LARGE_POSTS)]
    after = [process.usage().peak for process in (pair.consumer, pair.provider)]
    return {
        "status": max(post.status for post in posts),
        "bytes_at_service": min(post.bytes_at_service for post in posts),
        "megabytes_per_second": round(LARGE_BODY / 1e6 / min(post.seconds for post in posts), 1),
        "peak_memory_mb": [round(peak / 1e6, 1) for peak in after],
        "peak_memory_growth_mb": [round((b - a) / 1e6, 1) for a, b in zip(before, after, strict=True)],
    }


@dataclass(frozen=True, slots=True)
class _Post:
    status: int
    bytes_at_service: int
    seconds: float


async def _post_large(pair: _Pair) -> _Post:
    connection = await open_connection(pair.small.host, pair.small.port)
    headers = [*pair.small.headers, (b"Content-Length", str(LARGE_BODY).encode())]

    async def body() -> AsyncIterator[bytes]:
        for _ in range(LARGE_BODY // len(PIECE)):
            yield PIECE

    begun = asyncio.get_running_loop().time()
    response = await connection.request("POST", pair.large_path, headers, body())
    answer = await response.read(1024)
    seconds = asyncio.get_running_loop().time() - begun
    connection.close()
    return _Post(response.status, int(answer) if response.status == 200 else 0, seconds)


def _server_figures(pair: _Pair) -> dict[str, Any]:
    return {
        "start_seconds": round(pair.consumer.start_seconds, 2),
        "idle_memory_mb": round(pair.consumer.usage().memory / 1e6, 1),
    }


def _floor_figures(floor: Floor) -> dict[str, float]:
    return {
        "sign": round(floor.sign, 1),
        "verify": round(floor.verify, 1),
        "digest_24kB": round(floor.digest, 1),
        "tls_records_20kB": round(floor.tls_records, 1),
        "exchange": round(floor.exchange, 1),
    }


def _machine() -> dict[str, Any]:
    model = "unknown"
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "openssl": ssl.OPENSSL_VERSION,
        "system": f"{platform.system()} {platform.release()}",
    }


def _show(result: dict[str, Any], console: Console) -> None:
    machine = result["machine"]
    console.print(
        f"{machine['cpu']}, {machine['cores']} cores, Python {machine['python']}, {machine['openssl']}\n"
    )
    table = Table(title="Small exchanges", box=None, title_justify="left", pad_edge=False)
    for column in (
        "key",
        "signed",
        "links",
        "clients",
        "per s",
        "p50 ms",
        "p95 ms",
        "p99 ms",
        "CPU µs",
        "× floor",
        "errors",
    ):
        table.add_column(column, justify="left" if column in ("key", "signed", "links") else "right")
    for point in result["exchanges"]:
        latency = point["latency_ms"]
        table.add_row(
            point["key"],
            point["signatures"],
            point["connections"],
            str(point["clients"]),
            f"{point['exchanges_per_second']:.0f}",
            *(f"{latency[name]:.2f}" for name in ("p50", "p95", "p99")),
            str(point["cpu_microseconds_per_exchange"]),
            f"{point['floor_ratio']:.2f}",
            str(point["errors"]),
        )
    console.print(table)
    for key, floor in result["floor_microseconds"].items():
        parts = ", ".join(f"{name} {value}" for name, value in floor.items())
        console.print(f"floor {key} (µs): {parts}")
    for key, latency in result["added_latency_ms"].items():
        console.print(f"added latency, one client, {key}: p50 {latency['p50']} ms, p99 {latency['p99']} ms")
    large = result["large_body"]
    console.print(
        f"\n100 MB body: {large['megabytes_per_second']} MB/s, peak memory +{large['peak_memory_growth_mb']} MB (client's, provider's server)"
    )
    for key, server in result["server"].items():
        console.print(
            f"one server, {key}: starts in {server['start_seconds']} s, {server['idle_memory_mb']} MB idle"
        )
