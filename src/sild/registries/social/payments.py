"""Payments: one order for each, month by month; stopped with their decision; sent anew after they came back.

A payment is a row, made in the transaction that ends the task of its day; sending.py brings it to the treasury. Each month's payment
is an order of its own, and no standing order is given to a bank: a stop holds at once, and every payment names the decision it rests
on.

A decision that takes the place of another is paid from its first day: what was not paid yet is ordered anew in its name, of what was
paid the difference, as a payment of its own; what was paid too much people see to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, func, insert, select

from sild.decisions import DecisionStanding
from sild.registries.deciding import Deciding
from sild.registries.exchange import Ask
from sild.registries.identity_codes import parse_identity_code
from sild.registries.kernel import Fact, Kernel, Use
from sild.registries.profiles import profile
from sild.registries.social.offers import Offer
from sild.registries.social.orders import (
    Payment,
    PaymentOrder,
    child_of,
    live_orders,
    next_month,
    orders_of,
    payment_of,
    set_orders,
)
from sild.registries.social.rules import Item
from sild.registries.social.sending import ANOTHER_ACCOUNT, Sending
from sild.registries.social.tables import offers, payment_orders
from sild.registries.social.words import give_account
from sild.registries.tasks import Effect, Handler, Held, Silence, Task, Tasks

__all__ = ["BENEFIT", "Payments"]

BENEFIT = "benefit"
DAYS_TO_PAY = 3  # working days


class Payments:
    """Works within the register's transactions."""

    def __init__(self, kernel: Kernel, tasks: Tasks, silence: Silence, deciding: Deciding) -> None:
        self._kernel = kernel
        self._tasks = tasks
        self._silence = silence
        self._deciding = deciding
        self._sending = Sending(
            kernel,
            tasks,
            silence,
            lambda use, order: self._standing(use, order.offer, order.decision),
            self._settle,
        )
        deciding.standing_changed = self._standing_changed

    def effects(self) -> Mapping[str, Effect]:
        return self._sending.effects()

    def handlers(self, ask: Ask) -> Mapping[str, Handler]:
        async def pay(task: Task) -> Callable[[Use], None]:
            return lambda use: self._pay(use, task)

        async def overpaid(task: Task) -> Callable[[Use], None]:
            raise Held("more was paid than the newer decision gives", code="overpaid")

        return {"pay": pay, "overpaid": overpaid, **self._sending.handlers(ask)}

    def untold(self) -> None:
        """See `Sending.untold`."""
        self._sending.untold()

    # --- month by month

    def schedule(self, use: Use, offer: Offer, item: Item, amount: Decimal, decision: str) -> None:
        """The first payment of a benefit, on the day it begins; each has the next one come."""
        about = {
            "offer": offer.id,
            "benefit": item.benefit,
            "person": item.person,
            "amount": str(amount),
            "currency": item.currency,
            "decision": decision,
            "period": item.valid_from.isoformat(),
            "until": item.valid_to.isoformat() if item.valid_to else None,
        }
        self._pay_from(use, offer.child, about)

    def _pay_from(self, use: Use, child: str, about: Mapping[str, Any]) -> None:
        """A task for the day on which the period begins: at once, when that is past."""
        named = ("offer", "benefit", "person", "period", *(("decision",) if about.get("decision") else ()))
        cause = "/".join(str(about[name]) for name in named)
        at = use.morning_of(date.fromisoformat(about["period"]))
        self._tasks.add(use, "pay", child, cause=cause, about=about, at=max(at, use.at))

    def _pay(self, use: Use, task: Task) -> None:
        """Order one payment, and have the next one come. Raises Held when the receiver is dead or protected.

        What is contested with suspensive effect waits for the answer; what was superseded or overturned is not paid any more.
        """
        about = task.about
        use.alone(f"offer/{task.subject}")
        silence = self._silence.reason(use, task.subject, about["person"])
        if silence is None and self._silence.is_kept_away(use, about["person"], task.subject):
            silence = "protection_order"
        if silence is not None:
            raise Held("the receiver's payments are for people to see to", code=silence)
        period = date.fromisoformat(about["period"])
        decision = about.get("decision") or _granted_by(use, task, period)
        standing = self._standing(use, about["offer"], decision)
        if standing in ("superseded", "overturned"):
            return
        named = {name: str(about[name]) for name in ("offer", "benefit", "person", "currency")}
        payment = Payment(**named, period=period, once=about["until"] is None)
        owed = Decimal(about["amount"]) - sum(one.amount for one in live_orders(use.connection, payment))
        self._order(use, task.subject, payment, owed, decision, waits=standing == "contested")
        if about["until"] is not None:
            following = next_month(period)
            if following < date.fromisoformat(about["until"]):
                self._pay_from(use, task.subject, {**about, "period": following.isoformat()})

    def _order(
        self,
        use: Use,
        child: str,
        payment: Payment,
        owed: Decimal,
        decision: str | None,
        *,
        waits: bool = False,
    ) -> None:
        """owed: of this month, besides what is ordered or paid.  waits: for the answer to a contest."""
        if owed < 0:
            self._overpaid(use, child, payment, -owed, decision)
        if owed <= 0:
            return
        order = self._make(use, child, payment, owed, decision)
        if waits:
            set_orders(use, payment_orders.c.id == order, state="cancelled", reason="contested")
            return
        self._sending.attempt(use, order, child)
        use.publish("social.payment.ordered", payment.person, {"order": order})

    def _overpaid(
        self, use: Use, child: str, payment: Payment, amount: Decimal, decision: str | None
    ) -> None:
        """People see to it, once: whether it is asked back is no machine's to say. amount: all that is beyond the decision."""
        named = {
            "offer": payment.offer,
            "benefit": payment.benefit,
            "person": payment.person,
            "decision": decision,
        }
        told = [
            Decimal(task.about["amount"])
            for task in self._tasks.added(use, "overpaid", child)
            if named.items() <= task.about.items()
            and (payment.once or task.about["period"][:7] == f"{payment.period:%Y-%m}")
        ]
        more = amount - sum(told)
        if more > 0:
            about = payment.values() | named | {"period": payment.period.isoformat(), "amount": f"{more}"}
            cause = "/".join(str(one) for one in (*named.values(), about["period"], len(told)))
            self._tasks.add(use, "overpaid", child, cause=cause, about=about)

    def beyond(
        self, use: Use, offer: Offer, decision: str, granted: Mapping[tuple[str, str], Item | None]
    ) -> None:
        """What was paid and is in no month that the newer decision grants. granted: by benefit and receiver; None: no longer."""
        paid = (payment_orders.c.offer == offer.id) & payment_orders.c.state.in_(("ordered", "executed"))
        for order in orders_of(use, paid):
            if (order.benefit, order.person) not in granted:
                continue  # of another grant
            item = granted[order.benefit, order.person]
            month = order.period.replace(day=1)
            if item is None or (
                item.valid_to is not None and not item.valid_from.replace(day=1) <= month < item.valid_to
            ):
                payment = payment_of(order)
                total = sum((one.amount for one in orders_of(use, paid & payment.rows())), Decimal(0))
                self._overpaid(use, offer.child, payment, total, decision)

    def _make(self, use: Use, child: str, payment: Payment, amount: Decimal, decision: str | None) -> int:
        country = parse_identity_code(child).country
        before = select(func.count()).select_from(payment_orders).where(payment.rows())
        key: int | None = use.connection.scalar(
            insert(payment_orders)
            .values(
                **payment.values(),
                part=use.connection.scalar(before),
                once=payment.once,
                amount=str(amount),
                decision=decision,
                due=profile(country).working_days.add(use.today, DAYS_TO_PAY),
                state="ordered",
                ordered_at=use.at,
            )
            .returning(payment_orders.c.id)
        )
        assert key is not None
        return key

    def change_account(self, use: Use, offer: Offer, person: str, account: str) -> int:
        """The person's money goes there: what waits for the answer to a contest, what came back for want of it or never left, and
        all that is ordered from now on. How many payments are sent anew.

        What the treasury has already is paid to the account it was ordered for; should it come back, it is sent here.
        """
        give_account(use, offer.id, person, account)
        theirs = (payment_orders.c.offer == offer.id) & (payment_orders.c.person == person)
        theirs &= payment_orders.c.state == "returned"
        back = orders_of(use, theirs & payment_orders.c.reason.in_(ANOTHER_ACCOUNT))
        for order in back:
            self._sending.attempt(use, order.id, offer.child)
        return len(back)

    # --- stops

    def cancel(self, use: Use, which: ColumnElement[bool], child: str, reason: str) -> None:
        """What has not been paid is not paid; what was paid by right stays."""
        self._sending.cancel(use, which, child, reason)

    def send_again(self, use: Use, offer: Offer, reason: str) -> None:
        """What was cancelled for a reason that was none, unless its decision stands no more."""
        mine = (payment_orders.c.offer == offer.id) & (payment_orders.c.state == "cancelled")
        for order in orders_of(use, mine & (payment_orders.c.reason == reason)):
            if self._standing(use, offer.id, order.decision) == "stands":
                self._sending.attempt(use, order.id, offer.child)

    def _settle(self, use: Use, order: PaymentOrder) -> None:
        """An order is paid that was to be stopped, or came back and is not sent again: what is owed now, or was paid too much.

        By what the decision that stands grants for the payment: of no benefit, nothing. What is not at the bank yet gives way, and
        what is owed besides the rest is ordered in its place; people see to what is paid beyond it.
        """
        payment, child = payment_of(order), child_of(use, order)
        standing = _benefit_of(use, payment, child)
        granted = Decimal(0) if standing is None else Decimal(standing.value["amount"])
        decision = self._newest(use, order.decision) if standing is None else standing.value.get("decision")
        live = live_orders(use.connection, payment)
        came_back = all(one.id != order.id for one in live)
        giving_way: list[PaymentOrder] = []
        if sum(one.amount for one in live) > granted:
            giving_way = [one for one in live if one.is_unpaid and one.id != order.id]
            for one in giving_way:
                self.cancel(use, payment_orders.c.id == one.id, child, "paid_before")
        owed = granted - sum(one.amount for one in live if one not in giving_way)
        if owed < 0:
            self._overpaid(use, child, payment, -owed, decision)
        elif owed > 0 and (came_back or giving_way):
            self._pay_rest(use, child, payment, granted, decision, order)

    def _newest(self, use: Use, decision: str | None) -> str | None:
        """The decision in whose place no other has come."""
        store = self._deciding.store
        while decision is not None and (newer := store.superseded_by(use.connection, decision)) is not None:
            decision = newer
        return decision

    def _pay_rest(
        self,
        use: Use,
        child: str,
        payment: Payment,
        granted: Decimal,
        decision: str | None,
        order: PaymentOrder,
    ) -> None:
        """What of `granted` is not ordered. order: because of which."""
        about = payment.values() | {
            "amount": str(granted),
            "decision": decision,
            "period": payment.period.isoformat(),
            "until": None if payment.once else next_month(payment.period).isoformat(),
        }
        rows = select(func.count()).select_from(payment_orders).where(payment.rows())
        made = use.connection.scalar(rows)
        self._tasks.add(use, "pay", child, cause=f"settle/{order.id}/{order.state}/{made}", about=about)

    def _standing_changed(self, use: Use, decision: str, standing: DecisionStanding) -> None:
        """A decision was superseded, contested, upheld or overturned: in the same transaction its payments stop, or go on.

        A contest stops them only where the decision says that it does (`remedy.suspends`).
        """
        if standing == "contested" and not self._suspends(use, decision):
            return
        mine = payment_orders.c.decision == decision
        if standing != "superseded":  # whoever contests the offer contests what was granted by it
            mine |= payment_orders.c.offer.in_(select(offers.c.id).where(offers.c.decision == decision))
        concerned = offers.c.id.in_(select(payment_orders.c.offer).where(mine))
        found = use.connection.execute(select(offers.c.id, offers.c.child).where(concerned))
        children = {row.id: row.child for row in found}
        use.alone(*(f"offer/{child}" for child in children.values()))
        for offer, child in children.items():
            here = mine & (payment_orders.c.offer == offer)
            if standing == "stands":
                waits = here & (payment_orders.c.state == "cancelled")
                for order in orders_of(use, waits & (payment_orders.c.reason == "contested")):
                    if self._standing(use, offer, order.decision) == "stands":
                        self._sending.attempt(use, order.id, child)
            else:
                self.cancel(use, here, child, standing)
        if standing == "overturned":
            set_orders(use, mine & (payment_orders.c.reason == "contested"), reason="overturned")

    def _suspends(self, use: Use, decision: str) -> bool:
        """Whether a contest of it puts off its effect."""
        remedy = self._deciding.store.find(use.connection, decision).record.remedy
        return remedy is not None and remedy.suspends

    def _standing(self, use: Use, offer: str, decision: str | None) -> DecisionStanding:
        """Of the grant; contested is also what a contested offer granted, where that suspends."""
        granted = self._effect_of(use, decision)
        if granted != "stands":
            return granted
        of_offer = self._effect_of(
            use, use.connection.scalar(select(offers.c.decision).where(offers.c.id == offer))
        )
        return "stands" if of_offer == "superseded" else of_offer

    def _effect_of(self, use: Use, decision: str | None) -> DecisionStanding:
        if decision is None:
            return "stands"
        standing = self._deciding.store.standing(use.connection, decision)
        return "stands" if standing == "contested" and not self._suspends(use, decision) else standing


def _benefit_of(use: Use, payment: Payment, child: str) -> Fact | None:
    """The benefit that stands now and has a day in the payment's month; any day, of what is paid once."""
    first = payment.period.replace(day=1)
    return next(
        (
            fact
            for fact in use.facts.history(payment.person, BENEFIT)
            if fact.known_to is None
            and fact.key == f"{payment.benefit}/{child}"
            and (payment.once or fact.valid_from < next_month(first))
            and (payment.once or fact.valid_to is None or fact.valid_to > first)
        ),
        None,
    )


def _granted_by(use: Use, task: Task, period: date) -> str | None:
    """Of a task from before tasks named their decision: as the benefit says."""
    about = task.about
    key = f"{about['benefit']}/{task.subject}"
    fact = use.facts.fact(about["person"], BENEFIT, on=period, key=key)
    return None if fact is None else fact.value.get("decision")
