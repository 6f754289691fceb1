"""Events between information systems: CloudEvents, delivered at least once and applied once.

outbox.add(connection, event)              # in the transaction of the change it tells of
await Dispatcher(outbox, deliver).run()    # to every subscriber, in order of each subject, until it has taken it
inbox.apply(connection, event)             # at the subscriber, in the transaction of the effect: False if it was applied before

An event crosses the border of an information system only as a message through its security server: `deliver` sends it. What
could not be delivered is listed with the time of the next try. CloudEvents 1.0.2, JSON format. Called by registers and cases.
"""

from __future__ import annotations

from pathlib import Path

from sild.events.dispatcher import Deliver, Dispatcher
from sild.events.event import CLOUDEVENTS_JSON, Event, parse_event, render_event
from sild.events.inbox import Inbox
from sild.events.outbox import Delivery, DeliveryState, Outbox, Subscription

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
    "Subscription",
    "parse_event",
    "render_event",
]

EVENT_MIGRATIONS = Path(__file__).parent / "migrations"
"""Of the tables of outbox and inbox; a room opens its database with these and its own."""
