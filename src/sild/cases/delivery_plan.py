"""What is to be told of decisions that reach people: rows, written with the notice that brings them (`deliveries.py` tells them)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, select

from sild.cases.actor import Reader
from sild.cases.case import Case
from sild.cases.process import Process
from sild.cases.rows import add_row, derived_id
from sild.cases.tables import deliveries, notices

__all__ = ["EVERY_LANGUAGE", "PORTAL", "plan_brought", "plan_deliveries", "plan_delivery"]

PORTAL = "portal"
EVERY_LANGUAGE = "mul"
"""ISO 639-2: a notice is there in all of them."""


def plan_deliveries(
    connection: Connection, process: Process, case: Case, person: str, notice: str, at: datetime
) -> bool:
    """In the transaction of a notice: what its case shows its person, and they were not told of before; whether there is any.

    at: when the notice is there.
    """
    decisions: dict[tuple[str, str], None] = {}
    for role in case.roles_of(person):
        for register, decision, *_ in process.results(case, role, Reader(person, person)).get(
            "decisions", ()
        ):
            decisions[str(register), str(decision)] = None
    planned = [
        plan_delivery(connection, case.id, person, register, decision, PORTAL, "delivered", at, notice=notice)
        for register, decision in decisions
    ]
    return any(planned)


def plan_brought(connection: Connection, case: str, register: str, decision: str, at: datetime) -> bool:
    """To everybody whom the case has sent a notice that was not cancelled, with the newest of these."""
    query = (
        select(notices.c.person, notices.c.id)
        .where(notices.c.case == case, notices.c.cancelled_for.is_(None), notices.c.not_before <= at)
        .order_by(notices.c.not_before)
    )
    newest = {row.person: row.id for row in connection.execute(query)}
    planned = [
        plan_delivery(connection, case, person, register, decision, PORTAL, "delivered", at, notice=notice)
        for person, notice in newest.items()
    ]
    return any(planned)


def plan_delivery(
    connection: Connection,
    case: str,
    person: str,
    register: str,
    decision: str,
    channel: str,
    event: str,
    at: datetime,
    *,
    notice: str,
    language: str = EVERY_LANGUAGE,
) -> bool:
    row = {
        "id": derived_id("delivery", decision, person, channel, event),
        "case": case,
        "notice": notice,
        "person": person,
        "register": register,
        "decision": decision,
        "channel": channel,
        "language": language,
        "event": event,
        "at": at,
        "state": "waiting",
        "tries": 0,
        "next_try": at,
    }
    return add_row(connection, deliveries, row)
