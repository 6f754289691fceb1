"""Certificates, certificate requests, OCSP responses."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "certificate",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("sha1", sa.Text, nullable=False, unique=True),
        sa.Column("key_id", sa.Text, nullable=False),
        sa.Column("usage", sa.Text, nullable=False),
        sa.Column("member", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("is_active", sa.Boolean, nullable=False),
        sa.Column("der", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "certificate_request",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("key_id", sa.Text, nullable=False),
        sa.Column("usage", sa.Text, nullable=False),
        sa.Column("member", sa.Text, nullable=False),
        sa.Column("der", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "ocsp_response",
        sa.Column("certificate_sha1", sa.Text, primary_key=True),
        sa.Column("der", sa.LargeBinary, nullable=False),
    )
