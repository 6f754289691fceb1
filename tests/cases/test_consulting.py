"""An office asks another body from its case: what is told with it, whose clocks stand, the answer, and what happens without one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from sild.cases import Refused
from sild.errors import CallerError
from sild.events import Event

from .world import JUHAN, MARI, OFFICIAL, SUPERVISOR, World

MARIS = "38001085718"
ASKED = {"body": ["residence"], "about": [MARIS], "question": ["Who lives there since May?"]}
ANSWER = {
    "state": "ANSWERED", "answer": "Nobody does.", "official": "47001010003", "answered_at": "2026-03-04T10:00:00+00:00",
}  # fmt: skip
SOURCE = "/SILD/GOV/70000006/residence"


class Asking(World):
    """The residence register takes questions; its official answers when told to."""

    stops = False

    def __init__(self, directory, url=None) -> None:
        super().__init__(directory, url)
        rules = self.packs.profile.consultation.model_copy(update={"stops": self.stops})
        profile = self.packs.profile.model_copy(update={"consultation": rules})
        self.packs = replace(self.packs, profile=profile)
        self.registers.answers["residence", "POST", "/consultations"] = {"state": "OPEN"}

    @property
    def key(self) -> Callable[[], str]:  # type: ignore[override]
        return lambda: f"key-{next(self.keys)}"

    async def asked(self, case: str, **more: Any) -> Any:
        """The question, once its body has it."""
        await self.act(case, "CONSULT", OFFICIAL, {**ASKED, **more})
        return await self.question(case, "asked")

    async def question(self, case: str, state: str) -> Any:
        async with asyncio.timeout(15):
            while True:
                found = (await self.cases.view(case, OFFICIAL)).questions
                if found and found[-1].state == state:
                    return found[-1]
                await asyncio.sleep(0.02)

    def answers(self, key: str, answer: Any = ANSWER) -> None:
        told = answer if callable(answer) else {"id": key, **answer}
        self.registers.answers["residence", "GET", f"/consultations/{key}"] = told

    async def tells(self, case: str, key: str, source: str = SOURCE, event: str = "1") -> None:
        told = Event(
            id=f"answered-{event}", source=source, type="consultation.answered", subject=MARIS,
            time=datetime(2026, 3, 4, 10, tzinfo=UTC), data={"consultation": key, "case": case}, extensions={},
        )  # fmt: skip
        await self.cases.take_event(told, f"m-{event}")


@pytest.fixture
async def world(tmp_path) -> AsyncIterator[Asking]:
    async with Asking(tmp_path) as world:
        yield world


async def test_the_answer_comes_back_into_the_case(world: Asking) -> None:
    case = await world.sent()
    await world.cases.fill(case, "permit.return", OFFICIAL)
    view = await world.cases.view(case, OFFICIAL)
    assert [task.screen for task in view.may] == ["consult.ask"] and view.questions == ()
    filled = await world.cases.fill(case, "consult.ask", OFFICIAL)
    assert ("residence", "Residence register") in filled.options["bodies"]
    assert {value for value, _ in filled.options["parties"]} == {MARIS, JUHAN.person[2:], "nobody"}
    shown = [value for value, _ in filled.options["seen"]]
    acted = await world.cases.act(case, "CONSULT", OFFICIAL, {**ASKED, "disclosed": shown[:1]}, key="once")
    again = await world.cases.act(case, "CONSULT", OFFICIAL, {**ASKED, "disclosed": shown[:1]}, key="once")
    assert (again.seq, again.again) == (acted.seq, True)
    one = await world.question(case, "asked")
    (sent,) = world.registers.made("residence", "POST")
    assert (sent.path, sent.case, sent.acting, sent.basis) == (
        "/consultations", case, OFFICIAL.person, "HKTS § 17",
    )  # fmt: skip
    assert (sent.body["id"], sent.body["person"], sent.body["due"]) == (one.key, MARIS, "2026-03-09")
    assert [f"{line['label']}: {line['value']}" for line in sent.body["disclosed"]] == shown[:1]
    (item,) = await world.cases.desk(OFFICIAL)
    assert item.tasks, "the office may decide meanwhile: nothing holds its hands"
    world.answers(one.key)
    await world.tells(case, one.key)
    await world.tells(case, one.key)
    one = await world.question(case, "answered")
    assert (one.answer, one.official, one.stops) == ("Nobody does.", "47001010003", False)
    mine = await world.cases.view(case, MARI)
    told = {entry.name: dict(entry.data) for entry in mine.timeline if entry.name in ("CONSULT", "REPLY")}
    assert told == {"CONSULT": {}, "REPLY": {}}, "they see that it was asked, not what another body says"
    assert mine.questions == () and mine.may == ()


async def test_what_was_not_seen_is_not_told(world: Asking) -> None:
    case = await world.sent()
    for given, field in (
        ({"disclosed": ["Secret: yes"]}, "disclosed"),
        ({"body": ["permits"]}, "body"),
        ({"about": ["39901012239"]}, "about"),
        ({"about": []}, "about"),
        ({"question": [""]}, "question"),
    ):
        with pytest.raises(Refused) as refused:
            await world.act(case, "CONSULT", OFFICIAL, {**ASKED, **given})
        assert [one.field for one in refused.value.defects] == [field]
    for actor, code in (
        (MARI, "not_yours"),
        (replace(OFFICIAL, posture="unmanaged"), "read_only_device"),
        (replace(OFFICIAL, acr="substantial"), "level_too_low"),
        (replace(OFFICIAL, authority="permit@0784"), "not_yours"),
    ):
        with pytest.raises(Refused) as refused:
            await world.act(case, "CONSULT", actor, ASKED)
        assert refused.value.code == code
    with pytest.raises(Refused):
        await world.cases.fill(case, "consult.ask", MARI)
    assert world.registers.made("residence", "POST") == []


async def test_it_is_late_and_the_office_takes_it_back(world: Asking) -> None:
    world.registers.answers["residence", "POST", "/permits"] = {"permit": "P-1"}
    case = await world.sent()
    one = await world.asked(case)
    world.answers(one.key, {"state": "OPEN", "answer": None, "official": None, "answered_at": None})
    world.later(days=8)
    world.cases._parts.jobs.wake()
    one = await world.question(case, "late")
    assert one.is_open
    view = await world.cases.view(case, OFFICIAL)
    assert [task.screen for task in view.may] == ["consult.ask", "consult.drop"]
    world.registers.answers["residence", "POST", f"/consultations/{one.key}/withdrawal"] = {
        "state": "WITHDRAWN"
    }
    filled = await world.cases.fill(case, "consult.drop", OFFICIAL)
    ((value, label),) = filled.options["questions"]
    assert "Residence register" in label and "Who lives there" in label
    await world.act(case, "GIVE_UP", OFFICIAL, {"consult": [value], "words": ["We know enough."]})
    assert (await world.question(case, "given_up")).is_open is False
    async with asyncio.timeout(15):
        while not world.registers.made("residence", "POST")[-1].path.endswith("/withdrawal"):
            await asyncio.sleep(0.02)
    world.answers(one.key)
    await world.tells(case, one.key)
    assert (await world.question(case, "answered")).answer == "Nobody does.", "late, and kept all the same"


async def test_a_decided_case_takes_its_questions_back(world: Asking) -> None:
    case = await world.sent()
    one = await world.asked(case)
    world.registers.answers["residence", "POST", f"/consultations/{one.key}/withdrawal"] = {
        "state": "WITHDRAWN"
    }
    await world.act(case, "ACCEPT", OFFICIAL)
    await world.until(case, "CLOSED", MARI)
    async with asyncio.timeout(15):
        while not [c for c in world.registers.made("residence", "POST") if c.path.endswith("/withdrawal")]:
            await asyncio.sleep(0.02)
    with pytest.raises(Refused) as refused:
        await world.act(case, "CONSULT", OFFICIAL, ASKED)
    assert refused.value.code == "case_closed"
    world.answers(one.key)
    await world.tells(case, one.key)
    assert (await world.question(case, "answered")).answer
    assert (await world.cases.view(case, OFFICIAL)).is_closed, "an answer after the end opens nothing"
    (proof,) = [one for one in await world.cases.proofs() if one.service == "permit"]
    assert proof.closed == 1


async def test_what_the_body_does_not_take(world: Asking) -> None:
    def no(_call):
        raise CallerError("nobody", code="urn:sild:residence.officials_only", status=403)

    world.registers.answers["residence", "POST", "/consultations"] = no
    case = await world.sent()
    await world.act(case, "CONSULT", OFFICIAL, ASKED)
    assert (await world.question(case, "turned_away")).is_open is False
    other = await world.sent()
    world.registers.trouble["residence"] = "down"
    await world.act(other, "CONSULT", OFFICIAL, ASKED)
    await world.question(other, "sent")
    with pytest.raises(Refused) as refused:
        await world.act(other, "CONSULT", SUPERVISOR, ASKED)
    assert refused.value.code == "question_on_its_way"
    async with asyncio.timeout(15):
        while not (await world.cases.view(other, OFFICIAL)).failed_bodies:
            await asyncio.sleep(0.02)
    world.registers.answers["residence", "POST", "/consultations"] = {"state": "OPEN"}
    del world.registers.trouble["residence"]
    await world.cases.try_again(other, OFFICIAL)
    await world.question(other, "asked")


async def test_nobody_else_answers_for_a_body(world: Asking) -> None:
    case = await world.sent()
    one = await world.asked(case)
    world.registers.answers["social", "GET", f"/consultations/{one.key}"] = {"id": one.key, **ANSWER}
    await world.tells(case, one.key, source="/SILD/GOV/70000004/social")
    await world.cases.act(case, "TAKE", OFFICIAL, {}, key="take")
    async with asyncio.timeout(15):
        while not [c for c in world.registers.made("social", "GET") if "consultations" in c.path]:
            await asyncio.sleep(0.02)
    await asyncio.sleep(0.1)
    assert (await world.question(case, "asked")).answer is None


class Standing(Asking):
    stops = True


async def test_the_clock_stands_until_the_answer_or_its_day(tmp_path) -> None:
    async with Standing(tmp_path) as world:
        case, other = await world.sent(), await world.sent()

        async def clock(one: str) -> Any:
            return (await world.cases.view(one, OFFICIAL)).clocks[0]

        promised = (await clock(case)).promise
        one, late = await world.asked(case), await world.asked(other)
        assert (await clock(case)).standing_for == "other_body"
        world.later(days=2)
        world.answers(one.key)
        await world.tells(case, one.key)
        await world.question(case, "answered")
        after = await clock(case)
        assert after.standing_for is None and after.promise > promised, "the days it stood are added"
        world.answers(late.key, {"state": "OPEN", "answer": None, "official": None, "answered_at": None})
        world.later(days=6)
        world.cases._parts.jobs.wake()
        await world.question(other, "late")
        assert (await clock(other)).standing_for is None, "no longer than it was asked for"
        stood = (await clock(other)).promise
        world.later(days=1)
        assert (await clock(other)).promise == stood > promised
        assert date(2026, 3, 2) < promised
