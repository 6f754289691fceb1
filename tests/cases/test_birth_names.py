"""The name: two parents at once, two names, what is wrong all at once, what an official sends back."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from registries.families import single
from sild.cases import Refused
from sild.catalogue import Defect

from .village import FORM, JAAN, MARI, MOTHER, citizen, official
from .village import SUPERIOR as superior

OTHER = {**FORM, "given_names": ["Leelo"]}
DESK = official("birth@0784")
SUPERIOR = replace(DESK, person=f"EE{superior}", roles=frozenset({"official", "supervisor"}))


@pytest.fixture
async def case(village):
    await village.born(MOTHER.code)
    return await village.case_of(MARI)


async def test_two_parents_at_once_with_one_name_agree(village, case):
    await asyncio.gather(
        village.cases.act(case, "DECLARE", MARI, FORM, key="m"),
        village.cases.act(case, "DECLARE", JAAN, FORM, key="j"),
    )
    await village.settle()
    view = await village.cases.view(case, MARI)
    assert view.status == "OFFERED" and view.results["given_names"] == "Linda"


async def test_two_names_at_once_the_first_valid_signature_holds(village, case):
    await asyncio.gather(
        village.cases.act(case, "DECLARE", MARI, FORM, key="m"),
        village.cases.act(case, "DECLARE", JAAN, OTHER, key="j"),
    )
    await village.settle()
    view = await village.cases.view(case, MARI)
    assert view.status == "DIFFERED"  # and no rule registers that: people look
    first, second = [
        entry for entry in (await village.cases.view(case, DESK)).timeline if entry.name == "DECLARE"
    ]
    told = JAAN if first.data["given_names"] == "Linda" else MARI
    other = MARI if told is JAAN else JAAN
    assert "first_name_holds" in await village.notices(told)
    assert "other_name_sent" in await village.notices(other)
    await village.act(case, "APPROVE", DESK)
    results = (await village.cases.view(case, MARI)).results
    assert results["given_names"] == first.data["given_names"] != second.data["given_names"]


async def test_the_other_parent_proposes_another_name(village, case):
    await village.act(case, "DECLARE", MARI, FORM)
    await village.act(case, "PROPOSE", JAAN, {"given_names": ["Leelo"], "family_name": FORM["family_name"]})
    assert (await village.cases.view(case, JAAN)).status == "DIFFERED"
    notice = next(n for n in await village.cases.inbox(JAAN) if n.text == "birth.notice.first_name_holds")
    assert notice.values["given_names"] == "Linda"
    desk = await village.cases.fill(case, "birth.desk", DESK)
    lines = {line.concept: line.value for line in desk.facts}
    assert lines["check.names_agree"] is False and lines["check.one_country"] is True
    assert lines["child.other_names_sent"].startswith("Leelo")


async def test_a_form_sent_twice_is_one_declaration(village, case):
    first, again = await asyncio.gather(
        village.cases.act(case, "DECLARE", MARI, FORM, key="k"),
        village.cases.act(case, "DECLARE", MARI, FORM, key="k"),
    )
    assert {first.again, again.again} == {True, False} and first.seq == again.seq
    with pytest.raises(Refused) as back:  # the back button: the same form with a new key
        await village.cases.act(case, "DECLARE", MARI, OTHER, key="k2")
    assert back.value.code == "already_done"
    assert [entry.name for entry in (await village.cases.view(case, MARI)).timeline].count("DECLARE") == 1


async def test_everything_wrong_is_said_at_once(village, case):
    wrong = {"given_names": ["L1nda"], "family_name": ["Pukk"], "address": ["moon"]}
    with pytest.raises(Refused) as refused:
        await village.cases.act(case, "DECLARE", MARI, wrong, key="k")
    assert {(defect.field, defect.reason) for defect in refused.value.defects} == {
        ("family_name", "not_an_option"),
        ("address", "not_an_option"),
        ("wants_place", "missing"),
    }
    with pytest.raises(Refused) as refused:
        await village.cases.act(case, "DECLARE", MARI, {**FORM, "given_names": ["L1nda"]}, key="k")
    assert refused.value.defects == (Defect("given_names", "not_a_name"),)
    many = {**FORM, "given_names": ["Anna Berta Carmen Dora"]}
    with pytest.raises(Refused) as refused:
        await village.cases.act(case, "DECLARE", MARI, many, key="k")
    assert refused.value.defects == (Defect("given_names", "too_many_names"),)


async def test_a_return_names_every_reason_and_both_are_asked_again(village, case):
    await village.act(case, "DECLARE", MARI, FORM)
    await village.act(case, "PROPOSE", JAAN, {"given_names": ["Leelo"], "family_name": FORM["family_name"]})
    returned = {"defects": ["parents_disagree", "name_unclear"], "words": ["Palun leppige kokku."]}
    assert (await village.act(case, "RETURN", DESK, returned)).status == "RETURNED"
    assert (await village.cases.view(case, MARI)).clocks[0].standing_for == "returned"
    for parent in (MARI, JAAN):
        assert "returned" in await village.notices(parent)
        assert [task.screen for task in (await village.cases.home(parent)).tasks] == ["birth.check_and_name"]
    filled = await village.cases.fill(case, "birth.check_and_name", JAAN)
    assert filled.values["given_names"] == ["Linda"]  # what was sent stands there again
    await village.act(case, "DECLARE", JAAN, OTHER)
    assert [task.screen for task in (await village.cases.home(MARI)).tasks] == ["birth.cosign"]
    await village.act(case, "PROPOSE", MARI, {"given_names": ["Lea"], "family_name": FORM["family_name"]})
    with pytest.raises(Refused) as refused:
        await village.act(case, "RETURN", DESK, {"defects": ["foreign_document"]})
    assert refused.value.code == "second_return_needs_supervisor"
    signed = await village.act(case, "RETURN", SUPERIOR, {"defects": ["foreign_document"]})
    assert signed.status == "RETURNED"
    await village.act(case, "DECLARE", MARI, OTHER)
    await village.act(case, "PROPOSE", JAAN, {"given_names": ["Lea"], "family_name": FORM["family_name"]})
    await village.act(case, "APPROVE", DESK)
    assert (await village.cases.view(case, MARI)).results["given_names"] == "Leelo"


async def test_a_return_is_over_however_the_case_goes_on(village, case):
    """An office registers it on paper meanwhile: nobody waits for corrections any more, and what follows runs."""
    await village.act(case, "DECLARE", MARI, FORM)
    await village.act(case, "PROPOSE", JAAN, {"given_names": ["Leelo"], "family_name": FORM["family_name"]})
    await village.act(case, "RETURN", DESK, {"defects": ["parents_disagree"]})
    village.later(days=1)
    block = await village.cases.reserve_numbers("birth", 1, DESK)
    names = {"given_names": ["Liis"], "family_name": FORM["family_name"], "registered_on": ["2026-03-02"]}
    await village.act(case, "ENTER_OFFLINE", DESK, {"reserved_number": [block.numbers[0]], **names})
    clocks = (await village.cases.view(case, MARI)).clocks
    assert [clock.standing_for for clock in clocks] == [None] * len(clocks)
    registered = clocks[0].promise
    village.later(days=60)
    clocks = (await village.cases.view(case, MARI)).clocks
    assert clocks[0].promise == registered, "the day does not slide for what is over"


async def test_a_parent_alone_agrees_with_themselves(village):
    woman = single()
    await village.born(woman.code)
    case = await village.case_of(citizen(woman))
    await village.act(case, "DECLARE", citizen(woman), {**FORM, "family_name": [woman.family_name]})
    assert (await village.cases.view(case, citizen(woman))).status == "OFFERED"


async def test_a_mandate_that_ends_while_the_form_is_open(village, case):
    lawyer = replace(citizen("39901012239"), representee=MARI.person, mandate_id="m-1")
    village.mandates.standing.add("m-1")
    await village.cases.fill(case, "birth.check_and_name", lawyer)
    village.mandates.standing.clear()
    with pytest.raises(Refused) as refused:
        await village.cases.act(case, "DECLARE", lawyer, FORM, key="k")
    assert refused.value.code == "mandate_ended"
    assert (await village.cases.view(case, MARI)).status == "OPENED"


async def test_a_weak_log_in_signs_nothing(village, case):
    with pytest.raises(Refused) as refused:
        await village.cases.act(case, "DECLARE", replace(MARI, acr="low"), FORM, key="k")
    assert refused.value.code == "level_too_low"


async def test_an_official_from_an_unmanaged_device_or_of_the_family_decides_nothing(village, case):
    await village.act(case, "DECLARE", MARI, FORM)
    await village.act(case, "PROPOSE", JAAN, {"given_names": ["Leelo"], "family_name": FORM["family_name"]})
    for who, code in (
        (replace(DESK, posture="unmanaged"), "read_only_device"),
        (official("birth@0784", MOTHER.code), "conflict_of_interest"),
    ):
        with pytest.raises(Refused) as refused:
            await village.cases.act(case, "APPROVE", who, {}, key="k")
        assert refused.value.code == code
    with pytest.raises(Refused) as refused:
        await village.cases.take(case, official("birth@0784", MOTHER.code), key="again")
    assert refused.value.code == "conflict_of_interest", "nor do they take it again"
