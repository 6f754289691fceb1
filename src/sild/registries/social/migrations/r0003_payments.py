"""Payment orders go to the treasury: what became of each, and every attempt by its own id."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("social_payment_orders", sa.Column("reason", sa.String(50)))
    op.add_column("social_payment_orders", sa.Column("decision", sa.String(36)))
    op.add_column("social_payment_orders", sa.Column("reference", sa.String(36)))
    op.add_column("social_payment_orders", sa.Column("executed_on", sa.Date))
    op.create_table(
        "social_payment_attempts",
        sa.Column("reference", sa.String(36), primary_key=True),
        sa.Column("order", sa.Integer, sa.ForeignKey("social_payment_orders.id"), nullable=False, index=True),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("body", sa.JSON),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
    )
