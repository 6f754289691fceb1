"""Midwives log in, and sign what they write."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_UTC = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("hospital_notices", sa.Column("signed_at", _UTC))
    op.add_column("hospital_notices", sa.Column("signatures", sa.Integer, nullable=False, server_default="0"))
    op.create_table(
        "hospital_signings",
        sa.Column("state_hash", sa.String(64), primary_key=True),
        sa.Column("notice", sa.Integer, sa.ForeignKey("hospital_notices.id"), nullable=False, index=True),
        sa.Column("author", sa.String(100), nullable=False),
        sa.Column("language", sa.String(2), nullable=False),
        sa.Column("kept", sa.JSON, nullable=False),
        sa.Column("code_verifier", sa.String(128), nullable=False),
        sa.Column("token", sa.Text),
        sa.Column("asked_at", _UTC, nullable=False),
    )
    op.create_table(
        "hospital_logins",
        sa.Column("state_hash", sa.String(64), primary_key=True),
        sa.Column("browser_hash", sa.String(64), nullable=False),
        sa.Column("nonce", sa.String(64), nullable=False),
        sa.Column("code_verifier", sa.String(128), nullable=False),
        sa.Column("language", sa.String(2), nullable=False),
        sa.Column("kept_of", sa.String(256)),
        sa.Column("kept", sa.LargeBinary),
        sa.Column("expires_at", _UTC, nullable=False),
    )
    op.create_table(
        "hospital_sessions",
        sa.Column("cookie_hash", sa.String(64), primary_key=True),
        sa.Column("subject", sa.String(256), nullable=False),
        sa.Column("sid", sa.String(256), nullable=False, index=True),
        sa.Column("claims", sa.JSON, nullable=False),
        sa.Column("tokens", sa.LargeBinary, nullable=False),
        sa.Column("kept", sa.LargeBinary),
        sa.Column("began_at", _UTC, nullable=False),
        sa.Column("seen_at", _UTC, nullable=False),
        sa.Column("checked_at", _UTC, nullable=False),
        sa.Column("ended_at", _UTC),
    )


def downgrade() -> None:
    for table in ("hospital_sessions", "hospital_logins", "hospital_signings"):
        op.drop_table(table)
    op.drop_column("hospital_notices", "signatures")
    op.drop_column("hospital_notices", "signed_at")
