"""The record that an offer rests on."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("social_offers", sa.Column("decision", sa.String(36)))
