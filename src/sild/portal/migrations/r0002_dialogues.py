"""Dialogues with the assistant."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from sild.database import UtcDateTime

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "portal_dialogue",
        sa.Column("browser_hash", sa.String(64), primary_key=True),
        sa.Column("subject", sa.String(256), comment="whose it is; none before a log-in"),
        sa.Column("acting_for", sa.String(256)),
        sa.Column("turns", sa.LargeBinary, nullable=False, comment="sealed with the browser's cookie"),
        sa.Column("at", UtcDateTime, nullable=False, index=True),
        sa.Column("minute_at", UtcDateTime, nullable=False),
        sa.Column("in_minute", sa.Integer, nullable=False, comment="questions since minute_at"),
    )
