"""Evidence that other countries ask for, until it is given or not."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_UTC = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "evidence_requests",
        sa.Column("token", sa.String(43), primary_key=True),
        sa.Column("client", sa.String(1_100), nullable=False),
        sa.Column("asked", sa.JSON, nullable=False),
        sa.Column("person", sa.String(12), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("at", _UTC, nullable=False),
        sa.Column("until", _UTC, nullable=False, index=True),
        sa.Column("content", sa.LargeBinary),
        sa.Column("sha256", sa.String(64)),
        sa.Column("answered_at", _UTC),
        sa.Column("given_to", sa.String(45)),
    )


def downgrade() -> None:
    op.drop_table("evidence_requests")
