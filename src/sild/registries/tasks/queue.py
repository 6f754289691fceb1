"""The rows: what waits, what is due, what has ended and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Row, Select, select, update
from sqlalchemy.dialects import postgresql, sqlite

from sild.registries.exchange import Because
from sild.registries.kernel import Use
from sild.registries.tasks.tables import tasks

__all__ = ["Task", "TaskState", "Tasks"]


class TaskState(Enum):
    """HELD: people decide.  CANCELLED: it must not happen any more."""

    WAITING = "waiting"
    DONE = "done"
    HELD = "held"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Task:
    """cause: id of the event, or message, that asks for it.  issue: the case.  about: as its handler wrote it."""

    id: int
    kind: str
    subject: str
    cause: str
    issue: str | None
    about: Mapping[str, Any]
    state: TaskState
    attempts: int
    next_attempt_at: datetime
    reason: str | None

    def because(self, basis: str) -> Because:
        """Why others are asked for it. A task that is tried again asks the same by the same message."""
        return Because(basis, self.issue, key=f"{self.kind}/{self.cause}")


class Tasks:
    """Works in a database opened with `TASK_MIGRATIONS`. Its methods block."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(
        self,
        use: Use,
        kind: str,
        subject: str,
        *,
        cause: str,
        about: Mapping[str, Any] | None = None,
        at: datetime | None = None,
        issue: str | None = None,
    ) -> bool:
        """In the transaction of `use`; False when the same cause has asked for it before. at: not earlier than this.

        issue: the case it belongs to; None: that of `use`.
        """
        row = {
            "kind": kind,
            "subject": subject,
            "cause": cause,
            "issue": issue or use.usage.issue,
            "about": dict(about or {}),
            "state": TaskState.WAITING.value,
            "attempts": 0,
            "next_attempt_at": at or use.at,
            "added_at": use.at,
        }
        dialect = use.connection.dialect.name
        insert = sqlite.insert if dialect == "sqlite" else postgresql.insert
        adding = insert(tasks).values(row).on_conflict_do_nothing().returning(tasks.c.id)
        return use.connection.scalar(adding) is not None

    def take(self, at: datetime, limit: int, lease: timedelta) -> tuple[Task, ...]:
        """Those that are due; nobody else takes them until `lease` is over."""
        due = (
            select(tasks)
            .where(tasks.c.state == TaskState.WAITING.value, tasks.c.next_attempt_at <= at)
            .order_by(tasks.c.id)
            .limit(limit)
        )
        with self._engine.begin() as connection:
            taken = []
            for row in connection.execute(due.with_for_update(skip_locked=True)).all():
                changed = connection.execute(
                    update(tasks)
                    .where(
                        tasks.c.id == row.id,
                        tasks.c.state == TaskState.WAITING.value,
                        tasks.c.attempts == row.attempts,
                    )
                    .values(next_attempt_at=at + lease, attempts=row.attempts + 1)
                )
                if changed.rowcount:
                    taken.append(_task(row))
            return tuple(taken)

    def end(
        self,
        connection: Connection,
        task_id: int,
        at: datetime,
        state: TaskState = TaskState.DONE,
        reason: str | None = None,
    ) -> bool:
        """False when it has ended before: then it must have no effect now."""
        ended = connection.execute(
            update(tasks)
            .where(tasks.c.id == task_id, tasks.c.state == TaskState.WAITING.value)
            .values(state=state.value, ended_at=at, reason=reason)
        )
        return bool(ended.rowcount)

    def later(self, task: Task, at: datetime, reason: str) -> None:
        with self._engine.begin() as connection:
            connection.execute(
                update(tasks)
                .where(tasks.c.id == task.id, tasks.c.state == TaskState.WAITING.value)
                .values(next_attempt_at=at, reason=reason[:200])
            )

    def cancel(
        self,
        connection: Connection,
        subject: str,
        kinds: Sequence[str],
        at: datetime,
        reason: str,
        *,
        hold: bool = False,
    ) -> int:
        """End, or hold for people, what of these kinds waits about `subject`; how many."""
        state = TaskState.HELD if hold else TaskState.CANCELLED
        ended = connection.execute(
            update(tasks)
            .where(
                tasks.c.subject == subject,
                tasks.c.kind.in_(kinds),
                tasks.c.state == TaskState.WAITING.value,
            )
            .values(state=state.value, ended_at=at, reason=reason)
        )
        return ended.rowcount

    def held_of(self, use: Use, kinds: Sequence[str], reason: str) -> list[str]:
        """About whom tasks of these kinds are held for a reason."""
        query = select(tasks.c.subject).distinct().where(*_held(kinds, reason)).order_by(tasks.c.subject)
        return list(use.connection.scalars(query))

    def resume(self, use: Use, subject: str, kinds: Sequence[str], reason: str) -> None:
        """What of these kinds was held for a reason is due now."""
        use.connection.execute(
            update(tasks)
            .where(tasks.c.subject == subject, *_held(kinds, reason))
            .values(state=TaskState.WAITING.value, next_attempt_at=use.at, ended_at=None, reason=None)
        )

    def revive(
        self,
        use: Use,
        subject: str,
        kinds: Sequence[str],
        reason: str,
        since: datetime,
        *,
        held_for: str | None = None,
    ) -> None:
        """What of these kinds was cancelled for a reason, `since` then, waits again, on its day; or is held for another reason."""
        state = TaskState.WAITING if held_for is None else TaskState.HELD
        ended = {"ended_at": None if held_for is None else use.at, "reason": held_for}
        use.connection.execute(
            update(tasks)
            .where(
                tasks.c.subject == subject,
                tasks.c.kind.in_(kinds),
                tasks.c.state == TaskState.CANCELLED.value,
                tasks.c.reason == reason,
                tasks.c.ended_at >= since,
            )
            .values(state=state.value, **ended)
        )

    def about(self, subject: str) -> tuple[Task, ...]:
        """Every task about somebody, in the order they were added."""
        return self._find(select(tasks).where(tasks.c.subject == subject))

    def added(self, use: Use, kind: str, subject: str) -> tuple[Task, ...]:
        """Those of a kind about a subject, whatever became of them, as the transaction of `use` sees them."""
        query = select(tasks).where(tasks.c.kind == kind, tasks.c.subject == subject).order_by(tasks.c.id)
        return tuple(_task(row) for row in use.connection.execute(query))

    def in_state(self, state: TaskState, limit: int = 100) -> tuple[Task, ...]:
        """What people look at: those held, or those that wait, oldest first."""
        return self._find(select(tasks).where(tasks.c.state == state.value).limit(limit))

    def _find(self, query: Select[Any]) -> tuple[Task, ...]:
        with self._engine.connect() as connection:
            rows: Sequence[Row[Any]] = connection.execute(query.order_by(tasks.c.id)).all()
        return tuple(_task(row) for row in rows)


def _held(kinds: Sequence[str], reason: str) -> Sequence[ColumnElement[bool]]:
    return (tasks.c.state == TaskState.HELD.value, tasks.c.kind.in_(kinds), tasks.c.reason == reason)


def _task(row: Row[Any]) -> Task:
    return Task(
        id=row.id,
        kind=row.kind,
        subject=row.subject,
        cause=row.cause,
        issue=row.issue,
        about=row.about,
        state=TaskState(row.state),
        attempts=row.attempts,
        next_attempt_at=row.next_attempt_at,
        reason=row.reason,
    )
