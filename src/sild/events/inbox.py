"""What a subscriber has applied: an event that comes again changes nothing."""

from __future__ import annotations

from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql, sqlite

from sild.clock import Clock, system_clock
from sild.events.event import Event
from sild.events.tables import inbox

__all__ = ["Inbox"]


class Inbox:
    def __init__(self, *, clock: Clock = system_clock) -> None:
        self._clock = clock

    def apply(self, connection: Connection, event: Event) -> bool:
        """Whether the event's effect is still to be made, in this transaction, of which it becomes a part.

        False: it was made before. When two deliveries meet, the second waits for the first's transaction.
        """
        row = {"source": event.source, "id": event.id, "type": event.type, "applied_at": self._clock()}
        insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
        adding = insert(inbox).values(row).on_conflict_do_nothing().returning(inbox.c.id)
        return connection.scalar(adding) is not None

    def was_applied(self, connection: Connection, source: str, event_id: str) -> bool:
        query = select(inbox.c.id).where(inbox.c.source == source, inbox.c.id == event_id)
        return connection.scalar(query) is not None
