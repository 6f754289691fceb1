"""What was taken. Rows are never changed; the packages lie beside the database, by hash."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Date, Index, Integer, MetaData, String, Table, Text

from sild.database import UtcDateTime

__all__ = ["packages"]

metadata = MetaData()

packages = Table(
    "archive_packages",
    metadata,
    Column("id", String(64), primary_key=True),  # OBJID of its METS
    Column("sha256", String(64), nullable=False),
    Column("size", Integer, nullable=False),
    Column("kind", String(60), nullable=False),
    Column("label", String(300), nullable=False),
    Column("submitter", String(300), nullable=False),
    Column("country", String(2), nullable=False),
    Column("persons", JSON, nullable=False),
    Column("case", String(255)),
    Column("message_id", String(255), nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    Column("keep_until", Date),  # none: for ever
    Column("receipt", Text, nullable=False),  # canonical JSON
    Column("seal", Text, nullable=False),
    Index("archive_packages_received", "received_at"),
)
