"""What recurs in signatures apart from them; look-ups by time and party; archives by name; what processes tell each other."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.add_column("message_record", sa.Column("signature_block", sa.BigInteger))
    op.add_column("message_record", sa.Column("signature_digest", sa.LargeBinary))
    op.create_index("message_record_time", "message_record", ["time"])
    op.create_index("message_record_party", "message_record", ["member_code", "subsystem_code", "time"])
    op.create_table(
        "signature_block",
        sa.Column("id", _Id, primary_key=True, autoincrement=False),
        sa.Column("time", sa.BigInteger, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "archive_file",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("group_name", sa.Text, nullable=False),
        sa.Column("time", sa.BigInteger, nullable=False),
        sa.Column("is_transferred", sa.Boolean, nullable=False),
    )
    op.create_table(
        "cluster_state",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("time", sa.BigInteger, nullable=False),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE signature_block ALTER COLUMN data SET STORAGE EXTERNAL")
