"""A process with workflows, to be killed: `program.py URL LEDGER FIRST_ID DIE_AT`.

Each step writes a line into the ledger, when it begins and when it is done; at DIE_AT the process is gone, as with kill -9.
Without a FIRST_ID (`-`) it only carries on. It ends when a line comes in, or the ledger has `end done`.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from sild.workflow import Run, Workflows


async def main(url: str, ledger: Path, first_id: str, die_at: str) -> None:
    def note(line: str) -> None:
        with ledger.open("a") as file:
            file.write(f"{line}\n")
        if line == die_at:
            os._exit(9)

    async def trip(run: Run, argument):
        total = 0
        for name in ("one", "two", "three"):
            total += await run.step(name, step(name))
            note(f"{name} after")
        await run.step("end", lambda: end(total))

    def step(name: str):
        async def function():
            note(f"{name} begin")
            await asyncio.sleep(0.05)
            note(f"{name} done")
            return len(name)

        return function

    async def end(total: int):
        note(f"total {total}")
        note("end done")

    workflows = await Workflows.open(url, {"trip": trip})
    print("open", flush=True)
    if first_id != "-":
        await workflows.start(first_id, "trip", {})
    await asyncio.to_thread(sys.stdin.readline)
    await workflows.close()


asyncio.run(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3], sys.argv[4]))
