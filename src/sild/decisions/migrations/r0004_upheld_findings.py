"""Upheld findings: who wrote a finding, and each answer of the body by which what it touches is looked at again. Replays once a day."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_TABLE = "decision_finding_answers"


def upgrade() -> None:
    op.add_column("decision_findings", sa.Column("found_by", sa.String(60)))
    op.add_column("decision_replays", sa.Column("once", sa.String(200)))
    op.create_index("decision_ripples_reached", "decision_ripples", ["concept", "fact"])
    op.create_index("decision_replays_once", "decision_replays", ["once"], unique=True)
    op.create_table(
        _TABLE,
        sa.Column("finding", sa.String(100), sa.ForeignKey("decision_findings.id"), primary_key=True),
        sa.Column("answer", sa.Integer, primary_key=True),
        sa.Column("number", sa.String(60), nullable=False, index=True),
        sa.Column("official", sa.String(60), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=False),
    )
    _refuse(_TABLE)


def _refuse(table: str) -> None:
    """Rows stay as they were written."""
    if op.get_bind().dialect.name == "sqlite":
        for event in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{event.lower()} BEFORE {event} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} are append-only'); END"
            )
        return
    op.execute(
        f"CREATE FUNCTION {table}_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{table} are append-only'; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_refuse()"
    )


def downgrade() -> None:
    raise NotImplementedError("rows that must not be lost stay")
