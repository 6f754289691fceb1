"""Viet Nam's linked group: one submission, three agencies, one promise, which holds until the child is registered somewhere."""

from __future__ import annotations

from dataclasses import replace

from .village import FORM, Village, citizen, couples, official

GROUP = ("birth.registered", "birth.home_clock", "birth.cover_clock", "birth.card_clock")


async def agreed(village):
    mother, father = couples(1, "VN")[0]
    m, f = citizen(mother), citizen(father)
    child = await village.born(mother.code)
    case = await village.case_of(m)
    await village.act(case, "DECLARE", m, {**FORM, "family_name": [mother.family_name]})
    await village.act(case, "COSIGN", f)
    desk = replace(official(await village.office(case)), person="VN001068000009")
    return child, case, m, desk


async def test_one_promise_from_the_submission_to_the_home(tmp_path):
    async with Village(tmp_path, country="VN") as village:
        deadline = village.packs.profile.deadline
        sent = village.packs.profile.day(village.clock())
        child, case, m, desk = await agreed(village)
        view = await village.cases.view(case, m)
        clocks = {clock.id: clock for clock in view.clocks}
        promise = deadline("birth.card", sent)
        assert {clocks[name].promise for name in GROUP[1:]} == {promise}, (
            "from the submission, not from the entry"
        )
        assert clocks["birth.registered"].promise == sent
        assert view.together.promise == promise and not view.together.late
        assert (await village.cases.home(m)).cases[0].promise == promise, "one day is told"
        village.wire.down.add("residence")
        village.later(days=1)
        await village.act(case, "APPROVE", desk)
        view = await village.cases.view(case, m)
        clocks = {clock.id: clock for clock in view.clocks}
        assert clocks["birth.registered"].kept_on is not None and clocks["birth.home_clock"].kept_on is None
        assert view.together.kept_on is None and view.together.standing_for == "register_down"
        village.wire.down.discard("residence")
        await village.try_again(case)
        village.later(hours=2)
        await village.settle()
        lives = await village.ask("residence", "GET", f"/persons/{child}/residence")
        view = await village.cases.view(case, m)
        assert lives["level"] == "dwelling" and view.together.kept_on is not None
        assert not view.together.late and all(clock.kept_on for clock in view.clocks if clock.id in GROUP)


async def test_the_promise_is_late_while_anything_of_it_is(tmp_path):
    """And before anything is sent it is what it would be; Estonia links nothing."""
    async with Village(tmp_path, country="VN") as village:
        profile = village.packs.profile
        mother, father = couples(1, "VN")[0]
        m = citizen(mother)
        await village.born(mother.code)
        case = await village.case_of(m)
        view = await village.cases.view(case, m)
        today = profile.day(village.clock())
        assert view.together.promise is None and view.together.expected == profile.deadline(
            "birth.card", today
        )
        await village.act(
            case, "DECLARE", m, {**FORM, "family_name": [mother.family_name], "address": ["later"]}
        )
        await village.act(case, "COSIGN", citizen(father))
        desk = replace(official(await village.office(case)), person="VN001068000009")
        await village.act(case, "APPROVE", desk)
        village.later(days=10)
        view = await village.cases.view(case, m)
        assert view.results["address"] == "by_hand" and view.together.late
        assert [one.late for one in view.clocks if one.id in GROUP] == [False, True, False, False]
        item = next(one for one in await village.cases.desk(desk) if one.case == case)
        assert item.late
