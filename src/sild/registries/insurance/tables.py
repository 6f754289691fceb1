"""Cards. Cover is a fact of the kernel's."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Integer, MetaData, String, Table, Text

from sild.database import UtcDateTime

__all__ = ["cards"]

metadata = MetaData()

cards = Table(
    "insurance_cards",
    metadata,
    Column("id", Integer, primary_key=True),  # and the place in the status list
    Column("person", String(100), nullable=False, unique=True),
    Column("number", String(40), unique=True),
    Column("state", String(10), nullable=False),  # valid, revoked
    Column("claims", JSON, nullable=False),
    Column("office", JSON),  # who is competent for it, on the day of issue
    Column("credential", Text),  # SD-JWT VC in compact form
    Column("issued_at", UtcDateTime, nullable=False),
    Column("revoked_at", UtcDateTime),
)
