"""The family doctor in a case of birth: the law's list at first, another by one choice; full, refused, chosen again; nobody's door is given away."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import ClassVar

import pytest
from sqlalchemy import update

from sild.cases import Refused
from sild.registries.care.tables import practices

from .test_birth_silence import _protects
from .village import FORM, JAAN, MARI, MOTHER, OFFICIAL_VN, SUBSCRIPTIONS, Village, citizen, couples, official

pytestmark = pytest.mark.asyncio

LAW = "by_law"


class CareVillage(Village):
    subscriptions: ClassVar[dict] = {"population": {**SUBSCRIPTIONS["population"], "care": ["civil.birth.registered", "civil.protection.ordered", "civil.death.registered"]}}  # fmt: skip


@pytest.fixture
async def village(tmp_path):
    async with CareVillage(tmp_path) as made:
        yield made


def room(village, number, free):
    with village.registers["care"].kernel.engine.begin() as connection:
        wanted = practices.c.id == number if number else practices.c.id.is_not(None)
        connection.execute(update(practices).where(wanted).values(capacity=practices.c.listed + free))


async def opened(village, actor=MARI):
    child = await village.born(MOTHER.code)
    case = await village.case_of(actor)
    filled = await village.cases.fill(case, "birth.check_and_name", actor)
    return child, case, filled


async def listing(village, child):
    return await village.ask("care", "GET", f"/persons/{child}/practice")


async def registered(village, case, **more):
    await village.act(case, "DECLARE", MARI, {**FORM, **more})
    await village.act(case, "COSIGN", JAAN)


async def test_first_stands_the_list_the_law_gives_and_it_comes_by_itself(village):
    child, case, filled = await opened(village)
    values = [value for value, _text in filled.options["doctors"]]
    assert (values[0], values[-1]) == (LAW, "later") and filled.values["doctor"] == [LAW]
    own = await listing(village, MOTHER.code)
    assert own["now"]["name"] in filled.options["doctors"][0][1]
    assert own["now"]["practice"] not in values, "not twice"
    heard = [line for line in village.wire.heard if line[0] == "care" and "/persons/" in line[2]][:-1]
    assert {line[3]["X-Road-Issue"] for line in heard} == {case}
    assert {line[3]["Sild-Legal-Basis"] for line in heard} == {"TTKS § 8"}
    await registered(village, case, doctor=[LAW])
    assert (await listing(village, child))["now"]["practice"] == own["now"]["practice"]
    assert not [line for line in village.wire.heard if line[:2] == ("care", "POST") and "practice" in line[2]]
    assert "doctor_since" not in (await village.cases.view(case, MARI)).results


@pytest.mark.parametrize("said", [{}, {"doctor": ["later"]}])
async def test_who_says_nothing_or_later_leaves_it_to_the_law(village, said):
    child, case, _filled = await opened(village)
    await registered(village, case, **said)
    own = await listing(village, MOTHER.code)
    assert (await listing(village, child))["now"]["practice"] == own["now"]["practice"]


async def chosen(filled):
    return next(value for value, _text in filled.options["doctors"] if value not in (LAW, "later"))


async def test_another_practice_holds_at_once_and_both_parents_see_it(village):
    child, case, filled = await opened(village)
    wanted = await chosen(filled)
    await village.act(case, "DECLARE", MARI, {**FORM, "doctor": [wanted]})
    shown = await village.cases.fill(case, "birth.cosign", JAAN)
    name = next(line.value for line in shown.facts if line.concept == "child.chosen_doctor")
    await village.act(case, "COSIGN", JAAN)
    held = await listing(village, child)
    assert held["now"]["practice"] == wanted and "later" not in held
    results = (await village.cases.view(case, JAAN)).results
    assert (results["doctor"], results["doctor_since"]) == (name, held["now"]["valid_from"])
    (said,) = [
        line[3] for line in village.wire.heard if line[:2] == ("care", "POST") and "/practice" in line[2]
    ]
    assert (said["X-Road-UserId"], said["X-Road-Issue"]) == (MARI.person, case)


async def test_whichever_comes_first_the_choice_holds(village):
    """The register hears of the birth before the choice, or after it."""
    child, case, filled = await opened(village)
    wanted = await chosen(filled)
    await village.act(case, "DECLARE", MARI, {**FORM, "doctor": [wanted]})
    village.wire.down.add("care")
    await village.act(case, "COSIGN", JAAN)
    assert (await village.cases.view(case, MARI)).results["given_names"] == "Linda", (
        "nothing else waits for it"
    )
    village.wire.down.clear()
    village.wire.lost.add("care")
    village.later(minutes=30)
    await village.settle()
    await village.try_again(case)
    assert (await listing(village, child))["now"]["practice"] == wanted
    facts = village.registers["care"].kernel.usage_of(child).entries
    assert len([one for one in facts if one.operation == "choosePractice" and one.outcome == "done"]) >= 1


async def test_a_list_that_is_full_is_told_and_another_is_chosen(village):
    child, case, filled = await opened(village)
    wanted = await chosen(filled)
    await village.act(case, "DECLARE", MARI, {**FORM, "doctor": [wanted]})
    room(village, wanted, 0)  # somebody else had the last place
    await village.act(case, "COSIGN", JAAN)
    view = await village.cases.view(case, MARI)
    assert view.results["doctor_refused"] == "list_is_full" and "doctor" not in view.results
    assert "doctor_refused" in await village.notices(MARI)
    assert "doctor_refused" not in await village.notices(JAAN)
    own = await listing(village, MOTHER.code)
    assert (await listing(village, child))["now"]["practice"] == own["now"]["practice"], (
        "the law's, until then"
    )
    assert "birth.doctor" in [task.screen for task in view.may]
    again = await village.cases.fill(case, "birth.doctor", JAAN)
    offered = [value for value, _text in again.options["doctors"]]
    assert wanted not in offered and "later" not in offered
    other = next((value for value in offered if value != LAW), None)
    if other is None:
        room(village, wanted, 1)
        other = wanted
    await village.act(case, "CHOOSE_DOCTOR", JAAN, {"doctor": [other]})
    assert (await listing(village, child))["now"]["practice"] == other
    view = await village.cases.view(case, MARI)
    assert view.results["doctor"] and "doctor_refused" not in view.results
    assert "birth.doctor" not in [task.screen for task in view.may]
    with pytest.raises(Refused) as caught:
        await village.act(case, "CHOOSE_DOCTOR", MARI, {"doctor": [LAW]})
    assert caught.value.code == "too_late"


async def test_two_parents_choose_again_at_once_and_one_choice_is_sent(village):
    _child, case, filled = await opened(village)
    wanted = await chosen(filled)
    await village.act(case, "DECLARE", MARI, {**FORM, "doctor": [wanted]})
    room(village, wanted, 0)
    await village.act(case, "COSIGN", JAAN)
    room(village, wanted, 5)
    village.wire.heard.clear()
    said = await asyncio.gather(
        *(village.act(case, "CHOOSE_DOCTOR", who, {"doctor": [wanted]}) for who in (MARI, JAAN)),
        return_exceptions=True,
    )
    assert [type(one) for one in said].count(Refused) == 1
    assert (
        len([line for line in village.wire.heard if line[:2] == ("care", "POST") and "/practice" in line[2]])
        == 1
    )


async def test_what_is_no_choice_is_refused_and_a_silent_register_loses_nothing(village):
    _child, case, _filled = await opened(village)
    for wrong in ("EE-9999-1", "x", "EE-0793", "../practices"):
        with pytest.raises(Refused) as caught:
            await village.act(case, "DECLARE", MARI, {**FORM, "doctor": [wrong]})
        assert caught.value.code == "invalid_form" or "doctor" in str(caught.value.defects)
    village.wire.down.add("care")
    filled = await village.cases.fill(case, "birth.check_and_name", MARI)
    assert [value for value, _text in filled.options["doctors"]] == [LAW, "later"]
    await village.act(case, "DECLARE", MARI, {**FORM, "doctor": [LAW]})


async def test_a_protection_order_gives_nobodys_door_away(village):
    """Neither in what can be chosen, nor in what was, nor in what came of it; what the parent herself chose she sees."""
    child, case, filled = await opened(village)
    wanted = await chosen(filled)
    names = {
        one["name"]
        for one in (await village.ask("care", "GET", f"/practices?division={wanted.split('-')[1]}"))["items"]
    }
    await village.act(case, "DECLARE", MARI, {**FORM, "doctor": [wanted]})
    await _protects(village, [child])
    await village.settle()
    village.wire.heard.clear()
    shown = await village.cases.fill(case, "birth.cosign", JAAN)
    assert not names & {str(line.value) for line in shown.facts}
    assert not [line for line in village.wire.heard if line[0] == "care" and MOTHER.code in line[2]]
    await village.act(case, "COSIGN", JAAN)
    await village.act(case, "APPROVE", official(await village.office(case)))
    view = await village.cases.view(case, JAAN)
    assert view.results["given_names"] == "Linda" and not any(name in str(view) for name in names)


async def test_ordered_before_the_choice_the_other_parents_list_is_not_looked_up(village):
    _child, case, _filled = await opened(village)
    await _protects(village, [])
    await village.settle()
    village.wire.heard.clear()
    filled = await village.cases.fill(case, "birth.check_and_name", JAAN)
    own = await listing(village, MOTHER.code)
    assert filled.options["doctors"][0][0] == LAW
    assert (own.get("now") or {"name": "?"})["name"] not in filled.options["doctors"][0][1]
    assert not [line for line in village.wire.heard if line[0] == "care" and f"/{MOTHER.code}/" in line[2] and line[3]["X-Road-UserId"] != "automatic"]  # fmt: skip


async def test_the_word_of_a_parent_who_died_is_not_said_for_them(village):
    _child, case, filled = await opened(village)
    await village.act(case, "DECLARE", MARI, {**FORM, "doctor": [await chosen(filled)]})
    await village.dies(MOTHER.code, "2026-03-02", place="Tartu")
    await village.settle()
    await village.act(case, "COSIGN", JAAN)
    await village.act(case, "APPROVE", official(await village.office(case)))
    assert (await village.cases.view(case, JAAN)).results["given_names"] == "Linda"
    assert not [
        line for line in village.wire.heard if line[:2] == ("care", "POST") and "/practice" in line[2]
    ]
    assert "doctor_refused" not in (await village.cases.view(case, JAAN)).results


async def test_after_a_death_nothing_is_sent(village):
    child, case, filled = await opened(village)
    await village.act(case, "DECLARE", MARI, {**FORM, "doctor": [await chosen(filled)]})
    await village.dies(child, "2026-03-02", place="Tartu")
    await village.settle()
    assert (await village.cases.view(case, MARI)).status == "SILENCED"
    assert not [
        line for line in village.wire.heard if line[:2] == ("care", "POST") and "/practice" in line[2]
    ]


async def test_in_viet_nam(tmp_path):
    mother, father = couples(1, "VN")[0]
    async with CareVillage(tmp_path, country="VN") as village:
        child = await village.born(mother.code)
        mai, minh = citizen(mother), citizen(father)
        case = await village.case_of(mai)
        filled = await village.cases.fill(case, "birth.check_and_name", mai)
        doctors = [value for value, _text in filled.options["doctors"]]
        assert doctors[0] == LAW and any(one.startswith("VN-") for one in doctors)
        wanted = next(one for one in doctors if one.startswith("VN-"))
        form = {**FORM, "given_names": ["Minh Anh"], "family_name": [father.family_name], "doctor": [wanted]}
        await village.act(case, "DECLARE", mai, form)
        await village.act(case, "COSIGN", minh)
        await village.act(case, "APPROVE", replace(official(await village.office(case)), person=OFFICIAL_VN))
        assert (await listing(village, child))["now"]["practice"] == wanted
