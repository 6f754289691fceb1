"""Stories told by processes that are killed: `kill -9` at every boundary of every step of every job, each once, and told to the end.

A story does what is left of it, whatever was done before: forms are sent again, while the dead's work is taken up. Boundaries are met where `sild.workflow` does a step, so a new step is one,
too: before it, and after its effect, before that is remembered. Others: after an action of people, around the start of a job, after an
event was taken. What was met and where it died stand in the directory, in `met` and `died`.

    python -m cases.birth_program DIRECTORY every|some STORY ...

Each story is told twice, the first time undisturbed; how both ended stands in `STORY/end.json` and `STORY.calm/end.json`.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import random
import re
import signal
import sys
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar
from zlib import crc32

import anyio._backends._asyncio  # noqa: F401 - so that no process has to
from dbos._dbos import DBOSRegistry
from sqlalchemy import func, select

from sild.events.tables import outbox
from sild.workflow import Workflows
from sild.workflow.run import Run

from .village import Offices
from .world import SYSTEM

SEED = 20261122  # of `some`: one boundary of every third step
HEARD = (
    "HOLD",
    "RESUME",
    "LEARN",
    "QUEUE",
    "TELL",
)  # what others say of themselves: how often depends on who is first
LEASE = timedelta(seconds=130)  # after it what the dead had taken to deliver is free again
LOOK = 0.03  # seconds: for workflows of the dead; DBOS's own second would be most of each life
Story = Callable[..., Awaitable[dict]]  # of a village that is killed

_offices: list[Offices] = []  # made by the parent, for each of its processes


def of_today(step: str) -> bool:
    """Whether `some` dies at it: at a third of all, each day at others."""
    return (crc32(step.encode()) + datetime.now(UTC).toordinal()) % 3 == 0


@dataclass
class Deaths:
    """Of one directory. which: every, some (of every third step, each day others, one boundary, by SEED, in the first of the stories alone), never."""

    directory: Path
    which: str
    met: set[str] = field(default_factory=set)
    died: set[str] = field(default_factory=set)
    before: set[str] = field(default_factory=set)  # boundaries at which another story died

    def __post_init__(self) -> None:
        self.met, self.died = (set(lines(self.directory / name)) for name in ("met", "died"))
        if self.which == "some":
            self.before = {line for died in self.directory.parent.glob("*/died") for line in lines(died)}

    def boundary(self, step: str, part: str, moment: str) -> None:
        """Dies here, unless somebody has. part: of a call or an action, which are several of DBOS's steps; the first try is `1`."""
        if step not in self.met:
            self.met.add(step)
            self._write("met", step)
        point = f"{step} {part} {moment}"
        if point in self.died | self.before or self.which == "never":
            return
        if self.which == "some" and (
            not of_today(step) or part not in ("", "1") or moment != self._chosen(step)
        ):
            return
        self._write("died", point)
        os.kill(os.getpid(), signal.SIGKILL)

    def _chosen(self, step: str) -> str:
        moments = (
            ("effect",)
            if step.startswith(("act/", "taken/")) or step.endswith("/begin")
            else ("before", "effect")
        )
        return random.Random(f"{SEED}{step}").choice(moments)

    def _write(self, name: str, line: str) -> None:
        with (self.directory / name).open("a") as file:
            file.write(line + "\n")


def lines(file: Path) -> list[str]:
    return file.read_text().splitlines() if file.exists() else []


class Killed:
    """Before a village: its processes die."""

    country: ClassVar[str] = "EE"

    def __init__(self, directory: Path, which: str) -> None:
        super().__init__(directory, country=self.country, offices=_offices[0])
        self.deaths = Deaths(directory, which)
        self.later(seconds=len(self.deaths.died) * LEASE.total_seconds())
        for waited in sorted(directory.glob("waited.*")):
            self.later(days=int(waited.read_text()))
        self._ended = set(lines(directory / "ended"))

    async def __aenter__(self):
        await self.start()
        while len(self.cases._parts.published) < len(self.cases.services()):
            await asyncio.sleep(0.005)
        return self

    async def _deliver(self, subscription, event):
        done = await super()._deliver(subscription, event)
        if subscription.subscriber == SYSTEM:
            self.deaths.boundary(f"taken/{event.type}", "", "effect")
        return done

    async def act(self, case, action, actor, given=None, key=None):
        """The same form again, if it was sent."""
        key = key or action
        await self.say(case, action, actor, given or {}, key=key)
        await self.acted(key)

    async def acted(self, key: str) -> None:
        self.deaths.boundary(f"act/{key}", "", "effect")
        await self.once(key, self.settle)

    async def settle(self, quiet=0.03):
        """No register is down here for long, for which the usual waits longer."""
        await super().settle(quiet)

    async def once(self, name: str, do: Callable[[], Awaitable[object]]) -> None:
        """Until it has come to its end: the processes after that go on at once."""
        if name not in self._ended:
            await do()
            self._ended.add(name)
            with (self.directory / "ended").open("a") as file:
                file.write(name + "\n")

    def over(self, name: str) -> bool:
        """Whether it came to its end in a process before."""
        return name in self._ended

    async def wait(self, name: str, days: int) -> None:
        waited = self.directory / f"waited.{name}"
        if not waited.exists():
            waited.write_text(str(days))
            self.later(days=days)
        await self.once(f"waited.{name}", self.settle)

    def kept(self, name: str, made: Callable[[], str]) -> str:
        """Said by the first process that comes here, and the same to those after it."""
        file = self.directory / f"kept.{name}"
        if not file.exists():
            file.write_text(made())
        return file.read_text()

    async def begun(self, name, begin) -> str:
        """The case, by the first process: its days pass."""
        if not (self.directory / f"kept.{name}").exists():
            case = await begin()
            self.kept(name, lambda: case)
        return (self.directory / f"kept.{name}").read_text()

    def key(self):
        """Another than any of the processes before this one used."""
        return f"{len(self.deaths.died)}/{super().key()}"

    def effects(self) -> dict[str, dict[str, int]]:
        """Events of each register, by type: what happened, and how often."""
        found = {}
        for name, register in self.registers.items():
            with register.kernel.engine.connect() as connection:
                rows = connection.execute(select(outbox.c.type, func.count()).group_by(outbox.c.type))
                found[name] = dict(sorted(map(tuple, rows)))
        return found

    def shown(self, view) -> dict:
        return {
            "status": view.status,
            "actions": sorted(entry.name for entry in view.timeline if entry.name not in HEARD),
            "failed": [body.reason for body in view.failed_bodies],
        }


def _watch(deaths: Deaths) -> None:
    """This process has one life: its classes are changed for good."""
    queue = DBOSRegistry._register_internal_queue
    DBOSRegistry._register_internal_queue = lambda registry, name: queue(
        registry, name, polling_interval_sec=LOOK
    )
    kinds: dict[str, str] = {}  # service and kind of the job each run does
    outcome, start = Run._outcome, Workflows.start

    async def met(self, name, do):
        def boundary(moment):
            deaths.boundary(f"{kinds[self.id]}/{step}", part, moment)

        def begun(row):
            if name == "begin" and row is not None:
                kinds[self.id] = f"{row['service']}/{row['kind']}"

        async def done():
            try:
                result = await do()
                begun(result)
                return result
            finally:
                if self.id in kinds:  # a refusal is an effect, too
                    boundary("effect")

        step, part = _plain(name)
        if name != "begin":
            boundary("before")
        came_to = await outcome(self, name, done)
        begun(came_to.get("result"))  # remembered, so it was not done again
        return came_to

    async def started(self, workflow_id, name, argument):
        kind = (["event"] if workflow_id.startswith("event/") else workflow_id.split("/")[2:3])[0]
        deaths.boundary(f"start/{kind}", "", "before")
        await start(self, workflow_id, name, argument)
        deaths.boundary(f"start/{kind}", "", "effect")

    Run._outcome, Workflows.start = met, started


def _plain(name: str) -> tuple[str, str]:
    """A step without codes and ids, and which part of it."""
    found = re.fullmatch(r"(.*?)(?:\.(begun|resumed|\d+(?:\.at|\.waits)?))?", name)
    assert found is not None
    return re.sub(r"/[0-9A-Za-z-]{8,}", "/X", found[1]), found[2] or ""


def main(stories: dict[str, tuple[type[Killed], Story]], offices=Offices.anew) -> int:
    """1: a process failed."""
    top, which = Path(sys.argv[1]), sys.argv[2]
    _offices.append(offices())
    for name in sys.argv[3:]:
        village, story = stories[name]
        _warm(village)
        for directory, how in ((top / f"{name}.calm", "never"), (top / name, which)):
            directory.mkdir()
            _offices[0].forget()
            if _told(village, directory, story, how):
                return 1
    return 0


def _warm(program: type[Killed]) -> None:
    """What takes a process long the first time is done before there are any."""
    with TemporaryDirectory() as directory:
        program(Path(directory), "never").opened()._parts.store.engine.dispose()
        _offices[0].dispose()
    gc.collect()
    gc.freeze()  # or each process soon copies all of its parent's memory


def _told(program: type[Killed], directory: Path, story: Story, which: str) -> int:
    """Process after process, until one comes to the end."""
    while True:
        pid = os.fork()
        if pid == 0:
            os._exit(_live(program, directory, story, which))
        ended = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        if ended != -signal.SIGKILL:
            return ended


def _live(program: type[Killed], directory: Path, story: Story, which: str) -> int:
    """One process of the story. Its parent has imported everything and runs no threads: each begins at once."""

    async def told() -> dict:
        village = program(directory, which)
        _watch(village.deaths)
        async with village:
            end = await story(village)
            return {**end, "effects": village.effects()}

    try:
        (directory / "end.json").write_text(json.dumps(asyncio.run(told())))
    except BaseException:
        traceback.print_exc()
        return 1
    return 0
