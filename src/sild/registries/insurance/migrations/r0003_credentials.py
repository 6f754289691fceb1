"""A place in the status list for each credential that is made of a card, no longer one for the card: those of before keep theirs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from sild.database import UtcDateTime

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "insurance_credentials",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("card", sa.Integer, sa.ForeignKey("insurance_cards.id"), nullable=False),
        sa.Column("issued_at", UtcDateTime, nullable=False),
        sa.Column("revoked_at", UtcDateTime),
        sa.Column("holder", sa.String(43)),
        sa.Column("taken_by", sa.String(100)),
        sa.Column("message", sa.String(255)),
        sa.Column("proof", sa.String(64), unique=True),
    )
    op.create_index("insurance_credentials_of_card", "insurance_credentials", ["card"])
    op.execute(
        "INSERT INTO insurance_credentials (id, card, issued_at, revoked_at) "
        "SELECT id, id, issued_at, revoked_at FROM insurance_cards"
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "SELECT setval(pg_get_serial_sequence('insurance_credentials', 'id'), max(id)) "
            "FROM insurance_credentials HAVING max(id) IS NOT NULL"
        )


def downgrade() -> None:
    raise NotImplementedError("places in the status list stay given")
