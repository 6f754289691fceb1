"""The tables events start with."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_UTC = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "event_outbox",
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("id", sa.String(100), nullable=False, unique=True),
        sa.Column("type", sa.String(200), nullable=False),
        sa.Column("subject", sa.String(1_000), nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("added_at", _UTC, nullable=False),
    )
    op.create_index("ix_event_outbox_subject", "event_outbox", ["subject"])
    op.create_table(
        "event_subscriptions",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("subscriber", sa.String(1_100), nullable=False),
        sa.Column("service", sa.String(255), nullable=False),
        sa.Column("types", sa.JSON, nullable=False),
        sa.UniqueConstraint("subscriber", "service", name="event_subscriptions_one_each"),
    )
    op.create_table(
        "event_deliveries",
        sa.Column("position", sa.Integer, sa.ForeignKey("event_outbox.position"), primary_key=True),
        sa.Column("subscription", sa.Integer, sa.ForeignKey("event_subscriptions.id"), primary_key=True),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_attempt_at", _UTC),
        sa.Column("taken_until", _UTC),
        sa.Column("last_error", sa.String(200)),
        sa.Column("message_id", sa.String(255)),
        sa.Column("delivered_at", _UTC),
    )
    op.create_index("event_deliveries_pending", "event_deliveries", ["state", "next_attempt_at"])
    op.create_table(
        "event_inbox",
        sa.Column("source", sa.String(1_000), primary_key=True),
        sa.Column("id", sa.String(1_000), primary_key=True),
        sa.Column("type", sa.String(200), nullable=False),
        sa.Column("applied_at", _UTC, nullable=False),
    )


def downgrade() -> None:
    raise NotImplementedError("there is nothing before the first revision")
