"""Offers, acceptances, payment orders."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_UTC = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "social_offers",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("child", sa.String(100), nullable=False, unique=True),
        sa.Column("country", sa.String(2), nullable=False),
        sa.Column("issue", sa.String(255)),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("reason", sa.String(200)),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("choices", sa.JSON, nullable=False),
        sa.Column("made_at", _UTC, nullable=False),
        sa.Column("changed_at", _UTC, nullable=False),
    )
    op.create_table(
        "social_acceptances",
        sa.Column("offer", sa.String(40), sa.ForeignKey("social_offers.id"), primary_key=True),
        sa.Column("person", sa.String(100), nullable=False),
        sa.Column("choice", sa.String(50), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("account", sa.String(50), nullable=False),
        sa.Column("at", _UTC, nullable=False),
        sa.Column("message_id", sa.String(255), nullable=False),
    )
    op.create_table(
        "social_offer_parties",
        sa.Column("offer", sa.String(40), sa.ForeignKey("social_offers.id"), primary_key=True),
        sa.Column("person", sa.String(100), primary_key=True),
    )
    op.create_index("ix_social_offer_parties_person", "social_offer_parties", ["person"])
    op.create_table(
        "social_payment_orders",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("offer", sa.String(40), sa.ForeignKey("social_offers.id"), nullable=False),
        sa.Column("benefit", sa.String(50), nullable=False),
        sa.Column("person", sa.String(100), nullable=False),
        sa.Column("account", sa.String(50), nullable=False),
        sa.Column("amount", sa.String(30), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("period", sa.Date, nullable=False),
        sa.Column("due", sa.Date, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("ordered_at", _UTC, nullable=False),
        sa.UniqueConstraint("offer", "benefit", "person", "period", name="social_payment_orders_once"),
    )
    op.create_index("ix_social_payment_orders_offer", "social_payment_orders", ["offer"])
    op.create_index("ix_social_payment_orders_person", "social_payment_orders", ["person"])


def downgrade() -> None:
    raise NotImplementedError("there is nothing before the first revision")
