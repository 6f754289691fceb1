"""How a clerk knew the person they help, whose word a message was; files of people, which stay once they were sent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_UTC = sa.DateTime(timezone=True)
SENT = "what was sent stays"


def upgrade() -> None:
    op.add_column("case_mandates", sa.Column("way", sa.String(20)))
    op.add_column("case_mandates", sa.Column("document", sa.String(30)))
    op.add_column("case_mandates", sa.Column("document_number", sa.String(50)))
    op.add_column("case_messages", sa.Column("acting_for", sa.String(100)))
    op.create_table(
        "case_files",
        sa.Column("id", sa.String(50), primary_key=True),
        sa.Column("case", sa.String(50), sa.ForeignKey("cases.id"), nullable=False),
        sa.Column("screen", sa.String(100), nullable=False),
        sa.Column("field", sa.String(50), nullable=False),
        sa.Column("person", sa.String(100), nullable=False),
        sa.Column("uploaded_by", sa.String(100), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("media_type", sa.String(50), nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("at", _UTC, nullable=False),
        sa.Column("seq", sa.Integer),
    )
    op.create_index("ix_case_files_case", "case_files", ["case"])
    op.create_index("ix_case_files_person", "case_files", ["person"])
    op.create_table(
        "case_file_parts",
        sa.Column("file", sa.String(50), sa.ForeignKey("case_files.id"), primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )
    if op.get_bind().dialect.name == "sqlite":
        _kept_in_sqlite()
    else:
        _kept_in_postgresql()


def _kept_in_sqlite() -> None:
    sent = "SELECT 1 FROM case_files WHERE id = OLD.file AND seq IS NOT NULL"
    for table, when in (("case_files", "OLD.seq IS NOT NULL"), ("case_file_parts", f"EXISTS ({sent})")):
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} WHEN {when} "
                f"BEGIN SELECT RAISE(ABORT, '{SENT}'); END"
            )


def _kept_in_postgresql() -> None:
    op.execute(
        "CREATE FUNCTION case_files_kept() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN IF OLD.seq IS NOT NULL THEN RAISE EXCEPTION '{SENT}'; END IF; "
        "IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; RETURN NEW; END $$"
    )
    op.execute(
        "CREATE FUNCTION case_file_parts_kept() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN IF EXISTS (SELECT 1 FROM case_files WHERE id = OLD.file AND seq IS NOT NULL) "
        "THEN RAISE EXCEPTION 'what was sent stays'; END IF; "
        "IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; RETURN NEW; END $$"
    )
    for table in ("case_files", "case_file_parts"):
        op.execute(
            f"CREATE TRIGGER {table}_stay BEFORE UPDATE OR DELETE ON {table} "
            f"FOR EACH ROW EXECUTE FUNCTION {table}_kept()"
        )


def downgrade() -> None:
    raise NotImplementedError("what people sent is evidence")
