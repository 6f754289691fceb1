"""What people said that an official's message carries is kept with its kind and the salt of its hash."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("case_proofs", sa.Column("says", sa.String(30)))
    op.add_column("case_proofs", sa.Column("salt", sa.String(32)))


def downgrade() -> None:
    raise NotImplementedError("who acted is evidence")
