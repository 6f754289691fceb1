"""For which office a message was sent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.add_column("case_messages", sa.Column("office", sa.String(100)))


def downgrade() -> None:
    raise NotImplementedError("who asked is evidence")
