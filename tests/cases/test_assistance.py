"""A question to an official: the whole dialogue on the desk, an answer by its day into the inbox, late ones told; nobody else's eyes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from sild.cases import ASSISTANCE_OFFICE, Refused

from .world import JUHAN, MARI, OFFICIAL, STRANGER

HELPER = replace(OFFICIAL, authority=ASSISTANCE_OFFICE)
TURNS = [("kui kallis on lasteaed", "KELS § 27: ..."), ("<b>kas mina ka?</b>", "Ma ei tea.")]


async def asked(world, key="k1"):
    case = await world.cases.ask_official(MARI, TURNS, key=key)
    await world.cases.act(case, "ASK", MARI, {"words": ["Palun aidake"]}, key=f"ask-{key}")
    return case


async def test_from_the_dialogue_to_the_answer(world) -> None:
    system = world.cases
    case = await system.ask_official(MARI, TURNS, key="k1")
    assert await system.ask_official(MARI, TURNS, key="k1") == case
    assert await system.desk(HELPER) == (), "nothing is sent before the person signs"
    with pytest.raises(Refused):
        await system.view(case, HELPER)
    shown = await system.fill(case, "assistance.question", MARI)
    assert [line.value for line in shown.facts] == [words for turn in TURNS for words in turn]

    await system.act(case, "ASK", MARI, {"words": ["Palun aidake"]}, key="a1")
    [item] = await system.desk(HELPER)
    assert item.case == case and item.promise is not None and not item.late
    work = await system.fill(case, "assistance.desk", HELPER)
    assert [line.value for line in work.facts][:3] == ["Palun aidake", TURNS[0][0], TURNS[0][1]]

    await system.act(case, "ANSWER", HELPER, {"answer": ["Kohatasu on 20 eurot."]}, key="a2")
    [notice] = await system.inbox(MARI)
    assert notice.text == "assistance.answered"
    answer = await system.fill(case, "assistance.answer", MARI)
    assert [line.value for line in answer.facts] == ["Kohatasu on 20 eurot."]
    await system.act(case, "CONTENT", MARI, {}, key="a3")
    assert (await system.view(case, MARI)).is_closed


async def test_an_answer_that_is_none_comes_back_once(world) -> None:
    case = await asked(world)
    await world.cases.act(case, "ANSWER", HELPER, {"answer": ["Jah"]}, key="b1")
    await world.cases.act(case, "AGAIN", MARI, {}, key="b2")
    assert [item.case for item in await world.cases.desk(HELPER)] == [case]
    await world.cases.act(case, "ANSWER", HELPER, {"answer": ["20 eurot"]}, key="b3")
    with pytest.raises(Refused):
        await world.cases.act(case, "AGAIN", MARI, {}, key="b4")


async def test_nobody_else_sees_it(world) -> None:
    case = await asked(world)
    for stranger in (JUHAN, STRANGER, OFFICIAL):
        with pytest.raises(Refused) as refused:
            await world.cases.view(case, stranger)
        assert refused.value.code == "not_yours"


async def test_it_can_be_dropped_before_it_is_sent(world) -> None:
    case = await world.cases.ask_official(MARI, TURNS, key="k1")
    await world.cases.act(case, "WITHDRAW", MARI, {}, key="w")
    assert await world.cases.desk(HELPER) == ()


async def test_a_very_long_dialogue_is_cut_to_its_newest(world) -> None:
    turns = [(f"q{number} " + "x" * 9_000, "a") for number in range(100)]
    case = await world.cases.ask_official(MARI, turns, key="long")
    facts = (await world.cases.fill(case, "assistance.question", MARI)).facts
    assert len(facts) == 80 and str(facts[-2].value).startswith("q99 ") and len(str(facts[0].value)) == 4_000


async def test_late(world) -> None:
    case = await asked(world)
    world.now += timedelta(days=20)
    world.cases._parts.jobs.wake()
    await world.until(case, "REMINDED", HELPER)
    assert [notice.text for notice in await world.cases.inbox(MARI)] == ["assistance.late"]
    [item] = await world.cases.desk(HELPER)
    assert item.late and item.tasks == ("assistance.desk",)
