"""Notices."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_UTC = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "hospital_notices",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("token", sa.String(100), nullable=False, unique=True),
        sa.Column("number", sa.String(20), unique=True),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("person", sa.String(100), nullable=False),
        sa.Column("content", sa.JSON, nullable=False),
        sa.Column("author", sa.String(100), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("answer", sa.JSON, nullable=False),
        sa.Column("written_at", _UTC, nullable=False),
        sa.Column("arrived_at", _UTC),
    )


def downgrade() -> None:
    raise NotImplementedError("there is nothing before the first revision")
