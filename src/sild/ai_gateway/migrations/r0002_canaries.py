"""Planted canaries, and alarms when one is heard."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_UTC = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "ai_canaries",
        sa.Column("id", sa.String(100), primary_key=True),
        sa.Column("batch", sa.String(36), nullable=False),
        sa.Column("data_class", sa.String(20), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("person", sa.String(20), nullable=False),
        sa.Column("value", sa.String(100), nullable=False),
        sa.Column("made_at", _UTC, nullable=False),
        sa.Column("given_up_at", _UTC),
    )
    op.create_table(
        "ai_alarms",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("at", _UTC, nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("call", sa.String(36), nullable=False),
        sa.Column("stage", sa.String(10), nullable=False),
        sa.Column("data_class", sa.String(20), nullable=False),
        sa.Column("algorithm", sa.String(200), nullable=False),
        sa.Column("purpose", sa.String(200), nullable=False),
        sa.Column("template", sa.String(100), nullable=False),
        sa.Column("provider", sa.String(100)),
        sa.Column("switched_off", sa.String(100)),
    )
    op.create_index("ai_alarms_day", "ai_alarms", ["day"])
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER ai_alarms_no_{verb.lower()} BEFORE {verb} ON ai_alarms "
                "BEGIN SELECT RAISE(ABORT, 'ai_alarms are append-only'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION ai_alarms_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'ai_alarms are append-only'; END $$"
    )
    op.execute(
        "CREATE TRIGGER ai_alarms_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ai_alarms "
        "FOR EACH STATEMENT EXECUTE FUNCTION ai_alarms_refuse()"
    )


def downgrade() -> None:
    raise NotImplementedError("alarms are not taken back")
