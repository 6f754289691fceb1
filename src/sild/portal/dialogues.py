"""Dialogues with the assistant: one for each browser, sealed with its cookie; once somebody has logged in, theirs alone.

Who has the database reads nothing. Another person in the same browser sees nothing of it; a day without a word ends it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from sild.cases import Actor
from sild.errors import CallerError
from sild.identity_client import hashed, seal, unseal
from sild.portal.edge import BROWSER_COOKIE
from sild.portal.store import Store
from sild.portal.tables import dialogue
from sild.portal.visit import Visit

__all__ = ["Dialogues", "TooMany", "Turn"]

KEPT = timedelta(days=1)
MAX_TURNS = 40
A_MINUTE = timedelta(minutes=1)
PER_MINUTE = 20
"""Questions of one browser."""
PER_SECOND = 25
"""Questions of all who are not logged in, in one process: above, they wait, and people who are logged in do not."""

Turn = Mapping[str, Any]
"""JSON, as pages show it."""


class TooMany(CallerError):
    code = "too_many"


@dataclass(frozen=True, slots=True)
class _Owner:
    subject: str | None
    acting_for: str | None


class Dialogues:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._second = (0, 0)

    async def read(self, visit: Visit) -> Sequence[Turn]:
        """Empty when there is none, or it is another's."""
        browser = visit.call.cookies.get(BROWSER_COOKIE, "")
        query = select(dialogue).where(dialogue.c.browser_hash == hashed(browser))
        row = await self._store.change(lambda c, at: _alive(c.execute(query).one_or_none(), at))
        if row is None or not _is_theirs(row, visit):
            return ()
        return unseal(browser, row.turns) or ()

    async def count(self, visit: Visit) -> None:
        """Before a question is looked at. Raises TooMany."""
        if visit.session is None:
            second = int(self._store.clock().timestamp())
            before = self._second[1] if self._second[0] == second else 0
            self._second = (second, before + 1)
            if before >= PER_SECOND:
                raise TooMany("too many questions at once")
        browser = visit.call.cookies.get(BROWSER_COOKIE, "")

        def write(connection: Connection, at: datetime) -> bool:
            connection.execute(delete(dialogue).where(dialogue.c.at < at - KEPT))
            mine = dialogue.c.browser_hash == hashed(browser)
            row = connection.execute(select(dialogue).where(mine)).one_or_none()
            if row is None:
                return True
            is_new = row.minute_at <= at - A_MINUTE
            if not is_new and row.in_minute >= PER_MINUTE:
                return False
            values = {"minute_at": at, "in_minute": 1} if is_new else {"in_minute": row.in_minute + 1}
            connection.execute(update(dialogue).where(mine).values(**values))
            return True

        if not await self._store.change(write):
            raise TooMany("too many questions in a minute")

    async def add(self, visit: Visit, turn: Turn) -> None:
        """To the visitor's own dialogue; another's in this browser is thrown away."""
        browser = visit.call.cookies.get(BROWSER_COOKIE, "")
        owner = _owner(visit.actor)

        def write(connection: Connection, at: datetime) -> None:
            mine = dialogue.c.browser_hash == hashed(browser)
            row = connection.execute(select(dialogue).where(mine)).one_or_none()
            theirs = row is not None and _alive(row, at) is not None and _is_theirs(row, visit)
            turns = (unseal(browser, row.turns) or []) if row is not None and theirs else []
            kept = [*turns, turn][-MAX_TURNS:]
            values = {
                "subject": owner.subject,
                "acting_for": owner.acting_for,
                "turns": seal(browser, kept),
                "at": at,
            }
            if row is None:
                connection.execute(
                    insert(dialogue).values(browser_hash=hashed(browser), minute_at=at, in_minute=1, **values)
                )
            else:
                connection.execute(update(dialogue).where(mine).values(**values))

        await self._store.change(write)

    async def claim(self, browser: str, actor: Actor) -> None:
        """After a log-in: what was said before it becomes the person's, and nobody else's."""
        owner = _owner(actor)
        mine = (dialogue.c.browser_hash == hashed(browser)) & dialogue.c.subject.is_(None)
        change = update(dialogue).where(mine).values(subject=owner.subject, acting_for=owner.acting_for)
        await self._store.change(lambda c, _at: c.execute(change))

    async def forget(self, visit: Visit) -> None:
        """Only whom it belongs to; the count of the minute goes on."""
        browser = visit.call.cookies.get(BROWSER_COOKIE, "")
        mine = dialogue.c.browser_hash == hashed(browser)

        def write(connection: Connection, _at: datetime) -> None:
            row = connection.execute(select(dialogue).where(mine)).one_or_none()
            if row is not None and _is_theirs(row, visit):
                connection.execute(update(dialogue).where(mine).values(turns=seal(browser, [])))

        await self._store.change(write)


def _alive(row: Any, at: datetime) -> Any:  # a row, or None
    return row if row is not None and row.at >= at - KEPT else None


def _owner(actor: Actor | None) -> _Owner:
    return _Owner(None, None) if actor is None else _Owner(actor.person, actor.acting_for)


def _is_theirs(row: Any, visit: Visit) -> bool:  # a row
    return row.subject is None or _Owner(row.subject, row.acting_for) == _owner(visit.actor)
