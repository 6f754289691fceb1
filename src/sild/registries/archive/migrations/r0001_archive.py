"""Packages."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_UTC = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "archive_packages",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("kind", sa.String(60), nullable=False),
        sa.Column("label", sa.String(300), nullable=False),
        sa.Column("submitter", sa.String(300), nullable=False),
        sa.Column("country", sa.String(2), nullable=False),
        sa.Column("persons", sa.JSON, nullable=False),
        sa.Column("case", sa.String(255)),
        sa.Column("message_id", sa.String(255), nullable=False),
        sa.Column("received_at", _UTC, nullable=False),
        sa.Column("keep_until", sa.Date),
        sa.Column("receipt", sa.Text, nullable=False),
        sa.Column("seal", sa.Text, nullable=False),
    )
    op.create_index("archive_packages_received", "archive_packages", ["received_at"])


def downgrade() -> None:
    raise NotImplementedError("there is nothing before the first revision")
