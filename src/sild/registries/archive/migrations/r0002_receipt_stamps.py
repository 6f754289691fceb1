"""Time-stamps of receipts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "archive_receipt_stamps",
        sa.Column("package", sa.String(64), sa.ForeignKey("archive_packages.id"), primary_key=True),
        sa.Column("token", sa.LargeBinary, nullable=False),
        sa.Column("gen_time", sa.DateTime(timezone=True), nullable=False),
    )


def downgrade() -> None:
    raise NotImplementedError("receipts would lose their time-stamps")
