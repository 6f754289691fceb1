"""When the tally of withheld reads was opened, and by whom; a use by the case it was for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "tally_openings",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("body", sa.String(255), nullable=False),
        sa.Column("person", sa.String(100), nullable=False),
        sa.Column("matter", sa.String(255), nullable=False),
        sa.Column("basis", sa.String(255), nullable=False),
        sa.Column("first_day", sa.Date, nullable=False),
        sa.Column("last_day", sa.Date, nullable=False),
    )
    op.create_index("usage_records_issue", "usage_records", ["issue"])
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER tally_openings_no_{verb.lower()} BEFORE {verb} ON tally_openings "
                f"BEGIN SELECT RAISE(ABORT, 'tally_openings are append-only'); END"
            )
    else:
        op.execute(
            "CREATE FUNCTION refuse_tally_openings() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'tally_openings are append-only'; END $$"
        )
        op.execute(
            "CREATE TRIGGER tally_openings_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON tally_openings "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_tally_openings()"
        )


def downgrade() -> None:
    op.drop_index("usage_records_issue", "usage_records")
    op.drop_table("tally_openings")
