"""Who acted, as the identity provider vouched for it: kept with the action, for the registers that do what was decided."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

STAY = "case_proofs are append-only"


def upgrade() -> None:
    op.create_table(
        "case_proofs",
        sa.Column("case", sa.String(50), sa.ForeignKey("cases.id"), primary_key=True),
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("person", sa.String(100), nullable=False),
        sa.Column("proof", sa.Text, nullable=False),
    )
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER case_proofs_no_{verb.lower()} BEFORE {verb} ON case_proofs "
                f"BEGIN SELECT RAISE(ABORT, '{STAY}'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION case_proofs_kept() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{STAY}'; END $$"
    )
    op.execute(
        "CREATE TRIGGER case_proofs_stay BEFORE UPDATE OR DELETE ON case_proofs "
        "FOR EACH ROW EXECUTE FUNCTION case_proofs_kept()"
    )


def downgrade() -> None:
    raise NotImplementedError("who acted is evidence")
