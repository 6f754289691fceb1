"""Whether a child waits for whichever kindergarten of its commune has a place first."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("education_children", sa.Column("any_nearby", sa.Boolean))
