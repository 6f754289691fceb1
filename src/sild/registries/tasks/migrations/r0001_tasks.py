"""What a register still has to do."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_UTC = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "tasks",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("kind", sa.String(50), nullable=False),
        sa.Column("subject", sa.String(100), nullable=False),
        sa.Column("cause", sa.String(255), nullable=False),
        sa.Column("issue", sa.String(255)),
        sa.Column("about", sa.JSON, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_attempt_at", _UTC, nullable=False),
        sa.Column("reason", sa.String(200)),
        sa.Column("added_at", _UTC, nullable=False),
        sa.Column("ended_at", _UTC),
        sa.UniqueConstraint("kind", "subject", "cause", name="tasks_once"),
    )
    op.create_index("tasks_due", "tasks", ["state", "next_attempt_at"])
    op.create_index("tasks_of_subject", "tasks", ["subject"])


def downgrade() -> None:
    raise NotImplementedError("there is nothing before the first revision")
