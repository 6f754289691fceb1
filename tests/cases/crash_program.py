"""A case system to be killed: `python -m cases.crash_program DIRECTORY URL POINT[,POINT ...] ...`.

One story for each argument of points, in a directory of its own: a process for each point, which dies there, and one that comes to the
end. Its register writes each effect into `ledger`, by message id. Points: `start`, `started`, `before_call`, `in_call`, `before_commit`,
`after_registered` (the action is written, its step is not), `never`. URL: of a database, or `sqlite`.

Prints a line of JSON for each story: how its processes ended, the case's status, actions and notices, and how many effects there were.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import traceback
from pathlib import Path

import anyio._backends._asyncio  # noqa: F401 - so that no process has to

from sild.cases.store import Store
from sild.workflow import Workflows

from .world import GIVEN, MARI, OFFICIAL, World, packs_of


class Dying:
    def __init__(self, directory: Path, point: str) -> None:
        self.directory, self.point = directory, point
        self.ledger = directory / "ledger"

    def die(self, point: str) -> None:
        if self.point == point:
            os.kill(os.getpid(), signal.SIGKILL)

    def registered(self, call):
        """The register's effect, once for a message."""
        self.die("before_call")
        known = self.ledger.read_text().split() if self.ledger.exists() else []
        if call.message_id not in known:
            with self.ledger.open("a") as file:
                file.write(f"{call.message_id}\n")
        self.die("in_call")
        return {"permit": "P-1"}

    def watch(self) -> None:
        act, write, start = Store.act, Store.write, Workflows.start

        def watched(store, connection, case, name, *rest):
            after = act(store, connection, case, name, *rest)
            if name == "REGISTER":
                self.die("before_commit")
            return after

        def written(store, change):
            done = write(store, change)
            if done == "CLOSED":
                self.die("after_registered")
            return done

        async def started(workflows, workflow_id, name, argument):
            self.die("start")
            await start(workflows, workflow_id, name, argument)
            self.die("started")

        Store.act, Store.write, Workflows.start = watched, written, started

    async def live(self, url: str | None) -> dict:
        world = World(self.directory, url)
        world.registers.answers["residence", "POST", "/permits"] = self.registered
        async with world:
            home = await world.cases.home(MARI)
            case = home.cases[0].id if home.cases else await world.cases.open_case("permit", MARI, key="k")
            for action, actor, given in (("SEND", MARI, GIVEN), ("ACCEPT", OFFICIAL, {})):
                await world.cases.act(case, action, actor, given, key=action)  # the same forms again
            view = await world.until(case, "CLOSED")
            texts = sorted(notice.text for notice in await world.cases.inbox(MARI))
        return {"status": view.status, "actions": [entry.name for entry in view.timeline], "notices": texts}


def forked(directory: Path, point: str, url: str | None) -> int:
    """How a process ended that was to die at `point`."""
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    ended = 1
    try:
        dying = Dying(directory, point)
        dying.watch()
        end = asyncio.run(dying.live(url))
        (directory / "end.json").write_text(json.dumps(end))
        ended = 0
    except BaseException:
        traceback.print_exc()
    os._exit(ended)


def main(top: Path, url: str, stories: list[str]) -> None:
    packs_of("EE")
    for points in stories:
        directory = top / points
        directory.mkdir()
        exits = [
            forked(directory, point, None if url == "sqlite" else url)
            for point in (*points.split(","), "never")
        ]
        end = directory / "end.json"
        told = {
            "exits": exits,
            "end": json.loads(end.read_text()) if end.exists() else None,
            "effects": len((directory / "ledger").read_text().split()),
        }
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:])
