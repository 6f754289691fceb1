"""That a decision has reached somebody, told to the register that decided it: once for each person, channel and event.

A notice leads to its case, and the case shows its decisions (`Process.results`): with a notice each of them is delivered that its person
was not told of before; opened with it; and it reached a device, where one was woken. What is to be told lies in the database from the
transaction of the notice on, and is told until the register has heard it: a message whose id is made of what it tells.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, and_, select, update

from sild.cases.actor import AUTOMATIC
from sild.cases.calls import Calls
from sild.cases.codes import with_country
from sild.cases.delivery_plan import EVERY_LANGUAGE, PORTAL, plan_delivery
from sild.cases.store import Store
from sild.cases.tables import deliveries, notices
from sild.errors import CallerError, PlatformError
from sild.events import Rounds
from sild.telemetry import get_logger

__all__ = ["Deliveries"]

log = get_logger("cases")

PUSH = "push"
GROUND = "delivery"
BATCH = 50
COMMITTED = 0.02  # seconds: so long a transaction takes to end, as a rule; one that takes longer is seen at the next look
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=2), timedelta(hours=1)


class Deliveries(Rounds):
    """`run` tells what waits; the others note what became of a notice. Their methods block, but for `run`."""

    def __init__(self, store: Store, calls: Calls) -> None:
        super().__init__(self._round, "cases.deliveries")
        self._store = store
        self._calls = calls
        self._loop: asyncio.AbstractEventLoop | None = None
        store.told = self.soon

    async def run(self) -> None:
        self._loop = asyncio.get_running_loop()
        await super().run()

    def soon(self) -> None:
        """From any thread: a transaction that is about to end has something to tell."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._loop.call_later, COMMITTED, self.wake)

    # --- what became of it

    def opened(self, notice: str, language: str | None) -> None:
        """Somebody opened a notice: and with it whatever its case had told them of by then."""
        at = self._calls.clock()

        def write(connection: Connection) -> None:
            mine = connection.execute(
                select(notices.c.case, notices.c.person).where(notices.c.id == notice)
            ).one()
            told = and_(deliveries.c.case == mine.case, deliveries.c.person == mine.person)
            self._follow(connection, told, PORTAL, "opened", at, language or EVERY_LANGUAGE)

        self._store.write(write)
        self.soon()

    def pushed(self, person: str, since: datetime) -> None:
        """A device of theirs was woken for what is newer than `since`: a push service took it. person: as cases write them."""
        at = self._calls.clock()

        def write(connection: Connection) -> None:
            fresh = and_(deliveries.c.person == person, deliveries.c.at > since, deliveries.c.at <= at)
            self._follow(connection, fresh, PUSH, "delivered", at, EVERY_LANGUAGE)

        self._store.write(write)
        self.soon()

    def _follow(
        self, connection: Connection, told: Any, channel: str, event: str, at: datetime, language: str
    ) -> None:
        """told: an SQL condition on what was delivered to the inbox."""
        came = and_(told, deliveries.c.channel == PORTAL, deliveries.c.event == "delivered")
        for row in connection.execute(select(deliveries).where(came)).all():
            plan_delivery(
                connection, row.case, row.person, row.register, row.decision, channel, event, at,
                notice=row.notice, language=language,
            )  # fmt: skip

    # --- told to the register

    async def _round(self) -> int:
        due = await asyncio.to_thread(self._due)
        for row in due:
            await self._tell(row)
        return len(due)

    def _due(self) -> Sequence[Row[Any]]:
        now = self._calls.clock()
        waiting = and_(deliveries.c.state == "waiting", deliveries.c.next_try <= now)
        query = select(deliveries).where(waiting).order_by(deliveries.c.next_try, deliveries.c.id)
        with self._store.reading() as connection:
            return connection.execute(query.limit(BATCH)).all()

    async def _tell(self, row: Row[Any]) -> None:
        """A register that is down is asked again; what it refuses is not theirs to know, and ends."""
        profile = self._calls.profile
        body = {
            "to": with_country(row.person, profile.country).removeprefix(profile.country),
            "channel": row.channel,
            "language": row.language,
            "event": row.event,
            "at": row.at.isoformat(),
        }
        values: dict[str, Any] = {"state": "told", "reason": None}
        try:
            await self._calls.call(
                row.register,
                "POST",
                f"/decisions/{row.decision}/deliveries",
                body=body,
                case=row.case,
                basis=profile.grounds.get(GROUND, "profile"),
                acting=AUTOMATIC,
                role="state",
                cause=("delivery", row.id),
            )
        except CallerError as refusal:
            log.refusal("cases.delivery_refused", refusal, register=row.register)
            values = {"state": "refused", "reason": refusal.code[:100]}
        except PlatformError as error:
            pause = min(FIRST_PAUSE * 2 ** min(row.tries, 12), LONGEST_PAUSE)
            later = self._calls.clock() + pause
            values = {"tries": row.tries + 1, "reason": error.code[:100], "next_try": later}
        change = update(deliveries).where(deliveries.c.id == row.id).values(**values)
        await asyncio.to_thread(self._store.write, lambda connection: connection.execute(change))
