"""The social insurance register: its database on the kernel, what it takes from others, and what they ask and say.

Nobody applies: an offer is made as soon as a birth is registered, money goes out once a parent has accepted, and there is silence
where it is due.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Self
from zoneinfo import ZoneInfo

from sild.clock import Clock, system_clock
from sild.database import sqlite_url
from sild.decisions import DECISION_MIGRATIONS
from sild.errors import CallerError
from sild.events import Event
from sild.registries.deciding import DECIDED_AGAIN, Certify, Deciding, Look
from sild.registries.exchange import Ask
from sild.registries.identity_codes import parse_identity_code
from sild.registries.kernel import Fact, Kernel, Provenance, Usage, Use
from sild.registries.kernel.proving import Desk
from sild.registries.social import ledger
from sild.registries.social.again import Again
from sild.registries.social.anew import Anew
from sild.registries.social.granting import Granting
from sild.registries.social.ledger import CONTRIBUTION, Declared, MonthPaid
from sild.registries.social.moved import Moved
from sild.registries.social.offering import Offering
from sild.registries.social.offers import (
    Offer,
    find_offers,
    of_party,
    require_offer,
)
from sild.registries.social.orders import PaymentOrder, orders_of
from sild.registries.social.payments import BENEFIT, Payments
from sild.registries.social.synthetic import contributions
from sild.registries.social.tables import offers, payment_orders
from sild.registries.tasks import TASK_MIGRATIONS, ActingRegister, Effect, Handler
from sild.rule_engine import RuleEngine

__all__ = ["BENEFIT", "SocialRegister"]

MIGRATIONS = Path(__file__).parent / "migrations"
SYSTEM = "/SILD/GOV/70000004/social"


class SocialRegister(ActingRegister):
    """Thread-safe. What it does stands in offering.py, granting.py, payments.py, moved.py, again.py; all through `kernel`."""

    def __init__(self, kernel: Kernel, deciding: Deciding) -> None:
        super().__init__(
            kernel,
            silenced_types=[
                "social.offer.made",
                "social.benefit.granted",
                DECIDED_AGAIN,
                "social.home.followed",
                "social.payment.executed",
                "social.payment.returned",
            ],
            silenced_kinds=["pay", "send"],
        )
        self.deciding = deciding
        self._payments = Payments(kernel, self.tasks, self.silence, deciding)
        self._granting = Granting(deciding, self._payments, self.silence)
        self._offering = Offering(deciding, self.tasks, self.silence, self._granting)
        self._moved = Moved(deciding, self.tasks, self.silence, self._offering)
        anew = Anew(deciding, self._offering, self._granting)
        self._again = Again(deciding, self.tasks, self.silence, self._offering, anew)

    @classmethod
    def open(
        cls,
        directory: Path,
        database_url: str | None = None,
        *,
        system: str = SYSTEM,
        people: int = 4_000,
        zone: ZoneInfo | None = None,
        clock: Clock = system_clock,
        rules: RuleEngine | None = None,
        certify: Certify | None = None,
    ) -> Self:
        """people: of the synthetic population, whose work an empty register knows; 0: nobody's.

        rules: None: the process's own.  certify: see `open_body`.

        Raises Unavailable (`database_error`).
        """
        directory.mkdir(parents=True, exist_ok=True)
        url = database_url or sqlite_url(directory / "social.db")
        kernel = Kernel.open(
            url, system, TASK_MIGRATIONS, DECISION_MIGRATIONS, MIGRATIONS, zone=zone, clock=clock
        )
        if people and not kernel.has_facts():
            with kernel.filling() as facts:
                facts.record_many(contributions(people))
        register = cls(kernel, Deciding.open(kernel, directory, clock=clock, engine=rules, certify=certify))
        register._payments.untold()
        return register

    # --- what others tell, and what follows by itself

    def effects(self) -> Mapping[str, Effect]:
        return {
            "civil.birth.registered": self._born,
            **self._moved.effects(),
            **self._again.effects(),
            **self._payments.effects(),
        }

    def handlers(self, ask: Ask) -> Mapping[str, Handler]:
        return {
            **self._offering.handlers(ask),
            **self._moved.handlers(ask),
            **self._again.handlers(ask),
            **self._payments.handlers(ask),
        }

    def _born(self, use: Use, event: Event) -> None:
        if self.silence.reason(use, event.subject) in (None, "protection_order"):
            self.tasks.add(use, "offer", event.subject, cause=event.id)

    def silenced(self, use: Use, event: Event, reason: str) -> None:
        person = event.subject
        if reason != "protection_order":
            self.tasks.cancel(use.connection, person, ["offer"], use.at, reason)
        for offer in find_offers(use, offers.c.child == person):
            if reason == "protection_order":
                self._offering.hold(use, offer, reason)
            else:
                self._offering.withdraw(use, offer, reason)
        for offer in find_offers(use, of_party(person)):
            if reason != "stillbirth":
                self._offering.hold(use, offer, f"parent_{reason}")

    def lives(self, use: Use, event: Event, since: datetime) -> None:
        """A child's benefits go on, with what was not paid meanwhile; what was offered for it, or to a parent, is let go on."""
        person = event.subject
        self.silence.wait_again(use, person, ["offer"], since)
        for offer in find_offers(use, offers.c.child == person):
            self._offering.bring_back(use, offer, since)
        for offer in find_offers(use, of_party(person)):
            self._offering.no_longer_bereaved(use, offer)

    def shown(self, use: Use, facts: Sequence[Fact]) -> Sequence[Fact]:
        """Of a protected person who is kept from this reader the money, and nothing that says where they are."""
        return self.silence.open_facts(use, facts, always=(CONTRIBUTION, BENEFIT))

    # --- contributions and benefits

    def contributions(self, person: str, usage: Usage, *, months: int = 12) -> tuple[MonthPaid, ...]:
        """Of the last whole months. Raises InvalidIdentityCode."""
        parse_identity_code(person)
        with self.kernel.used("getContributions", usage) as use:
            use.concerns(person)
            last = 12 * use.today.year + use.today.month - 2
            return ledger.ledger(use, person, last - months + 1, last)

    def declare(self, person: str, declared: Declared, usage: Usage) -> None:
        """Contributions by an employer or the tax board; offers that waited for them are brought up to date.

        Raises InvalidIdentityCode, CallerError (`empty_period`).
        """
        parse_identity_code(person)
        with self.kernel.used("declareContributions", usage) as use:
            if use.answered() is not None:
                return
            use.concerns(person)
            said = Provenance(usage.client, usage.basis or "", usage.message_id)
            self._again.declare(use, person, declared, said)
            use.answer({})

    def benefits(self, person: str, usage: Usage, *, on: date | None = None) -> tuple[Fact, ...]:
        """Granted to the person on a day (today). Raises InvalidIdentityCode."""
        parse_identity_code(person)
        with self.kernel.used("getBenefits", usage) as use:
            use.concerns(person)
            return use.facts.current(person, [BENEFIT], on=on or use.today)

    # --- offers and their payments

    def offers_of(self, person: str, usage: Usage) -> list[Offer]:
        """For a child, or made to a parent."""
        parse_identity_code(person)
        with self.kernel.used("getOffers", usage) as use:
            use.concerns(person)
            return find_offers(use, of_party(person) | (offers.c.child == person))

    def offer(self, offer_id: str, usage: Usage) -> Offer:
        """Raises CallerError (`unknown_offer`)."""
        with self.kernel.used("getOffer", usage) as use:
            return require_offer(use, offer_id)

    def payment_orders(
        self, usage: Usage, *, offer: str | None = None, order: int | None = None
    ) -> list[PaymentOrder]:
        """Of an offer, or the one of this number. Raises CallerError (`unknown_offer`, `unknown_order`)."""
        with self.kernel.used("getPaymentOrders", usage) as use:
            if offer is not None:
                require_offer(use, offer)
                return orders_of(use, payment_orders.c.offer == offer)
            found = orders_of(use, payment_orders.c.id == order)
            use.concerns(*(one.person for one in found))
            if not found:
                raise CallerError("no such payment order", code="unknown_order")
            return found

    def accept(
        self,
        offer_id: str,
        choice_id: str,
        account: str | None,
        usage: Usage,
        *,
        version: int | None = None,
    ) -> Offer:
        """A parent names one of the choices. The first holds that everybody has named whose word it needs (words.py); until then the
        offer stays open, and each may name another.

        account: the parent's own.  Raises CallerError: `unknown_offer`, `not_a_party`, `unknown_choice`, `missing_account`,
        `invalid_account`, `offer_changed` (since the person saw it), `offer_held`, `offer_withdrawn`, `already_accepted`.
        """

        def change(use: Use, offer: Offer) -> None:
            self._granting.accept(use, offer, choice_id, account, version)

        return self._once("acceptOffer", offer_id, usage, change)

    def change_account(self, offer_id: str, account: str, usage: Usage) -> Offer:
        """A parent says where their own money goes from now on; what of it came back, or waited, is sent there.

        Raises CallerError: `unknown_offer`, `not_a_party`, `invalid_account`, `not_accepted`, `not_a_receiver`.
        """

        def change(use: Use, offer: Offer) -> None:
            self._granting.change_account(use, offer, account)

        return self._once("changeAccount", offer_id, usage, change)

    def release(
        self, offer_id: str, usage: Usage, look: Look | None = None, *, desk: Desk | None = None
    ) -> Offer:
        """An official lets an offer go on that was held: their decision, with its record. desk: None: whoever calls has seen to it.

        Raises CallerError (`unknown_offer`, `not_held`, `needs_a_person`).
        """

        def change(use: Use, offer: Offer) -> None:
            if desk is not None:
                desk.ensure()
            self._offering.release(use, offer, look or Look())

        return self._once("releaseOffer", offer_id, usage, change)

    def refuse(self, offer_id: str, usage: Usage, look: Look, *, desk: Desk | None = None) -> Offer:
        """An official turns down an offer that was held: their decision, with its reasons and its record. desk: as `release`.

        Raises CallerError (`unknown_offer`, `not_held`, `needs_a_person`, `missing_reason`).
        """

        def change(use: Use, offer: Offer) -> None:
            if desk is not None:
                desk.ensure()
            self._offering.refuse(use, offer, look)

        return self._once("refuseOffer", offer_id, usage, change)

    def contribution_corrected(self, use: Use, fact: Fact) -> None:
        """What was offered from it is decided again, in the transaction of the correction."""
        self._again.corrected(use, fact)

    def _once(
        self, operation: str, offer_id: str, usage: Usage, change: Callable[[Use, Offer], None]
    ) -> Offer:
        """The offer as it stands then; the same message again changes nothing."""
        with self.kernel.used(operation, usage) as use:
            repeated = use.answered() is not None
            offer = require_offer(use, offer_id)
            if repeated:
                return offer
            use.alone(f"offer/{offer.child}")
            change(use, require_offer(use, offer_id))
            use.answer({"offer": offer.id})
            return require_offer(use, offer_id)
