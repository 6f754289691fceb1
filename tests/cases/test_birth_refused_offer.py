"""The board's official refuses the benefits: that branch ends, its clock too, the case closes; overturned, it is an offer again."""

from __future__ import annotations

from datetime import date

import pytest

from sild.cases import Refused

from .refusing import earned_abroad, offer_of, overturned, refused
from .village import ACCOUNT, FATHER, FORM, JAAN, MARI, MOTHER

ACCEPTANCE = {"choice": ["mother"], "account": [ACCOUNT]}


async def held(village, form=FORM) -> tuple[str, str]:
    """A birth with the offer at the board's desk, and all else done."""
    await earned_abroad(village)
    child = await village.born(MOTHER.code)
    case = await village.case_of(MARI)
    await village.act(case, "DECLARE", MARI, form)
    await village.act(case, "COSIGN", JAAN)
    return child, case


async def events_of(village, child, kind):
    outbox = village.registers["social"].kernel.outbox
    return [told.event for told in outbox.deliveries_about(child) if told.event.type == kind]


def clock_of(view):
    return next(clock for clock in view.clocks if clock.id == "birth.offer_clock")


async def test_refused_the_case_ends_and_its_clock_with_it(village):
    child, case = await held(village)
    view = await village.cases.view(case, MARI)
    assert (view.status, view.results["offer_held"]) == ("REGISTERED", "foreign_income")
    assert clock_of(view).promise and not clock_of(view).ended_on
    village.later(days=1)
    refusal = (await refused(village, child))["decision"]
    await village.settle()
    village.later(days=60)
    view = await village.cases.view(case, MARI)
    assert (view.status, view.is_closed) == ("CLOSED", True)
    clock = clock_of(view)
    assert (clock.ended_on, clock.ended_for) == (date(2026, 3, 3), "offer_refused")
    assert (clock.kept_on, clock.late, clock.standing_for) == (None, False, None)
    assert view.results["offer_refused"] == "refused" and "offer_held" not in view.results
    assert ["social", refusal, "refusal"] in view.results["decisions"], "from where it can be contested"
    for parent in (MARI, JAAN):
        assert (await village.notices(parent)).count("offer_refused") == 1
    assert "birth.offer" not in [task.screen for task in (await village.cases.home(MARI)).tasks]


async def test_another_branch_that_is_open_keeps_the_case(village):
    child, case = await held(village, {**FORM, "wants_place": ["yes"], "kindergarten": ["1"]})
    await refused(village, child)
    await village.settle()
    view = await village.cases.view(case, MARI)
    assert view.status == "REGISTERED" and [task.screen for task in view.tasks] == ["birth.place"]
    await village.act(case, "TAKE_PLACE", MARI)
    assert (await village.cases.view(case, MARI)).status == "CLOSED"


async def test_told_twice_and_late_it_ends_once_and_reopens_nothing(village):
    child, case = await held(village)
    first = await events_of(village, child, "social.offer.held")
    await refused(village, child)
    for number in range(2):  # the news that it was held is heard when it is refused already
        for told in [*first, *(await events_of(village, child, "social.offer.held"))]:
            await village.cases.take_event(told, f"m-{number}")
        await village.settle()
    view = await village.cases.view(case, MARI)
    names = [entry.name for entry in view.timeline]
    assert view.status == "CLOSED" and names.count("CLOSE") == 1 and "REOPEN" not in names
    assert (await village.notices(MARI)).count("offer_refused") == 1


async def test_overturned_the_offer_comes_back_and_the_case_with_it(village):
    child, case = await held(village)
    refusal = (await refused(village, child))["decision"]
    await village.settle()
    village.later(days=9)
    await overturned(village, refusal)
    await village.settle()
    assert (await offer_of(village, child))["state"] == "open"
    view = await village.cases.view(case, MARI)
    assert view.status == "OFFERED" and not {"offer_held", "offer_refused"} & view.results.keys()
    assert ["social", refusal, "refusal"] not in view.results["decisions"]
    clock = clock_of(view)
    assert (clock.kept_on, clock.ended_on, clock.late) == (date(2026, 3, 11), None, False), (
        "it was answered in time"
    )
    assert "offer_ready" in await village.notices(JAAN)
    for told in await events_of(village, child, "social.offer.held"):  # late
        await village.cases.take_event(told, "m-late")
    await village.settle()
    await village.act(case, "ACCEPT", MARI, ACCEPTANCE)
    view = await village.cases.view(case, MARI)
    assert (view.status, view.results["benefits"]) == ("CLOSED", "mother")
    for told in await events_of(village, child, "social.offer.made"):
        await village.cases.take_event(told, "m-later")
    await village.settle()
    assert (await village.cases.view(case, MARI)).status == "CLOSED", "old news opens nothing"


async def test_what_is_held_again_cannot_be_accepted(village):
    """Offered, then a matter of people, since the father died."""
    child = await village.born(MOTHER.code)
    case = await village.case_of(MARI)
    await village.act(case, "DECLARE", MARI, FORM)
    await village.act(case, "COSIGN", JAAN)
    await village.dies(FATHER.code, "2026-03-02")
    await village.settle()
    view = await village.cases.view(case, MARI)
    assert view.status == "REGISTERED" and view.results["offer_held"] == "parent_death" and not view.tasks
    with pytest.raises(Refused) as too_late:
        await village.act(case, "ACCEPT", MARI, ACCEPTANCE)
    assert too_late.value.code == "too_late"
    await refused(village, child)
    await village.settle()
    view = await village.cases.view(case, MARI)
    assert view.status == "CLOSED" and clock_of(view).kept_on, "it was offered in its time"
