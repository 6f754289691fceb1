"""An official sees what they decided, sent back and how soon, and what of it was overturned; of others no more than a sum of three."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest

from sild.adapter import is_case_of_look
from sild.cases import OfficialFigures, Refused

from .world import GIVEN, MARI, OFFICIAL, World

OTHERS = [replace(OFFICIAL, person=f"EE4800000000{n}") for n in range(3)]


@pytest.fixture
async def world(tmp_path):
    async with World(tmp_path) as world:
        for one in OTHERS:
            world.registers.answers["population", "GET", f"/persons/{one.person[2:]}/relations"] = {
                "items": []
            }
        yield world


async def decided(world, official, days) -> None:
    case = await world.sent()
    world.later(days=days)
    await world.act(case, "ACCEPT", official)
    await world.until(case, "CLOSED")


async def test_ones_own_and_the_others_together(world):
    for days in (1, 2, 9):
        await decided(world, OFFICIAL, days)
    case = await world.sent()
    await world.act(case, "RETURN", OFFICIAL, {"defects": ["size"]})
    await world.act(case, "SEND", MARI, GIVEN)
    told = {"own": {"answered": 3, "overturned": 1}, "others": {"answered": 9, "overturned": 2}}
    world.registers.answers["social", "GET", "/officials/contests"] = told
    world.registers.answers["population", "GET", "/officials/contests"] = {**told, "others": None}
    for one in OTHERS[:2]:
        await decided(world, one, 4)
    found = await world.cases.own_figures(OFFICIAL)
    assert found.own == OfficialFigures(3, 1, 2.0, 6, 2) and found.others is None, "two are too few"
    await decided(world, OTHERS[2], 4)
    found = await world.cases.own_figures(OFFICIAL)
    assert found.others == OfficialFigures(3, 0, 4.0, 9, 2)
    asked = world.registers.made("social", "GET")[-1]
    assert asked.acting == OFFICIAL.person and is_case_of_look(asked.case), "for whoever acts, and by no name"
    assert parse_qs(urlsplit(asked.path).query).keys() == {"since"}
    elsewhere = await world.cases.own_figures(replace(OFFICIAL, authority="permit@0784"))
    assert elsewhere.own.decided == 0 and elsewhere.others is None
    world.later(days=400)
    assert (await world.cases.own_figures(OFFICIAL)).own.decided == 0, "of one year"


async def test_who_is_down_is_named_and_people_have_none(world):
    world.registers.trouble["insurance"] = "down"
    found = await world.cases.own_figures(OFFICIAL)
    assert found.failed == ("GOV/70000003/insurance",) and found.own.answered == 0
    for actor in (MARI, replace(OFFICIAL, roles=frozenset({"clerk"})), replace(OFFICIAL, authority=None)):
        with pytest.raises(Refused):
            await world.cases.own_figures(actor)
