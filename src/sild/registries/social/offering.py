"""The offer for a child: made once its family is known, brought up to date with what is known later, held for people, let go on.

What is not known blocks only the amount it feeds. Where another country may have to do with it, or a parent is protected from
another, the offer is held. Each of these leaves a record, which takes the place of the one before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import insert

from sild.decisions import Reason
from sild.errors import CallerError
from sild.registries.deciding import Deciding, Judged, Look
from sild.registries.exchange import Ask
from sild.registries.kernel import Use, matter_opened, matter_settled
from sild.registries.social import ledger
from sild.registries.social.granting import Granting
from sild.registries.social.household import Household, gather
from sild.registries.social.judging import (
    judge,
    judge_again,
    offer_ruling,
    refused_ruling,
    released_ruling,
    render_choices,
)
from sild.registries.social.offers import Offer, choice_of, find_offers, require_offer, set_offer
from sild.registries.social.rules import window
from sild.registries.social.tables import offer_parties, offers
from sild.registries.tasks import Handler, Held, Silence, Task, Tasks

__all__ = ["Offering"]

ASK_AGAIN = timedelta(minutes=15)

Choices = Sequence[Mapping[str, Any]]


class Offering:
    """Works within the register's transactions."""

    def __init__(self, deciding: Deciding, tasks: Tasks, silence: Silence, granting: Granting) -> None:
        self._deciding = deciding
        self._tasks = tasks
        self._silence = silence
        self._granting = granting

    def handlers(self, ask: Ask) -> Mapping[str, Handler]:
        async def offer(task: Task) -> Callable[[Use], None]:
            household = await gather(ask, task)

            def change(use: Use) -> None:
                self._offer(use, household)
                if not household.complete:  # somebody did not answer: ask again, and fill in what is unknown
                    cause = f"{task.cause.partition('+')[0]}+{task.id}"
                    self._tasks.add(use, "offer", task.subject, cause=cause, at=use.at + ASK_AGAIN)

            return change

        return {"offer": offer}

    def _offer(self, use: Use, household: Household) -> None:
        """Make the offer, or bring it up to date with what is known now."""
        child = household.child
        use.alone(f"offer/{child}")
        silence = self._silence.reason(
            use, child, *household.parents
        )  # all at once, or two could wait for each other
        reason = self._silence.known(use, child)
        if reason in ("death", "stillbirth"):
            return
        if reason is None:
            reason = f"parent_{silence}" if silence else household.foreign
        judged = judge(self._deciding, use, household)
        first, last = window(household.country, household.born)
        if reason is None and ledger.foreign_income(use, household.parents, household.country, first, last):
            reason = "foreign_income"
        found = render_choices(judged, household)
        existing = find_offers(use, offers.c.child == child)
        if not existing:
            self._make(use, household, judged, found, reason)
        elif existing[0].choices != found and existing[0].state != "withdrawn":
            if self._is_by_hand(use, existing[0]):
                raise Held(
                    "an official decided the offer by hand: what is new to it is for people",
                    code="discretion",
                )
            self.renew(use, existing[0], judged, found)

    def _is_by_hand(self, use: Use, offer: Offer) -> bool:
        """Whether its amounts are an official's, given in a contest, and no rule's."""
        if offer.decision is None:
            return False
        record = self._deciding.store.find(use.connection, offer.decision).record
        return record.kind == "human" and record.discretion != "bound"

    def _make(
        self, use: Use, household: Household, judged: Judged, found: Choices, reason: str | None
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
        self.decide(use, offer, judged, reason)
        if reason:
            use.publish("social.offer.held", household.child, {"offer": key, "reason": reason})
            matter_opened(use, "held_offer", key, offer.parties)
        else:
            use.publish("social.offer.made", household.child, {"offer": key})

    def renew(
        self, use: Use, offer: Offer, judged: Judged, found: Choices, *, again: Reason | None = None
    ) -> None:
        """What is found now takes the place of what was offered; what of it was chosen and is known by now, is granted."""
        set_offer(use, offer, choices=found, version=offer.version + 1)
        held = offer.reason if offer.state == "held" else None
        self.decide(use, offer, judged, held, again=again)
        (offer,) = find_offers(use, offers.c.id == offer.id)
        if offer.state == "open":
            use.publish("social.offer.made", offer.child, {"offer": offer.id})
        elif offer.state == "accepted" and offer.acceptance is not None:
            accepted = choice_of(found, offer.acceptance.choice)
            if accepted is not None:
                self._granting.grant(use, offer, accepted)

    def decide(
        self, use: Use, offer: Offer, judged: Judged, reason: str | None, *, again: Reason | None = None
    ) -> None:
        """The record of an offer, or of its being held; it takes the place of the one before."""
        ruling = offer_ruling(offer, reason, again=again)
        record = self._deciding.record(use, judged, ruling)
        set_offer(use, offer, decision=str(record.id))

    def hold(self, use: Use, offer: Offer, reason: str) -> None:
        """People look at it first, unless it was accepted."""
        if offer.state == "open":
            set_offer(use, offer, state="held", reason=reason)
            self.decide(use, offer, judge_again(self._deciding, use, offer), reason)
            use.publish("social.offer.held", offer.child, {"offer": offer.id, "reason": reason})
            matter_opened(use, "held_offer", offer.id, offer.parties)

    def withdraw(self, use: Use, offer: Offer, reason: str) -> None:
        if offer.state != "withdrawn":
            set_offer(use, offer, state="withdrawn", reason=reason)
            self._granting.stop(use, offer, reason)
            if offer.state == "held":
                _no_longer_waits(use, offer)

    def bring_back(self, use: Use, offer: Offer, since: datetime) -> None:
        """The child's death, heard of since then, was none: an offer that was taken goes on with its payments, any other is for an official."""
        if (offer.state, offer.reason) != ("withdrawn", "death"):
            return
        use.alone(f"offer/{offer.child}")
        accepted = offer.acceptance is not None
        set_offer(use, offer, state="accepted" if accepted else "open", reason=None)
        offer = require_offer(use, offer.id)
        if accepted:
            self._granting.go_on(use, offer, since)
        else:
            self.hold(use, offer, "death_annulled")

    def no_longer_bereaved(self, use: Use, offer: Offer) -> None:
        """A parent's death was none: what was held for it alone is open again, unless another silence holds it."""
        if (offer.state, offer.reason) != ("held", "parent_death"):
            return
        use.alone(f"offer/{offer.child}")
        left = self._silence.reason(use, offer.child, *offer.parties)
        set_offer(use, offer, state="open", reason=None)
        offer = require_offer(use, offer.id)
        if left is not None:
            set_offer(use, offer, state="held", reason=f"parent_{left}")
            return
        self.decide(use, offer, judge_again(self._deciding, use, offer), None)
        use.publish("social.offer.made", offer.child, {"offer": offer.id})
        _no_longer_waits(use, offer)

    def refuse(self, use: Use, offer: Offer, look: Look) -> None:
        """An official turns down what was held, in words of their own; it ends, and can be contested.

        Raises CallerError (`not_held`, `needs_a_person`, `offer_changed`, `missing_reason`).
        """
        official = _official(use, offer)
        if not look.words.strip():
            raise CallerError("a refusal has reasons", code="missing_reason")
        ruling = refused_ruling(self._deciding, offer, official, look)
        record = self._deciding.record(use, judge_again(self._deciding, use, offer), ruling)
        set_offer(use, offer, state="withdrawn", reason="refused", decision=str(record.id))
        use.publish("social.offer.held", offer.child, {"offer": offer.id, "reason": "refused"})
        _no_longer_waits(use, offer)

    def reopen(self, use: Use, offer: Offer) -> Offer:
        """A refusal was overturned: what it ended is offered, as if it had been let go on; unless the child has died meanwhile."""
        if not offer.is_refused or self._silence.known(use, offer.child) in ("death", "stillbirth"):
            return offer
        set_offer(use, offer, state="open", reason=None)
        return require_offer(use, offer.id)

    def release(self, use: Use, offer: Offer, look: Look) -> None:
        """Raises CallerError (`not_held`, `needs_a_person`)."""
        official = _official(use, offer)
        set_offer(use, offer, state="open", reason=None)
        if offer.decision is not None:  # an offer of an earlier version has none
            ruling = released_ruling(self._deciding, offer, official, look)
            record = self._deciding.record(use, judge_again(self._deciding, use, offer), ruling)
            set_offer(use, offer, decision=str(record.id))
        use.publish("social.offer.made", offer.child, {"offer": offer.id})
        _no_longer_waits(use, offer)


def _official(use: Use, offer: Offer) -> str:
    """Who decides about what is held: a person, and none of its parents."""
    official = use.usage.actor
    if official is None or {official, use.usage.principal} & set(offer.parties):
        raise CallerError("an official decides this", code="needs_a_person")
    if offer.state != "held":
        raise CallerError(f"the offer is {offer.state}", code="not_held")
    return official


def _no_longer_waits(use: Use, offer: Offer) -> None:
    matter_settled(use, "held_offer", offer.id, offer.parties)
