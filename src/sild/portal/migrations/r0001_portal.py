"""Log-ins under way, sessions, kept forms, receipts, push addresses, keys."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from sild.database import UtcDateTime

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "portal_login",
        sa.Column("state_hash", sa.String(64), primary_key=True),
        sa.Column("browser_hash", sa.String(64), nullable=False),
        sa.Column("nonce", sa.String(64), nullable=False),
        sa.Column("code_verifier", sa.String(128), nullable=False),
        sa.Column("scope", sa.String(100), nullable=False),
        sa.Column("return_to", sa.String(500), nullable=False),
        sa.Column("instead_of", sa.String(64), comment="the session this log-in takes the place of"),
        sa.Column("expires_at", UtcDateTime, nullable=False),
    )
    op.create_table(
        "portal_session",
        sa.Column("cookie_hash", sa.String(64), primary_key=True),
        sa.Column("subject", sa.String(256), nullable=False, index=True),
        sa.Column("sid", sa.String(256), nullable=False, index=True),
        sa.Column("claims", sa.Text, nullable=False, comment="of the identity token, JSON"),
        sa.Column("tokens", sa.LargeBinary, nullable=False, comment="sealed with the cookie"),
        sa.Column("began_at", UtcDateTime, nullable=False),
        sa.Column("seen_at", UtcDateTime, nullable=False),
        sa.Column("checked_at", UtcDateTime, nullable=False, comment="the identity provider's last word"),
        sa.Column("checking_at", UtcDateTime, comment="somebody is asking it"),
        sa.Column("ended_at", UtcDateTime),
        sa.Column("end_reason", sa.String(50)),
    )
    op.create_table(
        "portal_kept_form",
        sa.Column("browser_hash", sa.String(64), primary_key=True),
        sa.Column("subject", sa.String(256), nullable=False),
        sa.Column("path", sa.String(500), nullable=False),
        sa.Column("fields", sa.LargeBinary, nullable=False, comment="sealed with the browser's cookie"),
        sa.Column("expires_at", UtcDateTime, nullable=False),
    )
    op.create_table(
        "portal_receipt",
        sa.Column("key_hash", sa.String(64), primary_key=True),
        sa.Column("subject", sa.String(256), nullable=False),
        sa.Column("acting_for", sa.String(256), nullable=False),
        sa.Column("content", sa.Text, nullable=False, comment="JSON"),
        sa.Column("at", UtcDateTime, nullable=False),
    )
    op.create_table(
        "portal_push_address",
        sa.Column("endpoint_hash", sa.String(64), primary_key=True),
        sa.Column("subject", sa.String(256), nullable=False),
        sa.Column("endpoint", sa.Text, nullable=False),
        sa.Column("p256dh", sa.String(120), nullable=False),
        sa.Column("auth", sa.String(40), nullable=False),
        sa.Column("language", sa.String(10), nullable=False),
        sa.Column(
            "woken_for",
            UtcDateTime,
            nullable=False,
            comment="the newest notice it was woken for, or its own beginning",
        ),
        sa.Column("at", UtcDateTime, nullable=False),
    )
    op.create_index("portal_push_address_subject", "portal_push_address", ["subject"])
    op.create_table(
        "portal_key",
        sa.Column("name", sa.String(40), primary_key=True),
        sa.Column("pem", sa.LargeBinary, nullable=False, comment="PKCS#8, encrypted"),
    )
