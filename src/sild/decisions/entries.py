"""What waits to become a leaf of the log: a decision, a delivery, a shredded value."""

from __future__ import annotations

from sqlalchemy import Connection, insert

from sild.decisions import tables

__all__ = ["add_entry"]


def add_entry(connection: Connection, kind: str, record: str, content: bytes) -> None:
    """A leaf to be: the next checkpoint gives it its number. content: canonical."""
    key = connection.execute(
        insert(tables.entries).values(kind=kind, record=record, content=content)
    ).inserted_primary_key
    assert key is not None
    connection.execute(insert(tables.waiting).values(entry=key[0]))
