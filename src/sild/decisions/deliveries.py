"""What became of a decision: when it came to each whom it is about, by which channel, and when they opened it. Appended, and logged.

A record is sealed before anybody has it: what its field `delivery` plans stands in it, and what came of that are leaves of the same log,
which a bundle gives as `entries`. Each addressee, channel and event stands there once; the first time counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql, sqlite

from sild.decisions import tables
from sild.decisions.canonical import canonical_json, instant_text
from sild.decisions.entries import add_entry

__all__ = ["ADDRESSED", "Delivered", "DeliveryEvent", "deliveries_of", "reached_at", "write_delivery"]

DeliveryEvent = Literal["delivered", "opened", "failed"]
ADDRESSED = ("portal", "paper", "counter", "post")
"""Channels that bring the decision itself; a push only wakes a device."""
IN_HAND = ("paper", "counter", "post")
"""Of which to have it is to know of it."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """By one channel to one addressee. to: a pseudonym; None: of an earlier version, which did not say."""

    channel: str
    language: str
    to: str | None
    delivered_at: datetime | None = None
    opened_at: datetime | None = None
    failed_at: datetime | None = None


def write_delivery(
    connection: Connection,
    decision: UUID | str,
    *,
    channel: str,
    language: str,
    event: DeliveryEvent,
    at: datetime,
    to: str | None,
) -> bool:
    """In the caller's transaction; whether it is news. to: a pseudonym."""
    row = {"record": str(decision), "channel": channel, "language": language, "event": event, "ref": to}
    add = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    adding = add(tables.deliveries).values(**row, happened_at=at).on_conflict_do_nothing()
    if connection.scalar(adding.returning(tables.deliveries.c.number)) is None:
        return False
    entry = {"kind": "delivery", "decision": str(decision), "channel": channel, "language": language}
    entry |= {"event": event, "at": instant_text(at)} | ({} if to is None else {"to": to})
    add_entry(connection, "delivery", str(decision), canonical_json(entry))
    return True


def deliveries_of(
    connection: Connection, decision: UUID | str, to: str | None = None
) -> tuple[Delivered, ...]:
    """In the order in which they began. to: only those to this pseudonym."""
    row = tables.deliveries.c
    query = select(tables.deliveries).where(row.record == str(decision)).order_by(row.happened_at, row.number)
    if to is not None:
        query = query.where(row.ref == to)
    found: dict[tuple[str, str | None], dict[str, datetime]] = {}
    languages: dict[tuple[str, str | None], str] = {}
    for one in connection.execute(query):
        key = one.channel, one.ref
        found.setdefault(key, {}).setdefault(f"{one.event}_at", one.happened_at)
        if key not in languages or one.event == "opened":
            languages[key] = one.language
    return tuple(Delivered(key[0], languages[key], key[1], **times) for key, times in found.items())


def reached_at(told: Sequence[Delivered], counts: Literal["delivered", "opened"], to: str) -> datetime | None:
    """When it reached somebody, as the time to contest it counts; None: it has not yet.

    counts: `opened`, when they learned of it: by opening it, or having it in their hands; `delivered`, when it came to them.
    """
    found = []
    for one in told:
        if one.channel not in ADDRESSED or one.to not in (None, to):
            continue
        came = counts == "delivered" or one.channel in IN_HAND
        found += [at for at in (one.opened_at, one.delivered_at if came else None) if at is not None]
    return min(found, default=None)
