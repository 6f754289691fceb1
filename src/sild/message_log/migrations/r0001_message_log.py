"""Message records, attachments, time-stamps, what is pending, archive digests."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "message_record",
        sa.Column("id", _Id, primary_key=True, autoincrement=False),
        sa.Column("time", sa.BigInteger, nullable=False),
        sa.Column("query_hash", sa.BigInteger, nullable=False),
        sa.Column("query_id", sa.Text, nullable=False),
        sa.Column("x_request_id", sa.Text),
        sa.Column("is_response", sa.Boolean, nullable=False),
        sa.Column("instance_identifier", sa.Text, nullable=False),
        sa.Column("member_class", sa.Text, nullable=False),
        sa.Column("member_code", sa.Text, nullable=False),
        sa.Column("subsystem_code", sa.Text),
        sa.Column("message", sa.LargeBinary),
        sa.Column("signature", sa.LargeBinary, nullable=False),
        sa.Column("hash_chain_result", sa.LargeBinary),
        sa.Column("hash_chain", sa.LargeBinary),
        sa.Column("key_id", sa.Text),
        sa.Column("cipher_message", sa.LargeBinary),
    )
    op.create_index("message_record_query", "message_record", ["query_hash"])
    op.create_table(
        "message_attachment",
        sa.Column("record_id", _Id, primary_key=True, autoincrement=False),
        sa.Column("attachment_no", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("piece_no", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "pending_timestamp",
        sa.Column("record_id", _Id, primary_key=True, autoincrement=False),
        sa.Column("signature_hash", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "timestamp_record",
        sa.Column("id", _Id, primary_key=True, autoincrement=False),
        sa.Column("time", sa.BigInteger, nullable=False),
        sa.Column("token", sa.LargeBinary, nullable=False),
        sa.Column("hash_chain_result", sa.LargeBinary),
    )
    op.create_table(
        "record_timestamp",
        sa.Column("record_id", _Id, primary_key=True, autoincrement=False),
        sa.Column("timestamp_record_id", sa.BigInteger, nullable=False),
        sa.Column("hash_chain", sa.LargeBinary),
    )
    op.create_index("record_timestamp_timestamp", "record_timestamp", ["timestamp_record_id"])
    op.create_table("pending_archive", sa.Column("record_id", _Id, primary_key=True, autoincrement=False))
    op.create_table(
        "archive_digest",
        sa.Column("group_name", sa.Text, primary_key=True),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("file_name", sa.Text, nullable=False),
    )
    id_block = op.create_table(
        "id_block",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("next_id", sa.BigInteger, nullable=False),
    )
    op.bulk_insert(id_block, [{"name": "record", "next_id": 1}])
    if op.get_bind().dialect.name == "postgresql":
        _keep_evidence_whole()


def _keep_evidence_whole() -> None:
    """Base64 text compresses badly: do not spend the server's time on trying, and keep small rows on their page."""
    for table, columns in _LARGE.items():
        op.execute(f"ALTER TABLE {table} SET (toast_tuple_target = 8160)")
        for column in columns:
            op.execute(f"ALTER TABLE {table} ALTER COLUMN {column} SET STORAGE EXTERNAL")


_LARGE = {
    "message_record": ("message", "signature", "hash_chain_result", "hash_chain", "cipher_message"),
    "message_attachment": ("data",),
    "record_timestamp": ("hash_chain",),
}
