"""From the grant to the bank and back: the board and the treasury as they are, HTTP between them; each payment once, or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import select

from sild.adapter.faults import service_error
from sild.errors import CallerError
from sild.registries.exchange import refusal_codes
from sild.registries.profiles import profile
from sild.registries.tasks import TaskState
from sild.registries.tasks.tables import tasks

from ..treasury.bank import report
from .conftest import CHILD, MOTHER, SISTER, USAGE, Others, SetClock, at, event
from .paying import SOCIAL, Paying, answered, contest, news, opened_paying
from .test_social import by

ANOTHER = "EE471000001020145685"


@pytest.fixture
def paying(
    tmp_path: Path, database_url: str | None, clock: SetClock, others: Others, request: pytest.FixtureRequest
) -> Iterator[Paying]:
    with opened_paying(tmp_path, database_url, clock, others, request) as paying:
        yield paying


async def test_from_the_grant_to_the_account(paying: Paying) -> None:
    offer = await paying.granted()
    await paying.work()
    orders = paying.orders(offer)
    assert len(orders) == 3 and paying.states(offer) == {("ordered", None)}
    assert paying.settle_with_bank() == 3
    assert paying.bank.paid == {"EE382200221020145685": Decimal("2400.00")}
    done = paying.orders(offer)
    assert {(order.state, order.executed_on) for order in done} == {("executed", paying.social.kernel.today)}
    assert news(paying).count("social.payment.executed") == 3
    (decision,) = {order.decision for order in done}
    with paying.social.kernel.used("look", USAGE) as use:
        assert use.facts.current(MOTHER, ["benefit"], on=use.today)[0].value["decision"] == decision
    booked = paying.treasury.payment(str(done[0].reference), replace(USAGE, client=SOCIAL))
    assert (booked.order.decision, booked.order.name, booked.order.matter) == (
        decision,
        "Mari Maasikas",
        offer.id,
    )


async def test_each_month_is_an_order_of_its_own(paying: Paying) -> None:
    offer = await paying.granted()
    for expected in (3, 2, 2):  # the grant is paid once
        await paying.work()
        assert paying.settle_with_bank() == expected
        paying.clock.forward(days=31)
    assert len({order.reference for order in paying.orders(offer)}) == 7


async def test_a_month_begins_with_the_countrys_day(paying: Paying) -> None:
    """Not with that of Greenwich: in Ha Noi money of today would wait seven hours."""
    await paying.granted()
    await paying.work()
    kernel = paying.social.kernel
    with kernel.engine.connect() as connection:
        waiting = select(tasks.c.next_attempt_at).where(tasks.c.kind == "pay", tasks.c.state == "waiting")
        begins = {at.astimezone(kernel.zone) for at in connection.scalars(waiting)}
    assert len(begins) == 1 and {(at.day, at.hour) for at in begins} == {(1, 0)}


async def test_answers_that_get_lost_pay_nothing_twice(paying: Paying) -> None:
    offer = await paying.granted()
    paying.lost = 5
    for _ in range(6):
        await paying.work()
        paying.others.people[MOTHER]["family_name"] = "Kuusik"  # a name may change between two tries
        paying.clock.forward(minutes=20)
    assert paying.lost == 0
    assert paying.settle_with_bank() == 3
    sent = [body for register, _, body, _ in paying.others.sent if register == "treasury"]
    assert len(sent) == 8 and {body["name"] for body in sent} == {"Mari Maasikas"}
    assert paying.bank.paid == {"EE382200221020145685": Decimal("2400.00")}
    assert paying.states(offer) == {("executed", None)}


async def test_the_treasury_is_away(paying: Paying) -> None:
    offer = await paying.granted()
    paying.others.down = {"treasury"}
    await paying.work()
    assert paying.states(offer) == {("ordered", None)}
    paying.others.down = set()
    paying.clock.forward(minutes=20)
    await paying.work()
    assert paying.settle_with_bank() == 3


async def test_news_twice_is_news_once(paying: Paying) -> None:
    offer = await paying.granted()
    await paying.work()
    file = paying.treasury.instruct("EUR")
    assert file is not None
    paying.treasury.take_report(paying.bank.take(file.xml))
    paying.deliver(times=2)
    assert news(paying).count("social.payment.executed") == 3
    assert paying.states(offer) == {("executed", None)}


async def test_news_of_somebody_elses_order(paying: Paying) -> None:
    other = event(
        "treasury.payment.executed", MOTHER, source="/SILD/GOV/70000007/treasury", order="x", on="2026-03-02"
    )
    paying.social.apply_event(other, "m-1")
    assert news(paying) == []


@pytest.mark.parametrize("who", [CHILD, MOTHER])
@pytest.mark.parametrize("is_paid", [False, True])
async def test_money_that_a_mistaken_death_stopped_comes_with_what_was_missed(
    paying: Paying, who: str, is_paid: bool
) -> None:
    """Each month once, whether the death was the child's or the receiver's, before the bank was told or after."""
    await paying.granted()
    if is_paid:
        await paying.work()
        assert paying.settle_with_bank() == 3
    paying.others.people[who]["died"] = "2026-03-02"
    paying.social.apply_event(event("civil.death.registered", who), "m-death")
    for _ in range(3):
        await paying.work()
        paying.settle_with_bank()
        paying.clock.forward(days=31)
    assert sum(paying.bank.paid.values()) == (Decimal("2400.00") if is_paid else 0)
    del paying.others.people[who]["died"]
    for _ in range(2):
        lives = at(paying.clock(), event("civil.death.annulled", who, number="lives"))
        paying.social.apply_event(lives, "m-lives")
    for _ in range(6):
        await paying.work()
        paying.settle_with_bank()
    (now,) = paying.social.offers_of(CHILD, USAGE)
    assert now.state == "accepted"
    assert sum(paying.bank.paid.values()) == Decimal("2400.00") + 3 * Decimal("2080.00")
    with paying.social.kernel.used("look", USAGE) as use:
        assert {one.key for one in use.facts.current(MOTHER, ["benefit"], on=use.today)} == {
            f"child_allowance/{CHILD}", f"parental_benefit/{CHILD}",
        }  # fmt: skip
    assert not paying.social.tasks.in_state(TaskState.HELD)


# --- the money comes back


async def test_a_closed_account_asks_for_another(paying: Paying) -> None:
    offer = await paying.granted()
    paying.bank.refuses = {"EE382200221020145685": "AC04"}
    await paying.work()
    paying.settle_with_bank()
    assert paying.states(offer) == {("returned", "AC04")} and paying.bank.paid == {}
    assert news(paying).count("social.payment.returned") == 3
    for _ in range(2):
        paying.social.change_account(offer.id, ANOTHER, by(MOTHER, "another"))
    await paying.work()
    assert paying.settle_with_bank() == 3
    assert paying.bank.paid == {ANOTHER: Decimal("2400.00")}
    paying.clock.forward(days=31)
    await paying.work()
    paying.settle_with_bank()
    assert paying.bank.paid == {ANOTHER: Decimal("4480.00")}, "and so do the months that follow"


@pytest.mark.parametrize(
    ("person", "account", "code"),
    [(SISTER, ANOTHER, "not_a_party"), (MOTHER, "EE471000001020145686", "invalid_account")],
)
async def test_who_may_give_an_account_and_which(
    paying: Paying, person: str, account: str, code: str
) -> None:
    offer = await paying.granted()
    with pytest.raises(CallerError) as refused:
        paying.social.change_account(offer.id, account, by(person, "another"))
    assert refused.value.code == code


async def test_a_bank_in_trouble_is_tried_again_by_itself(paying: Paying) -> None:
    offer = await paying.granted()
    paying.bank.refuses = {"EE382200221020145685": "MS03"}
    await paying.work()
    paying.settle_with_bank()
    assert "social.payment.returned" not in news(paying)
    paying.clock.forward(days=1, minutes=1)
    await paying.work()
    paying.settle_with_bank()
    paying.bank.refuses = {}
    paying.clock.forward(days=1, minutes=1)
    await paying.work()
    assert paying.settle_with_bank() == 3
    assert paying.states(offer) == {("executed", None)}


async def test_money_back_after_it_was_paid(paying: Paying) -> None:
    offer = await paying.granted()
    await paying.work()
    paying.settle_with_bank()
    order = paying.orders(offer)[0]
    booked = paying.treasury.payment(str(order.reference), replace(USAGE, client=SOCIAL))
    (number,) = paying.bank.answers
    paying.treasury.take_report(report(number, {booked.end_to_end: "AC04"}))
    paying.deliver()
    assert ("returned", "AC04") in paying.states(offer)
    assert len(paying.states(offer)) == 2


# --- decisions that do not stand


def suspending(patched: pytest.MonkeyPatch) -> None:
    """A country whose law puts a decision off while it is contested."""
    found = profile("EE")
    remedies = {
        name: one.model_copy(update={"suspends": True, "suspends_basis": "x"})
        for name, one in found.remedies.items()
    }
    strict = found.model_copy(update={"remedies": remedies})
    patched.setattr("sild.registries.deciding.deciding.profile", lambda _country: strict)


@pytest.mark.parametrize("which", ["grant", "offer"])
async def test_what_is_contested_is_paid_on_where_the_decision_holds_meanwhile(
    paying: Paying, which: str
) -> None:
    """`remedy.suspends` is false: nobody loses by contesting."""
    offer = await paying.granted()
    await paying.work()
    contest(paying, str(paying.orders(offer)[0].decision if which == "grant" else offer.decision))
    await paying.work()
    assert paying.states(offer) == {("ordered", None)}
    assert paying.settle_with_bank() == 3
    paying.clock.forward(days=31)
    await paying.work()
    assert paying.settle_with_bank() == 2, "and what comes to be due meanwhile"


@pytest.mark.parametrize("which", ["grant", "offer"])
async def test_what_is_contested_is_not_paid_until_it_is_upheld(
    paying: Paying, which: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    suspending(monkeypatch)
    offer = await paying.granted()
    await paying.work()
    grant = str(paying.orders(offer)[0].decision)
    decision = grant if which == "grant" else str(offer.decision)
    contest(paying, decision)
    await paying.work()
    assert paying.states(offer) == {("cancelled", "contested")}
    assert paying.settle_with_bank() == 0
    paying.clock.forward(days=31)
    await paying.work()
    assert paying.settle_with_bank() == 0, "nor what came to be due meanwhile"
    answered(paying, decision, overturned=False)
    await paying.work()
    assert paying.settle_with_bank() == 5
    assert paying.states(offer) == {("executed", None)}


async def test_what_is_overturned_is_not_paid(paying: Paying) -> None:
    """Until it is decided anew: see test_decided_anew.py."""
    offer = await paying.granted()
    await paying.work()
    decision = str(paying.orders(offer)[0].decision)
    contest(paying, decision)
    answered(paying, decision, overturned=True)
    paying.clock.forward(days=100)
    await paying.work()
    assert paying.settle_with_bank() == 0
    assert paying.states(offer) == {("cancelled", "overturned")}


async def test_upheld_before_the_stop_arrived(paying: Paying, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second attempt waits until the first is stopped: never are both paid."""
    suspending(monkeypatch)
    offer = await paying.granted()
    await paying.work()
    decision = str(paying.orders(offer)[0].decision)
    paying.others.down = {"treasury"}
    contest(paying, decision)
    answered(paying, decision, overturned=False)
    await paying.work()
    paying.others.down = set()
    for _ in range(3):
        paying.clock.forward(minutes=20)
        await paying.work()
    assert paying.settle_with_bank() == 3
    assert paying.bank.paid == {"EE382200221020145685": Decimal("2400.00")}
    assert paying.states(offer) == {("executed", None)}


async def test_a_contest_when_the_bank_was_told(paying: Paying, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is paid, and known to be: what was paid is asked back by people, not forgotten by a machine."""
    suspending(monkeypatch)
    offer = await paying.granted()
    await paying.work()
    file = paying.treasury.instruct("EUR")
    assert file is not None
    decision = str(paying.orders(offer)[0].decision)
    contest(paying, decision)
    await paying.work()
    assert paying.states(offer) == {("ordered", "too_late")}
    answered(paying, decision, overturned=False)
    paying.clock.forward(minutes=20)
    await paying.work()
    paying.treasury.take_report(paying.bank.take(file.xml))
    paying.deliver()
    assert paying.settle_with_bank() == 0
    assert paying.bank.paid == {"EE382200221020145685": Decimal("2400.00")}


async def test_a_death_before_the_bank_was_told(paying: Paying) -> None:
    offer = await paying.granted()
    await paying.work()
    paying.social.apply_event(event("civil.death.registered", CHILD), "m-death")
    await paying.work()
    assert paying.states(offer) == {("cancelled", "death")}
    assert paying.settle_with_bank() == 0


async def test_an_order_the_treasury_does_not_take_is_for_people(paying: Paying) -> None:
    offer = await paying.granted()
    paying.others.people[MOTHER]["given_names"] = paying.others.people[MOTHER]["family_name"] = ""
    await paying.work()
    held = paying.social.tasks.in_state(TaskState.HELD)
    assert {(task.kind, task.reason) for task in held} == {("send", "order_not_payable")}
    assert paying.states(offer) == {("ordered", None)}


def test_a_refusal_that_is_no_problem_keeps_its_code() -> None:
    error = service_error("refused", status=409, body=b"<html>")
    assert isinstance(error, CallerError)
    assert refusal_codes(error) == ("http_error",)
