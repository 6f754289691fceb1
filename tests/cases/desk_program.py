"""Matters between a person and an office, told by processes that are killed (killing.py): contest, finding, question, help, plan, register's matter."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from importlib.resources import files

from sqlalchemy import func, select

from sild.cases import (
    AskWhy,
    Assistance,
    CaseSystem,
    Contest,
    Finding,
    RegisterMatter,
)
from sild.cases.plan import KindergartenPlan
from sild.cases.tables import jobs
from sild.cases.tracker import TrackerEntry
from sild.events import Event
from sild.rules import load_packages

from .killing import Killed, main
from .planning import AUTHORITY, MODEL, PLANNER, statistics
from .registers import REGISTERS, Registers
from .test_ask_why import ANSWER as WHY
from .test_ask_why import ANSWERER as LOOKER
from .test_assistance import HELPER, TURNS
from .test_contest import DECISION, HEARER, NEWER, RECORD, SAID, SOCIAL
from .test_contest_disputes import DISPUTED, EARLIER, SPELL, income
from .test_finding import ANSWER, ANSWERER, AUDITOR, FOUND, MANDATE
from .test_register_matter import DESK, MATTER, REASONS
from .test_register_matter import DISPUTED as DISPUTE
from .world import MARI, SYSTEM, World, packs_of

PATIENT = timedelta(milliseconds=20)


class Kept(Registers):
    """Effects outlive the process that had them."""

    def __init__(self, directory) -> None:
        super().__init__()
        self.file = directory / "effects"
        lines = self.file.read_text().splitlines() if self.file.exists() else []
        self.effects.update(json.loads(line)[:2] for line in lines)

    async def call(self, service, method, path, *, message_id, **how):
        is_new = method != "GET" and message_id not in self.effects
        answer = await super().call(service, method, path, message_id=message_id, **how)
        if is_new:
            with self.file.open("a") as file:
                file.write(json.dumps([message_id, answer.json, path.partition("?")[0]]) + "\n")
        return answer


def processes(packs):
    plan = KindergartenPlan(packs, ["0793"], MODEL, authority=AUTHORITY)
    return [Contest(), Finding(), AskWhy(), Assistance(), RegisterMatter(packs), plan]


class Quiet:
    """Of a world: when nothing is left to do in it."""

    async def say(self, case, action, actor, given, *, key):
        return await self.cases.act(case, action, actor, given, key=key)

    async def settle(self, quiet=0.03) -> None:
        """Until no job has anything to do, and had not for a while."""
        rests = 0
        async with asyncio.timeout(60):
            while rests < 2:
                self.cases._parts.jobs.wake()
                await asyncio.sleep(quiet / 3)
                rests = 0 if self.busy() else rests + 1

    def busy(self) -> int:
        due = jobs.c.state.in_(("waiting", "running")) & (jobs.c.due_at <= self.now)
        with self.cases._parts.store.reading() as connection:
            return connection.scalar(select(func.count()).select_from(jobs).where(due))


class Desks(Quiet, World):
    def __init__(self, directory, country, offices) -> None:
        super().__init__(directory)
        answers = self.registers.answers
        self.registers = Kept(directory)
        self.registers.answers.update(answers)
        self.registers.holds(education=["commune.kindergarten_statistics"])
        self.packs = packs_of(country)
        self._answers(self.registers.answers)

    def _answers(self, answers) -> None:
        packages = load_packages(files("sild") / "packs").items()
        package = next(sha256 for sha256, one in packages if one.name == "ee-family-benefits")
        incomes = [
            income(who, "2025-01", paid) for who, paid in (("mother", "1200.00"), ("father", "900.00"))
        ]
        self.record = {**RECORD, "rules": {"sha256": package}, "inputs": [*RECORD["inputs"], *incomes]}
        decision = f"/decisions/{DECISION}"
        answers["social", "GET", decision] = lambda call: {
            "record": self.record, "values": {"v1": "Because."}, "opened": True, "took_part": False,
            "superseded_by": NEWER if (self.directory / "kept.decided").exists() else None,
        }  # fmt: skip
        answers["social", "POST", f"{decision}/contests"] = {}
        answers["social", "GET", f"/persons/{MARI.person[2:]}/facts"] = {"items": [SPELL, EARLIER]}
        answers["social", "POST", "/facts/7/dispute"] = {"id": "d-1", "state": "OPEN"}
        answers["social", "GET", "/disputes/d-1"] = lambda call: {
            "id": "d-1", "state": "CORRECTED" if (self.directory / "kept.corrected").exists() else "OPEN",
        }  # fmt: skip
        found = {"affected": 2, "decisions": [DECISION, NEWER]}
        answers["social", "POST", f"/supervision/decisions/{DECISION}/findings"] = found
        answers["social", "GET", "/matters/held_offer/o-1"] = MATTER
        answers["social", "GET", "/matters/dispute/d-1"] = DISPUTE
        answers["social", "POST", "/offers/o-1/release"] = {"decision": RECORD["id"], "state": "open"}
        answers["education", "GET", "/places/statistics"] = statistics

    def of_case(self, case) -> None:
        """Paths in which the case stands."""
        answers, contest = self.registers.answers, f"/decisions/{DECISION}/contests/{case}"
        answers["social", "POST", f"{contest}/end"] = {}
        answers["social", "POST", f"{contest}/anew"] = {"supersedes": DECISION, "decision": None}
        answers["social", "POST", f"/supervision/decisions/{DECISION}/findings/{case}/end"] = {}
        answers["social", "POST", f"/findings/{case}/upheld"] = lambda call: (
            {"entered": 2, "next": NEWER} if call.body["after"] is None else {"entered": 1, "next": None}
        )

    def opened(self):
        return CaseSystem.open(
            self.directory, system=SYSTEM, exchange=self.registers, packs=self.packs,
            processes=processes(self.packs), registers=REGISTERS, clock=self.clock, first_pause=PATIENT,
        )  # fmt: skip

    async def start(self) -> None:
        self.cases = self.opened()
        await self.cases.start()


class DeskProgram(Killed, Desks):
    async def __aenter__(self):
        await self.start()
        return self

    async def __aexit__(self, *raised):
        await self.cases.stop()

    def effects(self):
        lines = self.registers.file.read_text().splitlines() if self.registers.file.exists() else []
        return dict(Counter(json.loads(line)[2] for line in lines))

    async def heard(self, kind: str, key: str, event: str) -> None:
        told = Event(
            id=f"{event}-{kind}-{key}", source=f"/SILD/{SOCIAL}", type=f"matter.{event}", subject="x",
            time=datetime(2026, 3, 2, 9, 0, tzinfo=UTC),
            data={"kind": kind, "key": key, "persons": [MARI.person[2:]]}, extensions={"caseid": "case-7"},
        )  # fmt: skip
        await self.cases.take_event(told, f"m-{event}-{key}")
        self.deaths.boundary(f"taken/matter.{event}", "", "effect")
        await self.once(f"heard.{event}.{key}", self.settle)

    async def end(self, case, *people) -> dict:
        seen = self.shown(await self.cases.view(case, people[0]))
        inboxes = [sorted(one.text for one in await self.cases.inbox(person)) for person in people]
        return {**seen, "actions": [name for name in seen["actions"] if name != "WAIT"], "notices": inboxes}


async def contest(desks: DeskProgram) -> dict:
    """A wrong fact goes to its register, is corrected; late; the official agrees, and the rules decide anew."""
    case = await desks.begun("case", lambda: desks.cases.contest(MARI, SOCIAL, desks.record))
    desks.of_case(case)
    await desks.act(case, "CONTEST", MARI, DISPUTED)
    await desks.wait("asked", 2)
    desks.kept("corrected", lambda: "yes")
    await desks.wait("settled", 2)
    await desks.wait("late", 60)
    await desks.act(case, "LOOK", HEARER, {"view": ["wrong"]})
    await desks.act(case, "OVERTURN", HEARER, {"reasons": ["You are right."]})
    await desks.act(case, "BY_RULE", HEARER)
    await desks.wait("deciding", 1)
    desks.kept("decided", lambda: "yes")
    await desks.wait("found", 3)
    return await desks.end(case, MARI)


async def upheld(desks: DeskProgram) -> dict:
    """Contested for the rule, upheld: nothing is decided anew."""
    case = await desks.begun("case", lambda: desks.cases.contest(MARI, SOCIAL, desks.record))
    desks.of_case(case)
    await desks.act(case, "CONTEST", MARI, SAID)
    await desks.act(case, "LOOK", HEARER, {"view": ["320 by law"]})
    await desks.act(case, "UPHOLD", HEARER, {"reasons": ["So."]})
    return await desks.end(case, MARI)


async def finding(desks: DeskProgram) -> dict:
    """Counted, late, agreed to, reaching what it touches on two pages, closed."""
    case = await desks.begun("case", lambda: desks.cases.finding(AUDITOR, SOCIAL, RECORD, **MANDATE, key="k"))
    desks.of_case(case)
    await desks.act(case, "WRITE", AUDITOR, FOUND)
    await desks.wait("late", 60)
    await desks.act(case, "ANSWER", ANSWERER, ANSWER)
    await desks.act(case, "CLOSE", AUDITOR, {"result": ["mended"]})
    return await desks.end(case, AUDITOR)


async def questions(desks: DeskProgram) -> dict:
    """Why somebody looked, and how to go on: both answered late."""
    look = TrackerEntry(
        register="population", at=datetime(2026, 3, 2, tzinfo=UTC), body="70000005", body_name=None, system="school",
        operation="getPerson", case="school-7", basis="PPVS", acting="somebody", message_id="m-2",
    )  # fmt: skip
    why = await desks.begun("why", lambda: desks.cases.ask_why(MARI, look, key="k"))
    await desks.act(why, "ASK", MARI, {"words": ["Who was it?"]}, key="ask-why")
    help_ = await desks.begun("help", lambda: desks.cases.ask_official(MARI, TURNS, key="k1"))
    await desks.act(help_, "ASK", MARI, {"words": ["Palun"]}, key="ask-help")
    await desks.wait("late", 60)
    await desks.act(why, "ANSWER", LOOKER, WHY, key="answer-why")
    await desks.act(help_, "ANSWER", HELPER, {"answer": ["20 eurot"]}, key="answer-help")
    first, second = await desks.end(why, MARI), await desks.end(help_, MARI)
    return {**second, "why": first}


async def plan(desks: DeskProgram) -> dict:
    """The calendar opens it, and the register's figures come."""
    async with asyncio.timeout(60):
        while not (found := await desks.cases.desk(PLANNER)):
            await asyncio.sleep(0.02)
    await desks.once("gathered", desks.settle)
    return await desks.end(found[0].case, PLANNER)


async def held(desks: DeskProgram) -> str:
    return next(one.case for one in await desks.cases.desk(DESK) if one.status == "HELD_OFFER")


async def matter(desks: DeskProgram) -> dict:
    """Of two that wait in a register one is decided late, by an official; the other was ended there."""
    await desks.heard("held_offer", "o-1", "opened")
    await desks.heard("dispute", "d-1", "opened")
    await desks.wait("late", 60)
    await desks.heard("dispute", "d-1", "settled")
    case = await desks.begun("case", lambda: held(desks))
    await desks.act(case, "LET_GO", DESK, REASONS)
    other = [one for one in (await desks.cases.home(MARI)).cases if one.id != case]
    return {**await desks.end(case, DESK, MARI), "others": [one.status for one in other]}


STORIES = {name.__name__: (DeskProgram, name) for name in (contest, upheld, finding, questions, plan, matter)}


class NoOffices:
    """The registers are a double."""

    def forget(self) -> None: ...

    def dispose(self) -> None: ...


if __name__ == "__main__":
    raise SystemExit(main(STORIES, NoOffices))
