"""The tables decisions start with, and the triggers that keep them as they were written."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_UTC = sa.DateTime(timezone=True)
_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_RECORD = "decision_records.id"


def _hash(name: str, **options: object) -> sa.Column[str]:
    return sa.Column(name, sa.String(64), **options)  # type: ignore[arg-type]


def _record(**options: object) -> sa.Column[str]:
    return sa.Column("record", sa.String(36), sa.ForeignKey(_RECORD), nullable=False, **options)  # type: ignore[arg-type]


def upgrade() -> None:
    _decided()
    _sealed()
    _logged()
    _checked()
    for table in _APPEND_ONLY:
        _refuse(table, "UPDATE", "DELETE")
    _refuse("decision_value_keys", "UPDATE")


def _decided() -> None:
    op.create_table(
        "decision_cases",
        sa.Column("case", sa.String(200), primary_key=True),
        sa.Column("opened_at", _UTC, nullable=False),
    )
    op.create_table(
        "decision_certificates",
        _hash("sealer", primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "decision_records",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("case", sa.String(200), sa.ForeignKey("decision_cases.case"), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        _hash("sha256", nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("link", sa.LargeBinary, nullable=False),
        _hash("link_sha256", nullable=False),
        sa.Column("seal", sa.LargeBinary, nullable=False),
        _hash("sealer", nullable=False),
        sa.Column("decided_at", _UTC, nullable=False, index=True),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("automation", sa.Integer, nullable=False),
        sa.Column("effect", sa.String(20), nullable=False),
        sa.Column("algorithm", sa.String(200), index=True),
        _hash("package_sha256", index=True),
        sa.Column("unknowns", sa.Integer, nullable=False),
        sa.Column("overridden", sa.Boolean, nullable=False),
        sa.Column("supersedes", sa.String(36), sa.ForeignKey(_RECORD), unique=True),
        sa.Column("retain_until", sa.Date, index=True),
        sa.UniqueConstraint("case", "position", name="decision_records_chain"),
    )
    op.create_table(
        "decision_subjects",
        sa.Column("ref", sa.String(60), primary_key=True),
        _record(primary_key=True),
        sa.Column("role", sa.String(60), primary_key=True),
    )
    op.create_table(
        "decision_inputs",
        _record(primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(300), nullable=False),
        sa.Column("register", sa.String(200)),
        sa.Column("message_id", sa.String(255)),
        _hash("sha256", nullable=False),
        sa.Column("valid_at", sa.Date),
    )
    op.create_index("decision_inputs_message", "decision_inputs", ["message_id"])
    op.create_index("decision_inputs_fact", "decision_inputs", ["register", "name"])
    op.create_index("decision_inputs_hash", "decision_inputs", ["sha256"])
    op.create_table(
        "decision_package_files",
        _hash("package", primary_key=True),
        sa.Column("path", sa.String(300), primary_key=True),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )


def _sealed() -> None:
    op.create_table(
        "decision_values",
        sa.Column("ref", sa.String(36), primary_key=True),
        _record(index=True),
        sa.Column("place", sa.String(300), nullable=False),
        sa.Column("nonce", sa.LargeBinary, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "decision_value_keys",
        sa.Column("ref", sa.String(36), sa.ForeignKey("decision_values.ref"), primary_key=True),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "decision_shreds",
        sa.Column("ref", sa.String(36), sa.ForeignKey("decision_values.ref"), primary_key=True),
        sa.Column("shredded_at", _UTC, nullable=False),
        sa.Column("ground", sa.String(300), nullable=False),
    )


def _logged() -> None:
    op.create_table(
        "decision_entries",
        sa.Column("number", _NUMBER, primary_key=True, autoincrement=True),
        sa.Column("kind", sa.String(20), nullable=False),
        _record(index=True),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "decision_waiting",
        sa.Column("entry", _NUMBER, sa.ForeignKey("decision_entries.number"), primary_key=True),
    )
    op.create_table(
        "decision_leaves",
        sa.Column("number", _NUMBER, primary_key=True, autoincrement=False),
        sa.Column("entry", _NUMBER, sa.ForeignKey("decision_entries.number"), nullable=False, unique=True),
    )
    op.create_table(
        "decision_nodes",
        sa.Column("level", sa.Integer, primary_key=True),
        sa.Column("number", _NUMBER, primary_key=True, autoincrement=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "decision_checkpoints",
        sa.Column("size", _NUMBER, primary_key=True, autoincrement=False),
        sa.Column("root", sa.LargeBinary, nullable=False),
        sa.Column("note", sa.LargeBinary, nullable=False),
        _hash("sealer", nullable=False),
        sa.Column("made_at", _UTC, nullable=False),
    )
    op.create_table(
        "decision_timestamps",
        sa.Column("size", _NUMBER, sa.ForeignKey("decision_checkpoints.size"), primary_key=True),
        sa.Column("token", sa.LargeBinary, nullable=False),
        sa.Column("gen_time", _UTC, nullable=False),
    )


def _checked() -> None:
    op.create_table(
        "decision_deliveries",
        sa.Column("number", sa.Integer, primary_key=True),
        _record(index=True),
        sa.Column("channel", sa.String(60), nullable=False),
        sa.Column("language", sa.String(10), nullable=False),
        sa.Column("event", sa.String(20), nullable=False),
        sa.Column("happened_at", _UTC, nullable=False),
    )
    op.create_table(
        "decision_samples",
        sa.Column("id", sa.String(60), primary_key=True),
        sa.Column("seed", sa.String(200), nullable=False),
        sa.Column("published_at", _UTC, nullable=False),
        sa.Column("begins", _UTC, nullable=False),
        sa.Column("ends", _UTC, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
    )
    op.create_table(
        "decision_replays",
        sa.Column("number", sa.Integer, primary_key=True),
        _record(index=True),
        sa.Column("sample", sa.String(60), sa.ForeignKey("decision_samples.id"), index=True),
        sa.Column("replayed_at", _UTC, nullable=False),
        sa.Column("result", sa.String(20), nullable=False),
        sa.Column("report", sa.JSON, nullable=False),
    )
    op.create_table(
        "decision_contests",
        sa.Column("id", sa.String(100), primary_key=True),
        _record(index=True),
        sa.Column("line", sa.String(60), nullable=False),
        sa.Column("contested_at", _UTC, nullable=False),
    )
    op.create_table(
        "decision_contest_outcomes",
        sa.Column("contest", sa.String(100), sa.ForeignKey("decision_contests.id"), primary_key=True),
        sa.Column("overturned", sa.Boolean, nullable=False),
        sa.Column("decided_at", _UTC, nullable=False),
    )


_APPEND_ONLY = (
    "decision_cases",
    "decision_certificates",
    "decision_records",
    "decision_subjects",
    "decision_inputs",
    "decision_package_files",
    "decision_values",
    "decision_shreds",
    "decision_entries",
    "decision_leaves",
    "decision_nodes",
    "decision_checkpoints",
    "decision_timestamps",
    "decision_deliveries",
    "decision_samples",
    "decision_replays",
    "decision_contests",
    "decision_contest_outcomes",
)


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


def downgrade() -> None:
    raise NotImplementedError("there is nothing before the first revision")
