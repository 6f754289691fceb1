"""Somebody recorded as dead logs in and says that they live: an official, and then another, annul the death at the desk; the case tells them."""

from __future__ import annotations

from typing import ClassVar

import pytest

from registries.families import single
from sild.cases import Refused, RegisterMatter

from .village import MARI, MOTHER, SUBSCRIPTIONS, Village, citizen, official

OFFICE = "matter@70000002"
FIRST, SECOND = official(OFFICE), official(OFFICE, single().code)
SCREEN = "register_matter.death"
WORDS = {"words": ["She was here, with her passport."]}


class Desk(Village):
    subscriptions: ClassVar[dict] = {
        "population": {
            **SUBSCRIPTIONS["population"],
            "portal": [*SUBSCRIPTIONS["population"]["portal"], "matter.*"],
        }
    }

    def processes(self):
        return [*super().processes(), RegisterMatter(self.packs)]

    async def disputed(self) -> str:
        """The case: Mari was said to be dead, and says that she lives."""
        await self.dies(MOTHER.code, "2026-03-01")
        await self.settle()
        self.later(hours=1)
        found = await self.ask("population", "GET", f"/persons/{MOTHER.code}/facts", user=MARI.person)
        (wrong,) = [one["fact"] for one in found["items"] if one["name"] == "died"]
        said = {"reason": "I live.", "proposed_value": None}
        await self.ask("population", "POST", f"/facts/{wrong}/dispute", said, user=MARI.person)
        await self.settle()
        return await self.waiting()

    async def waiting(self) -> str:
        (item,) = [one for one in await self.cases.desk(FIRST) if one.status == "DISPUTED_DEATH"]
        return item.case

    async def lines(self, case, who) -> dict[str, str]:
        return {one.label: one.value for one in (await self.cases.fill(case, SCREEN, who)).facts}


@pytest.fixture
async def desk(tmp_path):
    async with Desk(tmp_path) as village:
        yield village


async def test_two_officials_one_after_the_other(desk):
    case = await desk.disputed()
    lines = await desk.lines(case, FIRST)
    assert lines["What the person said"] == "I live." and lines["Day of death"]
    with pytest.raises(Refused):
        await desk.act(case, "ANNUL", citizen(MOTHER), WORDS)
    with pytest.raises(Refused):
        await desk.act(case, "ANNUL", FIRST, {})
    herself = official(OFFICE, MOTHER.code)
    (line,) = (await desk.cases.fill(case, SCREEN, herself)).facts
    assert line.unknown_reason == "your_own"
    with pytest.raises(Refused) as refused:
        await desk.act(case, "ANNUL", herself, WORDS)
    assert refused.value.code == "conflict_of_interest"
    await desk.act(case, "ANNUL", FIRST, WORDS)
    view = await desk.cases.view(case, FIRST)
    assert (view.status, view.results["outcome"]) == ("CLOSED", "annulment_waits")
    standing = await desk.ask("population", "GET", f"/persons/{MOTHER.code}/status")
    assert standing["status"] == "DEAD", "one alone makes nobody live"

    second = await desk.waiting()
    assert second != case
    lines = await desk.lines(second, SECOND)
    assert lines["Another official says the person lives"] == WORDS["words"][0]
    await desk.act(second, "ANNUL", FIRST, WORDS)
    assert await desk.waiting() == second, "who said so already is sent back"
    back = (await desk.cases.fill(second, SCREEN, FIRST)).facts[0]
    assert back.value == "Whoever said so first does not confirm it: another official does."
    await desk.act(second, "ANNUL", SECOND, WORDS)
    view = await desk.cases.view(second, SECOND)
    assert (view.status, view.results["outcome"]) == ("CLOSED", "annulled")
    standing = await desk.ask("population", "GET", f"/persons/{MOTHER.code}/status")
    assert standing["status"] == "LIVING"
    told = {one.text for one in await desk.cases.inbox(MARI)}
    assert told == {"register_matter.told_annulled", "register_matter.told_annulment_waits"}
    shown = await desk.cases.view(second, MARI)
    assert shown.results["outcome"] == "annulled"


async def test_the_day_is_corrected_or_the_death_stands(desk):
    case = await desk.disputed()
    with pytest.raises(Refused) as refused:
        await desk.act(case, "CORRECT_DAY", FIRST, WORDS)
    assert [one.field for one in refused.value.defects] == ["value"]
    await desk.act(case, "DEATH_STANDS", FIRST, {"words": ["Two doctors saw the body."]})
    assert (await desk.cases.view(case, FIRST)).results["outcome"] == "kept"
    assert [one.text for one in await desk.cases.inbox(MARI)] == ["register_matter.told_kept"]
    standing = await desk.ask("population", "GET", f"/persons/{MOTHER.code}/status")
    assert standing["status"] == "DEAD"
