"""What people sign: asked for, brought back, kept with the action."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_UTC = sa.DateTime(timezone=True)
STAY = "what was acted on stays"


def upgrade() -> None:
    op.create_table(
        "case_signatures",
        sa.Column("id", sa.String(50), primary_key=True),
        sa.Column("state_hash", sa.String(64), nullable=False, unique=True),
        sa.Column("case", sa.String(50), sa.ForeignKey("cases.id"), nullable=False),
        sa.Column("action", sa.String(50), nullable=False),
        sa.Column("screen", sa.String(100), nullable=False),
        sa.Column("person", sa.String(100), nullable=False),
        sa.Column("actor", sa.JSON, nullable=False),
        sa.Column("given", sa.JSON, nullable=False),
        sa.Column("key", sa.String(100), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("language", sa.String(10), nullable=False),
        sa.Column("kept", sa.JSON, nullable=False),
        sa.Column("code_verifier", sa.String(128), nullable=False),
        sa.Column("token", sa.String(500)),
        sa.Column("container", sa.LargeBinary),
        sa.Column("refusal", sa.String(100)),
        sa.Column("at", _UTC, nullable=False),
        sa.Column("seq", sa.Integer),
    )
    op.create_index("ix_case_signatures_case", "case_signatures", ["case"])
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER case_signatures_no_{verb.lower()} BEFORE {verb} ON case_signatures "
                f"WHEN OLD.seq IS NOT NULL BEGIN SELECT RAISE(ABORT, '{STAY}'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION case_signatures_kept() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN IF OLD.seq IS NOT NULL THEN RAISE EXCEPTION '{STAY}'; END IF; "
        "IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; RETURN NEW; END $$"
    )
    op.execute(
        "CREATE TRIGGER case_signatures_stay BEFORE UPDATE OR DELETE ON case_signatures "
        "FOR EACH ROW EXECUTE FUNCTION case_signatures_kept()"
    )


def downgrade() -> None:
    raise NotImplementedError("what people signed is evidence")
