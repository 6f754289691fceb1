"""Tasks. A row changes until the task is done, held for people or cancelled."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Index, Integer, MetaData, String, Table, UniqueConstraint

from sild.database import UtcDateTime

__all__ = ["tasks"]

metadata = MetaData()

tasks = Table(
    "tasks",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", String(50), nullable=False),
    Column("subject", String(100), nullable=False),  # whom it is about
    Column("cause", String(255), nullable=False),  # what asks for it: the event's id
    Column("issue", String(255)),  # the case
    Column("about", JSON, nullable=False),
    Column("state", String(10), nullable=False),  # waiting, done, held, cancelled
    Column("attempts", Integer, nullable=False),
    Column("next_attempt_at", UtcDateTime, nullable=False),
    Column("reason", String(200)),  # code of the last failure; why it is held or cancelled
    Column("added_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    UniqueConstraint("kind", "subject", "cause", name="tasks_once"),
    Index("tasks_due", "state", "next_attempt_at"),
    Index("tasks_of_subject", "subject"),
)
