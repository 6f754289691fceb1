"""The tables every register starts with."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_UTC = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "facts",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("origin", sa.Integer, sa.ForeignKey("facts.id")),
        sa.Column("entity", sa.String(100), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("key", sa.String(100), nullable=False),
        sa.Column("value", sa.JSON, nullable=False),
        sa.Column("valid_from", sa.Date, nullable=False),
        sa.Column("valid_to", sa.Date),
        sa.Column("known_from", _UTC, nullable=False),
        sa.Column("known_to", _UTC),
        sa.Column("source", sa.String(1_100), nullable=False),
        sa.Column("basis", sa.String(200), nullable=False),
        sa.Column("message_id", sa.String(255)),
    )
    op.create_index("facts_of_entity", "facts", ["entity", "name", "key", "valid_from"])
    op.create_index("facts_by_key", "facts", ["name", "key"])
    op.create_table(
        "usage_records",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("at", _UTC, nullable=False),
        sa.Column("operation", sa.String(100), nullable=False),
        sa.Column("outcome", sa.String(100), nullable=False),
        sa.Column("client", sa.String(1_100), nullable=False),
        sa.Column("message_id", sa.String(255), nullable=False),
        sa.Column("request_id", sa.String(255)),
        sa.Column("user_id", sa.String(255)),
        sa.Column("issue", sa.String(255)),
        sa.Column("basis", sa.String(255)),
        sa.Column("represented_party", sa.String(600)),
    )
    op.create_index("ix_usage_records_at", "usage_records", ["at"])
    op.create_table(
        "usage_persons",
        sa.Column("usage_record", sa.Integer, sa.ForeignKey("usage_records.id"), primary_key=True),
        sa.Column("person", sa.String(100), primary_key=True),
    )
    op.create_index("usage_of_person", "usage_persons", ["person", "usage_record"])
    op.create_table(
        "answers",
        sa.Column("client", sa.String(1_100), primary_key=True),
        sa.Column("message_id", sa.String(255), primary_key=True),
        sa.Column("operation", sa.String(100), nullable=False),
        sa.Column("answer", sa.JSON, nullable=False),
        sa.Column("at", _UTC, nullable=False),
    )
    for table in ("usage_records", "usage_persons", "answers"):
        _append_only(table)
    _only_known_to_once()


def _append_only(table: str) -> None:
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


def _only_known_to_once() -> None:
    """A fact is never deleted, and only its `known_to` is ever set, once."""
    said = [
        "id",
        "origin",
        "entity",
        "name",
        "key",
        "valid_from",
        "valid_to",
        "known_from",
        "source",
        "basis",
    ]
    said.append("message_id")
    reason = "facts are only superseded"
    if op.get_bind().dialect.name == "sqlite":
        changed = " OR ".join(f"OLD.{column} IS NOT NEW.{column}" for column in [*said, "value"])
        op.execute(
            f"CREATE TRIGGER facts_no_update BEFORE UPDATE ON facts WHEN OLD.known_to IS NOT NULL OR {changed} "
            f"BEGIN SELECT RAISE(ABORT, '{reason}'); END"
        )
        op.execute(
            f"CREATE TRIGGER facts_no_delete BEFORE DELETE ON facts BEGIN SELECT RAISE(ABORT, '{reason}'); END"
        )
        return
    changed = " OR ".join(f"OLD.{column} IS DISTINCT FROM NEW.{column}" for column in said)
    changed += " OR OLD.value::text IS DISTINCT FROM NEW.value::text"
    op.execute(
        "CREATE FUNCTION facts_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN IF TG_OP = 'UPDATE' AND OLD.known_to IS NULL AND NOT ({changed}) THEN RETURN NEW; END IF; "
        f"RAISE EXCEPTION '{reason}'; END $$"
    )
    op.execute(
        "CREATE TRIGGER facts_superseded BEFORE UPDATE OR DELETE ON facts "
        "FOR EACH ROW EXECUTE FUNCTION facts_refuse()"
    )


def downgrade() -> None:
    raise NotImplementedError("there is nothing before the first revision")
