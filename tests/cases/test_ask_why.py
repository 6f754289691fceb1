"""Why did they look: asked, answered by a day, late, complained about; a superior, who is not the one who answered, has the last word."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sild.cases import Refused
from sild.cases.tracker import TrackerEntry

from .world import JUHAN, MARI, OFFICIAL, SUPERVISOR

BODY = "70000005"
ANSWERER = replace(OFFICIAL, authority=f"oversight@{BODY}")
SUPERIOR = replace(SUPERVISOR, authority=f"oversight@{BODY}")
ANSWER = {"ground": ["duty"], "answer": ["Somebody enrolled the child."]}
COMPLAINT = {"complaint": ["I have no child."]}
RESOLVED = {"finding": ["unlawful"], "answer": ["It was somebody of your name. We are sorry."]}


async def begun(world) -> str:
    look = TrackerEntry(
        register="population", at=world.now, body=BODY, body_name=None, system="school",
        operation="getPerson", case="school-7", basis="PPVS", acting="somebody", message_id="m-2",
    )  # fmt: skip
    return await world.cases.ask_why(MARI, look, key="k")


async def asked(world) -> str:
    case = await begun(world)
    await world.act(case, "ASK", MARI, {"words": ["Who was it?"]})
    return case


async def refused(doing) -> str:
    with pytest.raises(Refused) as caught:
        await doing
    return caught.value.code


async def test_what_was_not_sent_stands_on_no_desk(world):
    case = await begun(world)
    assert await world.cases.desk(ANSWERER) == ()
    assert await refused(world.cases.view(case, ANSWERER)) == "not_yours"
    await world.act(case, "ASK", MARI, {"words": ["Who was it?"]})
    assert [item.case for item in await world.cases.desk(ANSWERER)] == [case]


async def test_whoever_answers_sees_which_look_is_meant(world):
    case = await asked(world)
    filled = await world.cases.fill(case, "ask_why.desk", ANSWERER)
    said = {line.concept: line.value for line in filled.facts}
    assert said["ask_why.operation"] == "getPerson" and said["ask_why.words"] == "Who was it?"
    assert (said["ask_why.basis"], said["ask_why.message_id"]) == ("PPVS", "m-2")
    await world.act(case, "ANSWER", ANSWERER, ANSWER)
    assert [notice.text for notice in await world.cases.inbox(MARI)] == ["ask_why.answered"]
    shown = await world.cases.fill(case, "ask_why.answer", MARI)
    assert ANSWER["answer"][0] in {line.value for line in shown.facts}
    assert (await world.act(case, "CONTENT", MARI)).status == "CLOSED"


async def test_a_complaint_goes_to_a_superior_who_did_not_answer(world):
    case = await asked(world)
    assert await refused(world.act(case, "COMPLAIN", MARI, COMPLAINT)) == "too_late"
    await world.act(case, "ANSWER", SUPERIOR, ANSWER)
    assert await refused(world.act(case, "COMPLAIN", MARI)) == "defects", "it says what is wrong"
    assert (await world.act(case, "COMPLAIN", MARI, COMPLAINT)).status == "COMPLAINED"
    assert await refused(world.act(case, "RESOLVE", ANSWERER, RESOLVED)) == "not_yours"
    assert await refused(world.act(case, "RESOLVE", SUPERIOR, RESOLVED)) == "conflict_of_interest"
    other = replace(SUPERIOR, person=JUHAN.person)
    (item,) = await world.cases.desk(other)
    assert item.tasks == ("ask_why.complaint",)
    filled = await world.cases.fill(case, "ask_why.complaint", other)
    assert {COMPLAINT["complaint"][0], ANSWER["answer"][0]} <= {line.value for line in filled.facts}
    assert (await world.act(case, "RESOLVE", other, RESOLVED)).status == "CLOSED"
    assert [notice.text for notice in await world.cases.inbox(MARI)].count("ask_why.resolved") == 1
    assert (await world.cases.view(case, MARI)).results["resolution"] == RESOLVED["answer"][0]


async def test_an_answer_that_is_late_is_told_of(world):
    case = await asked(world)
    world.later(days=60)
    await world.cases._parts.jobs.start_due()
    await world.until(case, "REMINDED", ANSWERER)
    assert "ask_why.late" in [notice.text for notice in await world.cases.inbox(MARI)]
    (item,) = await world.cases.desk(ANSWERER)
    assert item.late and (await world.act(case, "ANSWER", ANSWERER, ANSWER)).status == "ANSWERED"
