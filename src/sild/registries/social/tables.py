"""Offers, their parties, acceptances, payment orders. Contributions and granted benefits are facts of the kernel's."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Date,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    false,
    true,
)

from sild.database import UtcDateTime

__all__ = [
    "acceptances",
    "accounts",
    "offer_parties",
    "offers",
    "payment_attempts",
    "payment_orders",
    "words",
]

metadata = MetaData()

offers = Table(
    "social_offers",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("child", String(100), nullable=False, unique=True),
    Column("country", String(2), nullable=False),
    Column("issue", String(255)),  # the case
    Column("state", String(10), nullable=False),  # open, accepted, held, withdrawn
    Column("reason", String(200)),  # why it is held or withdrawn
    Column("version", Integer, nullable=False),
    Column("choices", JSON, nullable=False),
    Column("decision", String(36)),  # the record of the offer as it stands
    Column("made_at", UtcDateTime, nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
)

offer_parties = Table(
    "social_offer_parties",
    metadata,
    Column("offer", ForeignKey("social_offers.id"), primary_key=True),
    Column("person", String(100), primary_key=True, index=True),
)

acceptances = Table(
    "social_acceptances",
    metadata,
    Column("offer", ForeignKey("social_offers.id"), primary_key=True),  # the first valid one wins
    Column("person", String(100), nullable=False),  # whose word made it whole
    Column("choice", String(50), nullable=False),
    Column("version", Integer, nullable=False),  # of the offer, as the person saw it
    Column("at", UtcDateTime, nullable=False),
    Column("message_id", String(255), nullable=False),
)

words = Table(
    "social_words",
    metadata,
    Column("offer", ForeignKey("social_offers.id"), primary_key=True),
    Column("person", String(100), primary_key=True),
    Column("choice", String(50), nullable=False),  # the newest this parent named
    Column("version", Integer, nullable=False),  # of the offer, when they named it
    Column("at", UtcDateTime, nullable=False),
    Column("message_id", String(255), nullable=False),
)

accounts = Table(
    "social_accounts",
    metadata,
    Column("offer", ForeignKey("social_offers.id"), primary_key=True),
    Column("person", String(100), primary_key=True),  # who gave it, and alone is paid to it
    Column("account", String(50), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("message_id", String(255), nullable=False),
)

payment_orders = Table(
    "social_payment_orders",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("offer", ForeignKey("social_offers.id"), nullable=False, index=True),
    Column("benefit", String(50), nullable=False),
    Column("person", String(100), nullable=False, index=True),
    Column("account", String(50)),  # of its newest attempt; none: its person has given none
    Column("amount", String(30), nullable=False),  # a decimal number
    Column("currency", String(3), nullable=False),
    Column("period", Date, nullable=False),  # the first day it is paid for
    Column("due", Date, nullable=False),
    Column("state", String(10), nullable=False),  # ordered, executed, returned, cancelled
    Column("reason", String(50)),  # why it came back, or was cancelled
    Column("decision", String(36)),  # the record that grants it
    Column("reference", String(36)),  # of the attempt that counts; none: from before there was a treasury
    Column("executed_on", Date),
    Column("ordered_at", UtcDateTime, nullable=False),
    Column(
        "part", Integer, nullable=False, server_default="0"
    ),  # of one payment, the one a newer decision ordered anew or besides
    Column("once", Boolean, nullable=False, server_default=false()),  # paid once, not by the month
    Column(
        "told", Boolean, nullable=False, server_default=true()
    ),  # no: an upgrade made it wait for an account, and nobody has heard of it
    UniqueConstraint("offer", "benefit", "person", "period", "part", name="social_payment_orders_once"),
)

payment_attempts = Table(
    "social_payment_attempts",
    metadata,
    Column("reference", String(36), primary_key=True),  # what the treasury knows it by
    Column("order", ForeignKey("social_payment_orders.id"), nullable=False, index=True),
    Column("number", Integer, nullable=False),
    Column("body", JSON),  # as it was sent the first time: again means the same
    Column("made_at", UtcDateTime, nullable=False),
)
