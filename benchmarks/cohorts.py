"""Cost of a population run from 10^5 to 10^7 people, on processes and on a local Dask cluster (a scheduler and two workers).

    python benchmarks/cohorts.py DIRECTORY [--most 10000000] [--svg docs/cohorts.svg]

Every household has a new child, so that every row costs. Each point is a run of `sild cohorts` in a process of its own; the same
population is run by both engines, whose result hashes have to be equal. 10^7 people take 2 GB of disk.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from math import log10
from pathlib import Path
from typing import Any

PACKAGE = "ee-family-benefits"
SIZES = (100_000, 1_000_000, 10_000_000)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", type=Path)
    parser.add_argument("--most", type=int, default=SIZES[-1])
    parser.add_argument("--svg", type=Path)
    said = parser.parse_args()
    points = []
    for people in (size for size in SIZES if size <= said.most):
        where = said.directory / str(people)
        began = time.monotonic()
        sild("make", "--people", str(people), "--country", "EE", "--dir", str(where))
        made = time.monotonic() - began
        disk = sum(path.stat().st_size for path in where.glob("*.parquet"))
        print(f"made {people:,} in {made:.1f} s, {disk / 1e6:,.0f} MB", flush=True)
        points += [measured(people, where, "processes"), measured(people, where, "dask")]
        if len({point["sha256"] for point in points[-2:]}) != 1:
            sys.exit("the engines differ")
    print(json.dumps(points, indent=1))
    if said.svg:
        said.svg.write_text(picture(points))


def measured(people: int, where: Path, engine: str) -> dict[str, Any]:
    out = where / "runs" / engine
    common = (
        "run",
        "--package",
        PACKAGE,
        "--people-dir",
        str(where),
        "--out",
        str(out),
        "--check",
        "1000",
        "--json",
    )
    with contextlib.ExitStack() as stack:
        others = ()
        if engine == "dask":
            address = stack.enter_context(cluster())
            others = ("--engine", "dask", "--scheduler", address)
        told = json.loads(sild(*common, *others))
    point = {"people": people, "engine": engine}
    point |= {
        key: told[key] for key in ("seconds", "people_per_second", "cpu_seconds", "peak_memory", "sha256")
    }
    point["differences"] = len(told["differences"])
    print(point, flush=True)
    return point


@contextlib.contextmanager
def cluster() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    address = f"tcp://127.0.0.1:{port}"
    dask = [
        sys.executable,
        "-m",
        "distributed.cli.dask_scheduler",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    worker = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--host", "127.0.0.1"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    running = [subprocess.Popen([*dask, "--no-dashboard"], **quiet)]
    running += [
        subprocess.Popen([*worker, "--nthreads", "1", "--no-nanny", "--no-dashboard"], **quiet)
        for _ in range(2)
    ]
    try:
        yield address
    finally:
        for process in reversed(running):
            process.terminate()
            process.wait()


def sild(*arguments: str) -> str:
    """Its output; the status is 1 when something differs, which the answer tells."""
    done = subprocess.run(
        [sys.executable, "-m", "sild", "cohorts", *arguments], stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout


def picture(points: list[dict[str, Any]]) -> str:
    """Time by size, both axes by powers of ten, a line for each engine."""
    width, height, left, bottom = 640, 360, 70, 50

    def place(power: float, low: float, high: float, begin: float, end: float) -> float:
        return begin + (power - low) / (high - low) * (end - begin)

    def at(point: dict[str, Any]) -> tuple[float, float]:
        x = place(log10(point["people"]), 4.8, 7.2, left, width - 20)
        y = place(log10(point["seconds"]), -0.5, 2.5, height - bottom, 50)
        return x, y

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" font-family="sans-serif" font-size="13">',
        f"<title>Seconds of a run by people: {', '.join(sorted({p['engine'] for p in points}))}</title>",
        '<rect width="100%" height="100%" fill="#fff"/>',
        f'<text x="{left}" y="24" font-size="15">{PACKAGE}: seconds by people, two cores</text>',
    ]
    for power in range(5, 8):
        x = place(power, 4.8, 7.2, left, width - 20)
        parts.append(f'<text x="{x:.0f}" y="{height - 25}" text-anchor="middle">10^{power} people</text>')
    for power in range(3):
        y = place(power, -0.5, 2.5, height - bottom, 50)
        parts.append(f'<line x1="{left}" x2="{width - 20}" y1="{y:.0f}" y2="{y:.0f}" stroke="#ddd"/>')
        parts.append(f'<text x="{left - 8}" y="{y + 4:.0f}" text-anchor="end">{10**power} s</text>')
    for number, (engine, colour) in enumerate((("processes", "#2b5f8a"), ("dask", "#b5532a"))):
        own = [point for point in points if point["engine"] == engine]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(at, own))
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for point in own:
            x, y = at(point)
            label = f"{point['seconds']:.1f} s ({point['cpu_seconds']:.1f} s CPU), {point['peak_memory'] / 1e6:,.0f} MB"
            under = number == 0
            anchor = (
                "start" if under and point["people"] < 5e6 else "end" if point["people"] > 2e5 else "start"
            )
            aside, below = (8 if anchor == "start" else -8), (22 if under else -12)
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>')
            parts.append(
                f'<text x="{x + aside:.1f}" y="{y + below:.1f}" text-anchor="{anchor}" '
                f'font-size="11" fill="{colour}">{label}</text>'
            )
        parts.append(f'<text x="{left + 120 * number}" y="44" fill="{colour}">{engine}</text>')
    return "\n".join([*parts, "</svg>", ""])


if __name__ == "__main__":
    main()
