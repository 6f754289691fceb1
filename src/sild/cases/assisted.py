"""Assisted mode: a clerk acts for a person on a mandate given for this once, recorded with the words it was given in."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import uuid4

from sqlalchemy import Connection, and_, insert, select, update

from sild.cases.actor import Actor
from sild.cases.refusals import Refused
from sild.cases.store import Store
from sild.cases.tables import mandates

__all__ = ["ASSIST", "AssistedMandates"]

ASSIST = "assist-"
VALID = timedelta(hours=8)
"""A visit to the office: the mandate ends with the day."""


class AssistedMandates:
    """Blocks."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def record(self, clerk: Actor, person: str, service: str, statement: str, at: datetime) -> str:
        """The mandate's id. statement: what the person said or signed, and how they proved who they are.

        Raises Refused: `not_yours` for who is no clerk, `read_only_device`, `level_too_low`, `statement_missing`.
        """
        if "clerk" not in clerk.roles:
            raise Refused("only a clerk acts for others so", code="not_yours")
        if clerk.posture != "managed":
            raise Refused("this device may only read", code="read_only_device")
        if clerk.acr != "high":
            raise Refused("a clerk logs in at level high", code="level_too_low")
        if not statement.strip():
            raise Refused("what the person said is part of the mandate", code="statement_missing")
        row = {
            "id": f"{ASSIST}{uuid4()}",
            "clerk": clerk.person,
            "person": person,
            "service": service,
            "statement": statement.strip()[:2_000],
            "given_at": at,
            "valid_to": at + VALID,
        }
        self._store.write(lambda connection: connection.execute(insert(mandates).values(row)))
        return str(row["id"])

    def stands(self, connection: Connection, actor: Actor, service: str, case: str, at: datetime) -> bool:
        """For this one case, and no other."""
        row = connection.execute(select(mandates).where(mandates.c.id == actor.mandate_id)).one_or_none()
        return (
            row is not None
            and row.clerk == actor.person
            and row.person == actor.representee
            and row.service == service
            and row.case in (None, case)
            and row.ended_at is None
            and at < row.valid_to
        )

    def bind(self, connection: Connection, actor: Actor, case: str) -> None:
        """To the first case it is used in. Raises Refused (`mandate_ended`) when it was used for another meanwhile."""
        mine = and_(mandates.c.id == actor.mandate_id, mandates.c.case.is_(None))
        connection.execute(update(mandates).where(mine).values(case=case))
        if connection.scalar(select(mandates.c.case).where(mandates.c.id == actor.mandate_id)) != case:
            raise Refused("this mandate was for another case", code="mandate_ended")

    def end(self, mandate_id: str, person: str, at: datetime) -> None:
        """The person takes it back."""
        mine = and_(mandates.c.id == mandate_id, mandates.c.person == person, mandates.c.ended_at.is_(None))
        change = update(mandates).where(mine).values(ended_at=at)
        self._store.write(lambda connection: connection.execute(change))
