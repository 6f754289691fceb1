"""The tables the gateway starts with."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_UTC = sa.DateTime(timezone=True)
_APPEND_ONLY = ("ai_calls", "ai_attempts", "ai_outcomes", "ai_switches")


def upgrade() -> None:
    op.create_table(
        "ai_keys",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("sha256", sa.String(64), nullable=False, unique=True),
        sa.Column("purpose", sa.String(200), nullable=False),
        sa.Column("algorithm", sa.String(200), nullable=False),
        sa.Column("templates", sa.JSON, nullable=False),
        sa.Column("tokens_per_day", sa.Integer, nullable=False),
        sa.Column("calls_per_minute", sa.Integer, nullable=False),
        sa.Column("made_at", _UTC, nullable=False),
        sa.Column("made_by", sa.String(200), nullable=False),
        sa.Column("expires", sa.Date),
        sa.Column("revoked_at", _UTC),
    )
    op.create_table(
        "ai_calls",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("at", _UTC, nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("key", sa.String(36), nullable=False),
        sa.Column("purpose", sa.String(200), nullable=False),
        sa.Column("algorithm", sa.String(200), nullable=False),
        sa.Column("template", sa.String(100), nullable=False),
        sa.Column("template_version", sa.String(50), nullable=False),
        sa.Column("template_sha256", sa.String(64), nullable=False),
        sa.Column("classes", sa.JSON, nullable=False),
        sa.Column("hits", sa.JSON, nullable=False),
        sa.Column("redactions", sa.Integer, nullable=False),
        sa.Column("verdict", sa.String(10), nullable=False),
        sa.Column("reason", sa.String(50)),
        sa.Column("reserved_tokens", sa.Integer, nullable=False),
    )
    op.create_table(
        "ai_attempts",
        sa.Column("call", sa.String(36), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("at", _UTC, nullable=False),
        sa.Column("provider", sa.String(100), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("place", sa.String(10), nullable=False),
        sa.Column("region", sa.String(50), nullable=False),
        sa.Column("contract", sa.String(200)),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("parameters", sa.JSON, nullable=False),
    )
    op.create_table(
        "ai_outcomes",
        sa.Column("call", sa.String(36), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("at", _UTC, nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("reported_version", sa.String(200)),
        sa.Column("input_tokens", sa.Integer, nullable=False),
        sa.Column("output_tokens", sa.Integer, nullable=False),
        sa.Column("milliseconds", sa.Integer, nullable=False),
        sa.Column("output_sha256", sa.String(64)),
        sa.Column("links_removed", sa.Integer, nullable=False),
    )
    op.create_table(
        "ai_switches",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("provider", sa.String(100), nullable=False),
        sa.Column("off", sa.Boolean, nullable=False),
        sa.Column("at", _UTC, nullable=False),
        sa.Column("by", sa.String(200), nullable=False),
        sa.Column("reason", sa.String(500), nullable=False),
    )
    op.create_index("ai_calls_key_day", "ai_calls", ["key", "day"])
    op.create_index("ai_calls_day", "ai_calls", ["day"])
    op.create_index("ai_switches_provider", "ai_switches", ["provider", "number"])
    for table in _APPEND_ONLY:
        _forbid_changes(table)


def _forbid_changes(table: str) -> None:
    """Let the database itself refuse to update or delete rows of `table`."""
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
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
    raise NotImplementedError("there is nothing before the first revision")
