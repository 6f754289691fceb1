"""How it stands with children is a fact, too: of those who were here before, as it is now, known from today.

Since when is known only of those who wait and have wished nothing yet: since they joined. Of the others nobody wrote it down, so
the fact begins today.
"""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from sild.database import UtcDateTime

revision = "0005"
down_revision = "0004"

GROUNDS = {11: "KELS § 10", 12: "NĐ 105/2020/NĐ-CP"}
"""By the length of an identity code."""


def upgrade() -> None:
    connection, now = op.get_bind(), datetime.now(UTC)
    children = sa.table(
        "education_children",
        *(sa.column(name) for name in ("child", "state", "reason", "decision", "wanted")),
        sa.column("any_nearby", sa.Boolean),
        *(sa.column(name, sa.Date) for name in ("wanted_from", "review_on")),
        sa.column("joined_at", UtcDateTime),
    )
    groups = sa.table("education_groups", sa.column("id"), sa.column("kindergarten"))
    kindergartens = sa.table("education_kindergartens", sa.column("id"), sa.column("name"))
    facts = sa.table(
        "facts",
        *(sa.column(name) for name in ("entity", "name", "key", "source", "basis")),
        sa.column("value", sa.JSON), sa.column("valid_from", sa.Date), sa.column("known_from", UtcDateTime),
    )  # fmt: skip
    query = sa.select(children, kindergartens.c.name.label("kindergarten")).select_from(
        children.outerjoin(groups, groups.c.id == children.c.wanted).outerjoin(
            kindergartens, kindergartens.c.id == groups.c.kindergarten
        )
    )
    for row in connection.execute(query).all():
        value = {
            "state": row.state,
            "reason": row.reason,
            "kindergarten": row.kindergarten,
            "group": row.wanted,
            "any_nearby": row.any_nearby or None,
            "wanted_from": None if row.wanted_from is None else row.wanted_from.isoformat(),
            "joined_at": row.joined_at.isoformat(),
            "review_on": None if row.review_on is None else row.review_on.isoformat(),
            "decision": row.decision,
        }
        since = row.joined_at if row.state == "waiting" and row.reason == "no_wish" else now
        connection.execute(
            sa.insert(facts).values(
                entity=row.child, name="kindergarten_queue", key="",
                value={name: part for name, part in value.items() if part is not None},
                valid_from=since.date(), known_from=now, source="education_children",
                basis=GROUNDS.get(len(row.child), GROUNDS[11]),
            )
        )  # fmt: skip


def downgrade() -> None:
    raise NotImplementedError("what was said stays said")
