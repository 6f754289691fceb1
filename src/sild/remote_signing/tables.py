"""The database of people's signing keys. Secrets that travel are kept as their SHA-256, keys under the service's password."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Integer, LargeBinary, MetaData, String, Table, Text

from sild.database import UtcDateTime

__all__ = ["authorisation", "credential", "metadata", "signing_audit"]

metadata = MetaData()
HASH = 64

credential = Table(
    "signing_credential",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("subject", String(256), nullable=False, index=True),
    Column("live", String(256), unique=True, comment="the subject, while it may be used"),
    Column("key", LargeBinary, nullable=False, comment="PKCS#12"),
    Column("certificates", Text, nullable=False, comment="PEM, the holder's first"),
    Column("created_at", UtcDateTime, nullable=False),
    Column("not_after", UtcDateTime, nullable=False),
)

authorisation = Table(
    "signing_authorisation",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("request_hash", String(HASH), nullable=False, unique=True, comment="of request_uri"),
    Column("client_id", String(200), nullable=False),
    Column("credential", ForeignKey("signing_credential.id"), nullable=False),
    Column("redirect_uri", Text, nullable=False),
    Column("state", Text),
    Column("code_challenge", String(64), nullable=False),
    Column("language", String(20), nullable=False),
    Column("hash", LargeBinary, nullable=False, comment="SHA-256 that may be signed"),
    Column("name", String(100), nullable=False),
    Column("media_type", String(100), nullable=False),
    Column("document", Text, nullable=False, comment="what is shown"),
    Column("pushed_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False, index=True),
    Column("begun_at", UtcDateTime),
    Column("authorised_at", UtcDateTime),
    Column("way", String(20)),
    Column("code_hash", String(HASH), unique=True),
    Column("token_hash", String(HASH), unique=True),
    Column("signature", LargeBinary, comment="ECDSA, DER"),
)

signing_audit = Table(
    "signing_audit",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", UtcDateTime, nullable=False),
    Column("action", String(50), nullable=False),
    Column("subject", String(256)),
    Column("client_id", String(200)),
    Column("detail", Text, nullable=False, comment="JSON"),
)
