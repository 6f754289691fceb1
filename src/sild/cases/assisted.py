"""Assisted mode: a clerk acts for a person on a mandate given for this once, recorded with the words it was given in.

The mandate is a case of the person's own besides (`assisted_mandate.py`), with its notice, its timeline and the button that ends it.
It is for one clerk, one person, one service and, from its first use, one case; it ends by the person's word or the clerk's, when
nothing in the case waits for the person any more, and after `VALID`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from sild.cases.actor import STATE, Actor
from sild.cases.case import Case, Party
from sild.cases.process import Opening
from sild.cases.refusals import Refused
from sild.cases.store import Changed, Store
from sild.cases.tables import mandates
from sild.decisions import sha256_of

__all__ = ["ASSISTED", "DOCUMENTS", "VALID", "WAYS", "AssistedMandates", "Identified"]

ASSISTED = "assisted"
"""The service of which a mandate is a case."""
VALID = timedelta(hours=8)
"""A visit to the office: the mandate ends with the day."""
WAYS = ("counter", "phone")
DOCUMENTS = ("id_card", "passport", "residence_card", "driving_licence")
MAX_STATEMENT = 2_000
RECORDED = ("id", "clerk", "person", "service", "statement", "way", "document")
"""What the hash of a mandate is made of; the number of the document is nobody else's to guess at."""
TRIES = 10


@dataclass(frozen=True, slots=True)
class Identified:
    """How a clerk knew who stood before them, or called. way: of `WAYS`.  document: of `DOCUMENTS`, with its number; by phone none.

    The number stands with the mandate alone: in no log, in no message.
    """

    way: str = "counter"
    document: str | None = None
    number: str | None = None


class AssistedMandates:
    """Blocks."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def record(
        self,
        mandate_id: str,
        clerk: Actor,
        person: str,
        service: str,
        statement: str,
        identified: Identified,
        shown: Mapping[str, Any],
        at: datetime,
    ) -> None:
        """Once: the same id again changes nothing. shown: what the person reads of it, JSON."""
        until = at + VALID
        data = {**shown, "service": service, "statement": statement, "way": identified.way}
        data |= {"document": identified.document, "number": identified.number, "until": until.isoformat()}
        row = {
            "id": mandate_id,
            "clerk": clerk.person,
            "person": person,
            "service": service,
            "statement": statement,
            "given_at": at,
            "valid_to": until,
            "way": identified.way,
            "document": identified.document,
            "document_number": identified.number,
        }

        def write(connection: Connection) -> None:
            if self._row(connection, mandate_id) is not None:
                return
            opening = Opening((Party("person", person),), None, data)
            self._store.open(connection, ASSISTED, opening, clerk, "clerk", at, case_id=mandate_id)
            connection.execute(insert(mandates).values(row))

        self._store.write(write)

    def sha256(self, mandate_id: str) -> str | None:
        """Of what was recorded: who helps whom with what, on which words, how they were known, until when. None: there is none."""
        with self._store.reading() as connection:
            row = self._row(connection, mandate_id)
        if row is None:
            return None
        said = {name: getattr(row, name) for name in RECORDED}
        times = {"given_at": row.given_at.isoformat(), "valid_to": row.valid_to.isoformat()}
        return sha256_of({**said, **times})

    def of_clerk(self, mandate_id: str, clerk: Actor) -> tuple[Row[Any], Case] | None:
        """The mandate and its case; None: not this clerk's."""
        with self._store.reading() as connection:
            row = self._row(connection, mandate_id)
            case = self._store.find(connection, mandate_id) if row is not None else None
        return None if row is None or case is None or row.clerk != clerk.person else (row, case)

    def standing(self, clerk: Actor, at: datetime) -> tuple[str, ...]:
        """Ids of the clerk's mandates that stand, newest first."""
        mine = select(mandates).where(mandates.c.clerk == clerk.person, mandates.c.valid_to > at)
        with self._store.reading() as connection:
            rows = connection.execute(mine.order_by(mandates.c.given_at.desc())).all()
            return tuple(row.id for row in rows if self._is_standing(connection, row, at))

    def stands(self, connection: Connection, actor: Actor, service: str, case: str, at: datetime) -> bool:
        """For this one case, and no other."""
        row = self._row(connection, str(actor.mandate_id))
        return (
            row is not None
            and row.clerk == actor.person
            and row.person == actor.representee
            and row.service == service
            and row.case in (None, case)
            and self._is_standing(connection, row, at)
        )

    def is_for(self, actor: Actor, case: Case) -> bool:
        """Whether it is the case that the mandate was used for, whatever became of the mandate."""
        with self._store.reading() as connection:
            row = self._row(connection, str(actor.mandate_id))
        return row is not None and row.case == case.id and row.clerk == actor.person

    def _is_standing(self, connection: Connection, row: Row[Any], at: datetime) -> bool:
        if row.ended_at is not None or at >= row.valid_to:
            return False
        case = self._store.find(connection, row.id)
        return case is not None and case.status not in self._store.process(ASSISTED).closed

    def bind(self, connection: Connection, actor: Actor, case: Case, at: datetime) -> None:
        """To the first case it is used in.

        Raises Refused: `mandate_ended` when it was used for another meanwhile, `conflict_of_interest` for a clerk who is a party.
        """
        ensure_no_party(actor, case)
        row = self._row(connection, str(actor.mandate_id))
        if row is None or row.case not in (None, case.id):
            raise Refused("this mandate was for another case", code="mandate_ended")
        if row.case is None:
            first = mandates.c.id == row.id, mandates.c.case.is_(None)
            connection.execute(update(mandates).where(*first).values(case=case.id))
            bound = connection.scalar(select(mandates.c.case).where(mandates.c.id == row.id))
            if bound != case.id:
                raise Refused("this mandate was for another case", code="mandate_ended")
            self._note(connection, row.id, "BEGIN", {"case": case.id, "number": case.number}, STATE, at)

    def end(self, mandate_id: str, actor: Actor, at: datetime) -> None:
        """The person takes it back, or the clerk's part is done. What has ended stays so."""

        def write(connection: Connection) -> None:
            row = self._row(connection, mandate_id)
            if row is None or actor.person not in (row.person, row.clerk):
                return
            name = "END" if actor.person == row.person else "LEAVE"
            self.close(connection, mandate_id, name, actor, at)

        for _ in range(TRIES):
            try:
                self._store.write(write)
            except Changed:
                continue
            return

    def close(self, connection: Connection, mandate_id: str, name: str, actor: Actor, at: datetime) -> None:
        standing = mandates.c.id == mandate_id, mandates.c.ended_at.is_(None)
        if connection.execute(update(mandates).where(*standing).values(ended_at=at)).rowcount:
            self._note(connection, mandate_id, name, {}, actor, at)

    def _note(
        self,
        connection: Connection,
        mandate_id: str,
        name: str,
        data: Mapping[str, Any],
        actor: Actor,
        at: datetime,
    ) -> None:
        """In the mandate's own case, unless that is over. Raises Changed."""
        case = self._store.find(connection, mandate_id)
        if case is None or case.status in self._store.process(ASSISTED).closed:
            return
        role = next(iter(case.roles_of(actor.person)), "clerk" if actor.roles & {"clerk"} else "state")
        self._store.act(connection, case, name, data, actor, role, at)

    def _row(self, connection: Connection, mandate_id: str) -> Row[Any] | None:
        return connection.execute(select(mandates).where(mandates.c.id == mandate_id)).one_or_none()


def ensure_no_party(actor: Actor, case: Case) -> None:
    """Nobody is a clerk in a case of their own. Raises Refused (`conflict_of_interest`)."""
    if case.roles_of(actor.person):
        raise Refused("you are a party: somebody else helps", code="conflict_of_interest")
