"""Cards, and each credential that was made of one. Cover is a fact of the kernel's."""

from __future__ import annotations

from sqlalchemy import JSON, Column, ForeignKey, Index, Integer, MetaData, String, Table, Text

from sild.database import UtcDateTime

__all__ = ["cards", "credentials"]

metadata = MetaData()

cards = Table(
    "insurance_cards",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("person", String(100), nullable=False, unique=True),
    Column("number", String(40), unique=True),
    Column("state", String(10), nullable=False),  # valid, revoked
    Column("claims", JSON, nullable=False),
    Column("office", JSON),  # who is competent for it, on the day of issue
    Column("credential", Text),  # SD-JWT VC in compact form
    Column("issued_at", UtcDateTime, nullable=False),
    Column("revoked_at", UtcDateTime),
)
credentials = Table(
    "insurance_credentials",
    metadata,
    Column("id", Integer, primary_key=True),  # its place in the status list, never given again
    Column("card", Integer, ForeignKey("insurance_cards.id"), nullable=False),
    Column("issued_at", UtcDateTime, nullable=False),
    Column("revoked_at", UtcDateTime),
    Column("holder", String(43)),  # thumbprint of the wallet's key; none: a bearer's, of the card's code
    Column("taken_by", String(100)),  # who put it in a wallet
    Column("message", String(255)),  # by which they said so
    Column("proof", String(64), unique=True),  # SHA-256 of the nonce by which the wallet proved its key
)
Index("insurance_credentials_of_card", credentials.c.card)
