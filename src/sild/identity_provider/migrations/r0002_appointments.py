"""Mandates with a scope: appointments of auditors."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("mandate", sa.Column("scope", sa.Text, comment="JSON; of an appointment"))
