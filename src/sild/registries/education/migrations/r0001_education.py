"""Kindergartens, groups, children."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_UTC = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "education_kindergartens",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("division", sa.String(20), nullable=False),
    )
    op.create_index("ix_education_kindergartens_division", "education_kindergartens", ["division"])
    op.create_table(
        "education_groups",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("kindergarten", sa.Integer, sa.ForeignKey("education_kindergartens.id"), nullable=False),
        sa.Column("age_from", sa.Integer, nullable=False),
        sa.Column("age_to", sa.Integer, nullable=False),
        sa.Column("capacity", sa.Integer, nullable=False),
    )
    op.create_index("ix_education_groups_kindergarten", "education_groups", ["kindergarten"])
    op.create_table(
        "education_children",
        sa.Column("child", sa.String(100), primary_key=True),
        sa.Column("born", sa.Date, nullable=False),
        sa.Column("division", sa.String(20)),
        sa.Column("parents", sa.JSON, nullable=False),
        sa.Column("siblings", sa.JSON, nullable=False),
        sa.Column("joined_at", _UTC, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("wanted", sa.Integer, sa.ForeignKey("education_groups.id")),
        sa.Column("wanted_from", sa.Date),
        sa.Column("reason", sa.String(50)),
        sa.Column("review_on", sa.Date),
        sa.Column("issue", sa.String(255)),
    )
    op.create_index("education_children_division", "education_children", ["division", "state"])
    op.create_index("education_children_wanted", "education_children", ["wanted", "state"])


def downgrade() -> None:
    raise NotImplementedError("there is nothing before the first revision")
