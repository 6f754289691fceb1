"""The whole of J2 in a process of its own, to be killed: `python -m cases.move_program DIRECTORY`. As birth_program.py does it."""

from __future__ import annotations

import sys
from pathlib import Path

from .birth_program import Deadly, main
from .movers import MovingVillage
from .village import citizen


class DeadlyVillage(Deadly, MovingVillage):
    pass


async def story(directory: Path) -> dict:
    async with DeadlyVillage(directory) as village:
        return await moved(directory, village)


async def moved(directory: Path, village: MovingVillage) -> dict:
    person = village.single()
    home, (owner,) = await village.dwelling_of(1, but=[person.code])
    mari, juhan = citizen(person), citizen(owner)
    case = await village.cases.open_case("move", mari, key="open")
    await village.settle()
    text = (await village.ask("residence", "GET", f"/dwellings/{home}"))["text"]
    begun = directory / "day"
    if not begun.exists():
        begun.write_text(village.today().isoformat())
    notice = {
        "place": [f"dwelling:{home}"],
        "people": [person.code],
        "valid_from": [begun.read_text()],
        "basis": ["consent"],
    }
    await village.act(case, "FIND", mari, {"where": ["here"], "words": [text]}, key="FIND")
    await village.act(case, "SEND", mari, notice, key="SEND")
    await village.act(case, "CONSENT", juhan, key="CONSENT")
    official = await village.office(case)
    for action in ("ACCEPT", "DECIDE"):
        await village.act(case, action, official, key=action)
    for _ in range(4):
        village.later(minutes=10)
        await village.settle()
    view = await village.cases.view(case, mari)
    homes = await village.ask("residence", "GET", f"/persons/{person.code}/residences")
    return {
        "status": view.status,
        "actions": [entry.name for entry in view.timeline if entry.name not in ("HOLD", "RESUME")],
        "notices": sorted(await village.told(mari)),
        "owner": sorted(await village.told(juhan)),
        "homes": [one.get("dwelling") for one in homes["items"]].count(home),
        "bodies": view.results.get("bodies_know"),
        "failed": [body.reason for body in view.failed_bodies],
    }


if __name__ == "__main__":
    print(main(Path(sys.argv[1]), story))
