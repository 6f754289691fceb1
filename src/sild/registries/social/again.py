"""A fact under an offer or a grant was corrected: what it is about, and whether money stands between."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from sild.decisions import DecisionRecord
from sild.registries.deciding import Correction, RestsOn
from sild.registries.kernel import Fact, Use
from sild.registries.social import ledger
from sild.registries.social.ledger import Declared, MonthPaid
from sild.registries.social.offers import Offer, find_offers, of_party, read_items
from sild.registries.social.payments import BENEFIT
from sild.registries.social.tables import offers

__all__ = ["RESTS_ON", "income_correction", "is_paid_otherwise", "known_months", "offer_of"]

RESTS_ON: RestsOn = {
    "person.date_of_birth": {"child": ("persons/child/born/%",)},
    "person.contributions": {"parent": ("persons/mother/income/%", "persons/father/income/%")},
}
LOOKED_BACK = 60
"""Months before this one of which an income can have been used."""


def known_months(use: Use, person: str, declared: Declared) -> tuple[MonthPaid, ...]:
    """Of the declaration's months those in which an income can have been used."""
    this = 12 * use.today.year + use.today.month - 1
    first, last = max(declared.first, this - LOOKED_BACK), min(declared.last, this)
    return ledger.ledger(use, person, first, last) if first <= last else ()


def income_correction(
    use: Use, system: str, person: str, before: Sequence[MonthPaid], after: Sequence[MonthPaid]
) -> Correction | None:
    """None: no month that was known has another amount now. A month that nobody knew is news, and corrects nothing."""
    months = [b.month for b, a in zip(before, after, strict=True) if b.amount not in (None, a.amount)]
    if not months:
        return None
    names = frozenset(f"persons/{role}/income/{month}" for role in ("mother", "father") for month in months)
    cause = f"{system}#{use.usage.message_id}"
    return Correction(cause, system, person, "person.contributions", names=names)


def offer_of(use: Use, record: DecisionRecord, person: str) -> Offer | None:
    """The offer that a decision about somebody made, or granted from."""
    for offer in find_offers(use, of_party(person) | (offers.c.child == person)):
        if offer.decision == str(record.id) or granted_by(use, offer, str(record.id)):
            return offer
    return None


def granted_by(use: Use, offer: Offer, decision: str) -> list[tuple[str, Fact]]:
    """Receiver and benefit, of what a grant gave."""
    return [
        (party, fact)
        for party in offer.parties
        for fact in use.facts.history(party, BENEFIT)
        if fact.known_to is None and fact.value.get("decision") == decision
    ]


def is_paid_otherwise(use: Use, offer: Offer, decision: str, choices: Sequence[Mapping[str, Any]]) -> bool:
    """Whether what was granted is another amount, or for other days, than the rules give now."""
    accepted = None if offer.acceptance is None else offer.acceptance.choice
    chosen = next((one for one in choices if one["id"] == accepted), None)
    if chosen is None:
        return True
    due = {(item.person, f"{item.benefit}/{offer.child}"): item for item in read_items(chosen)}
    for party, fact in granted_by(use, offer, decision):
        item = due.get((party, fact.key))
        if item is None or item.amount != Decimal(fact.value["amount"]) or item.valid_from != fact.valid_from:
            return True
    return False
