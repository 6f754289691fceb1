"""Oversight: classes of sealed values that a second auditor releases to a first, and findings about decisions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_RECORD = "decision_records.id"
_UTC = sa.DateTime(timezone=True)
_TABLES = ("decision_releases", "decision_release_answers", "decision_findings", "decision_finding_ends")


def upgrade() -> None:
    op.create_table(
        "decision_releases",
        sa.Column("id", sa.String(100), primary_key=True),
        sa.Column("record", sa.String(36), sa.ForeignKey("decision_records.id"), nullable=False, index=True),
        sa.Column("classes", sa.JSON, nullable=False),
        sa.Column("asked_by", sa.String(300), nullable=False),
        sa.Column("mandate", sa.String(100), nullable=False),
        sa.Column("reason", sa.String(1000), nullable=False),
        sa.Column("asked_at", _UTC, nullable=False),
    )
    op.create_table(
        "decision_release_answers",
        sa.Column("release", sa.String(100), sa.ForeignKey("decision_releases.id"), primary_key=True),
        sa.Column("granted", sa.Boolean, nullable=False),
        sa.Column("answered_by", sa.String(300), nullable=False),
        sa.Column("mandate", sa.String(100), nullable=False),
        sa.Column("answered_at", _UTC, nullable=False),
    )
    op.create_table(
        "decision_findings",
        sa.Column("id", sa.String(100), primary_key=True),
        sa.Column("record", sa.String(36), sa.ForeignKey("decision_records.id"), nullable=False, index=True),
        sa.Column("about", sa.String(20), nullable=False),
        sa.Column("input", sa.String(300)),
        sa.Column("found_at", _UTC, nullable=False),
    )
    op.create_table(
        "decision_finding_ends",
        sa.Column("finding", sa.String(100), sa.ForeignKey("decision_findings.id"), primary_key=True),
        sa.Column("upheld", sa.Boolean, nullable=False),
        sa.Column("ended_at", _UTC, nullable=False),
    )
    for table in _TABLES:
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
