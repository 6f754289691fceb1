"""From the grant to the bank and back: the board and the treasury as they are, HTTP between them; each payment once, or not at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from sild.adapter.faults import service_error
from sild.errors import CallerError, Unavailable
from sild.registries import SocialRegister, TreasuryRegister, social_app, treasury_app
from sild.registries.exchange import Because, message_id_of, refusal_codes
from sild.registries.social.offers import Offer, PaymentOrder
from sild.registries.tasks import TaskState
from support.asgi import Site, serving

from ..treasury.bank import Bank, report
from .conftest import CHILD, MOTHER, SISTER, USAGE, Others, SetClock, event
from .test_social import IBAN, by, declare, offered, settle

SOCIAL = "SILD/GOV/70000004/social"
ANOTHER = "EE471000001020145685"


@dataclass
class Paying:
    """lost: how many answers of the treasury get lost on their way back."""

    social: SocialRegister
    treasury: TreasuryRegister
    site: Site
    others: Others
    clock: SetClock
    bank: Bank = field(default_factory=Bank)
    lost: int = 0

    def answer(self, path: Sequence[str], body: Mapping[str, Any], because: Because) -> Any:
        """As the exchange brings it: the board's message, with its id, its ground and its case."""
        headers = {
            "X_Road_Client": SOCIAL,
            "X_Road_Id": message_id_of("SILD", because.key, *path),
            "X_Road_UserId": because.user_id,
            "X_Road_Issue": because.case or "",
            "Sild_Legal_Basis": "PHS 10",
        }
        answer = self.site.post("/" + "/".join(path), body, **headers)
        if answer.status >= 400:
            raise service_error("refused", status=answer.status, body=answer.body)
        if self.lost:
            self.lost -= 1
            raise Unavailable("no answer", code="network_error")
        return answer.json()

    async def work(self) -> None:
        await settle(self.social, self.others)

    def settle_with_bank(self, currency: str = "EUR") -> int:
        """How many transfers went out. What the bank says comes back, and its news to the board."""
        file = self.treasury.instruct(currency)
        if file is not None:
            self.treasury.take_report(self.bank.take(file.xml))
        self.deliver()
        return 0 if file is None else file.count

    def deliver(self, times: int = 1) -> None:
        outbox = self.treasury.kernel.outbox
        while taken := outbox.take(100, timedelta(minutes=2)):  # of each person one at a time
            for delivery in taken:
                for _ in range(times):
                    self.social.apply_event(delivery.event, f"m-{delivery.event.id}")
                outbox.delivered(delivery, "m")

    async def granted(self) -> Offer:
        offer = await offered(self.social, self.others)
        self.social.accept(offer.id, "mother", IBAN, by(MOTHER, "accept"))
        return offer

    def orders(self, offer: Offer) -> list[PaymentOrder]:
        return self.social.payment_orders(USAGE, offer=offer.id)

    def states(self, offer: Offer) -> set[tuple[str, str | None]]:
        return {(order.state, order.reason) for order in self.orders(offer)}


@pytest.fixture
def paying(
    tmp_path: Path, database_url: str | None, clock: SetClock, others: Others, request: pytest.FixtureRequest
) -> Iterator[Paying]:
    with ExitStack() as opened:
        second = database_url and opened.enter_context(request.getfixturevalue("postgresql").schema())
        social = SocialRegister.open(tmp_path / "social", database_url, people=0, clock=clock)
        opened.callback(social.close)
        treasury = TreasuryRegister.open(tmp_path / "treasury", second, clock=clock)
        opened.callback(treasury.close)
        social.kernel.outbox.subscribe("SILD/GOV/70000001/portal", "events", ["social.*"])
        treasury.kernel.outbox.subscribe(SOCIAL, "events", ["treasury.*"])
        declare(social, MOTHER, "2000")
        site = opened.enter_context(serving(treasury_app(treasury)))
        paying = Paying(social, treasury, site, others, clock)
        others.treasury = paying.answer
        yield paying


def news(paying: Paying) -> list[str]:
    return [d.event.type for d in paying.social.kernel.outbox.deliveries_about(CHILD)]


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


def contest(paying: Paying, decision: str, number: str = "c1") -> None:
    with serving(social_app(paying.social)) as site:
        answer = site.post(
            f"/decisions/{decision}/contests",
            {"contest": number, "line": "person"},
            **_headers(MOTHER, f"{number}-begin"),
        )
        assert answer.status == 201, answer.text


def answered(paying: Paying, decision: str, *, overturned: bool, number: str = "c1") -> None:
    with serving(social_app(paying.social)) as site:
        answer = site.post(
            f"/decisions/{decision}/contests/{number}/end",
            {"overturned": overturned},
            **{**_headers("37001010002", f"{number}-end"), "X_Road_Issue": number},
        )
        assert answer.status == 200, answer.text


def _headers(user: str, message: str) -> dict[str, str]:
    return {
        "X_Road_Client": "SILD/GOV/70000001/portal",
        "X_Road_Id": message,
        "X_Road_UserId": f"EE{user}",
        "Sild_Legal_Basis": "HMS 71",
    }


@pytest.mark.parametrize("which", ["grant", "offer"])
async def test_what_is_contested_is_not_paid_until_it_is_upheld(paying: Paying, which: str) -> None:
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


async def test_what_is_overturned_is_never_paid(paying: Paying) -> None:
    offer = await paying.granted()
    await paying.work()
    decision = str(paying.orders(offer)[0].decision)
    contest(paying, decision)
    answered(paying, decision, overturned=True)
    paying.clock.forward(days=100)
    await paying.work()
    assert paying.settle_with_bank() == 0
    assert paying.states(offer) == {("cancelled", "overturned")}


async def test_upheld_before_the_stop_arrived(paying: Paying) -> None:
    """The second attempt waits until the first is stopped: never are both paid."""
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


async def test_a_contest_when_the_bank_was_told(paying: Paying) -> None:
    """It is paid, and known to be: what was paid is asked back by people, not forgotten by a machine."""
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
