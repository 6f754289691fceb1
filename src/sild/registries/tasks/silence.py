"""The silence switch: after a death, a stillbirth or a protection order nothing that waits about the person is sent.

It may come before, between or after the events it silences, so it is remembered as a fact, and looked at in the same transaction
in which anything about the person is written. Two such transactions about one person never overlap (`Use.alone`): else a notice
could be written beside the silence that does not see it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sild.errors import PeerError
from sild.events import Event, Outbox
from sild.registries.kernel import Provenance, Use
from sild.registries.tasks.queue import Tasks

__all__ = ["SILENCING", "Silence", "silence_key"]

SILENCING = {
    "civil.death.registered": "death",
    "civil.stillbirth.recorded": "stillbirth",
    "civil.protection.ordered": "protection_order",
}
"""Event -> why there is silence. After a protection order people go on by hand; after the others nobody does."""

FACT = "silence"


@dataclass(frozen=True, slots=True)
class Silence:
    """types: patterns of this register's events that are never sent about a silenced person.  kinds: of tasks, likewise."""

    tasks: Tasks
    outbox: Outbox
    types: Sequence[str]
    kinds: Sequence[str]

    def fall(self, use: Use, event: Event) -> str:
        """Cancel what waits about the event's subject, now and later; the reason."""
        reason = SILENCING[event.type]
        use.alone(silence_key(event.subject))
        begin, end = _days(event, use.today)
        if end is None or begin < end:
            said = Provenance(event.source, event.type, use.usage.message_id)
            use.facts.record(
                event.subject, FACT, reason, valid_from=begin, valid_to=end, key=reason, provenance=said
            )
        hold = reason == "protection_order"
        self.tasks.cancel(use.connection, event.subject, self.kinds, use.at, reason, hold=hold)
        self.outbox.cancel(use.connection, event.subject, self.types)
        return reason

    def reason(self, use: Use, child: str, *others: str) -> str | None:
        """Why nothing may be sent about the child, or to these others, if so. It stays true until the transaction ends.

        A mother's stillbirth says nothing of her other children, so of the others only death and protection count.
        """
        use.alone(*map(silence_key, (child, *others)))
        return self.known(use, child, *others)

    def known(self, use: Use, child: str, *others: str) -> str | None:
        """As `reason`, but one may fall the next moment: for a refusal, or when `reason` has been asked about all of them."""
        for person in (child, *others):
            for fact in use.facts.current(person, [FACT], on=use.today):
                if person == child or fact.value != "stillbirth":
                    return str(fact.value)
        return None


def silence_key(subject: str) -> str:
    return f"silence/{subject}"


def _days(event: Event, today: date) -> tuple[date, date | None]:
    """A protection order holds for its days; everything else from now on."""
    if event.type != "civil.protection.ordered":
        return today, None
    try:
        written = event.data.get("valid_from"), event.data.get("valid_to")
        begin, end = (date.fromisoformat(day) if day else None for day in written)
    except (TypeError, ValueError):
        raise PeerError("the order's days are no dates", code="invalid_event") from None
    return begin or today, end
