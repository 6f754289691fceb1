"""The treasury's REST interface. Money is a decimal string with its currency, never a number."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from fastapi import FastAPI, Path
from pydantic import Field

from sild.registries.kernel import FactKind
from sild.registries.kernel.fact_paths import FACT_ACTIONS, FACT_TITLES, add_fact_paths
from sild.registries.kernel.http import Concept, Model, PersonalUsage, SelfDescription, register_app
from sild.registries.sources import ensure_code
from sild.registries.treasury import orders
from sild.registries.treasury.register import PAYMENT, Booked, TreasuryRegister

__all__ = ["make_app"]

CONCEPT = "person.payments"
DESCRIPTION = SelfDescription(
    "treasury",
    {"en": "Treasury", "et": "Riigikassa", "vi": "Kho bạc Nhà nước"},
    "Treasury",
    (Concept(CONCEPT, "Payments to a person by public bodies, and what became of them"),),
)
KINDS = (
    FactKind(PAYMENT, CONCEPT, "A payment to the person, as it stands, and the decision that grants it"),
)
TITLES = {
    **FACT_TITLES,
    "order_not_payable": (400, "The order cannot be paid"),
    "order_differs": (409, "The order id was used for another payment"),
    "paid_already": (409, "This was ordered before, under another id"),
    "order_stopped": (409, "The order was stopped before it came"),
    "already_instructed": (409, "The bank has been told to pay it"),
    "already_executed": (409, "It was paid"),
    "unknown_order": (404, "No such payment order"),
}
ACTIONS = {
    "getFacts": "All data with their sources were looked up",
    "orderPayment": "A payment was ordered",
    "getPayment": "A payment order was looked up",
    "stopPayment": "A payment was stopped",
    "instructBank": "A payment was given to the bank",
    "takeBankReport": "The bank told what became of a payment",
}
ABOUT = dict.fromkeys(ACTIONS, (CONCEPT,))
REFERENCE = r"^[A-Za-z0-9._-]{1,64}$"
Reference = Annotated[str, Path(pattern=REFERENCE)]


class Period(Model):
    """to: the first day not paid for; none: it is paid once."""

    from_: date = Field(alias="from")
    to: date | None = None


class NewOrder(Model):
    """order: the body's own id; the same id is the same payment, for ever.  decision: id of its record, `/decisions/{id}`."""

    order: str = Field(pattern=REFERENCE)
    matter: str = Field(min_length=1, max_length=100, description="What it is for, in the body's own words")
    purpose: str = Field(pattern=r"^[a-z_]{1,50}$", examples=["child_allowance"])
    person: str = Field(max_length=30)
    name: str = Field(max_length=140)
    account: str = Field(max_length=60)
    amount: str = Field(max_length=20, examples=["80.00"])
    currency: str = Field(pattern=r"^[A-Z]{3}$", examples=["EUR"])
    decision: str = Field(max_length=36)
    period: Period
    not_before: date
    due: date


class Receipt(Model):
    """What every sending of the same order is answered."""

    order: str
    end_to_end: str = Field(description="EndToEndId: what the bank knows it by")
    amount: str
    currency: str
    received_at: datetime


class Payment(Model):
    order: str
    end_to_end: str
    state: Literal["received", "scheduled", "executed", "returned", "stopped"]
    reason: str | None = Field(default=None, description="Returned: ISO 20022's code. Stopped: the body's")
    amount: str
    currency: str
    purpose: str
    person: str
    decision: str
    not_before: date
    due: date
    executed_on: date | None = None
    received_at: datetime


class Stop(Model):
    reason: str = Field(pattern=r"^[a-z_]{1,50}$", examples=["superseded"])


class Stopped(Model):
    """came: whether the order had come; if not, it is refused when it does."""

    order: str
    came: bool


def make_app(register: TreasuryRegister, *, url: str | None = None) -> FastAPI:
    app = register_app(
        register.kernel, DESCRIPTION, titles=TITLES, actions={**FACT_ACTIONS, **ACTIONS}, kinds=ABOUT, url=url
    )
    add_fact_paths(app, register.kernel, KINDS, ensure_person=ensure_code)

    @app.post("/payment-orders", operation_id="orderPayment", status_code=201)
    def order_payment(new: NewOrder, usage: PersonalUsage) -> Receipt:
        """Pay this, once. The same order again is answered the same; another under its id is refused."""
        booked = register.order(
            orders.PaymentOrder(
                reference=new.order,
                period_from=new.period.from_,
                period_to=new.period.to,
                **new.model_dump(exclude={"order", "period"}),
            ),
            usage,
        )
        known = booked.order
        return Receipt(
            order=known.reference,
            end_to_end=booked.end_to_end,
            amount=known.amount,
            currency=known.currency,
            received_at=booked.received_at,
        )

    @app.get("/payment-orders/{order}", operation_id="getPayment", response_model_exclude_none=True)
    def get_payment(order: Reference, usage: PersonalUsage) -> Payment:
        """As it stands. A body sees its own."""
        return _payment(register.payment(order, usage))

    @app.post("/payment-orders/{order}/stop", operation_id="stopPayment")
    def stop_payment(order: Reference, stop: Stop, usage: PersonalUsage) -> Stopped:
        """It is not to be paid: possible until the bank has been told."""
        return Stopped(order=order, came=register.stop(order, stop.reason, usage) is not None)

    return app


def _payment(booked: Booked) -> Payment:
    known = booked.order
    return Payment(
        order=known.reference,
        end_to_end=booked.end_to_end,
        state=booked.state,
        reason=booked.reason,
        amount=known.amount,
        currency=known.currency,
        purpose=known.purpose,
        person=known.person,
        decision=known.decision,
        not_before=known.not_before,
        due=known.due,
        executed_on=booked.executed_on,
        received_at=booked.received_at,
    )
