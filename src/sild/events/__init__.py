"""Events between information systems: CloudEvents, delivered at least once and applied once.

outbox.add(connection, event)              # in the transaction of the change it tells of
await open_dispatcher(outbox, deliver, system="/SILD/...").run()    # to every subscriber, in order of each subject, until it has taken it
event = await event_from(...)               # at the subscriber's door
inbox.apply(connection, event)             # at the subscriber, in the transaction of the effect: False if it was applied before

An event crosses the border of an information system only as a message through its security server: `deliver` sends it. What
could not be delivered is listed with the time of the next try. CloudEvents 1.0.2, JSON format. Called by registers and cases.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from sild.clock import Clock, system_clock
from sild.errors import CallerError
from sild.events.dispatcher import Deliver, Dispatcher
from sild.events.event import CLOUDEVENTS_JSON, Event, parse_event, render_event
from sild.events.inbox import Inbox
from sild.events.outbox import Delivery, DeliveryState, Outbox, Subscription
from sild.events.rounds import Rounds
from sild.events.taking import event_from

__all__ = [
    "CLOUDEVENTS_JSON",
    "EVENT_MIGRATIONS",
    "Deliver",
    "Delivery",
    "DeliveryState",
    "Dispatcher",
    "Event",
    "Inbox",
    "Outbox",
    "Rounds",
    "Sends",
    "Subscription",
    "event_from",
    "open_dispatcher",
    "parse_event",
    "render_event",
]

EVENT_MIGRATIONS = Path(__file__).parent / "migrations"
"""Of the tables of outbox and inbox; a room opens its database with these and its own."""


class Sends(Protocol):
    """What sends events out of an outbox."""

    def wake(self) -> None:
        """There are new ones; from the loop's thread."""

    async def run(self) -> None:
        """Until cancelled."""


def open_dispatcher(
    outbox: Outbox,
    deliver: Deliver,
    *,
    system: str,
    events_url: str | None = None,
    clock: Clock = system_clock,
) -> Sends:
    """events_url: of a NATS server with JetStream, that hands the deliveries out to several processes; None: the database does.

    Raises CallerError (`bad_request`) for another kind of URL, or when the extra `nats` is not installed.
    """
    if events_url is None:
        return Dispatcher(outbox, deliver, clock=clock)
    if not all(url.strip().startswith(("nats://", "tls://")) for url in events_url.split(",")):
        raise CallerError("events_url begins with nats:// or tls://", code="bad_request")
    try:
        from sild.events.nats import NatsDispatcher
    except ImportError:
        raise CallerError("events_url needs the extra `nats`", code="bad_request") from None
    return NatsDispatcher(outbox, deliver, events_url, system=system, clock=clock)
