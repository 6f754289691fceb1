"""Log-ins that sign something, and log nobody in."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("login", sa.Column("signing", sa.String(36), comment="what it signs instead of logging in"))
