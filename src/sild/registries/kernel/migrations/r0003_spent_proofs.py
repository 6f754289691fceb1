"""For which message a person's proof of acting was used: for no other does it count."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "spent_proofs",
        sa.Column("token", sa.String(255), primary_key=True),
        sa.Column("operation", sa.String(100), primary_key=True),
        sa.Column("message_id", sa.String(255), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("spent_proofs")
