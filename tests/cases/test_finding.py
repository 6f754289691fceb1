"""A finding: from a decision to its end, late, insisted on; the title is nobody's data; what the register refuses is written down."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from sild.cases import CaseSystem, Finding, Refused, load_packs
from sild.errors import CallerError

from .registers import REGISTERS
from .test_contest import DECISION, NEWER, RECORD, SOCIAL
from .world import JUHAN, MARI, OFFICIAL, SYSTEM, World

AUDITOR = replace(MARI, acr="high")
ANSWERER = replace(OFFICIAL, authority="finding@70000004")
MANDATE: dict[str, Any] = {"basis": "EU 2024/1689 77", "matter": "AUDIT-2026-7"}
FOUND = {
    "about": ["package"],
    "severity": ["fault"],
    "title": ["The grant is reckoned by the rule of last year"],
    "statement": ["Its parameter is of 2025; the law changed in January."],
}
ANSWER = {"outcome": ["decide_again"], "answer": ["You are right."]}


class Findings(World):
    async def start(self) -> None:
        self.registers.answers["social", "POST", f"/supervision/decisions/{DECISION}/findings"] = {
            "affected": 2,
            "decisions": [DECISION, NEWER],
        }
        self.cases = CaseSystem.open(
            self.directory, system=SYSTEM, exchange=self.registers, packs=self.packs, processes=[Finding()],
            registers=REGISTERS, clock=self.clock, first_pause=timedelta(milliseconds=20),
        )  # fmt: skip
        await self.cases.start()

    async def begun(self) -> str:
        case = await self.cases.finding(AUDITOR, SOCIAL, RECORD, **MANDATE, key="k")
        end = f"/supervision/decisions/{DECISION}/findings/{case}/end"
        self.registers.answers["social", "POST", end] = {}
        self.registers.answers["social", "POST", f"/findings/{case}/upheld"] = self.page
        self.registers.answers["social", "GET", f"/findings/{case}"] = {
            "number": "S-1", "redecided": 1, "waiting": 2, "unchanged": 0,
        }  # fmt: skip
        return case

    def page(self, call: Any) -> Any:
        """Three decisions on two pages."""
        return {"entered": 2, "next": NEWER} if call.body["after"] is None else {"entered": 1, "next": None}

    def upheld(self) -> list[Any]:
        return [
            one
            for one in self.registers.made("social", "POST")
            if one.path.partition("?")[0].endswith("/upheld")
        ]

    async def written(self) -> str:
        case = await self.begun()
        await self.act(case, "WRITE", AUDITOR, FOUND)
        await self.counted(case)
        return case

    async def rippled(self, case: str, times: int = 1) -> None:
        for _ in range(300):
            view = await self.cases.view(case, AUDITOR)
            if sum(one.name == "RIPPLE" for one in view.timeline) == times:
                return
            await asyncio.sleep(0.02)
        raise AssertionError("the register was never told that the body agrees")

    async def counted(self, case: str) -> None:
        for _ in range(300):
            if "affected" in (await self.cases.view(case, AUDITOR)).results:
                return
            await asyncio.sleep(0.02)
        raise AssertionError("the register was never told")


@pytest.fixture
async def world(tmp_path) -> AsyncIterator[Findings]:
    async with Findings(tmp_path) as world:
        yield world


async def test_from_the_decision_to_its_end(world: Findings) -> None:
    case = await world.begun()
    assert await world.begun() == case, "the same form again is the same finding"
    assert await world.cases.findings() == [], "what was not sent is nobody's business"
    await world.act(case, "WRITE", AUDITOR, FOUND)
    await world.counted(case)
    (counted,) = world.registers.made("social", "POST")
    assert (counted.body, counted.basis, counted.acting) == (
        {"finding": case, "about": "package", "name": None}, MANDATE["basis"], AUDITOR.person,
    )  # fmt: skip
    desk = await world.cases.fill(case, "finding.desk", ANSWERER)
    assert NEWER in "".join(str(line.value) for line in desk.facts), "the affected ones, to be made again"
    await world.act(case, "ANSWER", ANSWERER, ANSWER)
    (notice,) = await world.cases.inbox(AUDITOR)
    assert notice.text == "finding.told_answered"
    await world.act(case, "CLOSE", AUDITOR, {"result": ["mended"]})
    view = await world.cases.view(case, AUDITOR)
    assert (view.results["affected"], view.results["answer"], view.results["result"]) == (
        2,
        "You are right.",
        "mended",
    )
    (public,) = await world.cases.findings()
    assert (public.status, public.result, public.affected, public.body) == ("CLOSED", "mended", 2, SOCIAL)
    assert "parameter" not in repr(public) and DECISION not in repr(public)


async def test_it_begins_at_a_decision_and_needs_an_auditor_at_level_high(world: Findings) -> None:
    with pytest.raises(CallerError) as refused:
        await world.cases.open_case("finding", AUDITOR, key="k" * 32)
    assert refused.value.code in ("finding_from_decision", "not_published")
    for nonsense in ({}, {"id": 1, "inputs": 7}, {"id": DECISION, "inputs": [{}]}):
        with pytest.raises(CallerError, match="not a decision record"):
            await world.cases.finding(AUDITOR, SOCIAL, nonsense, **MANDATE, key="k")
    case = await world.begun()
    for actor, code in ((replace(AUDITOR, acr="substantial"), "level_too_low"), (JUHAN, "not_yours")):
        with pytest.raises(Refused) as refused_:
            await world.act(case, "WRITE", actor, FOUND)
        assert refused_.value.code == code
    with pytest.raises(Refused):
        await world.act(case, "ANSWER", replace(ANSWERER, authority="finding@70000003"), ANSWER)


@pytest.mark.parametrize(
    "title", ["Of 49001010005", "Ask +372 5555 1234", "mari@example.org", "EE38 2200 2210 2014 5685"]
)
async def test_a_public_title_has_nobodys_number(world: Findings, title: str) -> None:
    case = await world.begun()
    with pytest.raises(Refused) as refused:
        await world.act(case, "WRITE", AUDITOR, {**FOUND, "title": [title]})
    assert [(one.field, one.reason) for one in refused.value.defects] == [("title", "could_be_somebodys")]


async def test_a_fact_is_named(world: Findings) -> None:
    case = await world.begun()
    with pytest.raises(Refused) as refused:
        await world.act(case, "WRITE", AUDITOR, {**FOUND, "about": ["input"]})
    assert [one.field for one in refused.value.defects] == ["fact"]
    await world.act(
        case, "WRITE", AUDITOR, {**FOUND, "about": ["input"], "fact": ["persons/child/born/ETERNITY"]}
    )
    await world.counted(case)
    assert world.registers.made("social", "POST")[0].body["name"] == "persons/child/born/ETERNITY"


async def test_late_answered_and_insisted_on_once(world: Findings) -> None:
    case = await world.written()
    (before,) = await world.cases.findings()
    world.now += timedelta(days=31)
    await world.until(case, "LATE", AUDITOR)
    assert "finding.told_late" in {notice.text for notice in await world.cases.inbox(AUDITOR)}
    assert (await world.cases.findings())[0].status == "LATE", "everybody sees it"
    await world.act(case, "ANSWER", ANSWERER, {**ANSWER, "outcome": ["disagree"]})
    with pytest.raises(Refused) as refused:
        await world.act(case, "INSIST", AUDITOR, {"result": ["mended"]})
    assert [one.field for one in refused.value.defects] == ["words"]
    await world.act(case, "INSIST", AUDITOR, {"result": ["mended"], "words": ["The law is clear."]})
    (again,) = await world.cases.findings()
    assert again.status == "SENT" and again.due > before.due, "a new day"
    await world.act(case, "ANSWER", ANSWERER, ANSWER)
    with pytest.raises(Refused):
        await world.act(case, "INSIST", AUDITOR, {"result": ["mended"], "words": ["Once more."]})
    await world.act(case, "CLOSE", AUDITOR, {"result": ["unfounded"]})
    assert (await world.cases.findings())[0].result == "unfounded"


async def test_a_mandate_that_ended_before_the_register_heard(world: Findings) -> None:
    path = f"/supervision/decisions/{DECISION}/findings"

    def refuse(_call: object) -> None:
        raise CallerError("no", code="no_mandate")

    world.registers.answers["social", "POST", path] = refuse
    case = await world.written()
    (public,) = await world.cases.findings()
    assert (public.status, public.affected) == ("SENT", 0), "the finding stands, and lists none"
    assert (await world.cases.view(case, AUDITOR)).status == "SENT"


@pytest.mark.parametrize("outcome", ["decide_again", "mended"])
async def test_a_body_that_agrees_has_its_register_look_at_each_again(world: Findings, outcome: str) -> None:
    case = await world.written()
    await world.act(case, "ANSWER", ANSWERER, {**ANSWER, "outcome": [outcome]})
    await world.rippled(case)
    first, second = world.upheld()
    assert first.body == {"answer": 1, "number": first.body["number"], "country": "EE", "after": None}
    assert second.body == {**first.body, "after": NEWER}
    assert {one.acting for one in (first, second)} == {ANSWERER.person}, "by the official, not the auditor"
    assert {one.case for one in (first, second)} == {case}
    screen = await world.cases.fill(case, "finding.close", AUDITOR)
    told = {line.concept: line.value for line in screen.facts}
    assert [told[f"finding.{name}"] for name in ("redecided", "waiting", "unchanged")] == ["1", "2", "0"]


async def test_a_body_that_does_not_agree_starts_nothing_until_it_does(world: Findings) -> None:
    case = await world.written()
    await world.act(case, "ANSWER", ANSWERER, {**ANSWER, "outcome": ["disagree"]})
    await world.act(case, "INSIST", AUDITOR, {"result": ["mended"], "words": ["The law is clear."]})
    assert world.upheld() == []
    await world.act(case, "ANSWER", ANSWERER, ANSWER)
    await world.rippled(case)
    assert {one.body["answer"] for one in world.upheld()} == {1}


async def test_agreed_twice_it_is_looked_at_twice(world: Findings) -> None:
    case = await world.written()
    await world.act(case, "ANSWER", ANSWERER, ANSWER)
    await world.rippled(case)
    await world.act(case, "INSIST", AUDITOR, {"result": ["mended"], "words": ["The rules are still old."]})
    await world.act(case, "ANSWER", ANSWERER, {**ANSWER, "outcome": ["mended"]})
    await world.rippled(case, times=2)
    assert [one.body["answer"] for one in world.upheld()] == [1, 1, 2, 2]


async def test_answered_before_the_register_had_heard_of_it(world: Findings) -> None:
    """The register is down when the finding is sent: it is told of the finding first, then that the body agrees."""
    world.registers.trouble["social"] = "down"
    case = await world.begun()
    await world.act(case, "WRITE", AUDITOR, FOUND)
    await world.act(case, "ANSWER", ANSWERER, ANSWER)
    del world.registers.trouble["social"]
    await world.rippled(case)
    told = [one.path.partition("?")[0].rpartition("/")[2] for one in world.registers.made("social", "POST")]
    assert told == ["findings", "upheld", "upheld"]


async def test_what_the_register_refuses_is_written_down(world: Findings) -> None:
    case = await world.written()

    def refuse(_call: object) -> None:
        raise CallerError("no", code="not_your_finding")

    world.registers.answers["social", "POST", f"/findings/{case}/upheld"] = refuse
    await world.act(case, "ANSWER", ANSWERER, ANSWER)
    await world.rippled(case)
    assert (await world.cases.view(case, AUDITOR)).status == "ANSWERED"


def test_every_status_action_and_result_has_words() -> None:
    for texts in load_packs("EE").texts.values():
        said = texts.keys()
        for rule in Finding.rules:
            assert f"finding.action.{rule.name}" in said
            assert rule.to is None or f"finding.status.{rule.to}" in said
        for key in (
            "severity.note",
            "severity.fault",
            "severity.grave",
            "about.input",
            "ended.mended",
            "ended.unfounded",
        ):
            assert f"finding.{key}" in said
