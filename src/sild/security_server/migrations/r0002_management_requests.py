"""Management requests this server made; the owner it was founded with, since the owner can change."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "management_request",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("at", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("service_code", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("value", sa.Text),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("request_id", sa.Integer),
        sa.Column("code", sa.Text),
        sa.Column("message", sa.Text),
    )
    op.create_index("management_request_outcome", "management_request", ["outcome"])
    op.add_column("server", sa.Column("founding_owner", sa.Text))
    op.execute("UPDATE server SET founding_owner = owner")
