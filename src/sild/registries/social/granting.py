"""What a choice gives: the parents take it, each of its items that is known is granted and paid, and it stops when the offer is withdrawn."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import delete, insert

from sild.decisions import DecisionRecord, Reason
from sild.errors import CallerError
from sild.registries.accounts import parse_account
from sild.registries.deciding import Deciding, Judged, KnownFact, LeftToPeople
from sild.registries.kernel import Fact, Provenance, Use
from sild.registries.social.judging import grant_ruling, judge_again, outputs_of
from sild.registries.social.offers import (
    Acceptance,
    Offer,
    choice_of,
    read_items,
    require_offer,
    set_offer,
)
from sild.registries.social.orders import NO_ACCOUNT
from sild.registries.social.payments import BENEFIT, Payments
from sild.registries.social.rules import Item, Unknown
from sild.registries.social.tables import acceptances, accounts, payment_orders
from sild.registries.social.words import Word, give_account, receivers, say
from sild.registries.tasks import Silence

__all__ = ["Granting", "granted_by"]


class Granting:
    """Works within the register's transactions."""

    def __init__(self, deciding: Deciding, payments: Payments, silence: Silence) -> None:
        self._deciding = deciding
        self._payments = payments
        self._silence = silence

    def accept(
        self, use: Use, offer: Offer, choice_id: str, account: str | None, version: int | None
    ) -> None:
        """A parent names it, and it is taken once everybody has whose word it needs (words.py). version: of the offer, as they saw it.

        account: where the parent who speaks is paid; nobody else is, and who receives nothing by it gives none.

        Raises CallerError: `not_a_party`, `unknown_choice`, `missing_account`, `invalid_account`, `offer_changed`, `offer_held`,
        `offer_withdrawn`, `already_accepted`.
        """
        person = _party(use, offer)
        choice = choice_of(offer.choices, choice_id)
        if choice is None:
            raise CallerError("the offer has no such choice", code="unknown_choice")
        plain = None if account is None else parse_account(account, offer.country)
        receives = person in receivers(choice)
        if receives and plain is None:
            raise CallerError("whoever receives says where", code="missing_account")
        _ensure_open(offer, version)
        say(use, offer.id, Word(person, choice_id, offer.version, use.at, use.usage.message_id))
        if receives and plain is not None:
            give_account(use, offer.id, person, plain)
        offer = require_offer(use, offer.id)
        if self._waits_for(use, offer, choice):
            set_offer(use, offer)
            return
        acceptance = Acceptance(person, choice_id, use.at, use.usage.message_id)
        row = {"offer": offer.id, "version": offer.version, **asdict(acceptance)}
        use.connection.execute(insert(acceptances).values(row))
        nobodys = accounts.c.person.not_in(receivers(choice))  # given with another choice
        use.connection.execute(delete(accounts).where(accounts.c.offer == offer.id, nobodys))
        set_offer(use, offer, state="accepted")
        self.grant(use, replace(offer, acceptance=acceptance), choice)

    def _waits_for(self, use: Use, offer: Offer, choice: Mapping[str, Any]) -> list[str]:
        """Who has not named it yet, of those who must. Nobody waits for the dead."""
        said = {word.person for word in offer.named(choice["id"])}
        return [
            one for one in offer.needs(choice) if one not in said and not self._silence.has_died(use, one)
        ]

    def change_account(self, use: Use, offer: Offer, account: str) -> None:
        """Their own. Raises CallerError: `not_a_party`, `invalid_account`, `not_accepted`, `not_a_receiver`."""
        person = _party(use, offer)
        plain = parse_account(account, offer.country)
        if offer.acceptance is None:
            raise CallerError("nothing of the offer is paid yet", code="not_accepted")
        chosen = choice_of(offer.choices, offer.acceptance.choice)
        if chosen is None or person not in receivers(chosen):
            raise CallerError("nothing of it is paid to this person", code="not_a_receiver")
        self._payments.change_account(use, offer, person, plain)

    def grant(self, use: Use, offer: Offer, choice: Mapping[str, Any]) -> None:
        """Every item of the choice that is known and not granted yet, for whatever days."""
        granted = {
            (fact.key, party)
            for party in offer.parties
            for fact in use.facts.history(party, BENEFIT)
            if fact.known_to is None
        }
        due = {
            f"{item.benefit}/{item.person}": (item, item.amount)
            for item in read_items(choice)
            if not isinstance(item.amount, Unknown)
            and (f"{item.benefit}/{offer.child}", item.person) not in granted
        }
        if not due:
            return
        decision = self._decide(use, offer, choice, due)
        for item, amount in due.values():
            self._enter(use, offer, item, amount, decision)
            self._payments.schedule(use, offer, item, amount, decision)
        benefits = [item.benefit for item, _ in due.values()]
        about = {"offer": offer.id, "benefits": benefits, "decision": decision}
        use.publish("social.benefit.granted", offer.child, about)

    def again(
        self,
        use: Use,
        offer: Offer,
        choice: Mapping[str, Any],
        old: DecisionRecord,
        judged: Judged,
        why: Reason,
    ) -> str:
        """By rule in the place of a grant; its id. judged: by the facts as they are now.

        Raises LeftToPeople (`unknown_facts`): none of its sums is known any more.
        """
        held = granted_by(use, offer, str(old.id))
        items = _known(choice, held)
        if not items:
            raise LeftToPeople("nothing of the grant is known now", code="unknown_facts")
        outputs = outputs_of(judged, choice, [f"{item.benefit}/{item.person}" for item, _ in items])
        fresh = self._deciding.judge(judged.package.name, judged.facts, at=use.today, outputs=outputs)
        fresh = self._with_choice(offer, fresh)
        ruling = replace(
            grant_ruling(offer, choice["id"], fresh),
            effect="correct",
            reasons=(why,),
            supersedes=str(old.id),
            case=old.case,
        )
        decision = str(self._deciding.record(use, fresh, ruling).id)
        self.follow(use, offer, choice, held, decision)
        return decision

    def follow(
        self,
        use: Use,
        offer: Offer,
        choice: Mapping[str, Any],
        held: Sequence[tuple[str, Fact]],
        decision: str,
    ) -> None:
        """What was granted is what the newer decision gives; the payments follow it from the first day. held: of the one before."""
        for party, fact in held:
            use.facts.retract(
                party, BENEFIT, key=fact.key, valid_from=fact.valid_from, valid_to=fact.valid_to
            )
        granted: dict[tuple[str, str], Item | None] = {
            (str(fact.value["benefit"]), party): None for party, fact in held
        }
        for item, amount in _known(choice, held):
            granted[item.benefit, item.person] = item
            self._enter(use, offer, item, amount, decision)
            self._payments.schedule(use, offer, item, amount, decision)
        self._payments.beyond(use, offer, decision, granted)

    def _enter(self, use: Use, offer: Offer, item: Item, amount: Decimal, decision: str) -> None:
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
            provenance=Provenance(self._deciding.kernel.system, item.basis, use.usage.message_id),
        )

    def _decide(self, use: Use, offer: Offer, choice: Mapping[str, Any], due: Collection[str]) -> str:
        """due: `benefit/person`.  The record names them, and what of the choice is not known yet."""
        whole = judge_again(self._deciding, use, offer)
        outputs = outputs_of(whole, choice, due)
        judged = self._with_choice(offer, judge_again(self._deciding, use, offer, outputs))
        return str(self._deciding.record(use, judged, grant_ruling(offer, choice["id"], judged)).id)

    def _with_choice(self, offer: Offer, judged: Judged) -> Judged:
        """What the parent chose is what the grant rests on, too, with the message that said so; the rules see nothing of it."""
        accepted = offer.acceptance
        if accepted is None:
            raise CallerError("nobody has taken the offer", code="not_accepted")
        chosen = KnownFact(
            "choice",
            "text",
            accepted.choice,
            register=self._deciding.kernel.system,
            message_id=accepted.message_id,
            fetched_at=accepted.at,
            asserted_by="person",
            further_messages=tuple(
                (self._deciding.kernel.system, word.message_id, word.at)
                for word in offer.named(accepted.choice)
                if word.message_id != accepted.message_id
            ),
        )
        return replace(judged, facts=(*judged.facts, chosen))

    def stop(self, use: Use, offer: Offer, reason: str) -> None:
        """What has not been paid is not paid; what was paid by right stays."""
        waiting = (payment_orders.c.offer == offer.id) & (
            payment_orders.c.reference.is_not(None)
            | (payment_orders.c.due > use.today)
            | (payment_orders.c.reason == NO_ACCOUNT)
        )
        self._payments.cancel(use, waiting, offer.child, reason)
        for party in offer.parties:
            for fact in use.facts.current(party, [BENEFIT], on=use.today):
                if fact.value["child"] == offer.child:
                    tomorrow = use.today + timedelta(days=1)
                    use.facts.retract(party, BENEFIT, key=fact.key, valid_from=tomorrow)

    def go_on(self, use: Use, offer: Offer, since: datetime) -> None:
        """What `stop` ended, since then, for a death that was none."""
        for party in offer.parties:
            keys = {fact.key for fact in use.facts.history(party, BENEFIT)}
            for key in keys:
                if key.endswith(f"/{offer.child}"):
                    use.facts.take_up(party, BENEFIT, key=key, valid_from=date.min, since=since)
        self._payments.send_again(use, offer, "death")


def granted_by(use: Use, offer: Offer, decision: str | None = None) -> list[tuple[str, Fact]]:
    """Receiver and benefit, of what a grant gave; None: each grant of the offer."""
    return [
        (party, fact)
        for party in offer.parties
        for fact in use.facts.history(party, BENEFIT)
        if fact.known_to is None
        and fact.value.get("offer") == offer.id
        and decision in (None, fact.value.get("decision"))
    ]


def _known(choice: Mapping[str, Any], held: Sequence[tuple[str, Fact]]) -> list[tuple[Item, Decimal]]:
    """Of what was granted the items of the choice whose amounts are known."""
    granted = {(fact.value["benefit"], party) for party, fact in held}
    return [
        (item, item.amount)
        for item in read_items(choice)
        if (item.benefit, item.person) in granted and not isinstance(item.amount, Unknown)
    ]


def _party(use: Use, offer: Offer) -> str:
    """Whose word it is. Raises CallerError (`not_a_party`)."""
    person = use.usage.principal
    if person is None or person not in offer.parties:
        raise CallerError("the offer was not made to this person", code="not_a_party")
    return person


def _ensure_open(offer: Offer, version: int | None) -> None:
    if offer.acceptance is not None:
        raise CallerError(f"accepted before: {offer.acceptance.choice}", code="already_accepted")
    if offer.state != "open":
        raise CallerError(f"the offer is {offer.state}: {offer.reason}", code=f"offer_{offer.state}")
    if version is not None and version != offer.version:
        raise CallerError("the offer has changed since", code="offer_changed")
