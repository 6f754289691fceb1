"""Keys of people, what they were asked to sign and said, the record of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_UTC = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "signing_credential",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("subject", sa.String(256), nullable=False),
        sa.Column("live", sa.String(256), unique=True, comment="the subject, while it may be used"),
        sa.Column("key", sa.LargeBinary, nullable=False, comment="PKCS#12"),
        sa.Column("certificates", sa.Text, nullable=False, comment="PEM, the holder's first"),
        sa.Column("created_at", _UTC, nullable=False),
        sa.Column("not_after", _UTC, nullable=False),
    )
    op.create_index("ix_signing_credential_subject", "signing_credential", ["subject"])
    op.create_table(
        "signing_authorisation",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("request_hash", sa.String(64), nullable=False, unique=True, comment="of request_uri"),
        sa.Column("client_id", sa.String(200), nullable=False),
        sa.Column("credential", sa.String(36), sa.ForeignKey("signing_credential.id"), nullable=False),
        sa.Column("redirect_uri", sa.Text, nullable=False),
        sa.Column("state", sa.Text),
        sa.Column("code_challenge", sa.String(64), nullable=False),
        sa.Column("language", sa.String(20), nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False, comment="SHA-256 that may be signed"),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("document", sa.Text, nullable=False, comment="what is shown"),
        sa.Column("pushed_at", _UTC, nullable=False),
        sa.Column("expires_at", _UTC, nullable=False),
        sa.Column("begun_at", _UTC),
        sa.Column("authorised_at", _UTC),
        sa.Column("way", sa.String(20)),
        sa.Column("code_hash", sa.String(64), unique=True),
        sa.Column("token_hash", sa.String(64), unique=True),
        sa.Column("signature", sa.LargeBinary, comment="ECDSA, DER"),
    )
    op.create_index("ix_signing_authorisation_expires_at", "signing_authorisation", ["expires_at"])
    op.create_table(
        "signing_audit",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("at", _UTC, nullable=False),
        sa.Column("action", sa.String(50), nullable=False),
        sa.Column("subject", sa.String(256)),
        sa.Column("client_id", sa.String(200)),
        sa.Column("detail", sa.Text, nullable=False, comment="JSON"),
    )
