"""Ripples: decisions that rest on a fact which was corrected, and what came of each."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_RECORD = "decision_records.id"
_UTC = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "decision_ripples",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("cause", sa.String(300), nullable=False),
        sa.Column("record", sa.String(36), sa.ForeignKey(_RECORD), nullable=False, index=True),
        sa.Column("concept", sa.String(200), nullable=False),
        sa.Column("source", sa.String(200), nullable=False),
        sa.Column("fact", sa.String(40)),
        sa.Column("opened_at", _UTC, nullable=False, index=True),
        sa.UniqueConstraint("cause", "record", name="decision_ripples_once"),
    )
    op.create_table(
        "decision_ripple_steps",
        sa.Column("ripple", sa.String(36), sa.ForeignKey("decision_ripples.id"), primary_key=True),
        sa.Column("state", sa.String(20), primary_key=True),
        sa.Column("reason", sa.String(100)),
        sa.Column("newer", sa.String(36), sa.ForeignKey(_RECORD)),
        sa.Column("official", sa.String(60)),
        sa.Column("due", sa.Date),
        sa.Column("at", _UTC, nullable=False),
    )
    for table in ("decision_ripples", "decision_ripple_steps"):
        _refuse(table)


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
