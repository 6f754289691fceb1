"""Practices, and how many people are in the list of each."""

from __future__ import annotations

from sqlalchemy import Column, Integer, MetaData, String, Table

__all__ = ["practices"]

metadata = MetaData()

practices = Table(
    "care_practices",
    metadata,
    Column("id", String(20), primary_key=True),
    Column("name", String(100), nullable=False),
    Column("division", String(20), nullable=False, index=True),
    Column("capacity", Integer, nullable=False),  # of the list, by law or contract
    Column("listed", Integer, nullable=False),
)
