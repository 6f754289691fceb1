"""What the board does: an offer as soon as a birth is registered, money once a parent has accepted, silence where it is due.

Nobody applies. What is not known blocks only the amount it feeds: that item waits, the others are paid. Where another country may
have to do with it, or a parent is protected from another, the offer is held for people.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Self
from uuid import uuid4
from zoneinfo import ZoneInfo

from sqlalchemy import insert, update

from sild.clock import Clock, system_clock
from sild.database import sqlite_url
from sild.decisions import DECISION_MIGRATIONS, DecisionRecord
from sild.errors import CallerError, Unavailable
from sild.events import Event
from sild.registries.accounts import parse_account
from sild.registries.deciding import (
    CORRECTED,
    Certify,
    Correction,
    Deciding,
    Judged,
    LeftToPeople,
    Look,
    Ripples,
)
from sild.registries.exchange import Ask
from sild.registries.identity_codes import Country, parse_identity_code
from sild.registries.kernel import Fact, Kernel, Provenance, Usage, Use
from sild.registries.moving import HOME_CHANGED, NOTHING_HERE, followed
from sild.registries.social import ledger
from sild.registries.social.again import (
    RESTS_ON,
    income_correction,
    is_paid_otherwise,
    known_months,
    offer_of,
)
from sild.registries.social.household import Household, gather
from sild.registries.social.judging import (
    PACKAGES,
    facts_of,
    grant_ruling,
    offer_ruling,
    outputs_of,
    released_ruling,
    render_choices,
)
from sild.registries.social.ledger import Declared, MonthPaid
from sild.registries.social.offers import (
    Offer,
    PaymentOrder,
    find_offers,
    of_party,
    orders_of,
    read_items,
)
from sild.registries.social.payments import BENEFIT, Payments
from sild.registries.social.rules import Unknown, ground, window
from sild.registries.social.synthetic import contributions
from sild.registries.social.tables import acceptances, offer_parties, offers, payment_orders
from sild.registries.tasks import TASK_MIGRATIONS, ActingRegister, Effect, Handler, Held, Task
from sild.rule_engine import RuleEngine
from sild.rules import Asked

__all__ = ["BENEFIT", "SocialRegister"]

MIGRATIONS = Path(__file__).parent / "migrations"
SYSTEM = "/SILD/GOV/70000004/social"
OUTCOMES = ("no_change", "recomputed", "held", "review")
"""Of a household that has changed, the gravest last."""
ASK_AGAIN = timedelta(minutes=15)


class SocialRegister(ActingRegister):
    def __init__(self, kernel: Kernel, deciding: Deciding) -> None:
        super().__init__(
            kernel,
            silenced_types=[
                "social.offer.made",
                "social.benefit.granted",
                "social.home.followed",
                "social.payment.executed",
                "social.payment.returned",
            ],
            silenced_kinds=["pay", "send"],
        )
        self.deciding = deciding
        self.ripples = Ripples(deciding, RESTS_ON)
        self.payments = Payments(kernel, self.tasks, self.silence, deciding)

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
        return cls(kernel, Deciding.open(kernel, directory, clock=clock, engine=rules, certify=certify))

    # --- events

    def effects(self) -> Mapping[str, Effect]:
        return {
            "civil.birth.registered": self._born,
            HOME_CHANGED: self._home_changed,
            CORRECTED: self._told_of_correction,
            **self.payments.effects(),
        }

    def _told_of_correction(self, use: Use, event: Event) -> None:
        self._corrected(use, Correction.told(event))

    def _born(self, use: Use, event: Event) -> None:
        if self.silence.reason(use, event.subject) in (None, "protection_order"):
            self.tasks.add(use, "offer", event.subject, cause=event.id)

    def _corrected(self, use: Use, correction: Correction) -> set[str]:
        """Offers that are brought up to date by it."""
        renewed = set()
        for ripple, record in self.ripples.open(use, correction):
            offer = offer_of(use, record, correction.subject)
            child = correction.subject if offer is None else offer.child
            cause = f"{correction.cause.rpartition('#')[2]}/{record.id}"
            self.tasks.add(use, "ripple", child, cause=cause, about={"ripple": ripple})
            if offer is not None and offer.decision == str(record.id):
                renewed.add(offer.id)
        return renewed

    def _home_changed(self, use: Use, event: Event) -> None:
        """Of somebody with an offer, or for whom one was made: who lives together is asked anew. Others' moves are nothing to us."""
        about: dict[str, Any] = {"source": event.source, "children": self._children_of(use, event.subject)}
        if about["children"]:
            self.tasks.add(use, "home", event.subject, cause=event.id, about=about)
        else:
            self._followed(use, event.subject, NOTHING_HERE, event.id, event.source, None)

    def _children_of(self, use: Use, person: str) -> list[str]:
        """For whom offers were made that concern the person."""
        mine = of_party(person) | (offers.c.child == person)
        return [offer.child for offer in find_offers(use, mine) if offer.state != "withdrawn"]

    def silenced(self, use: Use, event: Event, reason: str) -> None:
        person = event.subject
        if reason != "protection_order":
            self.tasks.cancel(use.connection, person, ["offer"], use.at, reason)
        for offer in find_offers(use, offers.c.child == person):
            if reason == "protection_order":
                self._hold(use, offer, reason)
            elif offer.state != "withdrawn":
                _set(use, offer, state="withdrawn", reason=reason)
                self._stop(use, offer, reason)
        for offer in find_offers(use, of_party(person)):
            if reason != "stillbirth":
                self._hold(use, offer, f"parent_{reason}")

    def _hold(self, use: Use, offer: Offer, reason: str) -> None:
        if offer.state == "open":
            _set(use, offer, state="held", reason=reason)
            self._decide_offer(use, offer, self._judged_before(use, offer), reason)
            use.publish("social.offer.held", offer.child, {"offer": offer.id, "reason": reason})

    def _stop(self, use: Use, offer: Offer, reason: str) -> None:
        """What has not been paid is not paid; what was paid by right stays."""
        waiting = (payment_orders.c.offer == offer.id) & (
            payment_orders.c.reference.is_not(None) | (payment_orders.c.due > use.today)
        )
        self.payments.cancel(use, waiting, offer.child, reason)
        for party in offer.parties:
            for fact in use.facts.current(party, [BENEFIT], on=use.today):
                if fact.value["child"] == offer.child:
                    tomorrow = use.today + timedelta(days=1)
                    use.facts.retract(party, BENEFIT, key=fact.key, valid_from=tomorrow)

    # --- what follows by itself

    def handlers(self, ask: Ask) -> Mapping[str, Handler]:
        async def offer(task: Task) -> Callable[[Use], None]:
            household = await gather(ask, task)

            def change(use: Use) -> None:
                self._offer(use, household)
                if not household.complete:  # somebody did not answer: ask again, and fill in what is unknown
                    cause = f"{task.cause.partition('+')[0]}+{task.id}"
                    self.tasks.add(use, "offer", task.subject, cause=cause, at=use.at + ASK_AGAIN)

            return change

        async def ripple(task: Task) -> Callable[[Use], None]:
            household = await gather(ask, task)
            if not household.complete:
                raise Unavailable("a register does not answer", code="register_down")
            return lambda use: self._decide_again(use, task.about["ripple"], household)

        async def home(task: Task) -> Callable[[Use], None]:
            found = [await gather(ask, replace(task, subject=child)) for child in task.about["children"]]
            if not all(household.complete for household in found):
                raise Unavailable("who lives together is not known now", code="household_unknown")
            return lambda use: self._new_home(use, task, found)

        async def look(task: Task) -> Callable[[Use], None]:
            raise Held("what was granted no longer fits the household", code="household_changed")

        return {"offer": offer, "ripple": ripple, "home": home, "look": look, **self.payments.handlers(ask)}

    def _decide_again(self, use: Use, ripple: str, household: Household) -> None:
        """What is offered is brought up to date; of what was granted people decide, when money stands between."""
        child = household.child
        use.alone(f"offer/{child}")
        silence = self.silence.reason(use, child, *household.parents)

        def again(newest: DecisionRecord) -> str | None:
            offer = offer_of(use, newest, child)
            if silence is not None or offer is None or offer.state == "withdrawn":
                raise LeftToPeople("nothing is offered any more", code="silence")
            try:
                judged = self._judge(use, household)
            except Held as error:
                raise LeftToPeople("the rules give no answer", code="rules_failed") from error
            found = render_choices(judged, household)
            if offer.decision != str(newest.id):
                if is_paid_otherwise(use, offer, str(newest.id), found):
                    raise LeftToPeople("money was paid by it", code="payment")
                return None
            if offer.choices == found:
                return None
            self._renew(use, offer, judged, found, is_corrected=True)
            return _require(use, offer.id).decision

        self.ripples.settle(use, ripple, again, person=child)

    def _offer(self, use: Use, household: Household) -> None:
        """Make the offer, or bring it up to date with what is known now."""
        child = household.child
        use.alone(f"offer/{child}")
        silence = self.silence.reason(
            use, child, *household.parents
        )  # all at once, or two could wait for each other
        reason = self.silence.known(use, child)
        if reason in ("death", "stillbirth"):
            return
        if reason is None:
            reason = f"parent_{silence}" if silence else household.foreign
        judged = self._judge(use, household)
        first, last = window(household.country, household.born)
        if reason is None and ledger.foreign_income(use, household.parents, household.country, first, last):
            reason = "foreign_income"
        found = render_choices(judged, household)
        existing = find_offers(use, offers.c.child == child)
        if not existing:
            self._make(use, household, judged, found, reason)
        elif existing[0].choices != found:
            self._renew(use, existing[0], judged, found)

    def _new_home(self, use: Use, task: Task, households: Sequence[Household]) -> None:
        """Every offer that concerns the person, looked at anew; the gravest outcome is told."""
        found = [self._recomputed(use, household, task) for household in households]
        outcome, decision = max(found, key=lambda one: OUTCOMES.index(one[0]))
        self._followed(use, task.subject, outcome, task.cause, str(task.about["source"]), decision)

    def _recomputed(self, use: Use, household: Household, task: Task) -> tuple[str, str | None]:
        """Outcome, and the record it left. What has been granted stands until people have looked at it."""
        use.alone(f"offer/{household.child}")
        (offer,) = find_offers(use, offers.c.child == household.child)
        if self.silence.reason(use, household.child, *household.parents) is not None:
            return "no_change", None
        judged = self._judge(use, household)
        found = render_choices(judged, household)
        if offer.state == "open" and household.foreign is not None:
            self._hold(use, offer, household.foreign)
            return "held", _require(use, offer.id).decision
        if offer.acceptance is not None:
            chosen = offer.acceptance.choice
            if household.foreign is None and _choice(offer.choices, chosen) == _choice(found, chosen):
                return "no_change", None
            self.tasks.add(use, "look", household.child, cause=task.cause)
            return "review", None
        if offer.choices == found:
            return "no_change", None
        self._renew(use, offer, judged, found)
        return "recomputed", _require(use, offer.id).decision

    def _followed(
        self, use: Use, person: str, outcome: str, cause: str, source: str, decision: str | None
    ) -> None:
        followed(
            use,
            "social",
            person,
            outcome,
            cause=cause,
            source=source,
            basis=ground(parse_identity_code(person).country),
            decision=decision,
            silent=self.silence.reason(use, person) is not None,
        )

    def _judge(self, use: Use, household: Household) -> Judged:
        """Raises Held when the rules give no answer."""
        facts = facts_of(use, household, self.kernel.system)
        try:
            return self.deciding.judge(PACKAGES[household.country], facts, at=use.today)
        except CallerError as error:
            raise Held("the rules give no answer", code=error.code) from error

    def _make(
        self,
        use: Use,
        household: Household,
        judged: Judged,
        found: Sequence[Mapping[str, Any]],
        reason: str | None,
    ) -> None:
        key = str(uuid4())
        use.connection.execute(
            insert(offers).values(
                id=key,
                child=household.child,
                country=household.country,
                issue=use.usage.issue,
                state="held" if reason else "open",
                reason=reason,
                version=1,
                choices=found,
                made_at=use.at,
                changed_at=use.at,
            )
        )
        rows = [{"offer": key, "person": person} for person in household.parents]
        use.connection.execute(insert(offer_parties), rows)
        (offer,) = find_offers(use, offers.c.id == key)
        self._decide_offer(use, offer, judged, reason)
        if reason:
            use.publish("social.offer.held", household.child, {"offer": key, "reason": reason})
        else:
            use.publish("social.offer.made", household.child, {"offer": key})

    def _decide_offer(
        self, use: Use, offer: Offer, judged: Judged, reason: str | None, *, is_corrected: bool = False
    ) -> None:
        """The record of an offer, or of its being held; it takes the place of the one before."""
        ruling = offer_ruling(offer, reason, is_corrected=is_corrected)
        record = self.deciding.record(use, judged, ruling)
        _set(use, offer, decision=str(record.id))

    def _judged_before(self, use: Use, offer: Offer, outputs: Sequence[Asked] | None = None) -> Judged:
        """By the facts of the offer as it stands."""
        if offer.decision is None:
            raise CallerError("the offer has no record; it is made anew", code="offer_changed")
        country = _country(offer)
        facts = self.deciding.rested_on(use, offer.decision)
        return self.deciding.judge(PACKAGES[country], facts, at=use.today, outputs=outputs)

    def _renew(
        self,
        use: Use,
        offer: Offer,
        judged: Judged,
        found: Sequence[Mapping[str, Any]],
        *,
        is_corrected: bool = False,
    ) -> None:
        _set(use, offer, choices=found, version=offer.version + 1)
        held = offer.reason if offer.state == "held" else None
        self._decide_offer(use, offer, judged, held, is_corrected=is_corrected)
        (offer,) = find_offers(use, offers.c.id == offer.id)
        if offer.state == "open":
            use.publish("social.offer.made", offer.child, {"offer": offer.id})
        elif offer.state == "accepted" and offer.acceptance is not None:
            accepted = next((c for c in found if c["id"] == offer.acceptance.choice), None)
            if accepted is not None:
                self._grant(use, offer, accepted)

    def _grant(self, use: Use, offer: Offer, choice: Mapping[str, Any]) -> list[str]:
        """Every item of the choice that is known and not granted yet; which benefits."""
        items = read_items(choice)
        due = {
            f"{item.benefit}/{item.person}": (item, item.amount)
            for item in items
            if not isinstance(item.amount, Unknown)
            and not use.facts.fact(
                item.person, BENEFIT, on=item.valid_from, key=f"{item.benefit}/{offer.child}"
            )
        }
        if not due:
            return []
        decision = self._decide_grant(use, offer, choice, due)
        for item, amount in due.values():
            use.facts.record(
                item.person,
                BENEFIT,
                {
                    "benefit": item.benefit,
                    "child": offer.child,
                    "offer": offer.id,
                    "decision": decision,
                    "per": item.per,
                    "amount": str(amount),
                    "currency": item.currency,
                },
                valid_from=item.valid_from,
                valid_to=item.valid_to or item.valid_from + timedelta(days=1),
                key=f"{item.benefit}/{offer.child}",
                provenance=Provenance(self.kernel.system, item.basis, use.usage.message_id),
            )
            self.payments.schedule(use, offer, item, amount, decision)
        granted = [item.benefit for item, _ in due.values()]
        about = {"offer": offer.id, "benefits": granted, "decision": decision}
        use.publish("social.benefit.granted", offer.child, about)
        return granted

    def _decide_grant(self, use: Use, offer: Offer, choice: Mapping[str, Any], due: Collection[str]) -> str:
        """due: `benefit/person`.  The record names them, and what of the choice is not known yet."""
        whole = self._judged_before(use, offer)
        outputs = outputs_of(whole, choice, due)
        judged = self._judged_before(use, offer, outputs)
        return str(self.deciding.record(use, judged, grant_ruling(offer, choice["id"], judged)).id)

    # --- what people and other registers ask and say

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
            before = known_months(use, person, declared)
            ledger.declare(use, person, declared, said)
            after = known_months(use, person, declared)
            correction = income_correction(use, self.kernel.system, person, before, after)
            renewed = set() if correction is None else self._corrected(use, correction)
            for offer in find_offers(use, of_party(person)):
                if offer.state in ("open", "accepted") and offer.id not in renewed:
                    self.tasks.add(use, "offer", offer.child, cause=f"declared/{usage.message_id}")
            use.answer({})

    def benefits(self, person: str, usage: Usage, *, on: date | None = None) -> tuple[Fact, ...]:
        """Granted to the person on a day (today). Raises InvalidIdentityCode."""
        parse_identity_code(person)
        with self.kernel.used("getBenefits", usage) as use:
            use.concerns(person)
            return use.facts.current(person, [BENEFIT], on=on or use.today)

    def offers_of(self, person: str, usage: Usage) -> list[Offer]:
        """For a child, or made to a parent."""
        parse_identity_code(person)
        with self.kernel.used("getOffers", usage) as use:
            use.concerns(person)
            return find_offers(use, of_party(person) | (offers.c.child == person))

    def offer(self, offer_id: str, usage: Usage) -> Offer:
        """Raises CallerError (`unknown_offer`)."""
        with self.kernel.used("getOffer", usage) as use:
            return _require(use, offer_id)

    def payment_orders(
        self, usage: Usage, *, offer: str | None = None, order: int | None = None
    ) -> list[PaymentOrder]:
        """Of an offer, or the one of this number. Raises CallerError (`unknown_offer`, `unknown_order`)."""
        with self.kernel.used("getPaymentOrders", usage) as use:
            if offer is not None:
                _require(use, offer)
                return orders_of(use, payment_orders.c.offer == offer)
            found = orders_of(use, payment_orders.c.id == order)
            use.concerns(*(one.person for one in found))
            if not found:
                raise CallerError("no such payment order", code="unknown_order")
            return found

    def accept(
        self, offer_id: str, choice_id: str, account: str, usage: Usage, *, version: int | None = None
    ) -> Offer:
        """A parent takes one of the choices. The first valid acceptance holds, whichever parent's it is.

        Raises CallerError: `unknown_offer`, `not_a_party`, `unknown_choice`, `invalid_account`, `offer_changed` (since the person
        saw it), `offer_held`, `offer_withdrawn`, `already_accepted`.
        """
        with self.kernel.used("acceptOffer", usage) as use:
            repeated = use.answered() is not None
            offer = _require(use, offer_id)
            if repeated:
                return offer
            use.alone(f"offer/{offer.child}")
            offer = _require(use, offer_id)
            person = _acting(usage)
            if person not in offer.parties:
                raise CallerError("the offer was not made to this person", code="not_a_party")
            choice = next((c for c in offer.choices if c["id"] == choice_id), None)
            if choice is None:
                raise CallerError("the offer has no such choice", code="unknown_choice")
            plain = parse_account(account, _country(offer))
            self._ensure_open(offer, version)
            use.connection.execute(
                insert(acceptances).values(
                    offer=offer.id,
                    person=person,
                    choice=choice_id,
                    version=offer.version,
                    account=plain,
                    at=use.at,
                    message_id=usage.message_id,
                )
            )
            _set(use, offer, state="accepted")
            self._grant(use, offer, choice)
            use.answer({"offer": offer.id})
            return _require(use, offer_id)

    def change_account(self, offer_id: str, account: str, usage: Usage) -> Offer:
        """A parent says where the money goes from now on; what came back is sent there.

        Raises CallerError: `unknown_offer`, `not_a_party`, `invalid_account`, `not_accepted`.
        """
        with self.kernel.used("changeAccount", usage) as use:
            repeated = use.answered() is not None
            offer = _require(use, offer_id)
            if repeated:
                return offer
            use.alone(f"offer/{offer.child}")
            if _acting(usage) not in offer.parties:
                raise CallerError("the offer was not made to this person", code="not_a_party")
            plain = parse_account(account, _country(offer))
            if offer.acceptance is None:
                raise CallerError("nothing of the offer is paid yet", code="not_accepted")
            self.payments.change_account(use, offer, plain)
            use.answer({"offer": offer.id})
            return _require(use, offer_id)

    def _ensure_open(self, offer: Offer, version: int | None) -> None:
        if offer.acceptance is not None:
            raise CallerError(f"accepted before: {offer.acceptance.choice}", code="already_accepted")
        if offer.state != "open":
            raise CallerError(f"the offer is {offer.state}: {offer.reason}", code=f"offer_{offer.state}")
        if version is not None and version != offer.version:
            raise CallerError("the offer has changed since", code="offer_changed")

    def release(self, offer_id: str, usage: Usage, look: Look | None = None) -> Offer:
        """An official lets an offer go on that was held: their decision, with its record.

        Raises CallerError (`unknown_offer`, `not_held`, `needs_a_person`).
        """
        with self.kernel.used("releaseOffer", usage) as use:
            repeated = use.answered() is not None
            offer = _require(use, offer_id)
            if repeated:
                return offer
            use.alone(f"offer/{offer.child}")
            offer = _require(use, offer_id)
            official = usage.actor
            if official is None or {official, _acting(usage)} & set(offer.parties):
                raise CallerError("an official decides this", code="needs_a_person")
            if offer.state != "held":
                raise CallerError(f"the offer is {offer.state}", code="not_held")
            _set(use, offer, state="open", reason=None)
            if offer.decision is not None:  # an offer of an earlier version has none
                ruling = released_ruling(self.deciding, offer, official, look or Look())
                record = self.deciding.record(use, self._judged_before(use, offer), ruling)
                _set(use, offer, decision=str(record.id))
            use.publish("social.offer.made", offer.child, {"offer": offer.id})
            use.answer({"offer": offer.id})
            return _require(use, offer_id)


def _choice(choices: Sequence[Mapping[str, Any]], wanted: str) -> Mapping[str, Any] | None:
    return next((choice for choice in choices if choice["id"] == wanted), None)


def _require(use: Use, offer_id: str) -> Offer:
    found = find_offers(use, offers.c.id == offer_id)
    if not found:
        raise CallerError("no such offer", code="unknown_offer")
    use.concerns(found[0].child, *found[0].parties)
    return found[0]


def _set(use: Use, offer: Offer, **values: object) -> None:
    changing = update(offers).where(offers.c.id == offer.id)
    use.connection.execute(changing.values(changed_at=use.at, **values))


def _country(offer: Offer) -> Country:
    return "VN" if offer.country == "VN" else "EE"


def _acting(usage: Usage) -> str:
    """Whose word it is, said by themselves or by who represents them: `EE48901010015` -> `48901010015`."""
    user = usage.represented_party or usage.user_id or ""
    return user[2:] if user[:2].isalpha() else user
