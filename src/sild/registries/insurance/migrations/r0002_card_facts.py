"""Cards are facts, too: of those that were given before, what they are now, known from today."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import sqlalchemy as sa
from alembic import op

from sild.database import UtcDateTime

revision = "0002"
down_revision = "0001"

YEARS = 5
GROUNDS = {11: "RaKS § 5", 12: "Luật BHYT 2008, Điều 12"}
"""By the length of an identity code."""


def upgrade() -> None:
    connection, now = op.get_bind(), datetime.now(UTC)
    cards = sa.table(
        "insurance_cards",
        *(sa.column(name) for name in ("person", "number", "state")),
        *(sa.column(name, sa.JSON) for name in ("claims", "office")),
        sa.column("issued_at", UtcDateTime),
    )
    facts = sa.table(
        "facts",
        *(sa.column(name) for name in ("entity", "name", "key", "source", "basis")),
        sa.column("value", sa.JSON), sa.column("valid_from", sa.Date), sa.column("valid_to", sa.Date),
        sa.column("known_from", UtcDateTime),
    )  # fmt: skip
    for row in connection.execute(sa.select(cards)).all():
        begins: date = row.issued_at.date()
        value = {
            "number": row.number,
            "state": row.state,
            "born": row.claims["birthdate"],
            "office": None if row.office is None else row.office["name"],
        }
        connection.execute(
            sa.insert(facts).values(
                entity=row.person, name="insurance_card", key="", value=value, valid_from=begins,
                valid_to=begins + timedelta(days=365 * YEARS), known_from=now, source="insurance_cards",
                basis=GROUNDS.get(len(row.person), GROUNDS[11]),
            )
        )  # fmt: skip


def downgrade() -> None:
    raise NotImplementedError("what was said stays said")
