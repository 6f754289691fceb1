"""Acts on their way to the archive, and receipts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_UTC = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "archived_acts",
        sa.Column("package", sa.String(64), primary_key=True),
        sa.Column("child", sa.String(12), nullable=False, index=True),
        sa.Column("content", sa.LargeBinary),
        sa.Column("made_at", _UTC, nullable=False),
        sa.Column("receipt", sa.Text),
        sa.Column("seal", sa.Text),
        sa.Column("archived_at", _UTC),
    )


def downgrade() -> None:
    op.drop_table("archived_acts")
