"""The register's schema. Residences and usage are facts that are added, never changed.

A residence says when it is true (`valid_from`), when we knew it (`recorded_at`), who said so and by which message. The one in
force on a day is the latest by `valid_from`, of equal ones the one recorded last.
"""

from __future__ import annotations

from sqlalchemy import (
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)

from sild.database import UtcDateTime

__all__ = ["metadata", "persons", "residences", "usage_persons", "usage_records"]


metadata = MetaData()

persons = Table(
    "persons",
    metadata,
    Column("code", String(12), primary_key=True),
    Column("country", String(2), nullable=False),
    Column("sex", String(1), nullable=False),
    Column("family_name", String(100), nullable=False),
    Column("given_names", String(200), nullable=False),
    Column("search_name", String(300), nullable=False),  # folded: without case and accents
    Column("born", Date, nullable=False, index=True),
    Column("died", Date),
    Column("birth_place", String(100), nullable=False),
    Column("mother", ForeignKey("persons.code"), index=True),
    Column("father", ForeignKey("persons.code"), index=True),
    Index("persons_search_name", "search_name"),
)

residences = Table(
    "residences",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("person", ForeignKey("persons.code"), nullable=False),
    Column("country", String(2), nullable=False),
    Column("region", String(100), nullable=False),
    Column("municipality", String(100), nullable=False),
    Column("street", String(100)),
    Column("house", String(20), nullable=False),
    Column("apartment", String(20)),
    Column("postal_code", String(10)),
    Column("valid_from", Date, nullable=False),
    Column("recorded_at", UtcDateTime, nullable=False),
    Column("client", String(1100)),  # nothing: there from the beginning
    Column("message_id", String(255)),
    UniqueConstraint("client", "message_id", name="residences_one_per_message"),
    Index("residences_of_person", "person", "valid_from", "id"),
)

usage_records = Table(
    "usage_records",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("operation", String(50), nullable=False),
    Column("outcome", String(50), nullable=False),
    Column("client", String(1100), nullable=False),
    Column("message_id", String(255), nullable=False),
    Column("request_id", String(255)),
    Column("user_id", String(255)),
    Column("issue", String(255)),
    Column("represented_party", String(600)),
)

usage_persons = Table(
    "usage_persons",
    metadata,
    Column("usage_record", ForeignKey("usage_records.id"), primary_key=True),
    Column("person", String(12), primary_key=True),  # by value: also a code asked for in vain
    Index("usage_of_person", "person"),
)
"""Whose data was given or asked for by a use."""
