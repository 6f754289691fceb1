"""A paper shown to somebody once: a code on the holder's phone, good for a few minutes and one look, of what the holder chose to show.

Whoever scans it needs no log-in and no program. What they may read lies sealed with the code's own secret, which is kept as a hash:
the database alone shows nobody a paper, and after the one look, or the time, nothing is left of it. The holder's page says when it was
looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from markupsafe import Markup
from sqlalchemy import Connection, delete, insert, select, update
from starlette.responses import Response

from sild.documents import qr_svg
from sild.errors import CallerError
from sild.identity_client import hashed, new_secret, seal, unseal
from sild.portal.edge import redirect
from sild.portal.pages import Pages
from sild.portal.papers import PaperPages
from sild.portal.settings import PortalSettings
from sild.portal.store import Store
from sild.portal.tables import shown_once
from sild.portal.visit import Visit

__all__ = ["ShownOncePages"]

GOOD_FOR = timedelta(minutes=5)
TOLD_FOR = timedelta(minutes=30)
"""How long the holder's page says what came of it."""
_MAX_SECRET = 100


@dataclass(frozen=True, slots=True)
class _Row:
    paper: str
    until: datetime
    content: bytes | None
    opened_at: datetime | None
    is_over: bool


class ShownOncePages:
    def __init__(self, pages: Pages, papers: PaperPages, store: Store, settings: PortalSettings) -> None:
        self._pages = pages
        self._papers = papers
        self._store = store
        self._url = settings.url.rstrip("/")

    async def offer(self, visit: Visit) -> Response:
        """Of the paper, asked of its register now, the lines that the holder ticked."""
        source, here, claims = await self._papers.valid(visit)
        ticked = visit.call.form.get("show", [])
        chosen = {name: value for name, value in claims.items() if name in ticked}
        if not chosen:
            return redirect(f"{here}?nothing=1#once")
        secret, subject = new_secret(), visit.person.person

        def keep(connection: Connection, at: datetime) -> None:
            connection.execute(
                insert(shown_once).values(
                    secret_hash=hashed(secret),
                    subject=subject,
                    paper=source.name,
                    content=seal(secret, {"claims": chosen, "at": at.isoformat()}),
                    until=at + GOOD_FOR,
                )
            )

        await self._store.change(keep)
        return redirect(f"/papers/{source.name}/once/{secret}")

    async def mine(self, visit: Visit) -> Response:
        """The code, while it is good; then, whether it was looked at. Raises CallerError (`not_found`): another's, or long over."""
        secret = visit.call.parameters["secret"]
        row = await self._row(secret, subject=visit.person.person)
        if row is None or row.paper != visit.call.parameters["paper"]:
            raise CallerError("no such code", code="not_found")
        is_good = not row.is_over and row.opened_at is None
        address = f"{self._url}/shown/{secret}"
        values: dict[str, Any] = {
            "source": self._papers.source(row.paper),
            "until": row.until,
            "opened_at": row.opened_at,
            "address": address if is_good else "",
            "code": Markup(qr_svg(address).decode()) if is_good else "",  # noqa: S704  our own drawing, no text in it
        }
        return self._pages.page(visit, "shown_mine.html", values)

    async def look(self, visit: Visit) -> Response:
        """What waits behind the code, not yet what it says: programs that look ahead at addresses use nothing up."""
        row = await self._row(visit.call.parameters["secret"])
        if row is None or row.is_over or row.opened_at is not None:
            return self._over(visit)
        values = {"source": self._papers.source(row.paper), "claims": None, "over": False}
        return self._pages.page(visit, "shown.html", values)

    async def open(self, visit: Visit) -> Response:
        """The one look. Of two at once one gets it."""
        secret = visit.call.parameters["secret"]
        row = await self._row(secret)

        def take(connection: Connection, at: datetime) -> bool:
            taken = connection.execute(
                update(shown_once)
                .where(
                    shown_once.c.secret_hash == hashed(secret),
                    shown_once.c.opened_at.is_(None),
                    shown_once.c.until >= at,
                )
                .values(opened_at=at, content=None)
            )
            return taken.rowcount == 1

        if row is None or row.content is None or not await self._store.change(take):
            return self._over(visit)
        said = unseal(secret, row.content)
        values = {
            "source": self._papers.source(row.paper),
            "claims": said["claims"],
            "at": datetime.fromisoformat(said["at"]),
            "over": False,
        }
        return self._pages.page(visit, "shown.html", values)

    async def clear(self) -> None:
        """Of what nobody looked at in time nothing is left, whether anybody makes another code or not."""

        def forget(connection: Connection, at: datetime) -> None:
            connection.execute(delete(shown_once).where(shown_once.c.until < at - TOLD_FOR))
            unseen = (shown_once.c.until < at) & shown_once.c.content.is_not(None)
            connection.execute(update(shown_once).where(unseen).values(content=None))

        await self._store.change(forget)

    def _over(self, visit: Visit) -> Response:
        """Never, used, over: the same answer."""
        values = {"source": None, "claims": None, "over": True}
        return self._pages.page(visit, "shown.html", values, status=404)

    async def _row(self, secret: str, *, subject: str | None = None) -> _Row | None:
        if len(secret) > _MAX_SECRET:
            return None

        def read(connection: Connection, at: datetime) -> _Row | None:
            known = shown_once.c.secret_hash == hashed(secret)
            mine = known if subject is None else known & (shown_once.c.subject == subject)
            row = connection.execute(select(shown_once).where(mine)).one_or_none()
            if row is None:
                return None
            return _Row(row.paper, row.until, row.content, row.opened_at, row.until < at)

        return await self._store.change(read)
