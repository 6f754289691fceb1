"""Of a protection order it is kept whom it is against: from them, doors are kept."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.add_column("case_silences", sa.Column("against", sa.String(100)))


def downgrade() -> None:
    raise NotImplementedError("what was kept from whom is evidence")
