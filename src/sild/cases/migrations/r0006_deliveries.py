"""What is told to registers of the decisions that reached people."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_UTC = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "case_deliveries",
        sa.Column("id", sa.String(50), primary_key=True),
        sa.Column("case", sa.String(50), sa.ForeignKey("cases.id"), nullable=False),
        sa.Column("notice", sa.String(50), nullable=False),
        sa.Column("person", sa.String(100), nullable=False),
        sa.Column("register", sa.String(255), nullable=False),
        sa.Column("decision", sa.String(36), nullable=False),
        sa.Column("channel", sa.String(20), nullable=False),
        sa.Column("language", sa.String(10), nullable=False),
        sa.Column("event", sa.String(20), nullable=False),
        sa.Column("at", _UTC, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("reason", sa.String(100)),
        sa.Column("next_try", _UTC, nullable=False),
    )
    op.create_index("case_deliveries_due", "case_deliveries", ["state", "next_try"])
    op.create_index("case_deliveries_notice", "case_deliveries", ["notice"])
    op.create_index("case_deliveries_person", "case_deliveries", ["person", "case"])


def downgrade() -> None:
    raise NotImplementedError("what reached whom stays")
