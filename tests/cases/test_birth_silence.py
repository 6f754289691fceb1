"""The silence switch as an invariant: after a death, a stillbirth or a protection order nothing more goes out, wherever the case is."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import product

import pytest

from sild.cases import Refused
from sild.cases.by_calendar import Calendar

from .village import ACCOUNT, FATHER, FORM, JAAN, MARI, MOTHER, citizen, couples, official

STEPS = ("notified", "opened", "declared", "agreed", "registered")
HOW = ("death", "stillbirth", "protection")
QUIET = {"bereaved", "registered_quietly", "card", "offer_held", "no_place_yet", "with_official", "choose_by"}
"""What a parent may hear when the other has died."""


async def _go(village, upto, mother, father):
    """The case as far as this step; nobody has read a notice."""
    mari, jaan = citizen(mother), citizen(father)
    child = await village.born(mother.code, settle=upto != "notified")
    if upto in ("notified", "opened"):
        return child
    case = await village.case_of(mari)
    form = {**FORM, "family_name": [mother.family_name]}
    await village.cases.act(case, "DECLARE", mari, form, key=f"m{child}")
    if upto != "declared":
        await village.cases.act(
            case, "COSIGN", jaan, {}, key=f"j{child}"
        )  # jobs begin; nobody waits for them
    if upto == "registered":
        await village.settle()
    return child


async def _ends(village, child, how, mother=MOTHER, father=FATHER):
    if how == "death":
        await village.dies(child, "2026-03-02")
    elif how == "stillbirth":
        await village.was_stillborn(mother.code, child)
    else:
        await _protects(village, [child], mother, father)


async def _protects(village, children, mother=MOTHER, father=FATHER):
    order = {
        "protected": mother.code,
        "against": father.code,
        "children": children,
        "valid_from": "2026-03-02",
        "order": "2-26-1",
    }
    await village.ask("population", "POST", "/protection-orders", order)


async def test_nothing_is_said_after_wherever_the_case_is(village):
    families = iter(couples(len(STEPS) * len(HOW)))
    silent = []
    for upto, how in product(STEPS, HOW):
        if (upto, how) == ("registered", "stillbirth"):
            continue  # a child with a name was not born dead
        mother, father = next(families)
        child = await _go(village, upto, mother, father)
        await _ends(village, child, how, mother, father)
        await village.settle()
        silent += [(upto, how, citizen(mother)), (upto, how, citizen(father))]
    for wait in (0, 30):  # reminders, promises
        village.later(days=wait)
        await village.settle()
        for upto, how, parent in silent:
            assert await village.notices(parent) == [], (
                upto,
                how,
            )  # what nobody had read is gone, nothing came
            home = await village.cases.home(parent)
            if how != "protection":
                assert not home.tasks and all(case.status == "SILENCED" for case in home.cases), (upto, how)


async def test_of_a_parent_who_died_nothing_is_said_wherever_the_case_is(village):
    """And who lives hears nothing loud, is asked for nothing that needs the dead, and waits for nobody but an office."""
    families = iter(couples(2 * len(STEPS)))
    told = []
    for upto, who in product(STEPS, (0, 1)):
        family = next(families)
        await _go(village, upto, *family)
        dead, lives = family[who], family[1 - who]
        await village.dies(dead.code, "2026-03-02")
        await village.settle()
        told.append((upto, citizen(dead), citizen(lives)))
    for wait in (0, 30):  # reminders, promises
        village.later(days=wait)
        await village.settle()
        for upto, dead, lives in told:
            assert await village.notices(dead) == [], upto
            assert set(await village.notices(lives)) <= QUIET, upto
            home = await village.cases.home(lives)
            (case,) = home.cases
            tasks = {task.screen for task in home.tasks}
            office = await village.office(case.id)
            waits = [
                item.tasks for item in await village.cases.desk(official(office)) if item.case == case.id
            ]
            assert tasks or waits[0] or case.status in ("REGISTERED", "OFFERED", "GRANTED"), (
                upto,
                case.status,
            )
            assert not (await village.cases.home(dead)).tasks, upto


async def test_the_news_of_a_death_overtakes_the_news_of_the_birth(village):
    child = await village.born(MOTHER.code, settle=False)
    events = [
        delivery.event for delivery in village.registers["population"].kernel.outbox.deliveries_about(child)
    ]
    await village.dies(child, "2026-03-02")
    await village.settle()
    recorded = next(event for event in events if event.type == "civil.child.recorded")
    await village.cases.take_event(recorded, "m-late")  # it was on its way
    await village.settle()
    assert await village.notices(MARI) == [] == await village.notices(JAAN)
    assert not (await village.cases.home(MARI)).tasks


async def test_the_case_says_quietly_what_it_is(village):
    child = await _go(village, "declared", MOTHER, FATHER)
    case = await village.case_of(MARI)
    await village.cases.save_draft(case, "birth.cosign", JAAN, {"given_names": ["Liis"]})
    assert (await village.cases.home(JAAN)).drafts
    await _ends(village, child, "death")
    await village.settle()
    assert not (await village.cases.home(JAAN)).drafts, "what he had begun does not ask to be gone on with"
    view = await village.cases.view(case, MARI)
    assert view.is_closed and view.results["silence"] == "death"
    assert "SILENCE" not in [entry.name for entry in view.timeline]


async def test_protection_masks_the_other_parents_address_everywhere(village):
    await village.born(MOTHER.code)
    case = await village.case_of(MARI)
    await village.act(case, "DECLARE", MARI, FORM)
    before = await village.cases.fill(case, "birth.cosign", JAAN)
    assert any("13812" in str(line.value) for line in before.facts)
    await _protects(village, [])
    await village.settle()
    village.wire.heard.clear()
    shown = await village.cases.fill(case, "birth.cosign", JAAN)
    view = await village.cases.view(case, JAAN)
    address = next(line for line in shown.facts if line.concept == "child.chosen_address")
    assert (address.value, address.unknown_reason) == (None, "sealed")
    assert "13812" not in str(shown.facts) + str(shown.options) + str(view)
    assert not [line for line in village.wire.heard if MOTHER.code in line[2] and "residence" in line[0]]
    # people go on by hand: what the parents sent is on the desk, and no rule decides
    await village.act(case, "COSIGN", JAAN)
    desk = official(await village.office(case))
    lines = {line.concept: line.value for line in (await village.cases.fill(case, "birth.desk", desk)).facts}
    assert lines["check.no_protection_order"] is False
    assert (await village.cases.view(case, MARI)).status == "AGREED"
    await village.act(case, "APPROVE", desk)
    assert (await village.cases.view(case, MARI)).results["given_names"] == "Linda"
    said = {headers.get("Sild-Office") for _register, _method, _path, headers in village.wire.heard}
    assert said == {None}, "the office is that of her home"


async def test_an_order_from_before_the_birth_tells_the_other_parent_nothing(village):
    await _protects(village, [])
    await village.settle()
    await village.born(MOTHER.code)
    assert (await village.cases.home(JAAN)).cases == ()
    case = await village.case_of(MARI)
    assert [task.screen for task in (await village.cases.view(case, MARI)).tasks] == ["birth.check_and_name"]
    await village.act(case, "DECLARE", MARI, FORM)
    assert (await village.cases.view(case, MARI)).status == "AGREED"  # an official looks
    desk = official(
        await village.office(case)
    )  # asked in her own name: a machine is not told where she lives
    assert case in [item.case for item in await village.cases.desk(desk)]
    await village.act(case, "APPROVE", desk)
    assert (await village.cases.view(case, MARI)).results["given_names"] == "Linda"
    assert (await village.cases.home(JAAN)).cases == ()


DOORS = ("birth.place", "birth.wish", "birth.doctor")
SHOWN = ("birth.check_and_name", "birth.cosign", "birth.offer", "birth.account", *DOORS)


async def _pages(village, case, reader):
    """Everything that a parent can be shown of the case, as one text."""
    home = await village.cases.home(reader)
    found = [home.tasks, home.drafts, await village.cases.view(case, reader)]
    for screen in SHOWN:
        try:
            filled = await village.cases.fill(case, screen, reader)
        except Refused:
            continue
        found.append(
            [filled.facts, filled.values, {k: v for k, v in filled.options.items() if k != "kindergartens"}]
        )
    return str(found)


@pytest.mark.parametrize("children", [True, False], ids=["child and mother", "mother"])
@pytest.mark.parametrize("when", ["offered", "attending", "closed"])
async def test_no_page_tells_whom_an_order_is_against_of_a_door(village, when, children):
    """Results, timeline, tasks, screens, decisions: before the order he is told like her; after it she alone is, and acts."""
    child = await village.born(MOTHER.code)
    case = await village.case_of(MARI)
    place, label = (await village.cases.fill(case, "birth.check_and_name", MARI)).options["kindergartens"][1]
    kindergarten = label.partition(" (")[0]
    form = {**FORM, "wants_place": ["yes"], "kindergarten": [place]}
    await village.act(case, "DECLARE", MARI, form)
    await village.act(case, "COSIGN", JAAN)
    if when != "offered":
        await village.act(case, "TAKE_PLACE", MARI)
    if when == "closed":
        await village.act(case, "ACCEPT", MARI, {"choice": ["mother"], "account": [ACCOUNT]})
    before = await village.cases.view(case, MARI)
    assert before.is_closed == (when == "closed")
    assert kindergarten in await _pages(village, case, JAAN), "as things are without an order"
    await _protects(village, [child] if children else [])
    await village.settle()

    told = await _pages(village, case, JAAN)
    assert kindergarten not in told and "kindergarten_state" not in told
    view = await village.cases.view(case, JAAN)
    screens = {task.screen for task in (*(await village.cases.home(JAAN)).tasks, *view.tasks, *view.may)}
    assert not screens & set(DOORS)
    assert not {"QUEUE", "TAKE_PLACE", "WISH", "ADDRESS", "CARD"} & {entry.name for entry in view.timeline}
    assert not [name for name in view.results if name.startswith(("kindergarten", "doctor", "address"))]
    assert "education" not in {register for register, *_ in view.results["decisions"]}
    for action, given in (("TAKE_PLACE", {}), ("DECLINE_PLACE", {}), ("WISH", {"kindergarten": ["any"]})):
        with pytest.raises(Refused) as refused:
            await village.act(case, action, JAAN, given)
        assert refused.value.code in ("too_late", "already_done", "case_closed", "defects"), action
    assert not [
        line
        for line in village.wire.heard
        if line[0] == "education" and line[3].get("X-Road-UserId") == JAAN.person and line[1] == "POST"
    ]

    hers = await village.cases.view(case, MARI)
    assert kindergarten in str(hers.results)
    assert {name: hers.results.get(name) for name in before.results} == before.results
    if when == "offered":
        assert "birth.place" in [task.screen for task in hers.tasks]
        await village.act(case, "TAKE_PLACE", MARI)
        assert (await village.cases.view(case, MARI)).results["kindergarten_state"] == "attending"
        assert kindergarten not in await _pages(village, case, JAAN)


async def test_who_acts_for_whom_an_order_is_against_sees_no_more_nor_do_they_for_another(village):
    child = await village.born(MOTHER.code)
    case = await village.case_of(MARI)
    await village.act(case, "DECLARE", MARI, {**FORM, "wants_place": ["yes"], "kindergarten": ["any"]})
    await village.act(case, "COSIGN", JAAN)
    await _protects(village, [child])
    await village.settle()
    for person, whose in ((MARI.person, JAAN.person), (JAAN.person, MARI.person)):
        reader = citizen(person.removeprefix("EE"), representee=whose, mandate_id="m-1")
        view = await village.cases.view(case, reader)
        assert not [name for name in view.results if name.startswith("kindergarten")], (person, whose)


async def test_of_two_orders_each_is_heard_of(village):
    """The mother is protected from somebody else first; the second order is against the father."""
    stranger = couples(4)[3][1]
    await village.born(MOTHER.code)
    case = await village.case_of(MARI)
    await village.act(case, "DECLARE", MARI, {**FORM, "wants_place": ["yes"], "kindergarten": ["any"]})
    await village.act(case, "COSIGN", JAAN)
    await _protects(village, [], MOTHER, stranger)
    await village.settle()
    assert "kindergarten" in (await village.cases.view(case, JAAN)).results
    await _protects(village, [])
    await village.settle()
    assert "kindergarten" not in (await village.cases.view(case, JAAN)).results


async def test_the_population_register_keeps_the_hospital_from_whom_an_order_is_against(village):
    """Facts now and before, the person, relatives, the birth: one rule for all."""
    child = await village.born(MOTHER.code)
    born = (await village.ask("population", "GET", f"/births/{child}"))["hospital"]
    paths = (
        f"/persons/{child}/facts", f"/persons/{child}/facts?history=true", f"/persons/{child}", f"/births/{child}",
        f"/births?parent={MOTHER.code}", f"/persons/{MOTHER.code}/children",
    )  # fmt: skip

    async def told(path, user):
        return str(await village.ask("population", "GET", path, user=user))

    place = (await village.ask("population", "GET", f"/persons/{child}"))["birth_place"]
    assert place and born
    for path in paths:
        assert place in await told(path, JAAN.person) or born in await told(path, JAAN.person), path
    await _protects(village, [child])
    for path in paths:
        answer = await told(path, JAAN.person)
        assert place not in answer and born not in answer, path
        for reader in (MARI.person, "automatic"):
            answer = await told(path, reader)
            assert place in answer or born in answer, (path, reader)


async def _ordered(village, begins, ends=None, children=()):
    order = {
        "protected": MOTHER.code, "against": FATHER.code, "children": list(children), "order": "2-26-7",
        "valid_from": begins.isoformat(), "valid_to": ends and ends.isoformat(),
    }  # fmt: skip
    await village.ask("population", "POST", "/protection-orders", order)
    await village.settle()


async def _morning(village, days):
    """So many days later, when the calendar has looked."""
    village.later(days=days)
    Calendar(village.cases._parts).fall_silent()
    await village.settle()


@pytest.mark.parametrize("children", [True, False], ids=["child and mother", "mother"])
async def test_from_the_day_after_an_order_the_parent_takes_part_again(village, children):
    child = await village.born(MOTHER.code)
    case = await village.case_of(MARI)
    await village.act(case, "DECLARE", MARI, {**FORM, "wants_place": ["yes"], "kindergarten": ["any"]})
    await village.act(case, "COSIGN", JAAN)
    today = village.cases._parts.today()
    named = [child] if children else []
    await _ordered(village, today, today + timedelta(days=3), named)

    async def kept():
        view = await village.cases.view(case, JAAN)
        timeline = {one.name for one in view.timeline}
        assert ("QUEUE" in timeline) == ("kindergarten_state" in view.results)
        assert "LIFT" not in timeline
        return "kindergarten_state" not in view.results

    assert await kept()
    await _morning(village, 2)
    assert await kept(), "its last day"
    await _morning(village, 1)
    assert not await kept(), "the day after"
    assert "silence" not in (await village.cases.view(case, JAAN)).results
    seq = village.cases._parts.read(case).seq
    await _morning(village, 1)
    assert village.cases._parts.read(case).seq == seq, "lifted once"

    await _ordered(village, today + timedelta(days=6), today + timedelta(days=8), named)
    assert not await kept(), "another that has not begun"
    await _morning(village, 2)
    assert await kept(), "it begins"
    await _ordered(village, today + timedelta(days=6), today + timedelta(days=10), named)
    await _morning(village, 2)
    assert await kept(), "a longer one holds"
    await _morning(village, 2)
    assert not await kept()


async def test_an_order_of_the_mothers_outlasts_one_of_the_childs(village):
    child = await village.born(MOTHER.code)
    case = await village.case_of(MARI)
    await village.act(case, "DECLARE", MARI, {**FORM, "wants_place": ["yes"], "kindergarten": ["any"]})
    await village.act(case, "COSIGN", JAAN)
    today = village.cases._parts.today()
    await _ordered(village, today, today + timedelta(days=2), [child])
    await _ordered(village, today, today + timedelta(days=5))
    await _morning(village, 3)
    assert "kindergarten_state" not in (await village.cases.view(case, JAAN)).results
    await _morning(village, 2)
    assert "kindergarten_state" in (await village.cases.view(case, JAAN)).results


async def test_who_was_left_out_from_the_beginning_comes_in_when_the_order_is_over(village):
    today = village.cases._parts.today()
    await _ordered(village, today - timedelta(days=20), today + timedelta(days=2))
    await village.born(MOTHER.code)
    assert (await village.cases.home(JAAN)).cases == ()
    await _morning(village, 1)
    assert (await village.cases.home(JAAN)).cases == ()
    await _morning(village, 1)
    (case,) = (await village.cases.home(JAAN)).cases
    assert "birth.check_and_name" in [one.screen for one in (await village.cases.view(case.id, JAAN)).tasks]
    await village.act(case.id, "DECLARE", MARI, FORM)
    assert (await village.cases.view(case.id, MARI)).status == "DECLARED", "both choose the name"
    await village.act(case.id, "COSIGN", JAAN)
    assert (await village.cases.view(case.id, MARI)).results["given_names"] == "Linda", "and the rule decides"


async def test_a_childs_death_that_was_none_gives_the_case_back_wherever_it_was(village):
    """And a death told once more, late, or twice, changes nothing."""
    families = iter(couples(len(STEPS)))
    given_back = []
    for upto in STEPS:
        mother, father = next(families)
        child = await _go(village, upto, mother, father)
        if upto == "opened":
            before = (
                await village.cases.view(await village.case_of(citizen(mother)), citizen(mother))
            ).status
            assert before == "OPENED"
        await village.dies(child, "2026-03-02")
        await village.settle()
        given_back.append((upto, child, citizen(mother), citizen(father), mother))
    village.later(days=1)
    for _, child, _, _, mother in given_back:
        await village.lives(child, mother.code)
    await village.settle()
    outbox = village.registers["population"].kernel.outbox
    for upto, child, mari, jaan, mother in given_back:
        for event in [one.event for one in outbox.deliveries_about(child)]:
            if event.type.startswith("civil.death."):
                await village.cases.take_event(replace(event, id=f"{event.id}-again"), "m-again")
        await village.settle()
        assert "revived" in await village.notices(mari) or upto == "notified", upto
        (case,) = (await village.cases.home(mari)).cases
        assert not case.is_closed, upto
        if upto in ("notified", "opened"):
            form = {**FORM, "family_name": [mother.family_name]}
            await village.act(case.id, "DECLARE", mari, form)
        if upto in ("notified", "opened", "declared"):
            await village.act(case.id, "COSIGN", jaan)
        view = await village.cases.view(case.id, mari)
        if view.status == "AGREED":
            desk = official(await village.office(case.id))
            await village.act(case.id, "APPROVE", desk)
            view = await village.cases.view(case.id, mari)
        assert "silence" not in view.results, upto
        assert view.results["given_names"] == "Linda", (upto, view.status)
        assert view.results["cover_from"], upto
        assert "REVIVE" not in [entry.name for entry in view.timeline]


async def test_an_order_that_ends_before_its_last_day_keeps_nobody_from_the_case(village):
    await village.born(MOTHER.code)
    case = await village.case_of(MARI)
    await village.act(case, "DECLARE", MARI, {**FORM, "wants_place": ["yes"], "kindergarten": ["any"]})
    await village.act(case, "COSIGN", JAAN)

    async def kept():
        return "kindergarten_state" not in (await village.cases.view(case, JAAN)).results

    assert not await kept()
    await _ordered(village, village.cases._parts.today())
    assert await kept()
    village.later(seconds=1)
    end = {"protected": MOTHER.code, "against": FATHER.code, "order": "2-26-7"}
    await village.ask("population", "POST", "/protection-orders/end", end)
    await village.settle()
    assert not await kept()
    seq = village.cases._parts.read(case).seq
    await _morning(village, 1)
    assert not await kept() and village.cases._parts.read(case).seq == seq, "lifted once, and not kept again"
