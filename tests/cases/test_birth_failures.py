"""Registers down, slow to hear, or not knowing; events twice, late, out of order; another country; no place; no network."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from registries.families import man
from sild.cases import OfflineRecord, Party, Refused

from .village import ACCOUNT, FATHER, FORM, JAAN, MARI, MOTHER, Village, citizen, couples, official

DESK = official("birth@0784")
NEIGHBOURS = couples(2)


async def agreed(village, form=FORM):
    child = await village.born(MOTHER.code)
    case = await village.case_of(MARI)
    await village.act(case, "DECLARE", MARI, form)
    await village.act(case, "COSIGN", JAAN)
    return child, case


async def test_a_register_that_is_down_in_the_middle_is_waited_for_and_named(village):
    await village.born(MOTHER.code)
    case = await village.case_of(MARI)
    await village.act(case, "DECLARE", MARI, FORM)
    village.wire.down.add("population")
    await village.act(case, "COSIGN", JAAN)
    view = await village.cases.view(case, MARI)
    assert view.status == "AGREED" and view.failed_bodies[0].body == "GOV/70000002/population"
    assert view.failed_bodies[0].next_try is not None
    assert view.clocks[0].promise is None, "the office's clock begins when it can look"
    assert [clock.standing_for for clock in view.clocks] == ["register_down", *[None] * 5]
    village.wire.down.clear()
    await village.try_again(case)
    assert (await village.cases.view(case, MARI)).status == "OFFERED"


async def test_an_answer_that_is_lost_after_the_act_registers_once(village):
    await village.born(MOTHER.code)
    case = await village.case_of(MARI)
    await village.act(case, "DECLARE", MARI, FORM)
    village.wire.lost.add("population")
    await village.act(case, "COSIGN", JAAN)
    await asyncio.sleep(0.2)
    await village.settle()
    posts = [line for line in village.wire.heard if line[2].endswith("/registration")]
    assert len(posts) == 2 and len({line[3]["X-Road-Id"] for line in posts}) == 1
    view = await village.cases.view(case, MARI)
    assert [entry.name for entry in view.timeline].count("REGISTER") == 1


async def test_a_form_is_shown_although_registers_are_silent(village):
    await village.born(MOTHER.code)
    case = await village.case_of(MARI)
    village.wire.down.update(("residence", "education"))
    filled = await village.cases.fill(case, "birth.check_and_name", MARI)
    home = next(line for line in filled.facts if line.concept == "person.residence")
    assert (home.value, home.unknown_reason, home.register) == (
        None,
        "register_down",
        "GOV/70000006/residence",
    )
    assert [value for value, _ in filled.options["homes"]] == ["mother", "later"]
    assert [value for value, _ in filled.options["kindergartens"]] == ["any"]
    done = await village.act(case, "DECLARE", MARI, {**FORM, "address": ["later"]})
    assert done.status == "DECLARED"  # nobody waits for a register that is not needed for the name


async def test_residence_down_at_the_birth_the_office_is_found_later(village):
    village.wire.down.add("residence")
    await village.born(MOTHER.code, settle=False)
    village.workers.clear()
    await village.settle()
    village.later(minutes=3)
    for _ in range(40):
        await village.settle()
        if (await village.cases.home(MARI)).tasks:
            break
        village.later(minutes=1)
        await asyncio.sleep(0.1)
    case = await village.case_of(MARI)
    assert await village.office(case) is None
    village.wire.down.clear()
    await village.act(case, "DECLARE", MARI, FORM)
    await village.act(case, "COSIGN", JAAN)
    assert await village.office(case) == "birth@0784"


async def test_what_is_not_known_of_income_is_unknown_and_says_who_holds_it(village):
    await village.born(MOTHER.code)
    case = await village.case_of(MARI)
    await village.act(case, "DECLARE", MARI, {**FORM, "address": ["later"]})
    village.wire.down.add("residence")  # who lives in the household is unknown to the board
    await village.act(case, "COSIGN", JAAN)
    village.wire.down.clear()
    view = await village.cases.view(case, MARI)
    filled = await village.cases.fill(case, "birth.offer", MARI)
    unknown = [line for line in filled.facts if line.value is None]
    assert view.status == "OFFERED" and unknown
    for line in unknown:
        assert line.unknown_reason == "not_held" and line.register
    assert not any(line.value and line.value.startswith("0 ") for line in filled.facts)


async def test_a_parent_from_another_country_is_for_people(village):
    mother, _father = couples(2)[1]
    await village.born(mother.code, man("VN").code)
    case = await village.case_of(citizen(mother))
    await village.act(case, "DECLARE", citizen(mother), {**FORM, "family_name": [mother.family_name]})
    await village.act(case, "COSIGN", citizen(mother.spouse))
    desk = official(await village.office(case))
    lines = {line.concept: line.value for line in (await village.cases.fill(case, "birth.desk", desk)).facts}
    assert lines["check.one_country"] is False
    assert (await village.cases.view(case, citizen(mother))).status == "AGREED"


async def test_events_twice_late_and_in_any_order_change_nothing(village):
    child, case = await agreed(village)
    before = await village.cases.view(case, MARI)
    told = []
    for register in village.registers.values():
        outbox = register.kernel.outbox
        told += [
            delivery.event
            for delivery in outbox.deliveries_about(child)
            if delivery.subscription.subscriber.endswith("/portal")
        ]
    assert len(told) >= 5
    for number, event in enumerate(reversed(told)):
        await village.cases.take_event(event, "again")
        await village.cases.take_event(replace(event, id=f"other-{number}"), "again")
    await village.settle()
    after = await village.cases.view(case, MARI)
    assert after.status == before.status and after.results == before.results
    names = [entry.name for entry in after.timeline if entry.name not in ("QUEUE", "OFFER")]
    assert names == [entry.name for entry in before.timeline if entry.name not in ("QUEUE", "OFFER")]
    notices = await village.notices(MARI)
    assert len(notices) == len(set(notices))
    assert len((await village.cases.home(MARI)).cases) == 1


async def test_registered_elsewhere_before_we_heard_of_it(village):
    child = await village.born(MOTHER.code, settle=False)
    names = {"given_names": "Maie", "family_name": MOTHER.family_name}
    await village.ask("population", "POST", f"/births/{child}/registration", names, user="EE36805280109")
    await village.settle()
    view = await village.cases.view(await village.case_of(MARI), MARI)
    assert view.results["given_names"] == "Maie" and view.status == "OFFERED"
    assert view.results["card_number"] and view.results["kindergarten_state"] == "waiting"


async def test_registered_elsewhere_with_another_name_that_name_holds(village):
    child = await village.born(MOTHER.code)
    case = await village.case_of(MARI)
    await village.act(case, "DECLARE", MARI, FORM)
    names = {"given_names": "Maie", "family_name": MOTHER.family_name}
    await village.ask("population", "POST", f"/births/{child}/registration", names, user="EE36805280109")
    await village.settle()
    assert (await village.cases.view(case, MARI)).results["given_names"] == "Maie"
    assert "other_name_registered" in await village.notices(MARI)


async def test_no_place_is_a_wait_with_its_reason_and_the_day_it_is_looked_at_again(village):
    form = {**FORM, "wants_place": ["yes"], "kindergarten": ["1"]}
    taken = 0
    for mother, father in couples(12)[1:]:  # children of this commune who came first
        if mother.home.division != MOTHER.home.division:
            continue
        taken += 1
        await village.born(mother.code)
        case = await village.case_of(citizen(mother))
        await village.act(case, "DECLARE", citizen(mother), {**form, "family_name": [mother.family_name]})
        await village.act(case, "COSIGN", citizen(father))
        if (await village.cases.view(case, citizen(mother))).results.get("kindergarten_review_on"):
            break
    view = await village.cases.view(case, citizen(mother))
    assert view.results["kindergarten_reason"] == "no_free_place" and view.results["kindergarten_place"] >= 1
    assert date.fromisoformat(view.results["kindergarten_review_on"]) > date(2026, 3, 2)
    assert "no_place_yet" in await village.notices(citizen(mother))


async def test_two_acceptances_at_once_are_one(village):
    """Hers asks nobody, though she may have to look again; his waits for her word, or comes too late."""
    _child, case = await agreed(village)
    form = {"choice": ["mother"], "account": [ACCOUNT]}
    hers, his = await asyncio.gather(
        village.cases.act(case, "ACCEPT", MARI, form, key="m"),
        village.cases.act(case, "ACCEPT", JAAN, {**form, "choice": ["shared"]}, key="j"),
        return_exceptions=True,
    )
    await village.settle()
    assert getattr(his, "code", "waits") in ("waits", "already_done", "too_late")
    if getattr(hers, "code", "") == "already_done":  # while his was on its way; the page says to look again
        await village.act(case, "ACCEPT", MARI, form, key="m2")
    view = await village.cases.view(case, MARI)
    assert view.is_closed and view.results["benefits"] == "mother"


async def test_an_account_the_board_refuses_is_asked_for_again(village):
    _child, case = await agreed(village)
    await village.act(case, "ACCEPT", MARI, {"choice": ["mother"], "account": ["123456"]})
    view = await village.cases.view(case, MARI)
    assert view.status == "OFFERED" and "acceptance_refused" in await village.notices(MARI)
    await village.act(case, "ACCEPT", MARI, {"choice": ["mother"], "account": [ACCOUNT]})
    assert (await village.cases.view(case, MARI)).is_closed


async def test_a_birth_entered_on_paper_is_brought_in_under_its_number(village):
    child = await village.born(MOTHER.code)
    case = await village.case_of(MARI)
    block = await village.cases.reserve_numbers("birth", 5, DESK)
    paper = {
        "reserved_number": [block.numbers[0]],
        "given_names": ["Liis"],
        "family_name": [MOTHER.family_name],
        "registered_on": ["2026-03-02"],
    }
    await village.act(case, "ENTER_OFFLINE", DESK, paper)
    assert (await village.cases.view(case, MARI)).results["given_names"] == "Liis"
    record = OfflineRecord(
        "r-1", block.numbers[1], child, (Party("child", child),), {"given_names": "Eha"}, datetime(2026, 3, 2, tzinfo=UTC), "x"
    )  # fmt: skip
    (merged,) = await village.cases.merge(block.id, [record], DESK)
    assert merged.outcome == "conflict" and merged.reasons == ("subject_has_case",)


async def test_a_birth_entered_on_paper_that_nobody_told_of(village):
    child = await village.born(MOTHER.code, settle=False)  # the event has not come
    block = await village.cases.reserve_numbers("birth", 5, DESK)
    content = {"given_names": "Liis", "family_name": MOTHER.family_name, "registered_on": "2026-03-02"}
    record = OfflineRecord(
        "r-1",
        block.numbers[0],
        child,
        (Party("child", child),),
        content,
        datetime(2026, 3, 2, tzinfo=UTC),
        DESK.person,
    )
    (merged,) = await village.cases.merge(block.id, [record], DESK)
    assert merged.outcome == "merged"
    await village.settle()
    home = await village.cases.home(MARI)
    assert [case.number for case in home.cases] == [block.numbers[0]]
    assert (await village.cases.view(merged.case, JAAN)).results["given_names"] == "Liis"


async def test_a_papers_number_is_of_the_offices_own_block_and_new(village):
    await village.born(MOTHER.code)
    case = await village.case_of(MARI)
    block = await village.cases.reserve_numbers("birth", 5, DESK)
    others = await village.cases.reserve_numbers("birth", 1, official("birth@0793"))
    permits = await village.cases.reserve_numbers("ask_why", 1, DESK)
    used = OfflineRecord(
        "r-1", block.numbers[0], "61801010013", (Party("child", "61801010013"),), {}, datetime(2026, 3, 2, tzinfo=UTC), "x"
    )  # fmt: skip
    await village.cases.merge(block.id, [used], DESK)
    paper = {"given_names": ["Liis"], "family_name": [MOTHER.family_name], "registered_on": ["2026-03-02"]}
    wrong = {
        "paper 7": "not_a_reserved_number",
        "S-2026-999999": "unknown_number",
        "S-2025-000001": "unknown_number",
        others.numbers[0]: "unknown_number",
        permits.numbers[0]: "unknown_number",
        block.numbers[0]: "number_used",
    }
    for number, reason in wrong.items():
        with pytest.raises(Refused) as refused:
            await village.act(case, "ENTER_OFFLINE", DESK, {**paper, "reserved_number": [number]})
        assert [(one.field, one.reason) for one in refused.value.defects] == [("reserved_number", reason)]
        for language in ("et", "vi", "en"):
            assert village.packs.texts[language][f"birth.reason.{reason}"]
    await village.act(case, "ENTER_OFFLINE", DESK, {**paper, "reserved_number": [block.numbers[1]]})
    assert (await village.cases.view(case, MARI)).results["given_names"] == "Liis"
    again = replace(used, id="r-2", number=block.numbers[1], subject="61801010024")
    (merged,) = await village.cases.merge(block.id, [again], DESK)
    assert merged.reasons == ("number_used",)


async def test_two_births_brought_in_under_one_number_at_once(village):
    """One of them has it."""
    cases = []
    for mother, _father in NEIGHBOURS:
        await village.born(mother.code)
        cases.append(await village.case_of(citizen(mother)))
    block = await village.cases.reserve_numbers("birth", 1, DESK)
    papers = [
        {"reserved_number": [block.numbers[0]], "given_names": ["Liis"], "family_name": [mother.family_name], "registered_on": ["2026-03-02"]}
        for mother, _father in NEIGHBOURS
    ]  # fmt: skip
    sent = [
        village.act(case, "ENTER_OFFLINE", DESK, paper) for case, paper in zip(cases, papers, strict=True)
    ]
    refused = [one for one in await asyncio.gather(*sent, return_exceptions=True) if one is not None]
    assert [type(one) for one in refused].count(Refused) == 1
    await village.settle()
    states = [(await village.cases.view(case, DESK)).status for case in cases]
    assert states.count("OPENED") == 1


async def test_a_birth_of_its_own_under_a_number_that_was_used_is_opened_anew(village):
    """Two papers with one number: the second waits for an official, who says that it is another birth; it is brought in as theirs."""
    child = await village.born(MOTHER.code, settle=False)
    block = await village.cases.reserve_numbers("birth", 1, DESK)
    content = {"given_names": "Liis", "family_name": MOTHER.family_name, "registered_on": "2026-03-02"}
    at = datetime(2026, 3, 2, tzinfo=UTC)
    used = OfflineRecord(
        "r-1", block.numbers[0], "61801010013", (Party("child", "61801010013"),), {}, at, "x"
    )
    mine = OfflineRecord("r-2", block.numbers[0], child, (Party("child", child),), content, at, DESK.person)
    conflict = (await village.cases.merge(block.id, [used, mine], DESK))[1].case
    decided = {"decision": ["distinct"], "reason": ["Another child."]}
    await village.cases.act(conflict, "DECIDE", DESK, decided, key=village.key())
    async with asyncio.timeout(15):
        while not (home := await village.cases.home(MARI)).cases:
            await asyncio.sleep(0.02)
    await village.settle()
    (opened,) = [case.id for case in home.cases if case.service == "birth"]
    view = await village.cases.view(opened, MARI)
    assert view.results["given_names"] == "Liis" and view.number not in block.numbers
    registered = [line for line in village.wire.heard if line[2].endswith("/registration")]
    assert [line[3]["X-Road-UserId"] for line in registered] == [DESK.person]


async def test_in_viet_nam_an_official_decides_the_same_day(tmp_path):
    mother, father = couples(1, "VN")[0]
    async with Village(tmp_path, country="VN") as village:
        await village.born(mother.code)
        case = await village.case_of(citizen(mother))
        form = {**FORM, "given_names": ["Minh Anh"], "family_name": [father.family_name]}
        await village.act(case, "DECLARE", citizen(mother), form)
        await village.act(case, "COSIGN", citizen(father))
        assert (await village.cases.view(case, citizen(mother))).status == "AGREED"
        desk = replace(official(await village.office(case)), person="VN001068000009")
        (item,) = await village.cases.desk(desk)
        assert item.promise == date(2026, 3, 2) and item.tasks == ("birth.desk",)
        await village.act(case, "APPROVE", desk)
        view = await village.cases.view(case, citizen(mother))
        assert view.results["given_names"] == "Minh Anh" and view.results["card_number"]
        assert FATHER.code not in str(view)


async def test_twins_are_two_cases(village):
    codes = [await village.born(MOTHER.code, order=number) for number in (1, 2)]
    assert len(set(codes)) == 2 == len((await village.cases.home(MARI)).cases)
