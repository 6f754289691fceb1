"""Rows that are there once, and ids made of what caused them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

__all__ = ["add_row", "derived_id"]


def add_row(connection: Connection, table: Any, row: Mapping[str, Any]) -> bool:
    """Whether it was added; False when one with its key is there already."""
    write = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    adding = write(table).values(dict(row)).on_conflict_do_nothing()
    added = connection.execute(
        adding, execution_options={"preserve_rowcount": True}
    )  # PostgreSQL's is -1 else
    return bool(added.rowcount)


def derived_id(*causes: str) -> str:
    """The id of what these causes make, the same each time."""
    return str(uuid5(NAMESPACE_URL, "urn:sild:case:" + "|".join(causes)))
