"""For which office an information system asked that several work in."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("usage_records", sa.Column("office", sa.String(100)))


def downgrade() -> None:
    raise NotImplementedError("who asked is evidence")
