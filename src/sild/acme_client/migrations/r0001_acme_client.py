"""Account keys, orders under way, challenges to be answered, renewals."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "ordering_account",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("directory_url", sa.Text, nullable=False),
        sa.Column("alias", sa.Text, nullable=False),
        sa.Column("key", sa.LargeBinary, nullable=False),
        sa.Column("url", sa.Text),
        sa.UniqueConstraint("directory_url", "alias"),
    )
    op.create_table(
        "certificate_order",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("authority", sa.Text, nullable=False),
        sa.Column("usage", sa.Text, nullable=False),
        sa.Column("member", sa.Text, nullable=False),
        sa.Column("token_id", sa.Text, nullable=False),
        sa.Column("algorithm", sa.Text, nullable=False),
        sa.Column(
            "subject", sa.Text, nullable=False, comment="JSON: object identifiers and values, in order"
        ),
        sa.Column("dns_name", sa.Text, nullable=False),
        sa.Column("activate", sa.Boolean, nullable=False),
        sa.Column("replaces", sa.Text),
        sa.Column("key_id", sa.Text),
        sa.Column("request", sa.LargeBinary),
        sa.Column("order_url", sa.Text),
        sa.Column("busy_until", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "challenge_answer",
        sa.Column("token", sa.Text, primary_key=True),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "certificate_renewal",
        sa.Column("sha1", sa.Text, primary_key=True),
        sa.Column("next_at", sa.BigInteger),
        sa.Column("ask_again_at", sa.BigInteger),
        sa.Column("retry_at", sa.BigInteger),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("error", sa.Text),
        sa.Column("renewed_by", sa.Text),
        sa.Column("switch_at", sa.BigInteger),
    )


def downgrade() -> None:
    raise NotImplementedError("there is nothing before the first revision")
