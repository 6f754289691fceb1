"""A parent dies while the case lives: it goes on without them, quietly, and whoever acts is whom the population register names."""

from __future__ import annotations

import pytest

from registries.families import man, single
from sild.cases import Refused

from .village import FATHER, FORM, JAAN, MARI, MOTHER, citizen, official

QUIET = {
    "bereaved",
    "registered_quietly",
    "card",
    "offer_held",
    "no_place_yet",
    "place_offered",
    "with_official",
}
"""What who lives may hear after it."""


async def dies(village, person, settle=True) -> None:
    await village.dies(person.code, "2026-03-02")
    if settle:
        await village.settle()


async def view_of(village, case, actor):
    return await village.cases.view(case, actor)


async def desk_of(village, case):
    """The official of the case, and what waits for them in it."""
    desk = official(await village.office(case))
    return desk, next(item.tasks for item in await village.cases.desk(desk) if item.case == case)


async def screens(village, actor) -> list[str]:
    return [task.screen for task in (await village.cases.home(actor)).tasks]


async def test_the_mother_dies_the_father_names_the_child_and_an_official_looks(village):
    child = await village.born(MOTHER.code)
    case = await village.case_of(JAAN)
    assert await village.notices(JAAN) == ["child_recorded"]
    await dies(village, MOTHER)
    assert await village.notices(MARI) == []
    assert await village.notices(JAAN) == ["bereaved"], "what he had not read is withdrawn"
    assert await screens(village, JAAN) == ["birth.check_and_name"] and await screens(village, MARI) == []
    filled = await village.cases.fill(case, "birth.check_and_name", JAAN)
    assert "ongratulations" not in str(filled.screen)
    assert [value for value, _ in filled.options["homes"]] == ["father", "later"], "nobody joins the dead"
    await village.act(case, "DECLARE", JAAN, {**FORM, "address": ["father"]})
    assert (await view_of(village, case, JAAN)).status == "AGREED", "nobody is waited for"
    desk, tasks = await desk_of(village, case)
    assert tasks == ("birth.desk",)
    lines = {line.concept: line.value for line in (await village.cases.fill(case, "birth.desk", desk)).facts}
    assert lines["check.parents_live"] is False and lines["check.names_agree"] is True
    await village.act(case, "APPROVE", desk)
    view = await view_of(village, case, JAAN)
    assert view.results["given_names"] == "Linda" and view.results["offer_held"] == "parent_death"
    assert view.results["address"] == "entered" and view.status == "REGISTERED"
    assert "BEREAVE" not in [entry.name for entry in view.timeline]
    assert set(await village.notices(JAAN)) <= QUIET and await village.notices(MARI) == []
    home = await village.ask("residence", "GET", f"/persons/{child}/residence")
    assert home["level"] == "dwelling"


async def test_a_name_that_waits_for_the_dead_goes_to_an_official(village):
    await village.born(MOTHER.code)
    case = await village.case_of(JAAN)
    await village.act(case, "DECLARE", JAAN, {**FORM, "address": ["mother"]})
    assert (await view_of(village, case, JAAN)).status == "DECLARED"
    await dies(village, MOTHER)
    assert (await view_of(village, case, JAAN)).status == "AGREED"
    desk, tasks = await desk_of(village, case)
    assert tasks == ("birth.desk",)
    await village.act(case, "APPROVE", desk)
    view = await view_of(village, case, JAAN)
    assert view.results["registered_at"] and view.results["address"] == "by_hand", "her home is no home now"
    assert view.results["address_defects"] == ["parent_died"]


async def test_what_the_mother_had_signed_holds_and_the_father_answers_it(village):
    await village.born(MOTHER.code)
    case = await village.case_of(MARI)
    await village.act(case, "DECLARE", MARI, FORM)
    await dies(village, MOTHER)
    assert await screens(village, JAAN) == ["birth.cosign"]
    await village.act(case, "COSIGN", JAAN)
    _desk, tasks = await desk_of(village, case)
    assert tasks == ("birth.desk",)


async def unmarried(village, custody=None):
    woman, father = single(), man()
    her, him = citizen(woman), citizen(father)
    child = await village.born(woman.code, father.code)
    case = await village.case_of(her)
    if custody is not None:
        await village.act(case, "ACKNOWLEDGE", her, {"custody": [custody]})
        await village.act(case, "ACKNOWLEDGE", him)
    return case, child, woman, her, him


@pytest.mark.parametrize("custody", [None, "mother"])
async def test_where_nobody_may_act_the_office_names_the_child(village, custody):
    """Paternity that she alone could acknowledge with him is asked of nobody; a father without custody does not act."""
    case, child, woman, _her, him = await unmarried(village, custody)
    await dies(village, woman)
    assert await screens(village, him) == []
    with pytest.raises(Refused):
        await village.act(
            case, "ACKNOWLEDGE" if custody is None else "DECLARE", him, {**FORM, "address": ["later"]}
        )
    desk, tasks = await desk_of(village, case)
    assert tasks == ("birth.by_office",)
    given = {"given_names": ["Liis"], "family_name": [woman.family_name], "words": ["No guardian yet."]}
    given |= {"without_father": ["yes"]} if custody is None else {}
    await village.act(case, "NAME_FOR", desk, given)
    birth = await village.ask("population", "GET", f"/births/{child}")
    assert birth["status"] == "REGISTERED"
    read = await view_of(village, case, desk)
    assert read.results["given_names"] == "Liis" and read.results["address"] == "by_hand"
    (sent,) = [line[3] for line in village.wire.heard if line[2].endswith("/registration")]
    assert sent["X-Road-UserId"] == desk.person


async def test_a_guardian_whom_a_court_appoints_acts(village):
    case, child, woman, _her, him = await unmarried(village)
    await dies(village, woman)
    appointed = {"ward": child, "guardian": MOTHER.code, "kind": "guardian", "valid_from": "2026-03-02", "valid_to": None}  # fmt: skip
    await village.ask("population", "POST", "/guardianships", appointed)
    await village.settle()
    assert await village.notices(MARI) == ["entrusted"]
    assert await screens(village, MARI) == ["birth.check_and_name"] and await screens(village, him) == []
    filled = await village.cases.fill(case, "birth.check_and_name", MARI)
    assert [value for value, _ in filled.options["homes"]] == ["guardian", "later"]
    await village.act(
        case, "DECLARE", MARI, {**FORM, "family_name": [woman.family_name], "address": ["guardian"]}
    )
    desk, tasks = await desk_of(village, case)
    assert tasks == ("birth.desk",)
    await village.act(case, "APPROVE", desk, {"without_father": ["yes"]})
    assert (await village.ask("population", "GET", f"/births/{child}"))["status"] == "REGISTERED"
    lives = await village.ask("residence", "GET", f"/persons/{child}/residence")
    assert lives["level"] == "dwelling"


async def test_a_guardian_of_a_child_whose_parents_live_is_not_asked(village):
    child = await village.born(MOTHER.code)
    guardian = man()
    appointed = {"ward": child, "guardian": guardian.code, "kind": "curator", "valid_from": "2026-03-02", "valid_to": None}  # fmt: skip
    await village.ask("population", "POST", "/guardianships", appointed)
    await village.settle()
    assert (await village.cases.home(citizen(guardian))).cases == () and await screens(village, MARI) == [
        "birth.check_and_name"
    ]


@pytest.mark.parametrize("who", ["mother", "father"])
async def test_a_death_before_the_news_of_the_birth(village, who):
    gone, lives = (MOTHER, JAAN) if who == "mother" else (FATHER, MARI)
    child = await village.born(MOTHER.code, settle=False)
    recorded = next(
        told.event
        for told in village.registers["population"].kernel.outbox.deliveries_about(child)
        if told.event.type == "civil.child.recorded"
    )
    await dies(village, gone, settle=False)
    death = next(
        told.event for told in village.registers["population"].kernel.outbox.deliveries_about(gone.code)
    )
    for _ in range(2):
        await village.cases.take_event(death, "m-death")
    await village.cases.take_event(recorded, "m-late")
    await village.settle()
    assert await village.notices(lives) == ["bereaved"] and await village.notices(citizen(gone)) == []
    case = await village.case_of(lives)
    await village.act(
        case, "DECLARE", lives, {**FORM, "address": [(who == "mother" and "father") or "mother"]}
    )
    assert (await view_of(village, case, lives)).status == "AGREED"
    assert (await desk_of(village, case))[1] == ("birth.desk",)


async def test_a_parent_whose_death_was_none_acts_again(village):
    """Beside the other; the office decides nothing for them that it has not decided yet."""
    await village.born(MOTHER.code)
    case = await village.case_of(JAAN)
    await dies(village, MOTHER)
    assert await screens(village, MARI) == []
    village.later(days=1)
    await village.lives(MOTHER.code, MOTHER.code)
    await village.settle()
    assert "revived" in await village.notices(MARI) and "revived" in await village.notices(JAAN)
    assert await screens(village, MARI) == ["birth.check_and_name"] == await screens(village, JAAN)
    await village.act(case, "DECLARE", MARI, FORM)
    assert (await view_of(village, case, MARI)).status == "DECLARED", "he is waited for, as ever"
    await village.act(case, "COSIGN", JAAN)
    view = await view_of(village, case, MARI)
    assert view.results["given_names"] == "Linda" and "offer_held" not in view.results
    await dies(village, MOTHER)
    assert await screens(village, MARI) == [], "who dies then is mourned"
