"""The silence switch as an invariant: after a death, a stillbirth or a protection order nothing more goes out, wherever the case is."""

from __future__ import annotations

from itertools import product

from .village import FATHER, FORM, JAAN, MARI, MOTHER, citizen, couples, official

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
        await village.ask("population", "POST", "/deaths", {"person": child, "died": "2026-03-02"})
    elif how == "stillbirth":
        body = {"mother": mother.code, "on": "2026-03-01", "child": child}
        await village.ask("population", "POST", "/stillbirths", body)
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
        body = {"person": dead.code, "died": "2026-03-02"}
        await village.ask("population", "POST", "/deaths", body)
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
    await village.ask("population", "POST", "/deaths", {"person": child, "died": "2026-03-02"})
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
