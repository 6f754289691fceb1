"""What registers tell: each event once, whatever comes first or twice; silence where it falls, and a job of each process that wants it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import date

from sqlalchemy import Connection, insert

from sild.cases.codes import plain
from sild.cases.parts import Parts
from sild.cases.process import Process
from sild.cases.store import derived_id
from sild.cases.tables import jobs
from sild.errors import CallerError, PeerError
from sild.events import Event, Inbox

__all__ = ["Events"]

SILENCING = {
    "civil.death.registered": "death",
    "civil.stillbirth.recorded": "stillbirth",
    "civil.protection.ordered": "protection_order",
}
ANNULLED = "civil.death.annulled"
ENDED = "civil.protection.ended"


class Events:
    def __init__(self, parts: Parts, inbox: Inbox) -> None:
        self._parts = parts
        self._inbox = inbox

    async def take(self, event: Event, message_id: str) -> None:
        """Raises CallerError (`event_not_taken`) for a type no process wants."""
        processes = (*self._parts.processes.values(), *self._parts.everywhere)
        takers = [process for process in processes if event.type in process.events]
        if not takers and event.type not in (*SILENCING, ANNULLED, ENDED):
            raise CallerError("no process takes such events", code="event_not_taken")
        await asyncio.to_thread(self._apply, event, message_id, takers)
        self._parts.jobs.wake()

    def _apply(self, event: Event, message_id: str, takers: Sequence[Process]) -> None:
        at = self._parts.clock()
        store = self._parts.store

        def write(connection: Connection) -> None:
            if not self._inbox.apply(connection, event):
                return
            cause = f"{event.source}|{event.id}"[:300]
            person = plain(event.subject, self._parts.profile.country)
            if event.type == ANNULLED:
                store.death_annulled(connection, person, cause, event.time, at)
            against = event.data.get("against")
            feared = plain(against, self._parts.profile.country) if isinstance(against, str) else None
            begins, ends = _days(event, store.today(at))
            if event.type == ENDED:
                store.order_ends(connection, person, feared, begins, ends, cause, event.time, at)
            if event.type in SILENCING:
                store.silence_falls(
                    connection,
                    person,
                    SILENCING[event.type],
                    begins,
                    ends,
                    cause,
                    at,
                    against=feared,
                    told=event.time,
                )
            told = {
                "id": event.id,
                "source": event.source,
                "type": event.type,
                "subject": person,
                "time": event.time.isoformat(),
                "data": dict(event.data),
                "case": event.extensions.get("caseid"),
                "message_id": message_id,
            }
            for process in takers:
                job_id = derived_id("event", event.source, event.id, process.service)
                connection.execute(
                    insert(jobs).values(
                        id=f"event/{job_id}",
                        case=None,
                        seq=0,
                        service=process.service,
                        kind=process.events[event.type],
                        arguments={"event": told},
                        asked_at=at,
                        due_at=at,
                        state="waiting",
                    )
                )

        store.write(write)


def _days(event: Event, today: date) -> tuple[date, date | None]:
    """A protection order, or its end, holds for its days; everything else from now on."""
    if event.type not in ("civil.protection.ordered", ENDED):
        return today, None
    try:
        begin, end = (event.data.get(name) for name in ("valid_from", "valid_to"))
        return (
            date.fromisoformat(begin) if begin else today,
            date.fromisoformat(end) if end else None,
        )
    except (TypeError, ValueError):
        raise PeerError("the order's days are no dates", code="invalid_event") from None
