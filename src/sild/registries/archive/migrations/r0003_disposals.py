"""Packages whose time was over, and the acts by which they were disposed of."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "archive_disposals",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("act", sa.Text, nullable=False),
        sa.Column("seal", sa.Text, nullable=False),
    )
    op.create_table(
        "archive_disposed",
        sa.Column("package", sa.String(64), sa.ForeignKey("archive_packages.id"), primary_key=True),
        sa.Column(
            "disposal", sa.String(64), sa.ForeignKey("archive_disposals.id"), nullable=False, index=True
        ),
        sa.Column("is_gone", sa.Boolean, nullable=False),
    )


def downgrade() -> None:
    raise NotImplementedError("what became of packages would be forgotten")
