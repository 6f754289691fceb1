"""A fact under an offer or a grant is another now: what is offered is decided again by rule, what was paid is left to people.

Told by another register, or declared here anew: pay that was known and has another amount corrects; a month that nobody knew is news.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import select

from sild.decisions import DecisionRecord
from sild.errors import Unavailable
from sild.events import Event
from sild.registries.deciding import (
    CORRECTED,
    Correction,
    Deciding,
    LeftToPeople,
    Ripples,
    rests_on,
    why_again,
)
from sild.registries.exchange import Ask
from sild.registries.identity_codes import parse_identity_code
from sild.registries.kernel import Fact, Provenance, Use
from sild.registries.social import ledger
from sild.registries.social.anew import Anew
from sild.registries.social.granting import granted_by
from sild.registries.social.household import Household, gather
from sild.registries.social.judging import PACKAGES, judge, render_choices
from sild.registries.social.ledger import CONTRIBUTION, Declared, MonthPaid
from sild.registries.social.offering import Offering
from sild.registries.social.offers import (
    Offer,
    choice_of,
    find_offers,
    of_party,
    read_items,
    require_offer,
)
from sild.registries.social.payments import BENEFIT
from sild.registries.social.rules import ground
from sild.registries.social.tables import offers
from sild.registries.sources import Sources
from sild.registries.tasks import Effect, Handler, Held, Silence, Task, Tasks

__all__ = ["Again"]

ROLES = {"child": ("child",), "parent": ("mother", "father")}
OF_SIBLINGS = (
    "person.date_of_birth",
    "person.date_of_death",
    "person.parents",
    "child.paternity",
    "person.residence",
)
"""Facts of a child that decisions about its brothers and sisters rest on, too, though it is no subject of theirs."""
LOOKED_BACK = 60
"""Months before this one of which an income can have been used."""


class Again:
    """Works within the register's transactions."""

    def __init__(
        self, deciding: Deciding, tasks: Tasks, silence: Silence, offering: Offering, anew: Anew
    ) -> None:
        self._anew = anew
        self._deciding = deciding
        self._tasks = tasks
        self._silence = silence
        self._offering = offering
        self._ripples = Ripples(deciding, rests_on(deciding.packages_named(PACKAGES.values()), ROLES))
        deciding.decides_again = self._reached

    def effects(self) -> Mapping[str, Effect]:
        return {CORRECTED: self._told}

    def handlers(self, ask: Ask) -> Mapping[str, Handler]:
        async def ripple(task: Task) -> Callable[[Use], None]:
            household = await gather(ask, task)
            if not household.complete:
                raise Unavailable("a register does not answer", code="register_down")
            return lambda use: self._decide_again(use, task.about["ripple"], household)

        async def siblings(task: Task) -> Callable[[Use], None]:
            because = task.because(ground(parse_identity_code(task.subject).country))
            person = await Sources(ask).person(task.subject, because)
            return lambda use: self._of_parents(
                use, Correction(subject=task.subject, **task.about), person.parents
            )

        return {"ripple": ripple, "siblings": siblings}

    def _told(self, use: Use, event: Event) -> None:
        correction = Correction.told(event)
        self._corrected(use, correction)
        if correction.concept in OF_SIBLINGS:
            about = {name: getattr(correction, name) for name in ("cause", "source", "concept", "fact")}
            self._tasks.add(use, "siblings", event.subject, cause=event.id, about=about)

    def _of_parents(self, use: Use, correction: Correction, parents: Sequence[str]) -> None:
        """What was decided of other children of theirs: each decision hears of it once."""
        for parent in parents:
            self._corrected(use, replace(correction, subject=parent))

    def declare(self, use: Use, person: str, declared: Declared, said: Provenance) -> None:
        """Contributions; offers that waited for them, or were made from others, are brought up to date."""
        before = _known_months(use, person, declared)
        ledger.declare(use, person, declared, said)
        after = _known_months(use, person, declared)
        correction = _income_correction(use, self._deciding.kernel.system, person, before, after)
        renewed = set() if correction is None else self._corrected(use, correction)
        for offer in find_offers(use, of_party(person)):
            if offer.state in ("open", "accepted") and offer.id not in renewed:
                self._tasks.add(use, "offer", offer.child, cause=f"declared/{use.usage.message_id}")

    def corrected(self, use: Use, fact: Fact) -> None:
        """A declaration says something else from now on, by an official's correction."""
        if fact.name == CONTRIBUTION:
            cause = f"{self._deciding.kernel.system}#{use.usage.message_id}"
            system, concept = self._deciding.kernel.system, "person.contributions"
            self._corrected(use, Correction(cause, system, fact.entity, concept, fact=str(fact.origin)))

    def _corrected(self, use: Use, correction: Correction) -> set[str]:
        """Offers that are brought up to date by it."""
        renewed = set()
        for ripple, record in self._ripples.open(use, correction):
            offer = _offer_of(use, record, correction.subject)
            child = correction.subject if offer is None else offer.child
            cause = f"{correction.cause.rpartition('#')[2]}/{record.id}"
            self._tasks.add(use, "ripple", child, cause=cause, about={"ripple": ripple})
            if offer is not None and offer.decision == str(record.id):
                renewed.add(offer.id)
        return renewed

    def _reached(self, use: Use, ripple: str, record: DecisionRecord, cause: str) -> bool:
        """By a finding: the child whose offer this decision made, or of which it granted something."""
        decision = str(record.id)
        child = use.connection.scalar(select(offers.c.child).where(offers.c.decision == decision))
        if child is None:
            granted = use.facts.saying(BENEFIT, "decision", decision)
            child = next((str(one.value["child"]) for one in granted), None)
        return child is not None and self._tasks.add(
            use, "ripple", child, cause=cause, about={"ripple": ripple}, issue=record.case
        )

    def _decide_again(self, use: Use, ripple: str, household: Household) -> None:
        """What is offered is brought up to date; of what was granted people decide, when money stands between."""
        child = household.child
        use.alone(f"offer/{child}")
        silence = self._silence.reason(use, child, *household.parents)

        def again(newest: DecisionRecord) -> str | None:
            offer = _offer_of(use, newest, child)
            overturned = self._ripples.must_decide(use, ripple)
            gone = offer is not None and offer.state == "withdrawn" and not (overturned and offer.is_refused)
            if silence is not None or offer is None or gone:
                raise LeftToPeople("nothing is offered any more", code="silence")
            try:
                judged = judge(self._deciding, use, household)
            except Held as error:
                raise LeftToPeople("the rules give no answer", code="rules_failed") from error
            if set(household.parents) != set(offer.parties):
                raise LeftToPeople("it was offered to other parents", code="parties")
            found = render_choices(judged, household)
            if overturned:
                why = why_again(use, ripple, ground(household.country))
                return self._anew.by_rule(use, offer, newest, judged, found, why)
            if offer.decision != str(newest.id):
                if _is_paid_otherwise(use, offer, str(newest.id), found):
                    raise LeftToPeople("money was paid by it", code="payment")
                return None
            if offer.choices == found:
                return None
            why = why_again(use, ripple, ground(household.country))
            self._offering.renew(use, offer, judged, found, again=why)
            return require_offer(use, offer.id).decision

        self._ripples.settle(use, ripple, again, person=child, family=household.parents)


def _known_months(use: Use, person: str, declared: Declared) -> tuple[MonthPaid, ...]:
    """Of the declaration's months those in which an income can have been used."""
    this = 12 * use.today.year + use.today.month - 1
    first, last = max(declared.first, this - LOOKED_BACK), min(declared.last, this)
    return ledger.ledger(use, person, first, last) if first <= last else ()


def _income_correction(
    use: Use, system: str, person: str, before: Sequence[MonthPaid], after: Sequence[MonthPaid]
) -> Correction | None:
    """None: no month that was known has another amount now. A month that nobody knew is news, and corrects nothing."""
    months = [b.month for b, a in zip(before, after, strict=True) if b.amount not in (None, a.amount)]
    if not months:
        return None
    names = frozenset(f"persons/{role}/income/{month}" for role in ("mother", "father") for month in months)
    cause = f"{system}#{use.usage.message_id}"
    return Correction(cause, system, person, "person.contributions", names=names)


def _offer_of(use: Use, record: DecisionRecord, person: str) -> Offer | None:
    """The offer that a decision about somebody made, or granted from."""
    for offer in find_offers(use, of_party(person) | (offers.c.child == person)):
        if offer.decision == str(record.id) or granted_by(use, offer, str(record.id)):
            return offer
    return None


def _is_paid_otherwise(use: Use, offer: Offer, decision: str, choices: Sequence[Mapping[str, Any]]) -> bool:
    """Whether what was granted is another amount, or for other days, than the rules give now."""
    chosen = None if offer.acceptance is None else choice_of(choices, offer.acceptance.choice)
    if chosen is None:
        return True
    due = {(item.person, f"{item.benefit}/{offer.child}"): item for item in read_items(chosen)}
    for party, fact in granted_by(use, offer, decision):
        item = due.get((party, fact.key))
        if item is None or item.amount != Decimal(fact.value["amount"]):
            return True
        until = item.valid_to or item.valid_from + timedelta(days=1)  # as it is entered
        if (item.valid_from, until) != (fact.valid_from, fact.valid_to):
            return True
    return False
