"""J2 told by processes that are killed (killing.py): a move and what bodies do of themselves; an owner who says nothing; somebody in no
register; two notices; owners who differ, and a removal; a clerk's mandate that ends with its day."""

from __future__ import annotations

from dataclasses import replace

from sild.registries.identity_codes import estonia

from .killing import Killed, main
from .movers import ActingVillage, MovingVillage, clerk
from .village import citizen
from .world import SHOWN


class MoveProgram(Killed, MovingVillage):
    async def entered(self, register, code, names) -> None:
        """The register's people put it right, once."""
        for one in (await self.ask(register, "GET", "/disputes"))["items"]:
            if one["person"] == code:
                path = f"/disputes/{one['id']}/known"
                await self.ask(register, "POST", path, names, user="EE36805280109")
        await self.once(f"entered-{register}", self.settle)

    async def helped(self, mandate, desk) -> str:
        """The case begun on it: a mandate that has ended begins none, even the same."""
        if not (self.directory / "kept.helped").exists():
            case = await self.cases.begin_assisted(mandate, desk, None, key="begin")
            self.kept("helped", lambda: case)
        await self.acted("begin")
        return self.kept("helped", str)

    async def find(self, case, who, home, *, name="") -> None:
        text = (await self.ask("residence", "GET", f"/dwellings/{home}"))["text"]
        await self.act(case, "FIND", who, {"where": ["here"], "words": [text]}, key=f"FIND{name}")

    async def send(self, who, home, people, *, name="", case=None) -> str:
        """name: of one notice among several.  case: in which the home is found already."""
        if case is None:
            case = await self.cases.open_case("move", who, key=f"open{name}")
            await self.acted(f"OPEN{name}")
            await self.find(case, who, home, name=name)
        day = self.kept("day", lambda: self.today().isoformat())
        notice = {
            "place": [f"dwelling:{home}"], "people": people, "valid_from": [day], "basis": ["consent"],
        }  # fmt: skip
        await self.act(case, "SEND", who, notice, key=f"SEND{name}")
        return case

    async def decide(self, case) -> None:
        official = await self.office(case)
        for action in ("ACCEPT", "DECIDE"):
            await self.act(case, action, official)

    async def end(self, case, *people) -> dict:
        """Those who have a part in the case, the first as its resident."""
        await self.wait("told", 1)
        view = await self.cases.view(case, people[0])
        homes, decided = [], []
        for person in people:
            decided.append((await self.decisions(person.person[2:]))[0])
            lives = await self.ask("residence", "GET", f"/persons/{person.person[2:]}/residences")
            homes.append([one.get("dwelling") or one["level"] for one in lives["items"]])
        return {
            **self.shown(view),
            "notices": [sorted(await self.told(person)) for person in people],
            "homes": homes,
            "decided": decided,
            "bodies": view.results.get("bodies_know"),
        }


class ActingProgram(MoveProgram, ActingVillage):
    """Bodies act by themselves, and say so in the case that was closed."""

    async def end(self, case, *people) -> dict:
        end = await super().end(case, *people)
        followed = (await self.cases.view(case, people[0])).results["followed"]
        return {**end, "followed": sorted(followed, key=lambda line: (line["body"], line["outcome"]))}


async def moved(village: ActingProgram) -> dict:
    person = village.single()
    home, (owner,) = await village.dwelling_of(1, but=[person.code])
    case = await village.send(citizen(person), home, [person.code])
    await village.act(case, "CONSENT", citizen(owner))
    await village.decide(case)
    return await village.end(case, citizen(person), citizen(owner))


async def silent(village: MoveProgram) -> dict:
    """The owner is reminded, and says nothing: the commune alone."""
    person = village.single()
    home, (owner,) = await village.dwelling_of(1, but=[person.code])
    case = await village.send(citizen(person), home, [person.code])
    await village.wait("asked", 10)
    await village.wait("past", 1)
    await village.decide(case)
    return await village.end(case, citizen(person), citizen(owner))


async def unknown(village: MoveProgram) -> dict:
    """In no register: each opens a correction; when one has entered them the notice goes on, to the other, and then to the owner."""
    code = estonia.make(village.today().replace(year=1990), "F", 77)
    home, _owners = await village.dwelling_of(1)
    case = await village.send(citizen(code), home, [code])
    corrections = {}
    for register in ("population", "residence"):
        opened = (await village.ask(register, "GET", "/disputes"))["items"]
        open_now = [one["state"] for one in opened if one["person"] == code]
        corrections[register] = village.kept(
            f"corrections.{register}", lambda found=open_now: " ".join(found)
        )
    names = {"given_names": "Uus", "family_name": "Inimene"}
    await village.entered("population", code, names)
    await village.entered("residence", code, {})
    view = await village.cases.view(case, citizen(code))
    return {
        **village.shown(view),
        "corrections": corrections,
        "notices": sorted(await village.told(citizen(code))),
    }


async def twice(village: MoveProgram) -> dict:
    """Each sends the same: the second ends when the first is registered."""
    wife, husband = village.couple()
    home, (owner,) = await village.dwelling_of(1, but=[wife.code, husband.code])
    both = [wife.code, husband.code]
    first = await village.send(citizen(wife), home, both, name="-first")
    second = await village.send(citizen(husband), home, both, name="-second")
    await village.act(first, "CONSENT", citizen(owner))
    await village.act(first, "JOIN", citizen(husband))
    await village.decide(first)
    end = await village.end(first, citizen(wife), citizen(husband), citizen(owner))
    return {**end, "second": village.shown(await village.cases.view(second, citizen(husband)))}


async def removal(village: MoveProgram) -> dict:
    """Owners differ, when one takes back what she said: a judgment counts; the notice is sent back all the same, and mended. Then 'this person does not live here', asked by
    an owner; the resident objects; decided."""
    person = village.single()
    home, owners = await village.dwelling_of(2, but=[person.code])
    mari, (juhan, anna) = citizen(person), map(citizen, owners)
    case = await village.send(mari, home, [person.code])
    await village.act(case, "CONSENT", juhan)
    await village.act(case, "CONSENT", anna)
    await village.act(case, "REFUSE", anna)
    official = await village.office(case)
    judgment = {"level": ["dwelling"], "document": ["2-26-100"], "words": ["A judgment."]}
    await village.act(case, "SETTLE", official, judgment)
    await village.act(case, "RETURN", official, {"defects": ["address_unclear"]})
    await village.send(mari, home, [person.code], name="-again", case=case)
    await village.decide(case)
    out = await village.cases.open_case("removal", juhan, key="open-removal")
    await village.act(out, "REQUEST", juhan, {"dwelling": [home], "person": [person.code]})
    await village.wait("month", 32)
    await village.act(out, "OBJECT", mari, {"text": ["I live here."]})
    decision = {"decision": ["REMOVED"], "reason": ["gone"]}
    await village.act(out, "DECIDE", await village.office(out), decision, key="DECIDE-removal")
    end = await village.end(case, mari, juhan)
    return {**end, "removal": village.shown(await village.cases.view(out, juhan))}


async def counter(village: MoveProgram) -> dict:
    """At a counter, and not to the end: the mandate ends with its day, and the person goes on alone."""
    person = village.single()
    home, (owner,) = await village.dwelling_of(1, but=[person.code])
    mari, desk = citizen(person), clerk()
    words = "She asked me to find her new home."
    mandate = await village.cases.record_mandate(
        desk, mari.person, "move", words, identified=SHOWN, key="mandate"
    )
    await village.acted("mandate")
    case = await village.helped(mandate, desk)
    await village.find(case, replace(desk, representee=mari.person, mandate_id=mandate), home)
    await village.wait("day", 1)
    await village.send(mari, home, [person.code], case=case)
    await village.act(case, "CONSENT", citizen(owner))
    await village.decide(case)
    end = await village.end(case, mari, citizen(owner))
    return {**end, "mandate": village.shown(await village.cases.view(mandate, mari))}


STORIES = {
    "moved": (ActingProgram, moved),
    "silent": (MoveProgram, silent),
    "unknown": (MoveProgram, unknown),
    "twice": (MoveProgram, twice),
    "removal": (MoveProgram, removal),
    "counter": (MoveProgram, counter),
}

if __name__ == "__main__":
    raise SystemExit(main(STORIES))
