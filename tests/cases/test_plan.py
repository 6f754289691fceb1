"""The model's number is nowhere before the official's own is stored; both are kept; without a model the desk is the same."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date

import pytest

from sild.cases import Refused
from sild.cases.by_calendar import Calendar
from sild.cases.plan_suggestion import suggestion_of
from sild.decisions import figures_of, open_values

from .planning import COLLEAGUE, DECISION, MODEL, PLANNER, ROWS, VIEW, Planning
from .world import MARI

OWN = [row for row in ROWS if row["commune"] == "0793" and row["year"] > 2021]
SAID = suggestion_of(MODEL, OWN, 2027, [])


@pytest.fixture
async def planning(tmp_path):
    async with Planning(tmp_path) as made:
        await made.ready()
        yield made


async def estimated(planning, actor=PLANNER):
    planning.later(seconds=90)
    await planning.act(planning.case, "ESTIMATE", actor, VIEW)
    planning.later(seconds=40)


async def test_facts_come_first_with_source_and_date(planning):
    filled = await planning.fill("estimate")
    facts = {line.concept: line for line in filled.facts}
    assert facts["plan.demand"].value == f"{OWN[-1]['demand']:,}"
    assert {line.register for line in filled.facts[1:]} == {"GOV/70000005/education"}
    assert (
        facts["plan.waiting"].valid_from == "2026-01-01" and facts["plan.waiting"].known_from == "2026-03-02"
    )
    basis = {call.basis for call in planning.registers.made("education", "GET") if "statistics" in call.path}
    assert basis == {"KELS § 10"}


async def test_a_case_of_the_year_is_opened_once(planning):
    calendar = Calendar(planning.cases._parts)
    assert calendar.open_due() == calendar.open_due() == 1
    assert [item.case for item in await planning.cases.desk(PLANNER)] == [planning.case]


@pytest.mark.parametrize("language", ["et", "vi", "en"])
async def test_nothing_of_the_suggestion_is_given_out_before_the_view_is_stored(planning, language):
    actor = replace(PLANNER, language=language)
    given = [
        await planning.fill("decide", actor),  # the address of the later screen
        await planning.fill("estimate", actor),
        await planning.cases.view(planning.case, actor),
        await planning.cases.desk(actor),
        await planning.cases.messages(planning.case, actor),
    ]
    assert given[0].explained == {}
    for secret in (str(SAID["places"]), str(SAID["total"]), MODEL.sha256):
        assert secret not in repr(given)
    with pytest.raises(Refused) as refused:
        await planning.act(planning.case, "DECIDE", actor, DECISION)
    assert refused.value.code == "too_late"
    await planning.cases.save_draft(planning.case, "kindergarten_plan.decide", actor, DECISION)
    assert (await planning.fill("decide", actor)).explained == {}
    with (
        planning.cases._parts.store.reading() as connection
    ):  # nor is it computed: the database does not have it
        case = planning.cases._parts.store.find(connection, planning.case)
    assert '"places"' not in str(case.given("GATHER").get("suggestion")) and "suggestion" not in case.given(
        "GATHER"
    )


async def test_only_who_gave_their_own_view_sees_it(planning):
    await estimated(planning)
    assert (await planning.fill("decide")).explained["suggestion"].total == SAID["total"]
    assert (await planning.fill("decide", COLLEAGUE)).explained == {}
    seen = await planning.cases.view(planning.case, COLLEAGUE)
    assert MODEL.sha256 not in repr(seen) and "3850" not in repr(seen)
    with pytest.raises(Refused) as refused:
        await planning.act(planning.case, "DECIDE", COLLEAGUE, DECISION)
    assert refused.value.code == "own_view_first"
    with pytest.raises(Refused) as stranger:
        await planning.fill("decide", MARI)
    assert stranger.value.code == "not_yours"
    await planning.act(planning.case, "ESTIMATE", COLLEAGUE, {**VIEW, "places": ["4000"]})
    assert (await planning.fill("decide", COLLEAGUE)).explained["suggestion"].shown[0][1] == "4,000"


async def test_what_is_shown_adds_up(planning):
    await estimated(planning)
    for language in ("et", "vi", "en"):
        told = (await planning.fill("decide", replace(PLANNER, language=language))).explained["suggestion"]
        assert told.base + sum(part.amount for part in told.parts) == told.total
        assert len(told.parts) == len(MODEL.box.terms) + 1 and all(part.label for part in told.parts)


async def test_a_view_is_kept_once_and_cannot_be_taken_back(planning):
    await estimated(planning)
    for _ in range(2):  # the back button, the same form anew
        with pytest.raises(Refused) as refused:
            await planning.act(planning.case, "ESTIMATE", PLANNER, {**VIEW, "places": [str(SAID["places"])]})
        assert refused.value.code == "already_done"
    told = (await planning.fill("decide")).explained["suggestion"]
    assert told.shown[0][1] == "3,850"


async def test_both_numbers_time_and_screen_are_in_the_sealed_record(planning):
    await estimated(planning)
    await planning.act(
        planning.case, "DECIDE", PLANNER, {**DECISION, "decision": ["change"], "places": ["3 900"]}
    )
    (record,) = planning.records
    assert (record.kind, record.automation, record.discretion) == ("model_assisted", 2, "structured")
    first, last = record.human
    assert (first.provisional_view, first.seconds, last.seconds, last.action) == (3850, 90, 40, "change")
    assert first.view_sha256 != last.view_sha256 and last.reason_code == "agree"
    (call,) = record.model_calls
    assert call.template_sha256 == MODEL.sha256 and call.used_as_input
    (said,) = [one for one in record.inputs if one.asserted_by == "model"]
    assert f"places={SAID['total'] / 10:.1f}" in said.value and said.sha256 == call.output_sha256
    assert record.algorithm.id == "kindergarten-demand" and len(record.considerations) == 2
    assert [item.value for item in record.outcome.items] == [3900]
    with planning.cases._parts.store.reading() as connection:
        assert figures_of(connection, record.algorithm.id).overridden == 1, "the public figure knows"
    assert "Both numbers are near" not in record.canonical().decode()  # sealed
    view = await planning.cases.view(planning.case, PLANNER)
    assert (
        view.results == {"places": 3900, "provisional": 3850, "suggested": SAID["places"]} and view.is_closed
    )


async def test_the_record_lacks_no_field_that_other_records_have(planning):
    await estimated(planning)
    await planning.act(planning.case, "DECIDE", PLANNER, DECISION)
    (record,) = planning.records
    today = date(2026, 3, 2)
    assert record.in_force == record.competence.valid_on == today
    assert (record.competence.delegation, record.competence.division) == ("KELS § 10", "0793")
    assert {step.qualification for step in record.human} == {"Kohaliku omavalitsuse haridusosakond"}
    assert [(law.article, law.version_date) for law in record.legal_basis] == [("§ 10", date(2026, 1, 1))]
    assert (record.hearing.required, record.hearing.waiver_ground) == (False, "HMS § 40 (3) 3")
    remedy = record.remedy
    assert remedy.runs_from == "opened" and remedy.within.value == 30 and remedy.costs.amount == "0"
    assert remedy.body["en"] == "The municipality itself: no other body supervises it"
    assert [(one.channel, one.language) for one in record.delivery] == [("portal", "mul")]
    assert (record.retention.until, record.retention.ground) == (date(2036, 3, 2), "ArhS")
    with planning.cases._parts.store.reading() as connection:
        opened = open_values(planning.cases._parts.store._decisions, connection, str(record.id))
    said = {language: opened[text.sealed].value for language, text in record.reasons[0].text.items()}
    assert said == {
        "et": "Mõlemad arvud on lähedal: Both numbers are near",
        "vi": "Hai con số gần nhau: Both numbers are near",
        "en": "The two numbers are close: Both numbers are near",
    }
    assert {one.quality for one in record.inputs if one.asserted_by == "register"} == {"registered"}


async def test_what_is_no_number_or_no_change_is_said_at_once(planning):
    for given in ("many", "-5", "9999999", "12.5"):
        with pytest.raises(Refused) as refused:
            await planning.act(planning.case, "ESTIMATE", PLANNER, {**VIEW, "places": [given]})
        assert [defect.reason for defect in refused.value.defects] == ["not_a_number"], given
    await estimated(planning)
    with pytest.raises(Refused) as refused:
        await planning.act(
            planning.case, "DECIDE", PLANNER, {**DECISION, "decision": ["change"], "places": ["3850"]}
        )
    assert [defect.reason for defect in refused.value.defects] == ["not_changed"]
    with pytest.raises(Refused) as refused:  # discretion: what was weighed is part of it
        await planning.act(planning.case, "DECIDE", PLANNER, {**DECISION, "considerations": [""]})
    assert [defect.field for defect in refused.value.defects] == ["considerations"]


async def test_returned_figures_are_fetched_anew_and_the_view_begins_again(planning):
    await estimated(planning)
    returned = {
        "decision": ["return"],
        "reason": ["figures_wrong"],
        "considerations": ["Births of 2025 are missing"],
    }
    await planning.act(planning.case, "DECIDE", PLANNER, returned)
    (record,) = planning.records
    assert (record.effect, record.human[-1].action, record.outcome.items) == ("hold", "return", ())
    assert record.remedy is not None
    planning.later(days=1, minutes=1)
    planning.cases._parts.jobs.wake()
    await planning.ready()
    assert (await planning.fill("decide")).explained == {}
    await estimated(planning)
    await planning.act(planning.case, "DECIDE", PLANNER, DECISION)
    assert [record.effect for record in planning.records] == ["hold", "grant"]


async def test_without_a_model_the_desk_works_the_same(tmp_path):
    class NoModel(Planning):
        model = None

    async with NoModel(tmp_path) as planning:
        await planning.ready()
        await estimated(planning)
        told = (await planning.fill("decide")).explained["suggestion"]
        assert "no model" in told.absent and told.parts == ()
        await planning.act(planning.case, "DECIDE", PLANNER, {**DECISION, "reason": ["no_suggestion"]})
        (record,) = planning.records
        assert (record.kind, record.automation, record.model_calls, record.algorithm) == (
            "human",
            0,
            (),
            None,
        )
        assert record.human[0].provisional_view == 3850


async def test_outside_the_trained_range_it_says_so_and_gives_no_number(tmp_path):
    world = Planning(tmp_path)
    usual = world.registers.answers["education", "GET", "/places/statistics"]

    def odd(call):
        answer = usual(call)
        for row in answer["items"]:
            if row["commune"] == "0793" and row["year"] == 2026:
                row["new_dwellings"] = 40_000
        return answer

    world.registers.answers["education", "GET", "/places/statistics"] = odd
    for row in [row for row in ROWS if row["commune"] == "0793" and row["year"] == 2026]:
        kept = row["new_dwellings"]
    try:
        async with world as planning:
            await planning.ready()
            await estimated(planning)
            told = (await planning.fill("decide")).explained["suggestion"]
            assert "New dwellings" in told.absent and "it learned" in told.absent and told.total == 0
            await planning.act(planning.case, "DECIDE", PLANNER, {**DECISION, "reason": ["no_suggestion"]})
            assert planning.records[0].kind == "human"
    finally:
        for row in [row for row in ROWS if row["commune"] == "0793" and row["year"] == 2026]:
            row["new_dwellings"] = kept


async def test_a_register_that_is_down_holds_the_case_and_is_named(tmp_path):
    world = Planning(tmp_path)
    world.registers.trouble["education"] = "down"
    await world.start()
    try:
        async with asyncio.timeout(10):
            while not (await world.cases.desk(PLANNER)):
                await asyncio.sleep(0.02)
            while (await world.cases.desk(PLANNER))[0].waiting_for is None:
                await asyncio.sleep(0.02)
        assert (await world.fill("estimate")).facts[1].unknown_reason == "register_down"
        world.registers.trouble.clear()
        await world.ready()
    finally:
        await world.cases.stop()


async def test_figures_the_register_does_not_have_are_unknown_and_the_official_plans_without(tmp_path):
    world = Planning(tmp_path)
    del world.registers.answers["education", "GET", "/places/statistics"]
    async with world as planning:
        await planning.ready()
        filled = await planning.fill("estimate")
        assert {line.unknown_reason for line in filled.facts[1:]} == {"not_held"}
        await estimated(planning)
        assert "is not known" in (await planning.fill("decide")).explained["suggestion"].absent
        await planning.act(planning.case, "DECIDE", PLANNER, DECISION)
        assert [one.name for one in planning.records[0].unknowns] == ["statistics"]
