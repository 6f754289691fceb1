"""What people say themselves to registers is proved, too: each proof for the operations that carry it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.add_column("case_proofs", sa.Column("operations", sa.JSON))


def downgrade() -> None:
    raise NotImplementedError("who acted is evidence")
