"""Of a silence it is kept when it was said: a death that was annulled since may be told late."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from sild.database import UtcDateTime

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.add_column("case_silences", sa.Column("told", UtcDateTime))


def downgrade() -> None:
    raise NotImplementedError("who was dead by mistake is evidence")
