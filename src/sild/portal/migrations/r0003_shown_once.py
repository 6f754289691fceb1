"""Papers shown once, by a code."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from sild.database import UtcDateTime

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "portal_shown_once",
        sa.Column("secret_hash", sa.String(64), primary_key=True),
        sa.Column("subject", sa.String(256), nullable=False),
        sa.Column("paper", sa.String(100), nullable=False),
        sa.Column(
            "content", sa.LargeBinary, comment="sealed with the code's secret; none once it was looked at"
        ),
        sa.Column("until", UtcDateTime, nullable=False, index=True),
        sa.Column("opened_at", UtcDateTime),
    )
