"""Unmarried parents: both acknowledge, or one denies and that branch alone stops."""

from __future__ import annotations

from dataclasses import replace

import pytest

from registries.families import man, single
from sild.cases import Refused

from .village import FORM, citizen, official

WOMAN, MAN = single(), man()
EVA, PEETER = citizen(WOMAN), citizen(MAN)
NAMED = {**FORM, "family_name": [WOMAN.family_name]}


@pytest.fixture
async def case(village):
    village.child = await village.born(WOMAN.code, MAN.code)
    return await village.case_of(EVA)


async def test_the_man_named_sees_his_question_and_nothing_else(village, case):
    assert await village.notices(PEETER) == ["paternity_asked"]
    view = await village.cases.view(case, PEETER)
    assert [task.screen for task in view.tasks] == ["birth.paternity"]
    assert not view.results and all(not entry.data for entry in view.timeline)
    with pytest.raises(Refused):
        await village.cases.fill(case, "birth.check_and_name", PEETER)


async def test_both_acknowledge_and_he_chooses_the_name_too(village, case):
    await village.act(case, "DECLARE", EVA, NAMED)
    assert (await village.cases.view(case, EVA)).status == "AGREED"  # waits: paternity is open
    await village.act(case, "ACKNOWLEDGE", EVA, {"custody": ["joint"]})
    await village.act(case, "ACKNOWLEDGE", PEETER)
    birth = await village.ask("population", "GET", f"/births/{village.child}")
    assert birth["paternity"]["status"] == "ACKNOWLEDGED" and birth["father"] == MAN.code
    view = await village.cases.view(case, PEETER)
    assert view.status == "DECLARED" and [task.screen for task in view.tasks] == ["birth.cosign"]
    await village.act(case, "COSIGN", PEETER)
    view = await village.cases.view(case, PEETER)
    assert view.status == "OFFERED" and view.results["given_names"] == "Linda"


@pytest.mark.parametrize("who", [EVA, PEETER], ids=["mother", "man"])
async def test_a_denial_stops_this_branch_alone(village, case, who):
    await village.act(case, "DENY", who)
    for person in (EVA, PEETER):
        assert "birth.paternity" not in [task.screen for task in (await village.cases.home(person)).tasks]
    assert "paternity_denied" in await village.notices(EVA)
    await village.act(case, "DECLARE", EVA, NAMED)
    view = await village.cases.view(case, EVA)
    assert view.status == "OFFERED" and "card_number" in view.results
    assert not (await village.cases.view(case, PEETER)).results
    other = EVA if who is PEETER else PEETER
    with pytest.raises(Refused) as refused:
        await village.act(case, "ACKNOWLEDGE", other)
    assert refused.value.code == "too_late"


async def test_an_answer_is_given_once_and_with_the_strongest_log_in(village, case):
    with pytest.raises(Refused) as refused:
        await village.act(case, "ACKNOWLEDGE", replace(PEETER, acr="substantial"))
    assert refused.value.code == "level_too_low"
    await village.act(case, "ACKNOWLEDGE", PEETER)
    with pytest.raises(Refused) as refused:
        await village.act(case, "DENY", PEETER)
    assert refused.value.code == "already_done"


async def test_while_it_is_open_an_official_may_register_without_a_father(village, case):
    await village.act(case, "DECLARE", EVA, NAMED)
    desk = official(await village.office(case))
    assert [item.case for item in await village.cases.desk(desk)] == [case]
    lines = {line.concept: line.value for line in (await village.cases.fill(case, "birth.desk", desk)).facts}
    assert lines["check.paternity_settled"] is False
    await village.act(case, "APPROVE", desk)  # not said: without a father
    view = await village.cases.view(case, desk)
    assert view.status == "AGREED" and view.timeline[-1].data["defects"] == ["paternity_open"]
    await village.act(case, "APPROVE", desk, {"without_father": ["yes"]})
    assert (await village.cases.view(case, EVA)).results["given_names"] == "Linda"


async def test_the_register_down_while_a_man_answers(village, case):
    village.wire.down.add("population")
    await village.say(case, "ACKNOWLEDGE", PEETER, {}, key="k")
    await village.settle()
    view = await village.cases.view(case, PEETER)
    assert [body.body for body in view.failed_bodies] == ["GOV/70000002/population"]
    village.wire.down.clear()
    await village.try_again(case)
    birth = await village.ask("population", "GET", f"/births/{village.child}")
    assert [said["parent"] for said in birth["paternity"]["answers"]] == [MAN.code]
