"""Outbox and inbox. Events are added and never changed; a delivery changes until the subscriber has taken the event."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)

from sild.database import UtcDateTime

__all__ = ["deliveries", "inbox", "outbox", "subscriptions"]

metadata = MetaData()

outbox = Table(
    "event_outbox",
    metadata,
    Column("position", Integer, primary_key=True),
    Column("id", String(100), nullable=False, unique=True),
    Column("type", String(200), nullable=False),
    Column("subject", String(1_000), nullable=False, index=True),
    Column("content", LargeBinary, nullable=False),  # CloudEvents JSON
    Column("added_at", UtcDateTime, nullable=False),
)

subscriptions = Table(
    "event_subscriptions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("subscriber", String(1_100), nullable=False),  # `INSTANCE/CLASS/CODE/SUBSYSTEM`
    Column("service", String(255), nullable=False),  # service code that takes events
    Column("types", JSON, nullable=False),  # patterns, `civil.*`
    UniqueConstraint("subscriber", "service", name="event_subscriptions_one_each"),
)

deliveries = Table(
    "event_deliveries",
    metadata,
    Column("position", ForeignKey("event_outbox.position"), primary_key=True),
    Column("subscription", ForeignKey("event_subscriptions.id"), primary_key=True),
    Column("state", String(10), nullable=False),  # pending, delivered, refused
    Column("attempts", Integer, nullable=False),
    Column("next_attempt_at", UtcDateTime),  # of those pending
    Column("taken_until", UtcDateTime),  # a dispatcher is at it
    Column("last_error", String(200)),  # code of the last failure
    Column("message_id", String(255)),  # x-road-id of the message that delivered it
    Column("delivered_at", UtcDateTime),
    Index("event_deliveries_pending", "state", "next_attempt_at"),
)

inbox = Table(
    "event_inbox",
    metadata,
    Column("source", String(1_000), primary_key=True),
    Column("id", String(1_000), primary_key=True),
    Column("type", String(200), nullable=False),
    Column("applied_at", UtcDateTime, nullable=False),
)
