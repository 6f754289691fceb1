"""Looking at cases costs the same, however many are kept: a person's drafts, notices that wake a phone, cases of a service and of a time."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

_WAKING = sa.text("pushed_at IS NULL AND read_at IS NULL AND cancelled_for IS NULL")


def upgrade() -> None:
    op.create_index("cases_service_opened", "cases", ["service", "opened_at"])
    op.create_index("ix_cases_closed_at", "cases", ["closed_at"])
    op.create_index("ix_case_drafts_person", "case_drafts", ["person"])
    op.create_index(
        "case_notices_waking", "case_notices", ["not_before"], sqlite_where=_WAKING, postgresql_where=_WAKING
    )


def downgrade() -> None:
    for name, table in (
        ("case_notices_waking", "case_notices"),
        ("ix_case_drafts_person", "case_drafts"),
        ("ix_cases_closed_at", "cases"),
        ("cases_service_opened", "cases"),
    ):
        op.drop_index(name, table)
