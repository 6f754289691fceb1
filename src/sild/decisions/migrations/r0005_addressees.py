"""To whom a decision was delivered: each once by each channel, and once opened."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("decision_deliveries", sa.Column("ref", sa.String(60)))
    op.create_index(
        "decision_deliveries_once", "decision_deliveries", ["record", "ref", "channel", "event"], unique=True
    )


def downgrade() -> None:
    raise NotImplementedError("rows that must not be lost stay")
