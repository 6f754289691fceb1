"""Offers as rows, read and written within a register's transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

from sqlalchemy import ColumnElement, Row, select, update

from sild.errors import CallerError
from sild.registries.identity_codes import Country
from sild.registries.kernel import Use
from sild.registries.social.rules import Item, Unknown
from sild.registries.social.tables import acceptances, offer_parties, offers
from sild.registries.social.words import Word, accounts_of, needed, words_of

__all__ = [
    "Acceptance",
    "Offer",
    "choice_of",
    "find_offers",
    "of_party",
    "read_items",
    "require_offer",
    "set_offer",
]

OfferState = Literal["open", "accepted", "held", "withdrawn"]


@dataclass(frozen=True, slots=True)
class Acceptance:
    """person: whose word made it whole, by the message `message_id`."""

    person: str
    choice: str
    at: datetime
    message_id: str


@dataclass(frozen=True, slots=True)
class Offer:
    """decision: id of the record that made it, or brought it up to date.  choices: as `render_choices` writes them.  state: open, accepted, held, withdrawn; reason: why the last two.

    words: what its parents named, of this version.  accounts: by who gave it.
    """

    id: str
    child: str
    country: Country
    issue: str | None
    state: OfferState
    reason: str | None
    version: int
    choices: Sequence[Mapping[str, Any]]
    parties: tuple[str, ...]
    made_at: datetime
    acceptance: Acceptance | None
    decision: str | None
    words: tuple[Word, ...] = ()
    accounts: Mapping[str, str] = field(default_factory=dict, repr=False)

    def needs(self, choice: Mapping[str, Any]) -> list[str]:
        """Whose word it holds with."""
        return needed(self.choices, choice, self.parties)

    def named(self, choice: str) -> list[Word]:
        return [word for word in self.words if word.choice == choice]

    @property
    def is_refused(self) -> bool:
        """An official turned it down; a contest can overturn that."""
        return self.state == "withdrawn" and self.reason == "refused"


def find_offers(use: Use, condition: ColumnElement[bool]) -> list[Offer]:
    """Those that fit a condition on `offers`, oldest first."""
    rows = use.connection.execute(select(offers).where(condition).order_by(offers.c.made_at)).all()
    return [_offer(use, row) for row in rows]


def of_party(person: str) -> ColumnElement[bool]:
    return offers.c.id.in_(select(offer_parties.c.offer).where(offer_parties.c.person == person))


def require_offer(use: Use, offer_id: str) -> Offer:
    """The use concerns whom it is about. Raises CallerError (`unknown_offer`)."""
    found = find_offers(use, offers.c.id == offer_id)
    if not found:
        raise CallerError("no such offer", code="unknown_offer")
    use.concerns(found[0].child, *found[0].parties)
    return found[0]


def set_offer(use: Use, offer: Offer, **values: object) -> None:
    changing = update(offers).where(offers.c.id == offer.id)
    use.connection.execute(changing.values(changed_at=use.at, **values))


def choice_of(choices: Sequence[Mapping[str, Any]], wanted: str) -> Mapping[str, Any] | None:
    return next((choice for choice in choices if choice["id"] == wanted), None)


def read_items(choice: Mapping[str, Any]) -> tuple[Item, ...]:
    return tuple(_item(written) for written in choice["items"])


def _item(written: Mapping[str, Any]) -> Item:
    amount = Unknown(**written["unknown"]) if written["unknown"] else Decimal(written["amount"])
    return Item(
        benefit=written["benefit"],
        person=written["person"],
        per=written["per"],
        amount=amount,
        currency=written["currency"],
        valid_from=date.fromisoformat(written["valid_from"]),
        valid_to=date.fromisoformat(written["valid_to"]) if written["valid_to"] else None,
        basis=written["basis"],
    )


def _offer(use: Use, row: Row[Any]) -> Offer:
    parties = use.connection.scalars(
        select(offer_parties.c.person).where(offer_parties.c.offer == row.id).order_by(offer_parties.c.person)
    ).all()
    accepted = use.connection.execute(select(acceptances).where(acceptances.c.offer == row.id)).one_or_none()
    return Offer(
        id=row.id,
        child=row.child,
        country="VN" if row.country == "VN" else "EE",
        issue=row.issue,
        state=row.state,
        reason=row.reason,
        version=row.version,
        choices=row.choices,
        parties=tuple(parties),
        made_at=row.made_at,
        acceptance=Acceptance(accepted.person, accepted.choice, accepted.at, accepted.message_id)
        if accepted
        else None,
        decision=row.decision,
        words=words_of(use.connection, row.id, accepted.version if accepted else row.version),
        accounts=accounts_of(use.connection, row.id),
    )
