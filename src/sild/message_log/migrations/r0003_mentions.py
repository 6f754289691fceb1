"""Which requests concern which person, by digests of their codes under a key that is not here."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "mention",
        sa.Column("person", sa.LargeBinary, primary_key=True),
        sa.Column("record_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("time", sa.BigInteger, nullable=False),
        sa.Column("query_hash", sa.BigInteger, nullable=False),
        sa.Column("query_sha256", sa.LargeBinary, nullable=False),
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("in_passing", sa.Boolean, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "mention_block",
        sa.Column("first_id", _Id, primary_key=True, autoincrement=False),
        sa.Column("last_id", sa.BigInteger, nullable=False),
        sa.Column("is_over", sa.Boolean, nullable=False),
    )
    op.create_table(
        "mention_key",
        sa.Column("digest", sa.LargeBinary, primary_key=True),
        sa.Column("since", sa.BigInteger, nullable=False),
    )
