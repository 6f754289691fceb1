"""The money: paid by the treasury, seen in the case with the decision it rests on; back from the bank, sent to another account."""

from __future__ import annotations

import asyncio

import pytest

from sild.cases import Refused
from sild.cases.working import JobWork

from .village import ACCOUNT, FORM, JAAN, MARI, MOTHER, Village, closed


async def accepted(village: Village, account: str = ACCOUNT) -> str:
    """A case in which the benefits are granted, and nothing is paid yet."""
    await village.born(MOTHER.code)
    case = await village.case_of(MARI)
    await village.act(case, "DECLARE", MARI, FORM)
    await village.act(case, "COSIGN", JAAN)
    await village.act(case, "ACCEPT", MARI, {"choice": ["mother"], "account": [account]})
    return case


async def test_paid_and_seen_with_its_decision(village):
    case = await accepted(village)
    before = await village.cases.view(case, MARI)
    assert "payments" not in before.results
    count = await village.bank()
    assert count >= 2
    view = await village.cases.view(case, JAAN)
    payments = view.results["payments"]
    assert len(payments) == count and all(one["paid"] and one["on"] == "2026-03-02" for one in payments)
    assert "80.00" in {one["amount"] for one in payments}
    (grant,) = {one["decision"] for one in payments}
    assert ["social", grant, "grant"] in view.results["decisions"]
    timeline = [entry.name for entry in view.timeline]
    assert timeline.count("PAID") == count
    assert view.status == before.status == "CLOSED", "a payment opens no closed case"
    facts = await village.ask("treasury", "GET", f"/persons/{MOTHER.code}/facts", user=MARI.person)
    assert {fact["value"]["state"] for fact in facts["items"]} == {"executed"}
    assert {fact["value"]["decision"] for fact in facts["items"]} == {grant}


async def test_next_month_is_paid_by_itself(village):
    case = await accepted(village)
    first = await village.bank()
    village.later(days=31)
    await village.settle()
    assert await village.bank() == first - 1, "the grant is paid once"
    view = await village.cases.view(case, MARI)
    assert len(view.results["payments"]) == 2 * first - 1


async def test_a_payment_that_came_back_asks_for_another_account(village):
    case = await accepted(village, closed())
    count = await village.bank()
    view = await village.cases.view(case, MARI)
    assert view.status == "GRANTED" and "birth.account" in [task.screen for task in view.tasks]
    assert not any(one["paid"] for one in view.results["payments"])
    assert (await village.notices(MARI)).count("payment_returned") == 1, "one notice, whatever came back"
    read = village.cases._parts.read(case)
    follows = village.cases._parts.processes["birth"].after(read, read.last("PAYMENT_RETURNED"))
    assert follows.cancel_jobs == ("close",), "nor does it close for what came before"
    filled = await village.cases.fill(case, "birth.account", MARI)
    assert len(filled.facts) == count + 1 and filled.facts[-1].value.endswith(closed()[-4:])
    others = await village.cases.fill(case, "birth.account", JAAN)
    assert not others.facts and "birth.account" not in [
        t.screen for t in (await village.cases.home(JAAN)).tasks
    ]
    assert "payment_returned" not in await village.notices(JAAN), "it is not his to mend"
    assert "€80.00" in {line.value for line in filled.facts}

    with pytest.raises(Refused) as refused:
        await village.act(case, "GIVE_ACCOUNT", MARI, {"account": ["EE47 1000 0010 2014 5686"]})
    assert [defect.field for defect in refused.value.defects] == ["account"]
    await village.act(case, "GIVE_ACCOUNT", MARI, {"account": ["9704360011001234567"]})
    assert "account_refused" in await village.notices(MARI)
    view = await village.cases.view(case, MARI)
    assert "birth.account" in [task.screen for task in view.tasks], "asked again"

    with pytest.raises(Refused) as refused:
        await village.act(case, "GIVE_ACCOUNT", JAAN, {"account": [ACCOUNT]})
    assert refused.value.code == "too_late", "none of it is his"
    await village.act(case, "GIVE_ACCOUNT", MARI, {"account": ["EE47 1000 0010 2014 5685"]})
    assert "account_given_by_other" in await village.notices(JAAN)
    with pytest.raises(Refused) as refused:
        await village.act(case, "GIVE_ACCOUNT", MARI, {"account": [ACCOUNT]})
    assert refused.value.code in ("too_late", "case_closed")
    assert await village.bank() == count
    view = await village.cases.view(case, MARI)
    assert view.status == "CLOSED" and all(one["paid"] for one in view.results["payments"])
    assert len(view.results["payments"]) == count


async def test_the_treasury_away_is_nobodys_trouble(village):
    village.wire.down.add("treasury")
    case = await accepted(village)
    assert (await village.cases.view(case, MARI)).status == "CLOSED"
    assert await village.bank() == 0
    village.wire.down.clear()
    village.later(minutes=20)
    await village.settle()
    assert await village.bank() >= 2
    assert "payments" in (await village.cases.view(case, MARI)).results


async def test_of_those_that_come_back_together_none_is_lost(village, monkeypatch):
    """The first opens the case again between the two looks of another for it: among the live, and among the closed."""
    case = await accepted(village, closed())
    assert (await village.cases.view(case, MARI)).status == "CLOSED"
    cases, jobs = JobWork.cases, []

    def may_look(work):
        """The first when another has looked among the live; the others when it has opened the case."""
        if work is jobs[0]:
            return len(jobs) > 1
        return village.cases._parts.read(case).status == "GRANTED"

    async def in_turn(work, step, *of, **how):
        if step == "closed":
            jobs.append(work)
            async with asyncio.timeout(10):
                while not may_look(work):
                    await asyncio.sleep(0.01)
        return await cases(work, step, *of, **how)

    monkeypatch.setattr(JobWork, "cases", in_turn)
    count = await village.bank()
    view = await village.cases.view(case, MARI)
    assert count >= 2 and len(view.results["payments"]) == count
    assert [entry.name for entry in view.timeline].count("PAYMENT_RETURNED") == count
