"""A case system to be killed: `crash_program.py DIRECTORY LEDGER DIE_AT [URL]`.

Its register writes each effect into LEDGER, by message id. DIE_AT names a point: `start`, `before_call`, `in_call`, `after_call`,
`after_registered` (the action is written, its step is not), `never`. It prints the case's status when it is closed.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from cases.world import GIVEN, MARI, OFFICIAL, World
from sild.cases.store import Store
from sild.workflow import Workflows


def die(point: str) -> None:
    if sys.argv[3] == point:
        os._exit(9)


async def main(directory: Path, ledger: Path, url: str | None) -> None:
    world = World(directory, url)

    def registered(call):
        die("before_call")
        known = ledger.read_text().split() if ledger.exists() else []
        if call.message_id not in known:
            with ledger.open("a") as file:
                file.write(f"{call.message_id}\n")
        die("in_call")
        return {"permit": "P-1"}

    world.registers.answers["residence", "POST", "/permits"] = registered
    act, start = Store.act, Workflows.start

    def watched(self, connection, case, name, *rest):
        after = act(self, connection, case, name, *rest)
        if name == "REGISTER":
            die("before_commit")
        return after

    write = Store.write

    def written(self, change):
        done = write(self, change)
        if done == "CLOSED":
            die("after_registered")
        return done

    async def started(self, workflow_id, name, argument):
        die("start")
        await start(self, workflow_id, name, argument)
        die("started")

    Store.act, Store.write, Workflows.start = watched, written, started
    async with world:
        home = await world.cases.home(MARI)
        case = home.cases[0].id if home.cases else await world.cases.open_case("permit", MARI, key="k")
        for action, actor, given in (("SEND", MARI, GIVEN), ("ACCEPT", OFFICIAL, {})):
            await world.cases.act(case, action, actor, given, key=action)  # the same forms again
        view = await world.until(case, "CLOSED")
        texts = sorted(notice.text for notice in await world.cases.inbox(MARI))
        print(view.status, [entry.name for entry in view.timeline], texts, flush=True)


asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[4] if len(sys.argv) > 4 else None))
