"""Looking at cases with 1,000, 10,000, 100,000 and more kept: home, a case, the desk, the inbox, who is to be woken, the catalogue's proofs.

    python benchmarks/cases.py [--json] [--most N] [--url postgresql://...]

Milliseconds from question to answer, the best of several. Who looks has as much at any size (twelve cases, a desk of at most 500), so
it should cost the same; proofs count the cases of 90 days. `floor` is one question to the database by its primary key.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select

from sild.cases import Actor, AskWhy, CaseSystem, load_packs
from sild.cases.tables import actions, cases, drafts, notices, parties

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
OFFICE = "oversight@70000001"
MINE = 12
A_DESK = 500
AT_ONCE = 1_000
ANYBODY = {"role": "person", "acr": "high", "posture": "unmanaged", "mandate": None}
STATE = {"role": "state", "person": "automatic", "acting_for": "automatic", "acr": "high", "posture": "managed", "mandate": None}  # fmt: skip
ME = Actor(person="EE38001085718", acr="high")
CLERK = Actor(
    person="EE47101010033", acr="high", posture="managed", roles=frozenset({"official"}), authority=OFFICE
)


class Silent:
    """Nobody is asked."""

    async def call(self, *_: Any, **__: Any) -> Any:
        raise RuntimeError("the benchmark looks at cases alone")


def rows(number: int) -> dict[str, list[dict[str, Any]]]:
    """Every fiftieth case is live; the first of those lie on the one desk, the first cases are mine."""
    case, person = f"case-{number:09}", ME.person[2:] if number < MINE else f"4{number:010}"
    live = number % 50 == 0
    office = OFFICE if number // 50 < A_DESK else f"oversight@{70_000_002 + number // 50 % 200}"
    opened = NOW - timedelta(minutes=5 * (number % 100_000) + 60)
    mine = {**ANYBODY, "person": person, "acting_for": person}
    theirs = {**ANYBODY, "role": "official", "person": "47101010033", "acting_for": "47101010033"}
    taken = [("OPEN", STATE), ("ASK", mine), *(() if live else (("ANSWER", theirs), ("CONTENT", mine)))]
    data = {"body": "GOV/70000002", "at": opened.isoformat(), "operation": "getFacts", "basis": "RRS § 68"}
    return {
        "cases": [
            {
                "id": case,
                "number": f"S-2026-{number:09}",
                "service": "ask_why",
                "office": office,
                "data": data,
                "opened_at": opened,
                "seq": len(taken),
                "closed_at": None if live else opened + timedelta(days=2),
            }
        ],
        "actions": [
            {"case": case, "seq": seq, "name": name, "at": opened + timedelta(hours=seq), "data": {}, **by}
            for seq, (name, by) in enumerate(taken, 1)
        ],
        "parties": [{"case": case, "role": "person", "person": person, "since": 0, "position": 0}],
        "notices": [
            {
                "id": f"{case}-{one}",
                "case": case,
                "person": person,
                "text": "ask_why.answered",
                "details": {},
                "not_before": opened,
                "read_at": opened + timedelta(days=1),
                "pushed_at": opened,
            }
            for one in range(2)
        ],
        "drafts": [{"case": case, "screen": "ask_why.question", "person": person, "given": {}, "at": opened}]
        * (number % 20 == 0),
    }


TABLES = {"cases": cases, "actions": actions, "parties": parties, "notices": notices, "drafts": drafts}


def fill(system: CaseSystem, present: int, wanted: int) -> None:
    for first in range(present, wanted, AT_ONCE):
        made = [rows(number) for number in range(first, min(first + AT_ONCE, wanted))]
        with system._parts.store.engine.begin() as connection:
            for name, table in TABLES.items():
                values = [row for one in made for row in one[name]]
                if values:
                    connection.execute(insert(table), values)


async def best(look: Callable[[], Awaitable[Any]]) -> float:
    """Milliseconds."""
    times = []
    for _ in range(7):
        began = time.perf_counter()
        await look()
        times.append(time.perf_counter() - began)
    return round(min(times) * 1_000, 2)


async def measure(directory: Path, url: str | None, most: int) -> list[dict[str, float]]:
    system = CaseSystem.open(
        directory,
        url,
        system="/SILD/GOV/70000001/portal",
        exchange=Silent(),
        packs=load_packs("EE"),
        processes=[AskWhy()],
        registers={"population": "GOV/70000002/population"},
        clock=lambda: NOW,
    )

    async def floor() -> None:
        def read() -> None:
            with system._parts.store.reading() as connection:
                connection.execute(select(cases).where(cases.c.id == "case-000000001")).one()

        await asyncio.to_thread(read)

    results, present, size = [], 0, 1_000
    while size <= most:
        fill(system, present, size)
        present = size
        results.append(
            {
                "cases": size,
                "floor_ms": await best(floor),
                "home_ms": await best(lambda: system.home(ME)),
                "case_ms": await best(lambda: system.view("case-000000001", ME)),
                "inbox_ms": await best(lambda: system.inbox(ME)),
                "desk_ms": await best(lambda: system.desk(CLERK)),
                "wake_ms": await best(system.take_wake_ups),
                "proofs_ms": await best(system.proofs),
            }
        )
        size *= 10
    system.close()
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--most", type=int, default=100_000)
    parser.add_argument("--url", help="an empty PostgreSQL database instead of SQLite")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        results = asyncio.run(measure(Path(directory), options.url, options.most))
    if options.json:
        print(json.dumps(results))
        return
    for result in results:
        print("  ".join(f"{name} {value:,}" for name, value in result.items()))


if __name__ == "__main__":
    main()
