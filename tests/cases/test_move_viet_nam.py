"""J2 in Viet Nam: any office of the province takes a notice, the commune decides; the floor area says how many may live there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sild.cases import Refused

from .movers import MovingVillage, clerk
from .village import citizen
from .world import SHOWN


async def test_viet_nam_takes_it_anywhere_in_the_province(tmp_path):
    MovingVillage.used.clear()
    async with MovingVillage(tmp_path, country="VN") as village:
        person = village.single("VN")
        home, (owner,) = await village.dwelling_of(1, but=[person.code], country="VN")
        division = (await village.ask("residence", "GET", f"/dwellings/{home}"))["division"]
        units = village.packs.profile.divisions
        province = next(one.parent for one in units if one.code == division)
        neighbour = next(
            one.code for one in units if one.parent == province and one.code != division and not one.ended
        )
        far = next(
            one.code for one in units if one.tier == "commune" and one.parent != province and not one.ended
        )
        case = None
        for place, taken in ((far, False), (neighbour, True)):
            counter = replace(clerk(f"residence@{place}"), person="VN001190012345")
            mandate = await village.cases.record_mandate(
                counter, f"VN{person.code}", "move", "At the counter", identified=SHOWN
            )
            acting = replace(counter, representee=f"VN{person.code}", mandate_id=mandate)
            case = await village.searched(acting, home)
            notice = village.notice(f"dwelling:{home}", [person.code])
            if taken:
                await village.act(case, "SEND", acting, notice)
                break
            with pytest.raises(Refused) as refused:
                await village.act(case, "SEND", acting, notice)
            assert [one.reason for one in refused.value.defects] == ["another_province"]
        assert (await village.office(case)).authority == f"residence@{division}"
        await village.act(case, "CONSENT", citizen(owner))
        assert await village.status(case, citizen(person)) == "RECEIVED"


async def test_a_dwelling_too_small_is_seen_at_the_desk_and_by_the_register(tmp_path):
    MovingVillage.used.clear()
    async with MovingVillage(tmp_path / "small", country="VN") as village:
        person = village.single("VN")
        home, _owners = await village.dwelling_of(1, but=[person.code], country="VN")
        fact = (await village.ask("residence", "GET", f"/dwellings/{home}"))["floor_area_fact"]
        body = {"value": 7, "reason": "measured"}
        await village.ask("residence", "POST", f"/facts/{fact}/correction", body)
        mari = citizen(person)
        case = await village.sent(mari, home, [person.code], basis="lease", document="HĐ 7")
        official = replace(await village.office(case), person=citizen(village.single("VN")).person)
        desk = await village.cases.fill(case, "move.desk", official)
        assert {line.concept: line.value for line in desk.facts}["check.capacity"] is False
        await village.act(case, "ACCEPT", official)
        await village.act(case, "DECIDE", official)
        assert await village.status(case, mari) == "ACCEPTED"  # the register does not enter it
        desk = await village.cases.fill(case, "move.decide", official)
        said = [line.value for line in desk.facts if line.concept == "check.register_said"]
        assert said == ["over_capacity"]
        await village.act(case, "RETURN", official, {"defects": ["over_capacity"]})
        assert await village.status(case, mari) == "RETURNED"
