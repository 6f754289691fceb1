"""What was taken. Rows are never changed, but that whom a package was about is forgotten when it is disposed of; the packages lie beside the database, by hash. The time-stamp of a receipt, and
of an act of disposal, has a row of its own, for it may come later."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

from sild.database import UtcDateTime

__all__ = ["disposal_stamps", "disposals", "disposed", "packages", "receipt_stamps"]

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

receipt_stamps = Table(
    "archive_receipt_stamps",
    metadata,
    Column("package", String(64), ForeignKey("archive_packages.id"), primary_key=True),
    Column("token", LargeBinary, nullable=False),  # RFC 3161, over the signature of the receipt's seal
    Column("gen_time", UtcDateTime, nullable=False),
)

disposals = Table(
    "archive_disposals",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column(
        "act", Text, nullable=False
    ),  # canonical JSON: which packages, who, by whose leave, on which ground
    Column("seal", Text, nullable=False),
)

disposal_stamps = Table(
    "archive_disposal_stamps",
    metadata,
    Column("disposal", String(64), ForeignKey("archive_disposals.id"), primary_key=True),
    Column("token", LargeBinary, nullable=False),  # RFC 3161, over the signature of the act's seal
    Column("gen_time", UtcDateTime, nullable=False),
)

disposed = Table(
    "archive_disposed",
    metadata,
    Column("package", String(64), ForeignKey("archive_packages.id"), primary_key=True),
    Column("disposal", String(64), ForeignKey("archive_disposals.id"), nullable=False, index=True),
    Column("is_gone", Boolean, nullable=False),  # the file has been removed
)
