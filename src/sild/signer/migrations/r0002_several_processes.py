"""For processes that share the database: how often it has changed, and the software token's files where it keeps them here."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    state = op.create_table(
        "signer_state",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("change", sa.BigInteger, nullable=False),
    )
    op.bulk_insert(state, [{"id": 1, "change": 0}])
    op.create_table(
        "token_file",
        sa.Column("token_id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("data", sa.LargeBinary, nullable=False),
    )
