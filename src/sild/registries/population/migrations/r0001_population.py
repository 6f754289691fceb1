"""Whom the register knows. Before it stood on facts it had tables of its own; such a database is refused (`register.py`)."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "persons",
        sa.Column("code", sa.String(12), primary_key=True),
        sa.Column("country", sa.String(2), nullable=False),
        sa.Column("search_name", sa.String(300), nullable=False),
        sa.Column("born", sa.Date, nullable=False),
    )
    op.create_index("persons_search_name", "persons", ["search_name"])
    op.create_index("ix_persons_born", "persons", ["born"])


def downgrade() -> None:
    raise NotImplementedError("there is nothing before the first revision")
