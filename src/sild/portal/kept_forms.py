"""What somebody had filled in when their session ended: kept sealed, put back as a draft after the same person logs in again."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, select

from sild.errors import CallerError, Unavailable
from sild.identity_client import hashed, seal, unseal
from sild.portal.edge import BROWSER_COOKIE, SESSION_COOKIE
from sild.portal.ports import Cases
from sild.portal.sessions import Session, Sessions
from sild.portal.store import Store
from sild.portal.tables import kept_form
from sild.portal.visit import Visit, actor_of

__all__ = ["KeptForms", "answers_of"]

KEPT = timedelta(hours=12)
_SCREEN = re.compile(r"(?:/desk)?/cases/([\w.:-]+)/screens/([\w.]+)")


def answers_of(form: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """The answers in a form of ours: the fields that begin with `f.`, by their own names."""
    return {name[2:]: [*values] for name, values in form.items() if name.startswith("f.")}


class KeptForms:
    def __init__(self, store: Store, sessions: Sessions, cases: Cases) -> None:
        self._store = store
        self._sessions = sessions
        self._cases = cases

    async def keep(self, visit: Visit) -> bool:
        """Of a form that came too late. Only answers to a screen are kept, and only for whom the session was."""
        call = visit.call
        subject = await self._sessions.subject_before(call.cookies.get(SESSION_COOKIE))
        browser = call.cookies.get(BROWSER_COOKIE)
        if subject is None or browser is None or _SCREEN.fullmatch(call.path) is None:
            return False
        answers = answers_of(call.form)
        if not answers:
            return False
        sealed = seal(
            browser,
            {"for": await self._sessions.acted_for(call.cookies.get(SESSION_COOKIE)), "answers": answers},
        )

        def write(connection: Connection, at: datetime) -> None:
            connection.execute(
                delete(kept_form).where(
                    (kept_form.c.browser_hash == hashed(browser)) | (kept_form.c.expires_at < at)
                )
            )
            values = {
                "browser_hash": hashed(browser),
                "subject": subject,
                "path": call.path,
                "fields": sealed,
            }
            connection.execute(insert(kept_form).values(**values, expires_at=at + KEPT))

        await self._store.change(write)
        return True

    async def put_back(self, visit: Visit, session: Session) -> str | None:
        """After a log-in: the answers become the draft of their screen; gives its path. Another person's are thrown away.

        What was written for somebody else stays until the person acts for them again, or its time is over: a mandate that ended
        in the middle may be given anew.
        """
        browser = visit.call.cookies.get(BROWSER_COOKIE, "")
        where = kept_form.c.browser_hash == hashed(browser)
        row = await self._store.change(lambda c, _at: c.execute(select(kept_form).where(where)).one_or_none())
        if row is None:
            return None
        kept = unseal(browser, row.fields)
        is_theirs = row.subject == session.subject and row.expires_at >= self._store.clock()
        if is_theirs and kept is not None and kept["for"] not in (None, session.acts_for):
            return None
        await self._store.change(lambda c, _at: c.execute(delete(kept_form).where(where)))
        found = _SCREEN.fullmatch(row.path)
        if not is_theirs or kept is None or found is None:
            return None
        answers = kept["answers"]
        try:
            await self._cases.save_draft(found[1], found[2], actor_of(session, visit.language), answers)
        except (CallerError, Unavailable):
            return None  # the screen no longer waits for them
        return str(row.path) + "?kept=1"
