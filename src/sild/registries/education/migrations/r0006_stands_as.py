"""Where in a line an official has put a child by hand."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("education_children", sa.Column("stands_as", sa.JSON))
