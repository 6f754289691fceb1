"""Who may not, when not, and what they are told: one answer each, nothing done."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from uuid import uuid4

import pytest

from sild.cases import Actor, Refused

from .world import GIVEN, JUHAN, MARI, OFFICIAL, STRANGER, SUPERVISOR


async def refused(doing) -> Refused:
    with pytest.raises(Refused) as caught:
        await doing
    return caught.value


async def test_a_foreign_case_and_one_that_is_not_there_are_the_same(world):
    case = await world.sent()
    answers = []
    for number in (case, str(uuid4()), "x" * 400, "", "S-2026-000001", "'; DROP TABLE cases; --"):
        for doing in (
            world.cases.view(number, STRANGER),
            world.cases.fill(number, "permit.form", STRANGER),
            world.act(number, "SEND", STRANGER, GIVEN),
            world.cases.save_draft(number, "permit.form", STRANGER, {}),
            world.cases.messages(number, STRANGER),
        ):
            error = await refused(doing)
            answers.append((error.code, error.message, error.detail))
    assert len(set(map(str, answers))) == 1 and answers[0][0] == "not_yours"
    oversight = replace(OFFICIAL, authority="oversight@70000001")
    seen = await world.cases.sightings(oversight)
    assert len(seen) == len(answers) and {sight.person for sight in seen} == {"39901012239"}
    elsewhere = replace(oversight, authority="oversight@70000002")
    for nobody in (MARI, OFFICIAL, elsewhere, replace(oversight, acr="substantial")):
        assert (await refused(world.cases.sightings(nobody))).code == "not_yours"


async def test_people_see_what_others_were_refused_of_them(world):
    case, others = await world.sent(), await world.open(JUHAN)
    assert await world.cases.refused_looks(MARI) == []
    await refused(world.cases.view(case, STRANGER))
    await refused(world.cases.look_up(OFFICIAL, MARI.person, case=others))
    await refused(world.cases.look_up(OFFICIAL, "EE49001010000", case=case))  # her case, somebody else
    await refused(world.cases.view(others, MARI))  # her own try is the other's to see
    found = [(one.code, one.person) for one in await world.cases.refused_looks(MARI)]
    assert found == [("no_live_case", OFFICIAL.person[2:]), ("not_yours", STRANGER.person[2:])]
    of_juhan = [one.person for one in await world.cases.refused_looks(JUHAN)]
    assert of_juhan == [MARI.person[2:], STRANGER.person[2:]], "he owns the shed, too"
    assert await world.cases.refused_looks(STRANGER) == []
    world.later(days=366)
    assert await world.cases.refused_looks(MARI) == []


async def test_a_draft_is_written_by_whom_the_screen_is_for_on_a_device_that_may_write(world):
    case = await world.sent()
    words = {"defects": ["missing_plan"]}
    for nobody, code in (
        (replace(OFFICIAL, posture="unmanaged"), "read_only_device"),
        (replace(OFFICIAL, acr="substantial"), "level_too_low"),
        (MARI, "not_yours"),
    ):
        assert (await refused(world.cases.save_draft(case, "permit.return", nobody, words))).code == code
    filled = await world.cases.fill(case, "permit.return", OFFICIAL)
    assert not filled.values, "nothing of theirs stands there"
    await world.cases.save_draft(case, "permit.return", OFFICIAL, words)
    assert (await world.cases.fill(case, "permit.return", OFFICIAL)).values == words


async def test_every_defect_is_named_at_once(world):
    case = await world.open()
    error = await refused(world.act(case, "SEND", MARI, {"colour": ["x" * 300]}))
    assert [(defect.field, defect.reason) for defect in error.defects] == [
        ("colour", "too_long"),
        ("note", "missing"),
    ]
    error = await refused(world.act(case, "SEND", MARI, {"colour": ["pink"], "note": ["a"]}))
    assert error.code == "defects" and {defect.reason for defect in error.defects} == {
        "not_allowed_here",
        "must_explain",
    }
    assert (await world.cases.view(case, MARI)).status == "OPENED"


async def test_level_device_and_role(world):
    case = await world.open()
    assert (await refused(world.act(case, "SEND", replace(MARI, acr="low"), GIVEN))).code == "level_too_low"
    await world.act(case, "SEND", MARI, GIVEN)
    unmanaged = replace(OFFICIAL, posture="unmanaged")
    assert (await world.cases.view(case, unmanaged)).status == "SENT"  # reading is allowed
    assert await world.cases.desk(unmanaged)
    for action in ("ACCEPT", "TAKE"):
        assert (await refused(world.act(case, action, unmanaged))).code == "read_only_device"
    weak = replace(OFFICIAL, acr="substantial")
    assert (await refused(world.act(case, "ACCEPT", weak))).code == "level_too_low"
    assert (await refused(world.act(case, "ACCEPT", MARI))).code == "not_yours"
    assert (await refused(world.act(case, "NONSENSE", MARI))).code == "not_yours"
    elsewhere = replace(OFFICIAL, authority="permit@0784")
    assert (await refused(world.cases.view(case, elsewhere))).code == "not_yours"
    assert (await refused(world.cases.desk(MARI))).code == "not_yours"


async def test_a_mandate_is_checked_at_each_action(world):
    world.mandates.standing.add("m-1")
    guardian = Actor(person="EE39901012239", acr="high", representee="EE38001085718", mandate_id="m-1")
    case = await world.open(guardian)
    assert [task.screen for task in (await world.cases.view(case, MARI)).tasks] == ["permit.form"]
    world.mandates.standing.clear()  # ended while the form was open
    assert (await refused(world.act(case, "SEND", guardian, GIVEN))).code == "mandate_ended"
    assert (await refused(world.open(guardian))).code == "mandate_ended"


async def test_the_back_button_and_the_double_click(world):
    case = await world.open()
    key = world.key()
    first, second = await asyncio.gather(
        *(world.cases.act(case, "SEND", MARI, GIVEN, key=key) for _ in range(2))
    )
    assert first.seq == second.seq and {first.again, second.again} == {True, False}
    again = await world.cases.act(case, "SEND", MARI, GIVEN, key=key)
    assert again.again and again.seq == first.seq
    other = {**GIVEN, "colour": ["blue"]}
    assert (await refused(world.cases.act(case, "SEND", MARI, other, key=key))).code == "key_reused"
    assert (await refused(world.act(case, "SEND", MARI, other))).code == "already_done"


async def test_two_at_once_make_one_effect(any_world):
    world = any_world
    case = await world.open()
    answers = await asyncio.gather(
        world.act(case, "SEND", MARI, GIVEN),
        world.act(case, "SEND", JUHAN, {"colour": ["green"], "note": ["by the road"]}),
        return_exceptions=True,
    )
    lost = [answer for answer in answers if isinstance(answer, Refused)]
    assert len(lost) == 1 and lost[0].code == "already_done"
    view = await world.cases.view(case, OFFICIAL)
    assert [entry.name for entry in view.timeline] == ["OPEN", "SEND"]
    both = await asyncio.gather(world.act(case, "COSIGN", MARI), world.act(case, "COSIGN", JUHAN))
    assert {done.seq for done in both} == {3, 4}
    assert (await refused(world.act(case, "COSIGN", JUHAN))).code == "already_done"


async def test_a_closed_case(world):
    case = await world.sent()
    await world.act(case, "ACCEPT", OFFICIAL)
    await world.until(case, "CLOSED")
    assert (await refused(world.act(case, "COSIGN", MARI))).code == "case_closed"
    assert (await refused(world.cases.save_draft(case, "permit.form", MARI, {}))).code == "case_closed"


async def test_an_official_does_not_decide_about_kin(world):
    relation = {"items": [{"code": "47101010033", "relation": "sibling"}]}
    world.registers.answers["population", "GET", "/persons/36805280109/relations"] = relation
    case = await world.sent()
    await world.cases.take(case, OFFICIAL, key="t")
    assert (await refused(world.act(case, "ACCEPT", OFFICIAL))).code == "conflict_of_interest"
    view = await world.cases.view(case, OFFICIAL)
    assert view.status == "SENT" and view.assigned is None
    asked = world.registers.made("population", "GET")[-1]
    assert (asked.basis, asked.acting, asked.case) == ("HMS § 10", "EE36805280109", case)


async def test_no_decision_while_kin_is_unknown(world):
    case = await world.sent()
    world.registers.trouble["population"] = "down"
    error = await refused(world.act(case, "ACCEPT", OFFICIAL))
    assert error.code == "register_down" and error.register == "GOV/70000002/population"
    assert (await world.cases.view(case, OFFICIAL)).status == "SENT"


async def test_whom_the_register_does_not_know_a_superior_assigns(world):
    """Not checked is not passed: the case goes back, oversight sees it, and a superior answers for who decides it then."""
    stranger = replace(OFFICIAL, person="EE48806260018")
    case = await world.sent()
    await world.cases.take(case, stranger, key="t")
    for _ in range(2):
        assert (await refused(world.act(case, "ACCEPT", stranger))).code == "conflict_not_checked"
    view = await world.cases.view(case, SUPERVISOR)
    assert view.status == "SENT" and view.assigned is None
    assert [entry.name for entry in view.timeline].count("RELEASE") == 1
    oversight = replace(OFFICIAL, authority="oversight@70000001")
    assert {one.code for one in await world.cases.sightings(oversight)} == {"conflict_not_checked"}
    assert "desk.assign" in [task.screen for task in view.may]
    assert "desk.assign" not in [task.screen for task in (await world.cases.view(case, OFFICIAL)).may]
    given = {"official": ["48806260018"], "words": ["From abroad, and known to nobody here."]}
    assert (await refused(world.act(case, "ASSIGN", OFFICIAL, given))).code == "not_yours"
    other = {**given, "official": [OFFICIAL.person[2:]]}
    assert (await refused(world.act(case, "ASSIGN", SUPERVISOR, other))).code == "defects"
    await world.act(case, "ASSIGN", SUPERVISOR, given)
    assert (await world.act(case, "ACCEPT", stranger)).status == "ACCEPTED"
    (entry,) = [one for one in (await world.cases.view(case, SUPERVISOR)).timeline if one.name == "ACCEPT"]
    assert entry.data["conflict"] == {"kinship": "assigned", "holdings": "not_checked"}


async def test_a_superior_assigns_neither_kin_nor_themselves(world):
    case = await world.sent()
    assert (await refused(world.act(case, "ACCEPT", SUPERVISOR))).code == "conflict_not_checked"
    mine = {"official": ["37001010001"], "words": ["I know myself."]}
    assert (await refused(world.act(case, "ASSIGN", SUPERVISOR, mine))).code == "conflict_of_interest"
    relation = {"items": [{"code": "38001085718", "relation": "brother"}]}
    world.registers.answers["population", "GET", "/persons/37001010001/relations"] = relation
    other = replace(SUPERVISOR, person="EE48806260018")
    await world.act(case, "ASSIGN", other, mine)
    assert (await refused(world.act(case, "ACCEPT", SUPERVISOR))).code == "conflict_of_interest"


async def test_what_was_checked_stands_with_the_decision(world):
    case = await world.sent()
    await world.act(case, "ACCEPT", OFFICIAL)
    (entry,) = [one for one in (await world.cases.view(case, OFFICIAL)).timeline if one.name == "ACCEPT"]
    assert entry.data["conflict"] == {"kinship": "checked", "holdings": "not_checked"}


async def test_a_second_return_on_a_new_ground_needs_a_supervisor(world):
    case = await world.sent()
    await world.act(case, "RETURN", OFFICIAL, {"defects": ["size", "colour"]})
    await world.act(case, "SEND", MARI, GIVEN)
    new = {"defects": ["place"]}
    assert (await refused(world.act(case, "RETURN", OFFICIAL, new))).code == "second_return_needs_supervisor"
    await world.act(case, "RETURN", OFFICIAL, {"defects": ["colour"]})  # what was said and not mended
    await world.act(case, "SEND", MARI, GIVEN)
    world.registers.answers["population", "GET", "/persons/37001010001/relations"] = {"items": []}
    assert (await world.act(case, "RETURN", SUPERVISOR, new)).status == "RETURNED"


async def test_a_look_at_a_person_cites_a_live_case(world):
    """By its number, as people say it; what is told is of that person, on the case's ground."""
    case = await world.sent()
    fact = {"concept": "person.given_names", "value": "Mari", "fact": 7, "valid_from": "1980-01-08"}
    other = {
        **fact,
        "concept": "person.protection",
        "value": "sealed",
        "fact": 8,
    }  # the service does not ask for it
    world.registers.answers["population", "GET", "/persons/38001085718/facts"] = {"items": [fact, other]}
    number = (await world.cases.view(case, OFFICIAL)).number
    for cited in (case, number):
        (line,) = await world.cases.look_up(OFFICIAL, "EE38001085718", case=cited)
        assert (line.concept, line.value, line.ref) == ("person.given_names", "Mari", 7)
    call = world.registers.made("population", "GET")[-1]
    assert (call.case, call.basis, call.acting) == (case, "EhS § 2", OFFICIAL.person)
    for person, cited in (
        ("EE39901012239", number), ("EE38001085718", str(uuid4())), ("EE38001085718", ""),
    ):  # fmt: skip
        assert (await refused(world.cases.look_up(OFFICIAL, person, case=cited))).code == "no_live_case"
    await world.act(case, "ACCEPT", OFFICIAL)
    await world.until(case, "CLOSED")
    assert (await refused(world.cases.look_up(OFFICIAL, "EE38001085718", case=number))).code == "no_live_case"
    oversight = replace(OFFICIAL, authority="oversight@70000001")
    seen = [sight for sight in await world.cases.sightings(oversight) if sight.code == "no_live_case"]
    assert [sight.about for sight in seen] == ["38001085718", "38001085718", "38001085718", "39901012239"]
