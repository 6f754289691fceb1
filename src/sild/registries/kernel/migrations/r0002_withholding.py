"""Reads the law keeps from the person for a time: a mark with its end; counted, never listed until then."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_UTC = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "withholdings",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("person", sa.String(100), nullable=False, index=True),
        sa.Column("client", sa.String(1_100), nullable=False),
        sa.Column("issue", sa.String(255), nullable=False),
        sa.Column("basis", sa.String(255), nullable=False),
        sa.Column("order", sa.String(100), nullable=False),
        sa.Column("begins", _UTC, nullable=False),
        sa.Column("ends", _UTC, nullable=False),
    )
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER withholdings_no_{verb.lower()} BEFORE {verb} ON withholdings "
                f"BEGIN SELECT RAISE(ABORT, 'withholdings are append-only'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION withholdings_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'withholdings are append-only'; END $$"
    )
    op.execute(
        "CREATE TRIGGER withholdings_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON withholdings "
        "FOR EACH STATEMENT EXECUTE FUNCTION withholdings_refuse()"
    )


def downgrade() -> None:
    op.drop_table("withholdings")
