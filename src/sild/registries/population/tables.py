"""Whom the register knows, and how they are found: made from the facts, never asked for what is true."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Date, Index, Integer, LargeBinary, MetaData, String, Table, Text

from sild.database import UtcDateTime

__all__ = ["archived_acts", "birth_certificates", "evidence_requests", "metadata", "persons"]

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

archived_acts = Table(
    "archived_acts",
    metadata,
    Column("package", String(64), primary_key=True),
    Column("child", String(12), nullable=False, index=True),
    Column("content", LargeBinary),  # the package as it is sent; none once the archive has it
    Column("made_at", UtcDateTime, nullable=False),
    Column("receipt", Text),
    Column("seal", Text),  # of the receipt, by the archive
    Column("archived_at", UtcDateTime),
)

birth_certificates = Table(
    "birth_certificates",
    metadata,
    Column("id", Integer, primary_key=True),  # place in the status list
    Column("child", String(12), nullable=False, index=True),
    Column("claims", JSON, nullable=False),
    Column("credential", Text),  # SD-JWT VC; none only within the transaction that makes it
    Column("state", String(10), nullable=False),  # valid, revoked
    Column("issued_at", UtcDateTime, nullable=False),
    Column("revoked_at", UtcDateTime),
)

evidence_requests = Table(
    "evidence_requests",
    metadata,
    Column(
        "token", String(43), primary_key=True
    ),  # of the preview's address: known to the person who was sent there
    Column("client", String(1_100), nullable=False),
    Column("asked", JSON, nullable=False),  # what both requests have in common
    Column("person", String(12), nullable=False),
    Column("state", String(10), nullable=False),  # waiting, approved, declined, given
    Column("at", UtcDateTime, nullable=False),
    Column("until", UtcDateTime, nullable=False, index=True),
    Column("content", LargeBinary),  # sealed PDF, from the first look until `until`
    Column("sha256", String(64)),
    Column("answered_at", UtcDateTime),
    Column("given_to", String(45)),  # the second request
)
