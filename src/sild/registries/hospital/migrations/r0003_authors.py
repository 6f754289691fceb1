"""What waits for the signature of one of many is found at once."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_index("hospital_notices_of_author", "hospital_notices", ["author", "state"])


def downgrade() -> None:
    op.drop_index("hospital_notices_of_author", "hospital_notices")
