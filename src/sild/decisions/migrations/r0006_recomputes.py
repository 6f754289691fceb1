"""Decisions looked at when a rule package has a new version: each once for each package."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_TABLE = "decision_recomputes"


def upgrade() -> None:
    op.create_table(
        _TABLE,
        sa.Column("package", sa.String(64), primary_key=True),
        sa.Column("record", sa.String(36), sa.ForeignKey("decision_records.id"), primary_key=True),
        sa.Column("found", sa.String(20), nullable=False),
        sa.Column("names", sa.JSON, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    )
    if op.get_bind().dialect.name == "sqlite":
        for event in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {_TABLE}_no_{event.lower()} BEFORE {event} ON {_TABLE} "
                f"BEGIN SELECT RAISE(ABORT, '{_TABLE} are append-only'); END"
            )
        return
    op.execute(
        f"CREATE FUNCTION {_TABLE}_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{_TABLE} are append-only'; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {_TABLE}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {_TABLE} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {_TABLE}_refuse()"
    )


def downgrade() -> None:
    raise NotImplementedError("rows that must not be lost stay")
