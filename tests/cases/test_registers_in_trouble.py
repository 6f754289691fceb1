"""A register that is down, slow, answers nonsense or loses its answer: the case holds, says whose name, and loses nothing."""

from __future__ import annotations

import asyncio

import pytest

from sild.cases import Refused
from sild.cases.calls import PeopleAsking

from .permit import Permit
from .world import GIVEN, MARI, OFFICIAL


async def held(world, case, seconds=10):
    async with asyncio.timeout(seconds):
        while not (view := await world.cases.view(case, OFFICIAL)).failed_bodies:
            await asyncio.sleep(0.02)
    return view


@pytest.mark.parametrize("trouble", ["down", "nonsense", "lost_answer"])
async def test_a_job_holds_until_the_register_answers(any_world, trouble):
    world = any_world
    case = await world.sent()
    world.registers.trouble["residence"] = trouble
    await world.act(case, "ACCEPT", OFFICIAL)
    view = await held(world, case)
    body = view.failed_bodies[0]
    assert body.body == "GOV/70000006/residence" and body.next_try is not None
    assert view.status == "ACCEPTED" and view.clocks[0].standing_for == "register_down"
    assert (await world.cases.desk(OFFICIAL))[0].waiting_for == "GOV/70000006/residence"
    world.registers.trouble.clear()
    await world.cases.try_again(case, OFFICIAL)
    view = await world.until(case, "CLOSED")
    assert not view.failed_bodies and view.clocks[0].standing_for is None
    names = [entry.name for entry in view.timeline]
    assert names == ["OPEN", "SEND", "ACCEPT", "HOLD", "RESUME", "REGISTER"]
    posted = world.registers.made("residence", "POST")
    assert len({call.message_id for call in posted}) == 1  # the same message, whatever was lost
    assert len(world.registers.effects) == 1


async def test_days_of_a_silent_register_are_not_the_offices(world):
    case = await world.sent()
    promised = (await world.cases.view(case, MARI)).clocks[0].promise
    world.registers.trouble["residence"] = "down"
    await world.act(case, "ACCEPT", OFFICIAL)
    await held(world, case)
    world.later(days=7)
    assert (await world.cases.view(case, MARI)).clocks[0].promise > promised


async def test_a_screen_shows_what_is_known_and_names_who_does_not_answer(world):
    case = await world.open()
    world.registers.trouble["population"] = "down"
    filled = await world.cases.fill(case, "permit.form", MARI)
    assert [fact.unknown_reason for fact in filled.facts] == ["register_down"] * 2
    assert filled.failed_bodies[0].body == "GOV/70000002/population"
    asked = [call for call in world.registers.calls if call.path.endswith("/facts")]
    assert len(asked) == 1  # not again for each line
    await world.act(case, "SEND", MARI, GIVEN)  # what the screen shows is not what the act needs


async def test_a_refused_message_fails_the_job_where_people_see_it(world):
    del world.registers.answers["residence", "POST", "/permits"]  # 404
    case = await world.sent()
    await world.act(case, "ACCEPT", OFFICIAL)
    async with asyncio.timeout(10):
        while not (view := await world.cases.view(case, OFFICIAL)).failed_bodies:
            await asyncio.sleep(0.02)
    assert view.failed_bodies[0].reason == "unknown_person" and view.status == "ACCEPTED"
    world.registers.answers["residence", "POST", "/permits"] = {"permit": "P-2"}
    await world.cases.try_again(case, OFFICIAL)
    view = await world.until(case, "CLOSED")
    assert view.results == {} and not view.failed_bodies
    with pytest.raises(Refused):
        await world.cases.try_again(case, MARI)


async def test_a_job_whose_code_changed_under_way_is_shown_and_done_again(world, monkeypatch):
    case = await world.sent()
    world.registers.trouble["residence"] = "down"
    await world.act(case, "ACCEPT", OFFICIAL)
    await held(world, case)
    await world.cases.stop()

    async def register(self, work):  # another step before the one that waits
        await work.current("look")
        answer = await work.call("registration", "residence", "POST", "/permits", {}, basis="EhS § 42")
        await work.act("registered", "REGISTER", {"permit": answer.json["permit"]})

    monkeypatch.setattr(Permit, "register", register)
    world.registers.trouble.clear()
    await world.start()
    await world.cases.publish()
    async with asyncio.timeout(10):
        while (view := await world.cases.view(case, OFFICIAL)).failed_bodies[0].reason != "workflow_failed":
            await world.cases._parts.jobs.find_failed()
            await asyncio.sleep(0.1)
    assert view.status == "ACCEPTED"
    await world.cases.try_again(case, OFFICIAL)
    await world.until(case, "CLOSED")
    assert len(world.registers.effects) == 1


async def test_a_slow_register_is_not_waited_for(world, monkeypatch):
    monkeypatch.setattr(PeopleAsking, "patience", 0.05)
    case = await world.open()
    world.registers.trouble["population"] = "slow"
    filled = await world.cases.fill(case, "permit.form", MARI)
    assert [fact.unknown_reason for fact in filled.facts] == ["register_down"] * 2
    messages = await world.cases.messages(case, OFFICIAL)
    assert messages[-1].outcome == "timeout"
