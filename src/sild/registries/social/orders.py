"""Payment orders as rows, read and written within a register's transaction, and the payment that each is for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Connection, select, update

from sild.registries.kernel import Use
from sild.registries.social.tables import offers, payment_orders

__all__ = [
    "NO_ACCOUNT",
    "TOO_LATE",
    "Payment",
    "PaymentOrder",
    "child_of",
    "live_orders",
    "next_month",
    "orders_in",
    "orders_of",
    "payment_of",
    "set_orders",
]

NO_ACCOUNT = "no_account"
"""Reason of an order that was sent nowhere: its receiver has given no account."""
TOO_LATE = "too_late"
"""Reason of an order that was to be stopped when the bank had been told."""


@dataclass(frozen=True, slots=True)
class PaymentOrder:
    """period: the first day it is paid for.  due: not later than this.  reason: why it came back, or was cancelled.

    account: of the newest attempt, its person's own; None: there was none, and it waits as one that came back (`NO_ACCOUNT`).

    state: ordered, executed, returned, cancelled.  reference: what the treasury knows it by.  part: 0, or how many orders of the same
    payment were there before: by an earlier decision.  once: it is not paid by the month.
    """

    id: int
    offer: str
    benefit: str
    person: str
    account: str | None
    amount: Decimal
    currency: str
    period: date
    due: date
    state: str
    reason: str | None
    decision: str | None
    reference: str | None
    executed_on: date | None
    part: int = 0
    once: bool = False

    @property
    def is_unpaid(self) -> bool:
        """Neither paid nor at the bank: ordered, or come back."""
        return self.state == "returned" or (self.state == "ordered" and self.reason != TOO_LATE)


@dataclass(frozen=True, slots=True)
class Payment:
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
        return whose if self.once else whose & (row.period >= first) & (row.period < next_month(first))


def orders_of(use: Use, condition: ColumnElement[bool]) -> list[PaymentOrder]:
    """Those that fit a condition on `payment_orders`, in the order they were made."""
    return orders_in(use.connection, condition)


def orders_in(connection: Connection, condition: ColumnElement[bool]) -> list[PaymentOrder]:
    """As `orders_of`."""
    query = select(payment_orders).where(condition).order_by(payment_orders.c.id)
    return [
        PaymentOrder(
            id=row.id,
            offer=row.offer,
            benefit=row.benefit,
            person=row.person,
            account=row.account,
            amount=Decimal(row.amount),
            currency=row.currency,
            period=row.period,
            due=row.due,
            state=row.state,
            reason=row.reason,
            decision=row.decision,
            reference=row.reference,
            executed_on=row.executed_on,
            part=row.part,
            once=row.once,
        )
        for row in connection.execute(query)
    ]


def live_orders(connection: Connection, payment: Payment) -> list[PaymentOrder]:
    """Its orders that are paid or to be paid; what came back is sent again."""
    return orders_in(connection, payment.rows() & (payment_orders.c.state != "cancelled"))


def payment_of(order: PaymentOrder) -> Payment:
    return Payment(order.offer, order.benefit, order.person, order.currency, order.period, once=order.once)


def set_orders(use: Use, which: ColumnElement[bool], **values: object) -> None:
    use.connection.execute(update(payment_orders).where(which).values(**values))


def child_of(use: Use, order: PaymentOrder) -> str:
    return str(use.connection.scalar(select(offers.c.child).where(offers.c.id == order.offer)))


def next_month(day: date) -> date:
    """The first of the next month: later payments are for whole months."""
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)
