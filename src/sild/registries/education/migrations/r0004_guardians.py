"""Guardians of a child, as the population register names them, each with the day from which they are not."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("education_children", sa.Column("guardians", sa.JSON))
