"""Payments: one order for each, month by month, sent to the treasury; stopped with their decision; sent anew after they came back.

A payment is a row, made in the transaction that ends the task of its day. What goes to the treasury is an *attempt* with an id of
its own, made from the row and the attempt's number, and its content is written down before it is sent: whoever repeats it repeats the
same order, and the treasury pays an order once. Each month's payment is an order of its own, and no standing order is given to a
bank: a stop holds at once, and every payment names the decision it rests on.

A decision that takes the place of another is paid from its first day: what was not paid yet is ordered anew in its name, of what was
paid the difference, as a payment of its own; what was paid too much people see to.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from sqlalchemy import ColumnElement, Connection, func, insert, select, update

from sild.decisions import DecisionStanding
from sild.errors import CallerError, PeerError, Unavailable
from sild.events import Event
from sild.registries.deciding import Deciding
from sild.registries.exchange import Ask, Because, refusal_codes
from sild.registries.identity_codes import parse_identity_code
from sild.registries.kernel import Kernel, Use
from sild.registries.profiles import profile
from sild.registries.social.offers import Offer, PaymentOrder, orders_in, orders_of
from sild.registries.social.rules import Item, ground
from sild.registries.social.tables import acceptances, offers, payment_attempts, payment_orders
from sild.registries.sources import Sources
from sild.registries.tasks import Effect, Handler, Held, Silence, Task, Tasks, silence_key

__all__ = ["ANOTHER_ACCOUNT", "BENEFIT", "Payments"]

BENEFIT = "benefit"
DAYS_TO_PAY = 3  # working days
ANOTHER_ACCOUNT = frozenset(
    ("AC01", "AC03", "AC04", "AC06", "AC07", "AC14", "invalid_account", "currency_mismatch")
)
"""Why a payment came back (ISO 20022's codes, and the treasury's own), when another account mends it."""
TRIES = 3
"""Of a payment that came back for any other reason, a day apart; then people look at it."""


@dataclass(frozen=True, slots=True)
class _Payment:
    """What is paid once: by one decision, or by one and the difference to the next. period: the first day it is for.

    once: and never again, in whatever month.
    """

    offer: str
    benefit: str
    person: str
    currency: str
    period: date
    once: bool = False

    def values(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("offer", "benefit", "person", "currency", "period")}

    def rows(self) -> ColumnElement[bool]:
        """Its orders: of another decision the month may begin on another day."""
        row = payment_orders.c
        whose = (row.offer == self.offer) & (row.benefit == self.benefit) & (row.person == self.person)
        first = self.period.replace(day=1)
        return whose if self.once else whose & (row.period >= first) & (row.period < _next_month(first))


class Payments:
    """Works within the register's transactions."""

    def __init__(self, kernel: Kernel, tasks: Tasks, silence: Silence, deciding: Deciding) -> None:
        self._kernel = kernel
        self._tasks = tasks
        self._silence = silence
        self._deciding = deciding
        deciding.standing_changed = self._standing_changed

    def effects(self) -> Mapping[str, Effect]:
        return {"treasury.payment.executed": self._executed, "treasury.payment.returned": self._came_back}

    def handlers(self, ask: Ask) -> Mapping[str, Handler]:
        async def pay(task: Task) -> Callable[[Use], None]:
            return lambda use: self._pay(use, task)

        async def send(task: Task) -> Callable[[Use], None]:
            return await self._send(ask, task)

        async def stop(task: Task) -> Callable[[Use], None]:
            return await self._stop(ask, task)

        async def overpaid(task: Task) -> Callable[[Use], None]:
            raise Held("more was paid than the newer decision gives", code="overpaid")

        return {"pay": pay, "send": send, "stop": stop, "overpaid": overpaid}

    # --- month by month

    def schedule(
        self, use: Use, offer: Offer, item: Item, amount: Decimal, decision: str, *, anew: bool = False
    ) -> None:
        """The first payment of a benefit, on the day it begins; each has the next one come. anew: in the place of another decision."""
        about = {
            "offer": offer.id,
            "benefit": item.benefit,
            "person": item.person,
            "amount": str(amount),
            "currency": item.currency,
            "decision": decision,
            "period": item.valid_from.isoformat(),
            "until": item.valid_to.isoformat() if item.valid_to else None,
            **({"anew": True} if anew else {}),
        }
        self._pay_from(use, offer.child, about)

    def _pay_from(self, use: Use, child: str, about: Mapping[str, Any]) -> None:
        """A task for the day on which the period begins: at once, when that is past."""
        named = ("offer", "benefit", "person", "period", *(("decision",) if about.get("anew") else ()))
        cause = "/".join(str(about[name]) for name in named)
        at = datetime.combine(date.fromisoformat(about["period"]), time(), UTC)
        self._tasks.add(use, "pay", child, cause=cause, about=about, at=max(at, use.at))

    def _pay(self, use: Use, task: Task) -> None:
        """Order one payment, and have the next one come. Raises Held when the receiver is dead or protected.

        What is contested with suspensive effect waits for the answer; what was superseded or overturned is not paid any more.
        """
        about = task.about
        use.alone(f"offer/{task.subject}")
        silence = self._silence.reason(use, task.subject, about["person"])
        if silence is not None:
            raise Held("the receiver's payments are for people to see to", code=silence)
        period = date.fromisoformat(about["period"])
        decision = about.get("decision") or _granted_by(use, task, period)
        standing = self._standing(use, about["offer"], decision)
        if standing in ("superseded", "overturned"):
            return
        named = {name: str(about[name]) for name in ("offer", "benefit", "person", "currency")}
        payment = _Payment(**named, period=period, once=about["until"] is None)
        owed = Decimal(about["amount"]) - sum(one.amount for one in _live(use.connection, payment))
        self._order(use, task.subject, payment, owed, decision, waits=standing == "contested")
        if about["until"] is not None:
            following = _next_month(period)
            if following < date.fromisoformat(about["until"]):
                self._pay_from(use, task.subject, {**about, "period": following.isoformat()})

    def _order(
        self,
        use: Use,
        child: str,
        payment: _Payment,
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
            self._set(use, payment_orders.c.id == order, state="cancelled", reason="contested")
            return
        self._attempt(use, order, child)
        use.publish("social.payment.ordered", payment.person, {"order": order})

    def _overpaid(
        self, use: Use, child: str, payment: _Payment, amount: Decimal, decision: str | None
    ) -> None:
        """People see to it: whether it is asked back is no machine's to say."""
        about = payment.values() | {
            "period": payment.period.isoformat(),
            "amount": f"{amount}",
            "decision": decision,
        }
        cause = "/".join(str(about[name]) for name in ("offer", "benefit", "person", "period", "decision"))
        self._tasks.add(use, "overpaid", child, cause=cause, about=about)

    def beyond(
        self, use: Use, offer: Offer, decision: str, granted: Mapping[tuple[str, str], Item | None]
    ) -> None:
        """What was paid and is in no month that the newer decision grants. granted: by benefit and receiver; None: no longer."""
        for order in orders_of(
            use, (payment_orders.c.offer == offer.id) & (payment_orders.c.state != "cancelled")
        ):
            if (order.benefit, order.person) not in granted:
                continue  # of another grant
            item = granted[order.benefit, order.person]
            month = order.period.replace(day=1)
            if item is None or (
                item.valid_to is not None and not item.valid_from.replace(day=1) <= month < item.valid_to
            ):
                self._overpaid(use, offer.child, _payment_of(order), order.amount, decision)

    def _make(self, use: Use, child: str, payment: _Payment, amount: Decimal, decision: str | None) -> int:
        country = parse_identity_code(child).country
        account = select(acceptances.c.account).where(acceptances.c.offer == payment.offer)
        before = select(func.count()).select_from(payment_orders).where(payment.rows())
        key: int | None = use.connection.scalar(
            insert(payment_orders)
            .values(
                **payment.values(),
                part=use.connection.scalar(before),
                amount=str(amount),
                account=use.connection.scalar(account),
                decision=decision,
                due=profile(country).working_days.add(use.today, DAYS_TO_PAY),
                state="ordered",
                ordered_at=use.at,
            )
            .returning(payment_orders.c.id)
        )
        assert key is not None
        return key

    def _attempt(self, use: Use, order: int, child: str, *, at: datetime | None = None) -> None:
        """Another try of a payment, the first one too, under an id of its own. at: not before."""
        made = select(func.count()).select_from(payment_attempts).where(payment_attempts.c.order == order)
        number = (use.connection.scalar(made) or 0) + 1
        (row,) = orders_of(use, payment_orders.c.id == order)
        what = f"urn:sild:payment-order:{self._kernel.system}|{row.offer}|{row.benefit}|{row.person}|{row.period}|{number}"
        if row.part:
            what = f"{what}|{row.part}"
        reference = str(uuid5(NAMESPACE_URL, what))
        use.connection.execute(
            insert(payment_attempts).values(reference=reference, order=order, number=number, made_at=use.at)
        )
        fresh = {"state": "ordered", "reason": None, "executed_on": None, "reference": reference}
        self._set(use, payment_orders.c.id == order, **fresh)
        about = {"order": order, "reference": reference}
        self._tasks.add(use, "send", child, cause=f"send/{reference}", about=about, at=at)

    # --- to the treasury

    async def _send(self, ask: Ask, task: Task) -> Callable[[Use], None]:
        """Raises Held, Unavailable: an earlier attempt is still being stopped."""
        order = await asyncio.to_thread(self._to_send, task)
        if order is None:
            return _nothing
        reference, country = str(order.reference), parse_identity_code(order.person).country
        because = Because(ground(country), task.issue, key=f"payment/{reference}")
        payee = await Sources(ask).person(order.person, because)
        if payee.died is not None:
            raise Held("the receiver is dead", code="death")
        name = f"{payee.given_names} {payee.family_name}".strip()
        body = await asyncio.to_thread(self._written_down, order, name)
        try:
            await ask.send("treasury", ["payment-orders"], body, because=because)
        except CallerError as refusal:
            codes = refusal_codes(refusal)
            if "paid_already" in codes:
                raise Unavailable("an earlier attempt is not stopped yet", code="paid_already") from refusal
            if "order_stopped" in codes:
                return _nothing
            wrong = [code for code in codes if code in ANOTHER_ACCOUNT]
            if not wrong:
                raise Held("the treasury does not take the order", code=codes[0]) from refusal
            return lambda use: self._returned(use, reference, wrong[0])
        return _nothing

    def _to_send(self, task: Task) -> PaymentOrder | None:
        """None: it was cancelled, or another attempt counts by now."""
        with self._kernel.engine.connect() as connection:
            (order,) = orders_in(connection, payment_orders.c.id == task.about["order"])
        wanted = order.state == "ordered" and order.reference == task.about["reference"]
        return order if wanted else None

    def _written_down(self, order: PaymentOrder, name: str) -> Mapping[str, Any]:
        """What is sent, as it was decided the first time: a name may change between two tries, and the order must not."""
        mine = payment_attempts.c.reference == order.reference
        end = _next_month(order.period).isoformat()
        body = {
            "order": order.reference,
            "matter": order.offer,
            "purpose": order.benefit,
            "person": order.person,
            "name": name,
            "account": order.account,
            "amount": f"{order.amount}",
            "currency": order.currency,
            "decision": order.decision,
            "period": {"from": order.period.isoformat(), "to": end},
            "not_before": self._kernel.today.isoformat(),
            "due": max(order.due, self._kernel.today).isoformat(),
        }
        with self._kernel.engine.begin() as connection:
            if any(one.id != order.id for one in _live(connection, _payment_of(order))):
                # the treasury pays a matter once: while another order of it may still be stopped, this one is refused; what is
                # owed besides one that stands is a matter of its own
                body["matter"] = f"{order.offer}/{order.decision}"
            fixing = update(payment_attempts).where(mine, payment_attempts.c.body.is_(None))
            connection.execute(fixing.values(body=body))
            kept: Mapping[str, Any] = connection.scalars(select(payment_attempts.c.body).where(mine)).one()
        return kept

    # --- what became of it

    def _executed(self, use: Use, event: Event) -> None:
        order = self._order_of(use, event)
        if order is None:
            return
        day = event.data.get("on")
        try:
            on = date.fromisoformat(str(day))
        except ValueError:
            raise PeerError("not a day", code="invalid_event") from None
        reference = str(event.data["order"])
        self._set(
            use,
            payment_orders.c.id == order.id,
            state="executed",
            reason=None,
            executed_on=on,
            reference=reference,
        )
        if order.state == "cancelled":
            self._paid_after_all(use, order)
        self._tell(use, "social.payment.executed", order, {})

    def _came_back(self, use: Use, event: Event) -> None:
        if self._order_of(use, event) is not None:
            self._returned(use, str(event.data["order"]), str(event.data.get("reason") or "NARR")[:50])

    def _returned(self, use: Use, reference: str, reason: str) -> None:
        """The money did not arrive. For want of an account that takes it the parents are asked; else it is tried again."""
        attempt = use.connection.execute(
            select(payment_attempts).where(payment_attempts.c.reference == reference)
        ).one()
        (order,) = orders_of(use, payment_orders.c.id == attempt.order)
        if order.reference != reference or order.state == "cancelled":
            return  # not the attempt that counts: nothing is owed for it
        self._set(use, payment_orders.c.id == order.id, state="returned", reason=reason, executed_on=None)
        child = self._child(use, order)
        if reason not in ANOTHER_ACCOUNT and attempt.number < TRIES:
            self._attempt(use, order.id, child, at=use.at + timedelta(days=1))
            return
        self._tell(use, "social.payment.returned", order, {"reason": reason})

    def _tell(self, use: Use, event_type: str, order: PaymentOrder, said: Mapping[str, Any]) -> None:
        """Unless there is silence about the child: then people see to it."""
        child = self._child(use, order)
        if self._silence.reason(use, child) is None:
            use.publish(event_type, child, {"offer": order.offer, "order": order.id, **said})

    def _order_of(self, use: Use, event: Event) -> PaymentOrder | None:
        """None: an order of somebody else's."""
        attempt = payment_attempts.c.reference == str(event.data.get("order"))
        key = use.connection.scalar(select(payment_attempts.c.order).where(attempt))
        if key is None:
            return None
        (found,) = orders_of(use, payment_orders.c.id == key)
        child = self._child(use, found)
        use.alone(silence_key(child))  # before the offer, as tasks do
        use.alone(f"offer/{child}")
        return orders_of(use, payment_orders.c.id == key)[0]

    def change_account(self, use: Use, offer: Offer, account: str) -> int:
        """From now on the money goes there; what came back for want of it is sent anew. How many payments."""
        use.connection.execute(
            update(acceptances).where(acceptances.c.offer == offer.id).values(account=account)
        )
        here = (payment_orders.c.offer == offer.id) & (payment_orders.c.state == "returned")
        back = orders_of(use, here & payment_orders.c.reason.in_(ANOTHER_ACCOUNT))
        for order in back:
            self._set(use, payment_orders.c.id == order.id, account=account)
            self._attempt(use, order.id, offer.child)
        return len(back)

    # --- stops

    def cancel(self, use: Use, which: ColumnElement[bool], child: str, reason: str) -> None:
        """What has not been paid is not paid; what was paid by right stays. A bank that was told already pays: then it was paid."""
        for order in orders_of(use, which & (payment_orders.c.state == "ordered")):
            self._set(use, payment_orders.c.id == order.id, state="cancelled", reason=reason)
            if order.reference is not None:
                about = {"order": order.id, "reference": order.reference, "reason": reason}
                self._tasks.add(use, "stop", child, cause=f"stop/{order.reference}", about=about)

    async def _stop(self, ask: Ask, task: Task) -> Callable[[Use], None]:
        """Too late is no failure: what the bank makes of it is heard later."""
        reference, reason = str(task.about["reference"]), str(task.about["reason"])
        country = parse_identity_code(task.subject).country
        because = Because(ground(country), task.issue, key=f"stop/{reference}")
        try:
            path = ["payment-orders", reference, "stop"]
            await ask.send("treasury", path, {"reason": reason}, because=because)
        except CallerError as refusal:
            codes = refusal_codes(refusal)
            if "already_instructed" in codes or "already_executed" in codes:
                return lambda use: self._too_late(use, task)
            raise Held("the treasury does not stop the payment", code=codes[0]) from refusal
        return _nothing

    def _too_late(self, use: Use, task: Task) -> None:
        """It stands as ordered under the id that the bank has, whatever attempt came after; unless its end was heard already."""
        child = task.subject
        use.alone(f"offer/{child}")
        which = payment_orders.c.id == task.about["order"]
        (order,) = orders_of(use, which)
        waits = which & payment_orders.c.state.in_(("cancelled", "ordered"))
        self._set(use, waits, state="ordered", reason="too_late", reference=task.about["reference"])
        if order.state == "cancelled":
            self._paid_after_all(use, order)

    def _paid_after_all(self, use: Use, order: PaymentOrder) -> None:
        """The bank pays what was to be stopped: of what a newer decision has ordered in its place only the difference is owed."""
        payment, child = _payment_of(order), self._child(use, order)
        later = (payment_orders.c.id > order.id) & (payment_orders.c.state == "ordered")
        for newer in orders_of(use, payment.rows() & later):
            self.cancel(use, payment_orders.c.id == newer.id, child, "paid_before")
            self._order(use, child, payment, newer.amount - order.amount, newer.decision)

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
                        self._attempt(use, order.id, child)
            else:
                self.cancel(use, here, child, standing)
        if standing == "overturned":
            self._set(use, mine & (payment_orders.c.reason == "contested"), reason="overturned")

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

    def _child(self, use: Use, order: PaymentOrder) -> str:
        return str(use.connection.scalar(select(offers.c.child).where(offers.c.id == order.offer)))

    def _set(self, use: Use, which: ColumnElement[bool], **values: object) -> None:
        use.connection.execute(update(payment_orders).where(which).values(**values))


def _nothing(_use: Use) -> None:
    """The task is done without an effect here."""


def _payment_of(order: PaymentOrder) -> _Payment:
    return _Payment(order.offer, order.benefit, order.person, order.currency, order.period)


def _live(connection: Connection, payment: _Payment) -> list[PaymentOrder]:
    """Its orders that are paid or to be paid; what came back is sent again."""
    return orders_in(connection, payment.rows() & (payment_orders.c.state != "cancelled"))


def _granted_by(use: Use, task: Task, period: date) -> str | None:
    """Of a task from before tasks named their decision: as the benefit says."""
    about = task.about
    key = f"{about['benefit']}/{task.subject}"
    fact = use.facts.fact(about["person"], BENEFIT, on=period, key=key)
    return None if fact is None else fact.value.get("decision")


def _next_month(day: date) -> date:
    """The first of the next month: later payments are for whole months."""
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)
