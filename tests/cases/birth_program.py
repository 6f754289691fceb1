"""The whole of J1 in a process of its own, to be killed: `python -m cases.birth_program DIRECTORY`.

It does what is left of the story, whatever was done before. After the effect of every message of a job, before its answer is known to
the case system, it looks whether it has died there before (`died` in the directory); if not, it kills itself.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
import traceback
from pathlib import Path

from .village import ACCOUNT, FORM, JAAN, MARI, MOTHER, Offices, Village

FORM = {**FORM, "wants_place": ["yes"], "kindergarten": ["1"]}


def die_once(directory: Path, point: str) -> None:
    died = directory / "died"
    if died.exists() and point in died.read_text().split("\n"):
        return
    with died.open("a") as file:
        file.write(point + "\n")
        file.flush()
        os.fsync(file.fileno())
    os.kill(os.getpid(), signal.SIGKILL)


_offices = {}  # made by the parent, for each of its processes


class Deadly:
    """Before a village: it kills its process after every call of a job."""

    def __init__(self, directory) -> None:
        super().__init__(directory, offices=_offices[directory])
        died = directory / "died"
        self.later(
            minutes=3 * len(died.read_text().split("\n")) if died.exists() else 0
        )  # leases of the dead are over
        call = self.wire.call

        async def deadly(service, method, path, **said):
            point = f"{method} {service} {re.sub('[0-9a-f-]{11,}', 'X', path)}"
            looked = method == "GET" and said["acting"] != "automatic"
            answer = await call(service, method, path, **said)
            if not looked and said["case"] is not None:
                die_once(directory, point)
            return answer

        self.wire.call = deadly


class DeadlyVillage(Deadly, Village):
    pass


async def story(directory: Path) -> dict:
    async with DeadlyVillage(directory) as village:
        if not (directory / "born").exists():
            child = await village.born(MOTHER.code, number="2026-1", settle=False)
            (directory / "born").write_text(child)
        child = (directory / "born").read_text()
        await village.settle()
        case = await village.case_of(MARI)
        for action, who, given in (
            ("DECLARE", MARI, FORM),
            ("COSIGN", JAAN, {}),
            ("ACCEPT", JAAN, {"choice": ["shared"], "account": [ACCOUNT]}),
        ):
            await village.act(case, action, who, given, key=action)
        view = await village.cases.view(case, MARI)
        benefits = await village.ask("social", "GET", f"/persons/{MOTHER.code}/benefits")
        facts = await village.ask("population", "GET", f"/persons/{child}/facts")
        names = [fact["value"] for fact in facts["items"] if fact["name"] == "given_names"]
        return {
            "status": view.status,
            "actions": [entry.name for entry in view.timeline if entry.name not in ("HOLD", "RESUME")],
            "notices": sorted(await village.notices(MARI)),
            "benefits": sorted(item["benefit"] for item in benefits["items"]),
            "names": names,
            "failed": [body.reason for body in view.failed_bodies],
        }


def live(directory: Path, story) -> None:
    """One process of the story. Its parent has imported everything and runs no threads: each begins at once."""
    (directory / "end.json").write_text(json.dumps(asyncio.run(story(directory))))


def main(directory: Path, story=story) -> int:
    """Process after process, until one comes to the end; how many were killed, or -1 when one failed."""
    killed = 0
    _offices[directory] = Offices(directory / "registers")
    while True:
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                live(directory, story)
                code = 0
            except BaseException:
                traceback.print_exc()
            os._exit(code)
        ended = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        if ended != -signal.SIGKILL:
            return killed if ended == 0 else -1
        killed += 1


if __name__ == "__main__":
    print(main(Path(sys.argv[1])))
