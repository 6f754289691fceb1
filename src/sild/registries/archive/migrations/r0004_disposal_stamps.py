"""Time-stamps of acts of disposal."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "archive_disposal_stamps",
        sa.Column("disposal", sa.String(64), sa.ForeignKey("archive_disposals.id"), primary_key=True),
        sa.Column("token", sa.LargeBinary, nullable=False),
        sa.Column("gen_time", sa.DateTime(timezone=True), nullable=False),
    )


def downgrade() -> None:
    raise NotImplementedError("since when an act of disposal is proved would be forgotten")
