"""An offer or a grant that a contest overturned is decided anew, by rule or by hand; facts and payments follow the newer decision.

A contested offer takes with it what was granted from it. What the newer decision gives is paid from its first day: see payments.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import select

from sild.decisions import DecisionRecord, Reason, Sealed, open_values
from sild.registries.deciding import (
    DECIDED_AGAIN,
    ByHand,
    Deciding,
    Judged,
    LeftToPeople,
    record_by_hand,
    situation_of,
)
from sild.registries.kernel import Use
from sild.registries.social.granting import Granting, granted_by
from sild.registries.social.judging import PACKAGES
from sild.registries.social.offering import Offering
from sild.registries.social.offers import Offer, choice_of, find_offers, require_offer, set_offer
from sild.registries.social.payments import BENEFIT
from sild.registries.social.tables import offers
from sild.rules import choices

__all__ = ["Anew"]

Choices = Sequence[Mapping[str, Any]]


class Anew:
    """Works within the register's transactions."""

    def __init__(self, deciding: Deciding, offering: Offering, granting: Granting) -> None:
        self._deciding = deciding
        self._offering = offering
        self._granting = granting
        deciding.decides_by_hand = self.by_hand
        deciding.people_of = self._people_of

    # --- by rule

    def by_rule(
        self, use: Use, offer: Offer, old: DecisionRecord, judged: Judged, found: Choices, why: Reason
    ) -> str:
        """The decision in the place of `old`, from the facts as they are now. Raises LeftToPeople."""
        of_offer = offer.decision == str(old.id)
        offer = self._offering.reopen(use, offer) if of_offer else offer
        if of_offer or offer.choices != found:
            self._offering.renew(use, offer, judged, found, again=why)
            offer = require_offer(use, offer.id)
        if offer.acceptance is None:
            return str(offer.decision)
        choice = choice_of(found, offer.acceptance.choice)
        if choice is None:
            raise LeftToPeople("what was chosen is offered no more", code="choice_gone")
        made = str(offer.decision)
        for grant in self._grants(use, offer) if of_offer else [old]:
            newer = self._granting.again(use, offer, choice, grant, judged, why)
            self._tell(use, offer, grant, newer)
            made = made if of_offer else newer
        return made

    def _grants(self, use: Use, offer: Offer) -> list[DecisionRecord]:
        """Those in force."""
        decisions = dict.fromkeys(str(fact.value["decision"]) for _, fact in granted_by(use, offer))
        store = self._deciding.store
        return [
            store.find(use.connection, one).record
            for one in decisions
            if store.superseded_by(use.connection, one) is None
        ]

    def _tell(self, use: Use, offer: Offer, old: DecisionRecord, newer: str) -> None:
        use.publish(DECIDED_AGAIN, offer.child, {"decision": newer, "supersedes": str(old.id)})

    # --- by hand

    def by_hand(self, use: Use, old: DecisionRecord, hand: ByHand) -> DecisionRecord | None:
        """None: it is neither an offer nor a grant that stands."""
        known = self._offer_of(use, str(old.id))
        if known is None:
            return None
        use.alone(f"offer/{known.child}")  # before the case, which the record holds
        offer = self._offering.reopen(use, require_offer(use, known.id))
        if offer.state == "withdrawn":
            return None
        new = record_by_hand(self._deciding, use, old, hand)
        found = self._as_said(use, offer, new)
        if offer.decision == str(old.id):
            set_offer(use, offer, choices=found, version=offer.version + 1, decision=str(new.id))
            if offer.state == "open":
                use.publish("social.offer.made", offer.child, {"offer": offer.id})
            grants = self._grants(use, offer)
        else:
            grants = [old]
        choice = None if offer.acceptance is None else choice_of(found, offer.acceptance.choice)
        for grant in grants if choice is not None else ():
            decision = new if grant is old else self._grant_by_hand(use, grant, new, hand)
            held = granted_by(use, offer, str(grant.id))
            assert choice is not None
            self._granting.follow(use, offer, choice, held, str(decision.id))
            self._tell(use, offer, grant, str(decision.id))
        return new

    def _grant_by_hand(
        self, use: Use, grant: DecisionRecord, offered: DecisionRecord, hand: ByHand
    ) -> DecisionRecord:
        """Of what was granted from an offer that was decided by hand: the same lines, with what that one says."""
        said = self._said(use, offered)
        names = {one.name for one in grant.outcome.items}
        values = {name: value for name, value in said.items() if name in names and value is not None}
        return record_by_hand(self._deciding, use, grant, replace(hand, values=values))

    def _people_of(self, use: Use, decision: str) -> Sequence[str]:
        offer = self._offer_of(use, decision)
        return () if offer is None else (*offer.parties, offer.child)

    def _offer_of(self, use: Use, decision: str) -> Offer | None:
        made = use.connection.scalar(select(offers.c.id).where(offers.c.decision == decision))
        if made is None:
            granted = use.facts.saying(BENEFIT, "decision", decision)
            made = next((str(one.value["offer"]) for one in granted), None)
        return None if made is None else find_offers(use, offers.c.id == made)[0]

    def _said(self, use: Use, record: DecisionRecord) -> dict[str, Any]:
        """What the decision gives for each output of the rules that it names."""
        opened = open_values(self._deciding.store, use.connection, str(record.id))
        return {
            one.name: opened[one.value.sealed].value if isinstance(one.value, Sealed) else one.value
            for one in record.outcome.items
            if one.name.count("/") == 2
        }

    def _as_said(self, use: Use, offer: Offer, record: DecisionRecord) -> list[dict[str, Any]]:
        """The offer's choices with the amounts and days of the record, where it has them."""
        facts = self._deciding.rested_on(use, str(record.id))
        judged = self._deciding.judge(PACKAGES[offer.country], facts, at=use.today)
        said = self._said(use, record)
        values = tuple(
            replace(one, value=said.get(f"{one.entity}/{one.variable}/{one.period}", one.value))
            for one in judged.evaluation.values
        )
        ways = choices(judged.package, situation_of(facts), replace(judged.evaluation, values=values))
        by_id = {one.id: one for one in ways}
        found = []
        for written in offer.choices:
            way = by_id.get(written["id"])
            items = [dict(item) for item in written["items"]]
            for item, mine in zip(items, () if way is None else way.items, strict=False):
                if said.get(mine.node.replace("@", "/")) is None:
                    continue
                item |= {"amount": mine.amount, "unknown": None}
                if mine.valid_from is not None:
                    item |= {"valid_from": mine.valid_from, "valid_to": mine.valid_to}
            found.append({"id": written["id"], "items": items})
        return found
