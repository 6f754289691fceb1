"""Cards."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_UTC = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "insurance_cards",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("person", sa.String(100), nullable=False, unique=True),
        sa.Column("number", sa.String(40), unique=True),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("claims", sa.JSON, nullable=False),
        sa.Column("office", sa.JSON),
        sa.Column("credential", sa.Text),
        sa.Column("issued_at", _UTC, nullable=False),
        sa.Column("revoked_at", _UTC),
    )


def downgrade() -> None:
    raise NotImplementedError("there is nothing before the first revision")
