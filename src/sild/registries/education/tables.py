"""Kindergartens, their groups, and the children who wait or attend."""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, Date, ForeignKey, Index, Integer, MetaData, String, Table

from sild.database import UtcDateTime

__all__ = ["children", "groups", "kindergartens"]

metadata = MetaData()

kindergartens = Table(
    "education_kindergartens",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(100), nullable=False),
    Column("division", String(20), nullable=False, index=True),
)

groups = Table(
    "education_groups",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kindergarten", ForeignKey("education_kindergartens.id"), nullable=False, index=True),
    Column("age_from", Integer, nullable=False),  # years, included
    Column("age_to", Integer, nullable=False),  # years, not included
    Column("capacity", Integer, nullable=False),
)

children = Table(
    "education_children",
    metadata,
    Column("child", String(100), primary_key=True),
    Column("born", Date, nullable=False),
    Column("division", String(20)),  # where the child lives; none: not known
    Column("parents", JSON, nullable=False),
    Column("guardians", JSON),  # [identity code, the first day on which they are not; null: no such day]
    Column("siblings", JSON, nullable=False),
    Column("joined_at", UtcDateTime, nullable=False),
    Column("state", String(10), nullable=False),  # waiting, offered, attending, left
    Column(
        "wanted", ForeignKey("education_groups.id")
    ),  # the group of the wish; none: any nearby, no wish yet
    Column(
        "any_nearby", Boolean
    ),  # `wanted` is where a place is expected soonest; whichever comes first will do
    Column("wanted_from", Date),
    Column("reason", String(50)),  # why there is no place yet
    Column("review_on", Date),
    Column("issue", String(255)),  # the case
    Column(
        "told", JSON
    ),  # who said what is known of the child: {"person" or "home": [register, message id, when]}
    Column("decision", String(36)),  # record of the offer, the wait or the grant as it stands
    Column(
        "stands_as", JSON
    ),  # put there by hand: {"group", "resident", "sibling", "joined_at", "message_id"}; none: as the child is
    Index("education_children_wanted", "wanted", "state"),
    Index("education_children_division", "division", "state"),
)
