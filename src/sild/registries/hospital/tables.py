"""Notices: what the ward wrote down, and what became of it at the population register."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Integer, MetaData, String, Table

from sild.database import UtcDateTime

__all__ = ["notices"]

metadata = MetaData()

notices = Table(
    "hospital_notices",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("token", String(100), nullable=False, unique=True),  # of the form: sent twice it is one notice
    Column("number", String(20), unique=True),  # 2026-000123
    Column("kind", String(10), nullable=False),  # birth, stillbirth, death
    Column("person", String(100), nullable=False),  # the mother; of a death, who died
    Column("content", JSON, nullable=False),
    Column("author", String(100), nullable=False),  # who signed in the ward
    Column("state", String(10), nullable=False),  # waiting, arrived, review, refused
    Column("answer", JSON, nullable=False),
    Column("written_at", UtcDateTime, nullable=False),
    Column("arrived_at", UtcDateTime),
)
