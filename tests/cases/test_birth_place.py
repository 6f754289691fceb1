"""A kindergarten place that is offered: taken, declined, answered by both at once, too late, or offered when all else was done."""

from __future__ import annotations

import asyncio

import pytest

from sild.cases import Refused

from .village import ACCOUNT, FORM, JAAN, MARI, MOTHER, citizen, couples


async def offered(village) -> str:
    await village.born(MOTHER.code)
    case = await village.case_of(MARI)
    filled = await village.cases.fill(case, "birth.check_and_name", MARI)
    place = filled.options["kindergartens"][1][0]
    given = {**FORM, "wants_place": ["yes"], "kindergarten": [place]}
    await village.act(case, "DECLARE", MARI, given)
    await village.act(case, "COSIGN", JAAN)
    return case


async def state(village, case) -> str:
    return (await village.cases.view(case, MARI)).results["kindergarten_state"]


async def test_taken_by_one_for_both(village):
    case = await offered(village)
    assert "birth.place" in [task.screen for task in (await village.cases.home(JAAN)).tasks]
    filled = await village.cases.fill(case, "birth.place", JAAN)
    (line,) = filled.facts
    assert line.value and line.register == "GOV/70000005/education"
    await village.act(case, "TAKE_PLACE", JAAN)
    assert await state(village, case) == "attending"
    assert "birth.place" not in [task.screen for task in (await village.cases.home(MARI)).tasks]
    with pytest.raises(Refused) as refused:
        await village.act(case, "DECLINE_PLACE", MARI)
    assert refused.value.code == "too_late"
    (answer,) = [
        line
        for name, *line in village.wire.heard
        if name == "education" and "/place" in line[1] and line[0] == "POST"
    ]
    assert answer[2]["X-Road-UserId"] == JAAN.person and answer[2]["X-Road-Issue"] == case


async def test_declined_the_child_waits_on(village):
    case = await offered(village)
    await village.act(case, "DECLINE_PLACE", MARI)
    view = await village.cases.view(case, MARI)
    assert (
        view.results["kindergarten_state"] == "waiting" and view.results["kindergarten_reason"] == "declined"
    )
    assert "birth.place" not in [task.screen for task in view.tasks]


async def test_both_at_once_one_answer_counts(village):
    case = await offered(village)
    said = await asyncio.gather(
        village.cases.act(case, "TAKE_PLACE", MARI, {}, key="p" * 40),
        village.cases.act(case, "DECLINE_PLACE", JAAN, {}, key="q" * 40),
        return_exceptions=True,
    )
    assert sorted(type(one).__name__ for one in said) == ["Acted", "Refused"]
    await village.settle()
    assert await state(village, case) == ("attending" if not isinstance(said[0], Refused) else "waiting")


async def test_withdrawn_by_the_municipality_meanwhile(village):
    case = await offered(village)
    child = (await village.cases.view(case, MARI)).parties
    code = next(party.person for party in child if party.role == "child")
    await village.ask("education", "POST", f"/children/{code}/leave", user=MARI.person)
    await village.act(case, "TAKE_PLACE", MARI)
    assert "place_refused" in await village.notices(MARI)
    assert await state(village, case) == "left"
    with pytest.raises(Refused):
        await village.act(case, "TAKE_PLACE", JAAN)


async def test_nobody_else_answers(village):
    case = await offered(village)
    stranger = citizen(couples(3)[2][0])
    with pytest.raises(Refused) as refused:
        await village.act(case, "TAKE_PLACE", stranger)
    assert refused.value.code == "not_yours"


async def test_offered_when_all_else_was_done_the_case_goes_on(village):
    case = await offered(village)
    await village.act(case, "DECLINE_PLACE", MARI)
    await village.act(case, "ACCEPT", JAAN, {"choice": ["mother"], "account": [ACCOUNT]})
    view = await village.cases.view(case, MARI)
    assert view.status == "CLOSED"
    code = next(party.person for party in view.parties if party.role == "child")
    places = await village.ask("education", "GET", "/places")
    group = next(one for one in places["items"] if one["free"] and one["age_from"] <= 2)
    wish = {"kindergarten": group["kindergarten"]}
    await village.ask("education", "POST", f"/children/{code}/wish", wish, user=MARI.person)
    await village.settle()
    view = await village.cases.view(case, MARI)
    assert (view.status, view.results["kindergarten_state"]) == ("GRANTED", "offered")
    assert [task.screen for task in view.tasks] == ["birth.place"]
    await village.act(case, "TAKE_PLACE", MARI)
    view = await village.cases.view(case, MARI)
    assert (view.status, view.results["kindergarten_state"]) == ("CLOSED", "attending")
