"""What people consented to, where that is the ground, with its receipt. Addresses of before are asked for anew: nobody had a receipt."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from sild.database import UtcDateTime

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "portal_consent",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("subject", sa.String(256), nullable=False, index=True),
        sa.Column("device", sa.String(64), nullable=False, index=True),
        sa.Column("recipient", sa.String(255), nullable=False),
        sa.Column("given_at", UtcDateTime, nullable=False),
        sa.Column("ended_at", UtcDateTime),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("receipt", sa.Text, nullable=False),
    )
    op.execute("DELETE FROM portal_push_address")
