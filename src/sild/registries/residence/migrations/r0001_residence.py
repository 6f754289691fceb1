"""The schema the register starts with."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "addresses",
        sa.Column("id", sa.String(20), primary_key=True),
        sa.Column("country", sa.String(2), nullable=False),
        sa.Column("division", sa.String(10), nullable=False),
        sa.Column("region", sa.String(100), nullable=False),
        sa.Column("municipality", sa.String(100), nullable=False),
        sa.Column("street", sa.String(100), nullable=False),
        sa.Column("house", sa.String(20), nullable=False),
        sa.Column("postal_code", sa.String(10), nullable=False),
        sa.Column("search_text", sa.String(400), nullable=False),
    )
    op.create_index("ix_addresses_division", "addresses", ["division"])
    op.create_table(
        "dwellings",
        sa.Column("id", sa.String(20), primary_key=True),
        sa.Column("address", sa.String(20), sa.ForeignKey("addresses.id"), nullable=False),
        sa.Column("apartment", sa.String(20)),
    )
    op.create_index("ix_dwellings_address", "dwellings", ["address"])
    op.create_table("persons", sa.Column("code", sa.String(12), primary_key=True))
    op.create_table(
        "residents",
        sa.Column("dwelling", sa.String(20), sa.ForeignKey("dwellings.id"), primary_key=True),
        sa.Column("person", sa.String(12), primary_key=True),
    )


def downgrade() -> None:
    raise NotImplementedError("there is nothing before the first revision")
