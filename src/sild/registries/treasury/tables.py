"""Payment orders, each once, and the instruction files in which they went to the bank."""

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
    Text,
    UniqueConstraint,
)

from sild.database import UtcDateTime

__all__ = ["instructions", "orders", "stops"]

metadata = MetaData()

instructions = Table(
    "treasury_instructions",
    metadata,
    Column("id", String(35), primary_key=True),  # MsgId
    Column("currency", String(3), nullable=False),
    Column("transfers", Integer, nullable=False),
    Column("total", String(30), nullable=False),  # a decimal number
    Column("state", String(10), nullable=False),  # made, rejected (as a whole, by the bank)
    Column("xml", Text, nullable=False),  # pain.001, as it was made; it never changes
    Column("made_at", UtcDateTime, nullable=False),
)

orders = Table(
    "treasury_orders",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("client", String(255), nullable=False),  # the body that ordered it
    Column("reference", String(64), nullable=False),  # its own id of the order
    Column("digest", String(64), nullable=False),  # SHA-256 of what was ordered
    Column("end_to_end", String(35), nullable=False, unique=True),  # what the bank knows it by
    Column("matter", String(100), nullable=False),
    Column("person", String(100), nullable=False, index=True),
    Column("name", String(140), nullable=False),
    Column("account", String(50), nullable=False),
    Column("amount", String(30), nullable=False),  # a decimal number
    Column("currency", String(3), nullable=False),
    Column("purpose", String(50), nullable=False),
    Column("decision", String(36), nullable=False),
    Column("period_from", Date, nullable=False),
    Column("period_to", Date),  # the first day not paid for; none: paid once
    Column("not_before", Date, nullable=False),
    Column("due", Date, nullable=False),
    Column("basis", String(255), nullable=False),
    Column("issue", String(255)),  # the case
    Column("message_id", String(255), nullable=False),
    Column("state", String(10), nullable=False),  # received, scheduled, executed, returned, stopped
    Column("reason", String(50)),  # why it was returned (ISO 20022 code) or stopped
    Column("instruction", ForeignKey("treasury_instructions.id"), index=True),
    Column("executed_on", Date),
    Column("received_at", UtcDateTime, nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
    UniqueConstraint("client", "reference", name="treasury_orders_once"),
    Index("treasury_orders_matter", "client", "matter", "person", "purpose", "period_from"),
    Index("treasury_orders_waiting", "state", "currency", "not_before"),
)

stops = Table(
    "treasury_stops",
    metadata,
    Column("client", String(255), primary_key=True),
    Column("reference", String(64), primary_key=True),  # of an order that may not have come yet
    Column("reason", String(50), nullable=False),
    Column("at", UtcDateTime, nullable=False),
)
