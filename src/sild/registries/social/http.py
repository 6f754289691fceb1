"""The social insurance register's REST interface. Money is a decimal string with its currency, never a number."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from fastapi import FastAPI, Path, Query
from pydantic import Field

from sild.errors import CallerError
from sild.registries.deciding.http import DECISION_ACTIONS, DECISION_TITLES, OfficialLook, add_decision_paths
from sild.registries.deciding.ripple_matters import ripples_that_wait
from sild.registries.kernel import Fact, FactKind, Use
from sild.registries.kernel.asking import AtDesk, SaidByPerson
from sild.registries.kernel.fact_paths import FACT_ACTIONS, FACT_TITLES, add_fact_paths
from sild.registries.kernel.http import Concept, Model, PersonalUsage, SelfDescription, register_app
from sild.registries.moving import HOME_CHANGE_KIND
from sild.registries.social import offers as held
from sild.registries.social.ledger import (
    CONTRIBUTION,
    Declared,
    corrected_pay,
    ensure_contribution,
    parse_amount,
)
from sild.registries.social.matters import held_offers
from sild.registries.social.orders import PaymentOrder as HeldOrder
from sild.registries.social.register import BENEFIT, SocialRegister
from sild.registries.sources import ensure_code

__all__ = ["make_app"]

DESCRIPTION = SelfDescription(
    "social",
    {
        "en": "Social insurance register",
        "et": "Sotsiaalkaitse register",
        "vi": "Cơ sở dữ liệu bảo hiểm xã hội",
    },
    "Social Insurance Board",
    (
        Concept("person.contributions", "Pay on which contributions were declared, by month"),
        Concept("person.benefits", "Benefits granted to a person, with their days"),
        Concept("child.benefit_offer", "The benefits offered for a child, and what was chosen"),
        Concept("person.account", "The bank account a person gave for their own benefits"),
        Concept("person.payment_orders", "Payments of benefits, ordered"),
        Concept(HOME_CHANGE_KIND.concept, HOME_CHANGE_KIND.description),
    ),
)
KINDS = (
    FactKind(
        CONTRIBUTION,
        "person.contributions",
        "Pay on which contributions were declared, by month",
        ensure_contribution,
        read=corrected_pay,
    ),
    FactKind(BENEFIT, "person.benefits", "Benefits granted to a person, with their days"),
    HOME_CHANGE_KIND,
)
TITLES = {
    **FACT_TITLES,
    "unknown_offer": (404, "No such offer"),
    "unknown_order": (404, "No such payment order"),
    "not_a_party": (403, "The offer was not made to this person"),
    "needs_a_person": (403, "An official decides this"),
    "unknown_choice": (400, "The offer has no such choice"),
    "invalid_account": (400, "Not a bank account"),
    "missing_account": (400, "Whoever receives says where"),
    "not_a_receiver": (403, "Nothing of it is paid to this person"),
    "invalid_amount": (400, "Not an amount of money"),
    "empty_period": (400, "A period has at least one month"),
    "offer_changed": (409, "The offer has changed since it was seen"),
    "offer_held": (409, "People are looking at the offer"),
    "offer_withdrawn": (409, "The offer was withdrawn"),
    "already_accepted": (409, "The offer was accepted before"),
    "not_held": (409, "The offer is not held"),
    "missing_reason": (400, "A refusal has reasons"),
    "not_accepted": (409, "The offer was not accepted yet"),
}
ACTIONS = {
    "getFacts": "All data with their sources were looked up",
    "getContributions": "Contributions were looked up",
    "declareContributions": "Contributions were declared",
    "getBenefits": "Benefits were looked up",
    "getOffers": "Offers of benefits were looked up",
    "getOffer": "An offer of benefits was looked up",
    "acceptOffer": "An offer of benefits was accepted",
    "releaseOffer": "An official let an offer of benefits go on",
    "refuseOffer": "An official refused an offer of benefits",
    "changeAccount": "Another account for benefits was given",
    "getPaymentOrders": "Payment orders were looked up",
}
ABOUT = {
    "getContributions": ("person.contributions",),
    "declareContributions": ("person.contributions",),
    "getBenefits": ("person.benefits",),
    "getOffers": ("child.benefit_offer",),
    "getOffer": ("child.benefit_offer",),
    "acceptOffer": ("child.benefit_offer",),
    "releaseOffer": ("child.benefit_offer",),
    "refuseOffer": ("child.benefit_offer",),
    "changeAccount": ("person.payment_orders",),
    "getPaymentOrders": ("person.payment_orders",),
}
Code = Annotated[str, Path(max_length=30, examples=["48901010015"])]
OfferId = Annotated[str, Path(max_length=40)]
MonthText = Annotated[str, Field(pattern=r"^[12]\d{3}-(0[1-9]|1[0-2])$", examples=["2026-02"])]
AmountText = Annotated[str, Field(max_length=30, examples=["1900.00"])]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$", examples=["EUR"])]


class Month(Model):
    """state unknown: nobody here knows, `holder` does; that is not zero."""

    month: str
    state: Literal["known", "unknown"]
    amount: str | None = None
    currency: str | None = None
    payers: list[str] | None = None
    holder: str | None = None


class Contributions(Model):
    person: str
    items: list[Month]


class Declaration(Model):
    """Pay for each month from `first` to `last`, both included."""

    payer: str = Field(max_length=50)
    first: MonthText
    last: MonthText
    amount: AmountText
    currency: Currency
    country: str = Field(default="EE", pattern=r"^[A-Z]{2}$", description="Where the work was done")


class Benefit(Model):
    benefit: str
    child: str
    offer: str
    decision: str | None = Field(default=None, description="Record of the grant: `/decisions/{id}`")
    per: Literal["once", "month"]
    amount: str
    currency: str
    valid_from: date
    valid_to: date | None
    basis: str


class Benefits(Model):
    person: str
    items: list[Benefit]


class Missing(Model):
    """fact: what is missing.  person: whose.  holder: the register that has it."""

    fact: str
    person: str
    holder: str


class Item(Model):
    """amount: None when `unknown` says what is missing; the other items do not wait for it."""

    benefit: str
    person: str
    per: Literal["once", "month"]
    amount: str | None
    currency: str
    valid_from: date
    valid_to: date | None
    basis: str
    unknown: Missing | None


class Choice(Model):
    """needs: the parents without whose word it does not hold: who receives by it, or loses by it what the first choice gives them."""

    id: str
    items: list[Item]
    needs: list[str]


class Accepted(Model):
    """person: whose word made it whole."""

    person: str
    choice: str
    at: datetime


class Word(Model):
    person: str
    choice: str
    at: datetime


class Account(Model):
    """Where a parent is paid, by what they said themselves. ends: its last four digits; the rest is told to the treasury alone."""

    person: str
    ends: str


class Offer(Model):
    id: str
    child: str
    country: str
    case: str | None
    state: Literal["open", "accepted", "held", "withdrawn"]
    reason: str | None
    version: int
    parties: list[str]
    choices: list[Choice]
    made_at: datetime
    acceptance: Accepted | None
    words: list[Word] = Field(description="What each parent named, of this version")
    accounts: list[Account]
    decision: str | None = Field(
        default=None, description="Record of the offer as it stands: `/decisions/{id}`"
    )


class Offers(Model):
    items: list[Offer]


class Acceptance(Model):
    """version: of the offer as the person saw it; another one refuses.  account: their own; none, where they receive nothing."""

    choice: str = Field(max_length=50)
    account: str | None = Field(default=None, max_length=60)
    version: int | None = None


class NewAccount(Model):
    account: str = Field(max_length=60)


class PaymentOrder(Model):
    id: int
    offer: str
    benefit: str
    person: str
    account: str | None = Field(
        default=None, description="The last four digits; none: its person has given none"
    )
    amount: str
    currency: str
    period: date
    due: date
    state: str = Field(description="ordered, executed, returned or cancelled")
    reason: str | None = Field(default=None, description="Why it came back, or was cancelled")
    decision: str | None = Field(default=None, description="Record that grants it: `/decisions/{id}`")
    executed_on: date | None = None


class PaymentOrders(Model):
    items: list[PaymentOrder]


def make_app(register: SocialRegister, *, url: str | None = None) -> FastAPI:
    app = register_app(
        register.kernel,
        DESCRIPTION,
        titles={**TITLES, **DECISION_TITLES},
        actions={**ACTIONS, **DECISION_ACTIONS, **FACT_ACTIONS},
        kinds=ABOUT,
        apply_event=register.apply_event,
        url=url,
    )
    _add_persons(app, register)
    _add_offers(app, register)
    add_decision_paths(app, register.deciding)
    add_fact_paths(
        app,
        register.kernel,
        KINDS,
        ensure_person=ensure_code,
        shown=register.shown,
        corrected=register.contribution_corrected,
        worded=_worded,
        matters=(held_offers(register.deciding), ripples_that_wait(register.deciding)),
    )
    return app


def _add_persons(app: FastAPI, register: SocialRegister) -> None:
    @app.get(
        "/persons/{code}/contributions", operation_id="getContributions", response_model_exclude_none=True
    )
    def get_contributions(
        code: Code, usage: PersonalUsage, months: Annotated[int, Query(ge=1, le=36)] = 12
    ) -> Contributions:
        """The last whole months, oldest first."""
        found = register.contributions(code, usage, months=months)
        return Contributions(
            person=code,
            items=[
                Month(month=m.month, state="unknown", holder=m.holder)
                if m.amount is None
                else Month(
                    month=m.month,
                    state="known",
                    amount=str(m.amount),
                    currency=m.currency,
                    payers=list(m.payers),
                )
                for m in found
            ],
        )

    @app.post("/persons/{code}/contributions", operation_id="declareContributions", status_code=204)
    def declare_contributions(code: Code, declaration: Declaration, usage: PersonalUsage) -> None:
        """What was declared before for these months and this payer is superseded."""
        first, last = _number(declaration.first), _number(declaration.last)
        if last < first:
            raise CallerError("the last month comes before the first", code="empty_period")
        declared = Declared(
            payer=declaration.payer,
            first=first,
            last=last,
            amount=parse_amount(declaration.amount),
            currency=declaration.currency,
            country=declaration.country,
        )
        register.declare(code, declared, usage)

    @app.get("/persons/{code}/benefits", operation_id="getBenefits")
    def get_benefits(code: Code, usage: PersonalUsage, on: date | None = None) -> Benefits:
        """Granted to the person, on a day (today)."""
        items = [
            Benefit(**f.value, valid_from=f.valid_from, valid_to=f.valid_to, basis=f.provenance.basis)
            for f in register.benefits(code, usage, on=on)
        ]
        return Benefits(person=code, items=items)

    @app.get("/persons/{code}/offers", operation_id="getOffers")
    def get_offers(code: Code, usage: PersonalUsage) -> Offers:
        """Made to a parent, or for a child."""
        return Offers(items=[_offer(offer) for offer in register.offers_of(code, usage)])


def _add_offers(app: FastAPI, register: SocialRegister) -> None:
    @app.get("/offers/{offer_id}", operation_id="getOffer")
    def get_offer(offer_id: OfferId, usage: PersonalUsage) -> Offer:
        return _offer(register.offer(offer_id, usage))

    @app.post("/offers/{offer_id}/acceptance", operation_id="acceptOffer")
    def accept_offer(offer_id: OfferId, acceptance: Acceptance, usage: SaidByPerson) -> Offer:
        """The person acting, a parent, names one of the choices. Accepted once everybody has whom it needs; open until then."""
        accepted = register.accept(
            offer_id, acceptance.choice, acceptance.account, usage, version=acceptance.version
        )
        return _offer(accepted)

    @app.post("/offers/{offer_id}/account", operation_id="changeAccount")
    def change_account(offer_id: OfferId, new: NewAccount, usage: SaidByPerson) -> Offer:
        """The person acting, a parent, says where their own money goes from now on; what of it came back is sent there."""
        return _offer(register.change_account(offer_id, new.account, usage))

    @app.post("/offers/{offer_id}/release", operation_id="releaseOffer")
    def release_offer(
        offer_id: OfferId, usage: PersonalUsage, desk: AtDesk, official: OfficialLook | None = None
    ) -> Offer:
        """The person acting, an official, lets an offer go on that was held; what they saw and say is in the record."""
        return _offer(
            register.release(offer_id, usage, None if official is None else official.look(), desk=desk)
        )

    @app.post("/offers/{offer_id}/refusal", operation_id="refuseOffer")
    def refuse_offer(offer_id: OfferId, usage: PersonalUsage, desk: AtDesk, official: OfficialLook) -> Offer:
        """The person acting, an official, turns down an offer that was held; `words` are the reasons of the decision."""
        return _offer(register.refuse(offer_id, usage, official.look(), desk=desk))

    @app.get("/offers/{offer_id}/payment-orders", operation_id="getPaymentOrdersOfOffer")
    def get_orders(offer_id: OfferId, usage: PersonalUsage) -> PaymentOrders:
        orders = register.payment_orders(usage, offer=offer_id)
        return PaymentOrders(items=[_order(order) for order in orders])

    @app.get("/payment-orders/{number}", operation_id="getPaymentOrder")
    def get_order(number: int, usage: PersonalUsage) -> PaymentOrder:
        """As it stands: of it the treasury has what it pays, and nothing more."""
        return _order(register.payment_orders(usage, order=number)[0])


def _offer(offer: held.Offer) -> Offer:
    accepted = offer.acceptance
    return Offer(
        id=offer.id,
        child=offer.child,
        country=offer.country,
        case=offer.issue,
        state=offer.state,
        reason=offer.reason,
        version=offer.version,
        parties=list(offer.parties),
        choices=[Choice.model_validate({**choice, "needs": offer.needs(choice)}) for choice in offer.choices],
        made_at=offer.made_at,
        acceptance=Accepted(person=accepted.person, choice=accepted.choice, at=accepted.at)
        if accepted
        else None,
        words=[Word(person=word.person, choice=word.choice, at=word.at) for word in offer.words],
        accounts=[
            Account(person=person, ends=account[-4:]) for person, account in sorted(offer.accounts.items())
        ],
        decision=offer.decision,
    )


def _order(order: HeldOrder) -> PaymentOrder:
    return PaymentOrder(
        id=order.id,
        offer=order.offer,
        benefit=order.benefit,
        person=order.person,
        account=order.account and order.account[-4:],
        amount=str(order.amount),
        currency=order.currency,
        period=order.period,
        due=order.due,
        state=order.state,
        reason=order.reason,
        decision=order.decision,
        executed_on=order.executed_on,
    )


def _worded(_use: Use, fact: Fact) -> str | None:
    """Money of a fact, as people write it."""
    value = fact.value
    return f"{value['amount']} {value['currency']}" if isinstance(value, dict) and "amount" in value else None


def _number(month: str) -> int:
    return 12 * int(month[:4]) + int(month[5:]) - 1
