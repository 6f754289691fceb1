"""The trust services' schema. The Alembic revisions in `migrations` create it; a test compares the two.

Rows of certificates, revocations and audit are added, never changed or removed: triggers see to it. ACME's (`acme_`) are
changed as orders go on. Times are whole seconds since 1970, UTC, the precision of
certificates and OCSP; serial numbers are lower-case hexadecimal, being too long for a database's integers.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, LargeBinary, MetaData, String, Table, Text

__all__ = [
    "acme_account",
    "acme_authorization",
    "acme_external_account",
    "acme_order",
    "acme_used_nonce",
    "audit_row",
    "certificate",
    "metadata",
    "revocation",
]

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

acme_external_account = Table(
    "acme_external_account",
    metadata,
    Column("kid", String(40), primary_key=True),
    Column("holder", String(255), nullable=False),
    Column("mac_key", LargeBinary, nullable=False, comment="sealed under a key of the authority's own"),
    Column("rules", Text, nullable=False, comment="JSON: profiles, subject, names"),
    Column("created_at", BigInteger, nullable=False),
    Column("removed_at", BigInteger),
)

acme_account = Table(
    "acme_account",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("thumbprint", String(64), nullable=False, unique=True, comment="RFC 7638, of the present key"),
    Column("jwk", Text, nullable=False),
    Column("status", String(16), nullable=False),
    Column("contact", Text, nullable=False, comment="JSON"),
    Column("kid", ForeignKey("acme_external_account.kid"), unique=True),
    Column("created_at", BigInteger, nullable=False),
)

acme_order = Table(
    "acme_order",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("account_id", ForeignKey("acme_account.id"), nullable=False, index=True),
    Column("status", String(16), nullable=False),
    Column("profile", String(64)),
    Column("not_after", BigInteger),
    Column("replaces", String(40), comment="serial number of the certificate it renews"),
    Column("created_at", BigInteger, nullable=False),
    Column("expires", BigInteger, nullable=False),
    Column("processing_since", BigInteger),
    Column("serial_number", String(40), comment="of the certificate issued"),
    Column("problem", Text, comment="JSON"),
)

acme_authorization = Table(
    "acme_authorization",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("order_id", ForeignKey("acme_order.id"), nullable=False, index=True),
    Column("account_id", ForeignKey("acme_account.id"), nullable=False),
    Column("type", String(8), nullable=False),
    Column("value", String(255), nullable=False),
    Column("status", String(16), nullable=False),
    Column("token", String(64), nullable=False),
    Column("expires", BigInteger, nullable=False),
    Column("validated_at", BigInteger),
    Column("problem", Text, comment="JSON"),
)

acme_used_nonce = Table(
    "acme_used_nonce",
    metadata,
    Column("nonce", String(64), primary_key=True),
    Column("until", BigInteger, nullable=False, index=True),
)
