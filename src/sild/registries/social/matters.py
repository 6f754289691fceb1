"""Offers that are held, as what waits for an official (`kernel/matters.py`)."""

from __future__ import annotations

from collections.abc import Sequence

from sild.registries.deciding import Deciding
from sild.registries.deciding.ripple_matters import evidence_of
from sild.registries.kernel import Use
from sild.registries.kernel.matters import Matter, MatterFact, MatterSource, due_day
from sild.registries.social.offers import Offer, find_offers
from sild.registries.social.tables import offers

__all__ = ["held_offers"]


def held_offers(deciding: Deciding) -> MatterSource:
    def waiting(use: Use) -> Sequence[Matter]:
        return [_matter(deciding, use, one) for one in find_offers(use, offers.c.state == "held")]

    def find(use: Use, key: str) -> Matter | None:
        found = find_offers(use, offers.c.id == key)
        return _matter(deciding, use, found[0], opened=True) if found else None

    return MatterSource("held_offer", waiting, find)


def _matter(deciding: Deciding, use: Use, offer: Offer, *, opened: bool = False) -> Matter:
    persons = (*offer.parties, offer.child)
    record = None if offer.decision is None else deciding.store.find(use.connection, offer.decision).record
    since = offer.made_at if record is None else record.decided_at
    return Matter(
        kind="held_offer",
        key=offer.id,
        state="waiting" if offer.state == "held" else "ended",
        since=since,
        due=due_day(persons, since.astimezone(deciding.kernel.zone).date()),
        persons=persons,
        case=offer.issue,
        evidence=evidence_of(deciding, use, offer.decision, persons)
        if opened and offer.decision is not None and use.usage.actor not in persons
        else None,
        facts=(MatterFact("held_because", offer.reason),),
    )
