"""The tables the case system starts with."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_UTC = sa.DateTime(timezone=True)
_APPEND_ONLY = (
    "case_actions",
    "case_keys",
    "case_parties",
    "case_silences",
    "case_oversight",
    "case_number_blocks",
    "case_offline_records",
)


def upgrade() -> None:
    op.create_table(
        "case_counters",
        sa.Column("name", sa.String(100), primary_key=True),
        sa.Column("value", sa.Integer, nullable=False),
    )
    op.create_table(
        "case_messages",
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("message_id", sa.String(255), nullable=False),
        sa.Column("case", sa.String(50)),
        sa.Column("register", sa.String(255), nullable=False),
        sa.Column("operation", sa.String(20), nullable=False),
        sa.Column("path", sa.String(2000), nullable=False),
        sa.Column("basis", sa.String(255), nullable=False),
        sa.Column("acting", sa.String(100), nullable=False),
        sa.Column("role", sa.String(50), nullable=False),
        sa.Column("sent_at", _UTC, nullable=False),
        sa.Column("answered_at", _UTC),
        sa.Column("outcome", sa.String(100)),
    )
    op.create_index("ix_case_messages_case", "case_messages", ["case"])
    op.create_index("ix_case_messages_message_id", "case_messages", ["message_id"])
    op.create_table(
        "case_number_blocks",
        sa.Column("id", sa.String(50), primary_key=True),
        sa.Column("service", sa.String(100), nullable=False),
        sa.Column("office", sa.String(100), nullable=False),
        sa.Column("prefix", sa.String(50), nullable=False),
        sa.Column("first", sa.Integer, nullable=False),
        sa.Column("last", sa.Integer, nullable=False),
        sa.Column("reserved_at", _UTC, nullable=False),
        sa.Column("reserved_by", sa.String(100), nullable=False),
    )
    op.create_table(
        "case_oversight",
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("at", _UTC, nullable=False),
        sa.Column("person", sa.String(100), nullable=False),
        sa.Column("code", sa.String(100), nullable=False),
        sa.Column("case", sa.String(50)),
        sa.Column("about", sa.String(100)),
    )
    op.create_index("ix_case_oversight_person", "case_oversight", ["person"])
    op.create_table(
        "case_publications",
        sa.Column("service", sa.String(100), primary_key=True),
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("at", _UTC, nullable=False),
    )
    op.create_table(
        "case_silences",
        sa.Column("person", sa.String(100), primary_key=True),
        sa.Column("event", sa.String(300), primary_key=True),
        sa.Column("reason", sa.String(50), nullable=False),
        sa.Column("begins", sa.Date, nullable=False),
        sa.Column("ends", sa.Date),
    )
    op.create_table(
        "cases",
        sa.Column("id", sa.String(50), primary_key=True),
        sa.Column("number", sa.String(50), nullable=False, unique=True),
        sa.Column("service", sa.String(100), nullable=False),
        sa.Column("office", sa.String(100)),
        sa.Column("data", sa.JSON, nullable=False),
        sa.Column("opened_at", _UTC, nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("closed_at", _UTC),
    )
    op.create_index("ix_cases_office", "cases", ["office"])
    op.create_table(
        "case_actions",
        sa.Column("case", sa.String(50), sa.ForeignKey("cases.id"), primary_key=True),
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(50), nullable=False),
        sa.Column("at", _UTC, nullable=False),
        sa.Column("person", sa.String(100), nullable=False),
        sa.Column("role", sa.String(50), nullable=False),
        sa.Column("acting_for", sa.String(100), nullable=False),
        sa.Column("mandate", sa.String(200)),
        sa.Column("acr", sa.String(20), nullable=False),
        sa.Column("posture", sa.String(20), nullable=False),
        sa.Column("data", sa.JSON, nullable=False),
    )
    op.create_table(
        "case_drafts",
        sa.Column("case", sa.String(50), sa.ForeignKey("cases.id"), primary_key=True),
        sa.Column("screen", sa.String(100), primary_key=True),
        sa.Column("person", sa.String(100), primary_key=True),
        sa.Column("given", sa.JSON, nullable=False),
        sa.Column("at", _UTC, nullable=False),
    )
    op.create_table(
        "case_jobs",
        sa.Column("id", sa.String(200), primary_key=True),
        sa.Column("case", sa.String(50), sa.ForeignKey("cases.id")),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("service", sa.String(100), nullable=False),
        sa.Column("kind", sa.String(50), nullable=False),
        sa.Column("arguments", sa.JSON, nullable=False),
        sa.Column("asked_at", _UTC, nullable=False),
        sa.Column("due_at", _UTC, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("body", sa.String(255)),
        sa.Column("reason", sa.String(100)),
        sa.Column("next_try", _UTC),
    )
    op.create_index("case_jobs_due", "case_jobs", ["state", "due_at"])
    op.create_index("ix_case_jobs_case", "case_jobs", ["case"])
    op.create_table(
        "case_keys",
        sa.Column("person", sa.String(100), primary_key=True),
        sa.Column("key", sa.String(200), primary_key=True),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("case", sa.String(50), sa.ForeignKey("cases.id"), nullable=False),
        sa.Column("action", sa.String(50), nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
    )
    op.create_table(
        "case_mandates",
        sa.Column("id", sa.String(50), primary_key=True),
        sa.Column("clerk", sa.String(100), nullable=False),
        sa.Column("person", sa.String(100), nullable=False),
        sa.Column("service", sa.String(100), nullable=False),
        sa.Column("statement", sa.String(2000), nullable=False),
        sa.Column("given_at", _UTC, nullable=False),
        sa.Column("valid_to", _UTC, nullable=False),
        sa.Column("case", sa.String(50), sa.ForeignKey("cases.id")),
        sa.Column("ended_at", _UTC),
    )
    op.create_table(
        "case_notices",
        sa.Column("id", sa.String(50), primary_key=True),
        sa.Column("case", sa.String(50), sa.ForeignKey("cases.id"), nullable=False),
        sa.Column("person", sa.String(100), nullable=False),
        sa.Column("text", sa.String(200), nullable=False),
        sa.Column("details", sa.JSON, nullable=False),
        sa.Column("not_before", _UTC, nullable=False),
        sa.Column("read_at", _UTC),
        sa.Column("pushed_at", _UTC),
        sa.Column("cancelled_for", sa.String(100)),
    )
    op.create_index("ix_case_notices_case", "case_notices", ["case"])
    op.create_index("ix_case_notices_person", "case_notices", ["person"])
    op.create_table(
        "case_offline_records",
        sa.Column("id", sa.String(100), primary_key=True),
        sa.Column("block", sa.String(50), sa.ForeignKey("case_number_blocks.id"), nullable=False),
        sa.Column("number", sa.String(50), nullable=False),
        sa.Column("service", sa.String(100), nullable=False),
        sa.Column("subject", sa.String(100), nullable=False),
        sa.Column("content", sa.JSON, nullable=False),
        sa.Column("registered_at", _UTC, nullable=False),
        sa.Column("registered_by", sa.String(100), nullable=False),
        sa.Column("merged_at", _UTC, nullable=False),
        sa.Column("outcome", sa.String(20), nullable=False),
        sa.Column("reasons", sa.JSON, nullable=False),
        sa.Column("case", sa.String(50), sa.ForeignKey("cases.id"), nullable=False),
    )
    op.create_index("ix_case_offline_records_number", "case_offline_records", ["number"])
    op.create_index("ix_case_offline_records_subject", "case_offline_records", ["subject"])
    op.create_table(
        "case_parties",
        sa.Column("case", sa.String(50), sa.ForeignKey("cases.id"), primary_key=True),
        sa.Column("role", sa.String(50), primary_key=True),
        sa.Column("person", sa.String(100), primary_key=True),
        sa.Column("since", sa.Integer, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
    )
    op.create_index("case_parties_of", "case_parties", ["person"])
    for table in _APPEND_ONLY:
        _refuse(table, "UPDATE", "DELETE")
    _refuse("case_messages", "DELETE")
    _refuse("cases", "DELETE")
    _answered_once()


def _refuse(table: str, *verbs: str) -> None:
    """Let the database itself refuse to change or delete rows of `table`."""
    if op.get_bind().dialect.name == "sqlite":
        for verb in verbs:
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
        f"CREATE TRIGGER {table}_append_only BEFORE {' OR '.join((*verbs, 'TRUNCATE'))} ON {table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_refuse()"
    )


def _answered_once() -> None:
    """A message's outcome is written once, and nothing else of it ever changes."""
    said = [
        "position",
        "message_id",
        "case",
        "register",
        "operation",
        "path",
        "basis",
        "acting",
        "role",
        "sent_at",
    ]
    reason = "a message is answered once"
    if op.get_bind().dialect.name == "sqlite":
        changed = " OR ".join(f'OLD."{column}" IS NOT NEW."{column}"' for column in said)
        op.execute(
            f"CREATE TRIGGER case_messages_once BEFORE UPDATE ON case_messages "
            f"WHEN OLD.outcome IS NOT NULL OR {changed} BEGIN SELECT RAISE(ABORT, '{reason}'); END"
        )
        return
    changed = " OR ".join(f'OLD."{column}" IS DISTINCT FROM NEW."{column}"' for column in said)
    op.execute(
        "CREATE FUNCTION case_messages_once() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN IF OLD.outcome IS NULL AND NOT ({changed}) THEN RETURN NEW; END IF; "
        f"RAISE EXCEPTION '{reason}'; END $$"
    )
    op.execute(
        "CREATE TRIGGER case_messages_answered BEFORE UPDATE ON case_messages "
        "FOR EACH ROW EXECUTE FUNCTION case_messages_once()"
    )


def downgrade() -> None:
    raise NotImplementedError("there is nothing before the first revision")
