"""A case system to be killed: `python -m cases.crash_program DIRECTORY URL POINT[,POINT ...] ...`.

One story for each argument of points, in a directory of its own: a process for each point, which dies there, and one that comes to the
end. Its register writes each effect into `ledger`, by message id. Points: `start`, `started`, `before_call`, `in_call`, `before_commit`,
`after_registered` (the action is written, its step is not), `never`. URL: of a database, or `sqlite`.

With `ask.` before them points are of another story: an office asks another body twice, is answered once, and decides without the other.

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
from sild.events import Event
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


class Asking(Dying):
    """Points: `ask.before_call`, `ask.in_call`, `ask.PASS_ON`, `ask.REPLY` (before each is written), `ask.written`, `ask.in_get`, `ask.in_back`."""

    def effect(self, call, point: str, answer):
        known = self.ledger.read_text().split() if self.ledger.exists() else []
        if call.message_id not in known:
            with self.ledger.open("a") as file:
                file.write(f"{call.message_id}\n")
        self.die(point)
        return answer

    def asked(self, call):
        self.die("ask.before_call")
        return self.effect(call, "ask.in_call", {"state": "OPEN"})

    def told(self, _call):
        self.die("ask.in_get")
        said = {"state": "ANSWERED", "answer": "Nobody.", "official": "47001010003"}
        return {**said, "answered_at": "2026-03-04T10:00:00+00:00"}

    def watch(self) -> None:
        act, write = Store.act, Store.write

        def watched(store, connection, case, name, *rest):
            after = act(store, connection, case, name, *rest)
            self.die(f"ask.{name}")
            return after

        def written(store, change):
            done = write(store, change)
            if done == "SENT":  # an action of the state that moves no status
                self.die("ask.written")
            return done

        Store.act, Store.write = watched, written

    async def live(self, url: str | None) -> dict:
        world = World(self.directory, url)
        answers = world.registers.answers
        answers["residence", "POST", "/permits"] = {"permit": "P-1"}
        answers["residence", "POST", "/consultations"] = self.asked
        async with world:
            home = await world.cases.home(MARI)
            case = home.cases[0].id if home.cases else await world.cases.open_case("permit", MARI, key="k")
            await world.cases.act(case, "SEND", MARI, GIVEN, key="SEND")
            states = []
            for number, expected in (("1", "answered"), ("2", "asked")):
                question = {"body": ["residence"], "about": [MARI.person[2:]], "question": [f"Who? {number}"]}
                await world.cases.act(case, "CONSULT", OFFICIAL, question, key=f"CONSULT {number}")
                one = await self.until(world, case, int(number), ("asked", "answered"))
                back = f"/consultations/{one.key}/withdrawal"
                answers["residence", "POST", back] = lambda call: self.effect(call, "ask.in_back", {})
                if number == "1":
                    answers["residence", "GET", f"/consultations/{one.key}"] = self.told
                    told = Event(
                        id="answered", source="/SILD/GOV/70000006/residence", type="consultation.answered", subject="x",
                        time=world.now, data={"consultation": one.key, "case": case}, extensions={},
                    )  # fmt: skip
                    await world.cases.take_event(told, "m-answered")
                states.append((await self.until(world, case, int(number), (expected,))).state)
            await world.cases.act(case, "ACCEPT", OFFICIAL, {}, key="ACCEPT")
            view = await world.until(case, "CLOSED")
            async with asyncio.timeout(15):
                while len(self.ledger.read_text().split()) < 3:
                    await asyncio.sleep(0.02)
            actions = [entry.name for entry in (await world.cases.view(case, OFFICIAL)).timeline]
        return {"status": view.status, "actions": actions, "notices": states}

    async def until(self, world, case, number, states):
        async with asyncio.timeout(15):
            while True:
                found = (await world.cases.view(case, OFFICIAL)).questions
                if len(found) >= number and found[number - 1].state in states:
                    return found[number - 1]
                await asyncio.sleep(0.02)


def forked(directory: Path, point: str, url: str | None) -> int:
    """How a process ended that was to die at `point`."""
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    ended = 1
    try:
        dying = (Asking if directory.name.startswith("ask.") else Dying)(directory, point)
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
