"""What registers said that they hold stays known while one of them is away; people find what others were refused of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "case_holdings",
        sa.Column("register", sa.String(100), primary_key=True),
        sa.Column("concepts", sa.JSON, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_case_oversight_case", "case_oversight", ["case"])
    op.create_index("ix_case_oversight_about", "case_oversight", ["about"])


def downgrade() -> None:
    op.drop_index("ix_case_oversight_about", "case_oversight")
    op.drop_index("ix_case_oversight_case", "case_oversight")
    op.drop_table("case_holdings")
