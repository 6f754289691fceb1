"""The schema the register starts with."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_UTC = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "persons",
        sa.Column("code", sa.String(12), primary_key=True),
        sa.Column("country", sa.String(2), nullable=False),
        sa.Column("sex", sa.String(1), nullable=False),
        sa.Column("family_name", sa.String(100), nullable=False),
        sa.Column("given_names", sa.String(200), nullable=False),
        sa.Column("search_name", sa.String(300), nullable=False),
        sa.Column("born", sa.Date, nullable=False),
        sa.Column("died", sa.Date),
        sa.Column("birth_place", sa.String(100), nullable=False),
        sa.Column("mother", sa.String(12), sa.ForeignKey("persons.code")),
        sa.Column("father", sa.String(12), sa.ForeignKey("persons.code")),
    )
    op.create_index("persons_search_name", "persons", ["search_name"])
    op.create_index("ix_persons_born", "persons", ["born"])
    op.create_index("ix_persons_mother", "persons", ["mother"])
    op.create_index("ix_persons_father", "persons", ["father"])
    op.create_table(
        "residences",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("person", sa.String(12), sa.ForeignKey("persons.code"), nullable=False),
        sa.Column("country", sa.String(2), nullable=False),
        sa.Column("region", sa.String(100), nullable=False),
        sa.Column("municipality", sa.String(100), nullable=False),
        sa.Column("street", sa.String(100)),
        sa.Column("house", sa.String(20), nullable=False),
        sa.Column("apartment", sa.String(20)),
        sa.Column("postal_code", sa.String(10)),
        sa.Column("valid_from", sa.Date, nullable=False),
        sa.Column("recorded_at", _UTC, nullable=False),
        sa.Column("client", sa.String(1100)),
        sa.Column("message_id", sa.String(255)),
        sa.UniqueConstraint("client", "message_id", name="residences_one_per_message"),
    )
    op.create_index("residences_of_person", "residences", ["person", "valid_from", "id"])
    op.create_table(
        "usage_records",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("at", _UTC, nullable=False),
        sa.Column("operation", sa.String(50), nullable=False),
        sa.Column("outcome", sa.String(50), nullable=False),
        sa.Column("client", sa.String(1100), nullable=False),
        sa.Column("message_id", sa.String(255), nullable=False),
        sa.Column("request_id", sa.String(255)),
        sa.Column("user_id", sa.String(255)),
        sa.Column("issue", sa.String(255)),
        sa.Column("represented_party", sa.String(600)),
    )
    op.create_table(
        "usage_persons",
        sa.Column("usage_record", sa.Integer, sa.ForeignKey("usage_records.id"), primary_key=True),
        sa.Column("person", sa.String(12), primary_key=True),
    )
    op.create_index("usage_of_person", "usage_persons", ["person"])
    for table in ("residences", "usage_records", "usage_persons"):
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
