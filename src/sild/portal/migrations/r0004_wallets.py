"""Offers to wallets, and what of their proofs was used."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from sild.database import UtcDateTime

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "portal_wallet_offer",
        sa.Column("id", sa.String(64), primary_key=True, comment="in addresses; opens nothing"),
        sa.Column("subject", sa.String(256), nullable=False, index=True),
        sa.Column("acting_for", sa.String(256), nullable=False),
        sa.Column("paper", sa.String(100), nullable=False),
        sa.Column("session_hash", sa.String(64), nullable=False, comment="ends with it"),
        sa.Column(
            "shown", sa.LargeBinary, comment="code and transaction code, sealed with the session's cookie"
        ),
        sa.Column("code_hash", sa.String(64), nullable=False, unique=True),
        sa.Column(
            "content", sa.LargeBinary, comment="sealed with the code, then with the access token; none: over"
        ),
        sa.Column("tries", sa.Integer, nullable=False, comment="transaction codes that were tried"),
        sa.Column("made_at", UtcDateTime, nullable=False),
        sa.Column("until", UtcDateTime, nullable=False, index=True),
        sa.Column("token_hash", sa.String(64), unique=True),
        sa.Column(
            "token_key",
            sa.String(43),
            comment="thumbprint of the key that the access token is bound to (DPoP)",
        ),
        sa.Column("with_details", sa.Boolean, nullable=False, comment="asked for by authorization_details"),
        sa.Column("used_at", UtcDateTime, comment="the access token is being used, or was"),
        sa.Column("issued_at", UtcDateTime),
        sa.Column("event", sa.String(30), comment="what the wallet told of it"),
    )
    op.create_table(
        "portal_wallet_spent",
        sa.Column(
            "once_hash", sa.String(64), primary_key=True, comment="a nonce, or a proof's jti, that was used"
        ),
        sa.Column("until", UtcDateTime, nullable=False, index=True),
    )
