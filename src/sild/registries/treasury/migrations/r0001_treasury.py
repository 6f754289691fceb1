"""Payment orders, stops, instruction files."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_UTC = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "treasury_instructions",
        sa.Column("id", sa.String(35), primary_key=True),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("transfers", sa.Integer, nullable=False),
        sa.Column("total", sa.String(30), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("xml", sa.Text, nullable=False),
        sa.Column("made_at", _UTC, nullable=False),
    )
    op.create_table(
        "treasury_orders",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("client", sa.String(255), nullable=False),
        sa.Column("reference", sa.String(64), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("end_to_end", sa.String(35), nullable=False, unique=True),
        sa.Column("matter", sa.String(100), nullable=False),
        sa.Column("person", sa.String(100), nullable=False, index=True),
        sa.Column("name", sa.String(140), nullable=False),
        sa.Column("account", sa.String(50), nullable=False),
        sa.Column("amount", sa.String(30), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("purpose", sa.String(50), nullable=False),
        sa.Column("decision", sa.String(36), nullable=False),
        sa.Column("period_from", sa.Date, nullable=False),
        sa.Column("period_to", sa.Date),
        sa.Column("not_before", sa.Date, nullable=False),
        sa.Column("due", sa.Date, nullable=False),
        sa.Column("basis", sa.String(255), nullable=False),
        sa.Column("issue", sa.String(255)),
        sa.Column("message_id", sa.String(255), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("reason", sa.String(50)),
        sa.Column("instruction", sa.String(35), sa.ForeignKey("treasury_instructions.id"), index=True),
        sa.Column("executed_on", sa.Date),
        sa.Column("received_at", _UTC, nullable=False),
        sa.Column("changed_at", _UTC, nullable=False),
        sa.UniqueConstraint("client", "reference", name="treasury_orders_once"),
    )
    matter = ["client", "matter", "person", "purpose", "period_from"]
    op.create_index("treasury_orders_matter", "treasury_orders", matter)
    op.create_index("treasury_orders_waiting", "treasury_orders", ["state", "currency", "not_before"])
    op.create_table(
        "treasury_stops",
        sa.Column("client", sa.String(255), primary_key=True),
        sa.Column("reference", sa.String(64), primary_key=True),
        sa.Column("reason", sa.String(50), nullable=False),
        sa.Column("at", _UTC, nullable=False),
    )


def downgrade() -> None:
    raise NotImplementedError("there is nothing before the first revision")
