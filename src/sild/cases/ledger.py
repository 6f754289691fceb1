"""What was asked of other bodies, and what was refused to whom: both for the person and for oversight."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, insert, or_, select, update

from sild.cases.store import Store
from sild.cases.tables import messages, oversight, parties

__all__ = ["Ledger", "SentMessage", "Sighting"]

BATCH = 500
"""Identifiers in one question to the database."""


@dataclass(frozen=True, slots=True)
class SentMessage:
    """One call. acting: with the country, or `automatic`.  role: as what they acted.  outcome: None: no answer was heard.  acting_for: whose word it was, if not their own.  office: for which it was asked."""

    message_id: str
    case: str | None
    register: str
    operation: str
    path: str
    basis: str
    acting: str
    role: str
    sent_at: datetime
    answered_at: datetime | None
    outcome: str | None
    acting_for: str | None = None
    office: str | None = None


@dataclass(frozen=True, slots=True)
class Sighting:
    """Something refused that oversight wants to know. code: `no_live_case`, `conflict_of_interest`, `read_only_device` ..."""

    at: datetime
    person: str
    code: str
    case: str | None
    about: str | None


class Ledger:
    """Blocks."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def sent(self, message: SentMessage) -> int:
        """Before it is sent; its place in the ledger."""
        columns = {name: getattr(message, name) for name in SentMessage.__slots__}
        adding = insert(messages).values(columns).returning(messages.c.position)
        return self._store.write(lambda connection: int(connection.scalar(adding) or 0))

    def answered(self, position: int, at: datetime, outcome: str) -> None:
        change = (
            update(messages)
            .where(messages.c.position == position)
            .values(answered_at=at, outcome=outcome[:100])
        )
        self._store.write(lambda connection: connection.execute(change))

    def of_case(self, case: str) -> tuple[SentMessage, ...]:
        return self._find(messages.c.case == case)

    def naming(self, person: str, register: str, begin: datetime) -> tuple[SentMessage, ...]:
        """Those to a register whose path names the person, oldest first."""
        return self._find(
            messages.c.path.contains(person), messages.c.register == register, messages.c.sent_at >= begin
        )

    def with_ids(self, message_ids: Sequence[str]) -> tuple[SentMessage, ...]:
        found: list[SentMessage] = []
        for begin in range(0, len(message_ids), BATCH):
            found += self._find(messages.c.message_id.in_(message_ids[begin : begin + BATCH]))
        return tuple(found)

    def of_actor(self, acting: str, limit: int = 200) -> tuple[SentMessage, ...]:
        """What one person had asked, the newest first. acting: with the country."""
        return tuple(reversed(self._find(messages.c.acting == acting)))[:limit]

    def _find(self, *conditions: object) -> tuple[SentMessage, ...]:
        query = select(messages).where(*conditions).order_by(messages.c.position)  # type: ignore[arg-type]  # column expressions
        with self._store.reading() as connection:
            return tuple(
                SentMessage(*(getattr(row, name) for name in SentMessage.__slots__))
                for row in connection.execute(query)
            )

    def saw(self, sighting: Sighting) -> None:
        columns = {name: getattr(sighting, name) for name in Sighting.__slots__}
        self._store.write(lambda connection: connection.execute(insert(oversight).values(columns)))

    def sightings_about(self, person: str, since: datetime, limit: int = 20) -> Sequence[Sighting]:
        """What others were refused of the person: a look that named them, a case of theirs. Newest first."""
        mine = select(parties.c.case).where(parties.c.person == person)
        of_case = and_(oversight.c.about.is_(None), oversight.c.case.in_(mine))
        theirs = (
            oversight.c.person != person,
            oversight.c.at >= since,
            or_(oversight.c.about == person, of_case),
        )
        return self._seen(select(oversight).where(*theirs), limit)

    def sightings(self, limit: int = 100) -> Sequence[Sighting]:
        """Newest first."""
        return self._seen(select(oversight), limit)

    def _seen(self, query: Select[Any], limit: int) -> Sequence[Sighting]:
        newest = query.order_by(oversight.c.position.desc()).limit(limit)
        with self._store.reading() as connection:
            return [
                Sighting(row.at, row.person, row.code, row.case, row.about)
                for row in connection.execute(newest)
            ]
