"""What is signed may be something else than plain text."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column(
        "signing_authorisation",
        sa.Column("media_type", sa.String(100), nullable=False, server_default="text/plain"),
    )


def downgrade() -> None:
    op.drop_column("signing_authorisation", "media_type")
