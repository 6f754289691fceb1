"""Whom the register knows, and how they are found: made from the facts, never asked for what is true."""

from __future__ import annotations

from sqlalchemy import Column, Date, Index, MetaData, String, Table

__all__ = ["metadata", "persons"]

metadata = MetaData()

persons = Table(
    "persons",
    metadata,
    Column("code", String(12), primary_key=True),
    Column("country", String(2), nullable=False),
    Column(
        "search_name", String(300), nullable=False
    ),  # family name, given names, folded; "" before there is a name
    Column("born", Date, nullable=False, index=True),
    Index("persons_search_name", "search_name"),
)
