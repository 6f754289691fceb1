"""Birth certificates that were issued."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_UTC = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "birth_certificates",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("child", sa.String(12), nullable=False),
        sa.Column("claims", sa.JSON, nullable=False),
        sa.Column("credential", sa.Text),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("issued_at", _UTC, nullable=False),
        sa.Column("revoked_at", _UTC),
    )
    op.create_index("ix_birth_certificates_child", "birth_certificates", ["child"])


def downgrade() -> None:
    raise NotImplementedError("certificates that were issued stay in the records")
