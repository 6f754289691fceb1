"""What goes to the treasury and comes back: attempts, what the bank made of them, stops.

What is sent is an *attempt* with an id of its own, made from the order's row and the attempt's number, and its content is written
down before it is sent: whoever repeats it repeats the same order, and the treasury pays an order once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from sqlalchemy import ColumnElement, func, insert, select, update

from sild.decisions import DecisionStanding
from sild.errors import CallerError, PeerError, Unavailable
from sild.events import Event
from sild.registries.exchange import Ask, Because, refusal_codes
from sild.registries.identity_codes import parse_identity_code
from sild.registries.kernel import Kernel, Use
from sild.registries.social.orders import (
    NO_ACCOUNT,
    TOO_LATE,
    PaymentOrder,
    child_of,
    live_orders,
    next_month,
    orders_in,
    orders_of,
    payment_of,
    set_orders,
)
from sild.registries.social.rules import ground
from sild.registries.social.tables import offers, payment_attempts, payment_orders
from sild.registries.social.words import account_of
from sild.registries.sources import Sources
from sild.registries.tasks import Effect, Handler, Held, Silence, Task, Tasks, silence_key

__all__ = ["ANOTHER_ACCOUNT", "Sending"]

ANOTHER_ACCOUNT = frozenset(
    ("AC01", "AC03", "AC04", "AC06", "AC07", "AC14", "invalid_account", "currency_mismatch", NO_ACCOUNT)
)
"""Why a payment came back (ISO 20022's codes, and the treasury's own), or never left, when an account of its receiver mends it."""
TRIES = 3
"""Of a payment that came back for any other reason, a day apart; then people look at it."""


class Sending:
    """Works within the register's transactions.

    standing: of the decision an order rests on.  settle: told of an order that is paid though it was to be stopped, or that came
    back when another decision had taken its decision's place.
    """

    def __init__(
        self,
        kernel: Kernel,
        tasks: Tasks,
        silence: Silence,
        standing: Callable[[Use, PaymentOrder], DecisionStanding],
        settle: Callable[[Use, PaymentOrder], None],
    ) -> None:
        self._kernel = kernel
        self._tasks = tasks
        self._silence = silence
        self._standing = standing
        self._settle = settle

    def effects(self) -> Mapping[str, Effect]:
        return {"treasury.payment.executed": self._executed, "treasury.payment.returned": self._came_back}

    def handlers(self, ask: Ask) -> Mapping[str, Handler]:
        async def send(task: Task) -> Callable[[Use], None]:
            return await self._send(ask, task)

        async def stop(task: Task) -> Callable[[Use], None]:
            return await self._stop(ask, task)

        async def tell(task: Task) -> Callable[[Use], None]:
            return lambda use: self._tell_late(use, task)

        return {"send": send, "stop": stop, "tell": tell}

    def untold(self) -> None:
        """Of money that an upgrade made wait for an account its receivers are to hear: a task for each order, however often this is
        called, and by however many processes. Blocks.
        """
        query = select(payment_orders.c.id, offers.c.child, offers.c.issue)
        query = query.join(offers, offers.c.id == payment_orders.c.offer)
        with self._kernel.engine.connect() as connection:
            found = connection.execute(query.where(payment_orders.c.told.is_(False))).all()
        for row in found:
            cause = Event(
                id=f"untold-{row.id}",
                source=self._kernel.system,
                type="social.payment.untold",
                subject=row.child,
                time=self._kernel.now,
                extensions={"caseid": row.issue} if row.issue else {},
            )
            with self._kernel.applying(cause, cause.id) as use:
                if use is not None:
                    self._tasks.add(use, "tell", row.child, cause=cause.id, about={"order": row.id})

    def attempt(self, use: Use, order: int, child: str, *, at: datetime | None = None) -> None:
        """Another try of a payment, the first one too, under an id of its own, to its receiver's own account. at: not before.

        Without one it waits, and the parents are asked.
        """
        (row,) = orders_of(use, payment_orders.c.id == order)
        account = account_of(use.connection, row.offer, row.person)
        if account is None:
            set_orders(use, payment_orders.c.id == order, state="returned", reason=NO_ACCOUNT, reference=None)
            self._tell(use, "social.payment.returned", row, {"reason": NO_ACCOUNT})
            return
        made = select(func.count()).select_from(payment_attempts).where(payment_attempts.c.order == order)
        number = (use.connection.scalar(made) or 0) + 1
        what = f"urn:sild:payment-order:{self._kernel.system}|{row.offer}|{row.benefit}|{row.person}|{row.period}|{number}"
        if row.part:
            what = f"{what}|{row.part}"
        reference = str(uuid5(NAMESPACE_URL, what))
        use.connection.execute(
            insert(payment_attempts).values(reference=reference, order=order, number=number, made_at=use.at)
        )
        fresh = {"state": "ordered", "reason": None, "executed_on": None, "reference": reference}
        set_orders(use, payment_orders.c.id == order, account=account, **fresh)
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
        """What is sent, to the receiver's account of that moment, as it was decided the first time: a name or an account may change
        between two tries, and the order must not.
        """
        mine = payment_attempts.c.reference == order.reference
        end = next_month(order.period).isoformat()
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
            body["account"] = account_of(connection, order.offer, order.person) or order.account
            others = [one for one in live_orders(connection, payment_of(order)) if one.id != order.id]
            if others:
                # the treasury pays a matter once: while another order of it may still be stopped, this one is refused; what is
                # owed besides one that stands is a matter of its own
                body["matter"] = f"{order.offer}/{order.decision}"
            if any(one.decision == order.decision for one in others):
                body["matter"] = f"{order.offer}/{order.decision}/{order.part}"
            fixing = update(payment_attempts).where(mine, payment_attempts.c.body.is_(None))
            if connection.execute(fixing.values(body=body)).rowcount:
                same = payment_orders.c.id == order.id
                connection.execute(update(payment_orders).where(same).values(account=body["account"]))
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
        set_orders(
            use,
            payment_orders.c.id == order.id,
            state="executed",
            reason=None,
            executed_on=on,
            reference=reference,
        )
        if order.state == "cancelled":
            self._settle(use, order)
        self._tell(use, "social.payment.executed", order, {})

    def _came_back(self, use: Use, event: Event) -> None:
        if self._order_of(use, event) is not None:
            self._returned(use, str(event.data["order"]), str(event.data.get("reason") or "NARR")[:50])

    def _returned(self, use: Use, reference: str, reason: str) -> None:
        """The money did not arrive. For want of an account that takes it the parents are asked; else it is tried again.

        Of a decision that does not stand it is not sent again.
        """
        attempt = use.connection.execute(
            select(payment_attempts).where(payment_attempts.c.reference == reference)
        ).one()
        (order,) = orders_of(use, payment_orders.c.id == attempt.order)
        if order.reference != reference or order.state == "cancelled":
            return  # not the attempt that counts: nothing is owed for it
        standing = self._standing(use, order)
        if standing != "stands":
            set_orders(
                use, payment_orders.c.id == order.id, state="cancelled", reason=standing, executed_on=None
            )
            if standing != "contested":
                self._settle(use, order)
            return
        set_orders(use, payment_orders.c.id == order.id, state="returned", reason=reason, executed_on=None)
        child = child_of(use, order)
        if reason not in ANOTHER_ACCOUNT and attempt.number < TRIES:
            self.attempt(use, order.id, child, at=use.at + timedelta(days=1))
            return
        self._tell(use, "social.payment.returned", order, {"reason": reason})

    def _tell(self, use: Use, event_type: str, order: PaymentOrder, said: Mapping[str, Any]) -> None:
        """Unless there is silence about the child: then people see to it."""
        child = child_of(use, order)
        if self._silence.reason(use, child) is None:
            use.publish(event_type, child, {"offer": order.offer, "order": order.id, **said})

    def _tell_late(self, use: Use, task: Task) -> None:
        """Unless the account was given meanwhile, or nothing is owed any more."""
        use.alone(f"offer/{task.subject}")
        which = payment_orders.c.id == task.about["order"]
        (order,) = orders_of(use, which)
        if (order.state, order.reason) == ("returned", NO_ACCOUNT):
            self._tell(use, "social.payment.returned", order, {"reason": NO_ACCOUNT})
        set_orders(use, which, told=True)

    def _order_of(self, use: Use, event: Event) -> PaymentOrder | None:
        """None: an order of somebody else's."""
        attempt = payment_attempts.c.reference == str(event.data.get("order"))
        key = use.connection.scalar(select(payment_attempts.c.order).where(attempt))
        if key is None:
            return None
        (found,) = orders_of(use, payment_orders.c.id == key)
        child = child_of(use, found)
        use.alone(silence_key(child))  # before the offer, as tasks do
        use.alone(f"offer/{child}")
        return orders_of(use, payment_orders.c.id == key)[0]

    # --- stops

    def cancel(self, use: Use, which: ColumnElement[bool], child: str, reason: str) -> None:
        """What has not been paid is not paid; what was paid by right stays. A bank that was told already pays: then it was paid."""
        for order in orders_of(use, which & payment_orders.c.state.in_(("ordered", "returned"))):
            if not order.is_unpaid:
                continue
            set_orders(use, payment_orders.c.id == order.id, state="cancelled", reason=reason)
            if order.reference is not None and order.state == "ordered":
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
        set_orders(use, waits, state="ordered", reason=TOO_LATE, reference=task.about["reference"])
        if order.state == "cancelled":
            self._settle(use, order)


def _nothing(_use: Use) -> None:
    """The task is done without an effect here."""
