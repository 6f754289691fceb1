"""The trust services' schema. The Alembic revisions in `migrations` create it; a test compares the two.

Rows are added, never changed or removed: triggers see to it. Times are whole seconds since 1970, UTC, the precision of
certificates and OCSP; serial numbers are lower-case hexadecimal, being too long for a database's integers.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, LargeBinary, MetaData, String, Table, Text

__all__ = ["audit_row", "certificate", "metadata", "revocation"]

metadata = MetaData()

certificate = Table(
    "certificate",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("serial_number", String(40), nullable=False, unique=True),
    Column("profile", String(32), nullable=False),
    Column("subject", Text, nullable=False, comment="RFC 4514"),
    Column("not_before", BigInteger, nullable=False),
    Column("not_after", BigInteger, nullable=False),
    Column("issued_at", BigInteger, nullable=False),
    Column("der", LargeBinary, nullable=False),
)

revocation = Table(
    "revocation",
    metadata,
    Column("serial_number", ForeignKey("certificate.serial_number"), primary_key=True),
    Column("revoked_at", BigInteger, nullable=False),
    Column("reason", String(32), comment="CRLReason in RFC 5280's spelling"),
)

audit_row = Table(
    "audit_row",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", BigInteger, nullable=False),
    Column("actor", String(255), nullable=False),
    Column("action", String(32), nullable=False),
    Column("serial_number", String(40), nullable=False, comment="by value: outlives what it speaks of"),
    Column("detail", Text, nullable=False),
)
