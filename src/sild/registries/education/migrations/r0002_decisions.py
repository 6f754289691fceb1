"""Who said what is known of a child; the record that its offer, wait or place rests on."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("education_children", sa.Column("told", sa.JSON))
    op.add_column("education_children", sa.Column("decision", sa.String(36)))
