"""Events on their way out: written with the change they tell of, and one delivery for each subscriber.

A subject's events reach a subscriber in their order: a later one waits until the earlier one was taken or refused. Several
processes may dispatch from one outbox; a delivery is taken for a time, and whoever finds it untaken afterwards takes it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from fnmatch import fnmatchcase
from typing import Any

from sqlalchemy import Connection, Engine, Select, and_, exists, insert, or_, select, update

from sild.clock import Clock, system_clock
from sild.errors import CallerError
from sild.events.event import Event, parse_event, render_event
from sild.events.tables import deliveries, outbox, subscriptions

__all__ = ["Delivery", "DeliveryState", "Outbox", "Subscription"]


class DeliveryState(Enum):
    """REFUSED: the subscriber said that it will never take this event; people look at it."""

    PENDING = "pending"
    DELIVERED = "delivered"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Subscription:
    """subscriber: `INSTANCE/CLASS/CODE/SUBSYSTEM`.  service: its service code that takes events.  types: patterns with `*`."""

    id: int
    subscriber: str
    service: str
    types: tuple[str, ...]

    def wants(self, event_type: str) -> bool:
        return any(fnmatchcase(event_type, pattern) for pattern in self.types)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event to one subscriber. message_id: of the message that delivered it.  last_error: a code, no text of the peer."""

    position: int
    subscription: Subscription
    event: Event
    state: DeliveryState
    attempts: int
    next_attempt_at: datetime | None
    last_error: str | None
    message_id: str | None
    delivered_at: datetime | None


class Outbox:
    """Works in a database opened with `EVENT_MIGRATIONS`. Its methods block."""

    def __init__(self, engine: Engine, *, clock: Clock = system_clock) -> None:
        self._engine = engine
        self._clock = clock

    def subscribe(self, subscriber: str, service: str, types: Iterable[str]) -> Subscription:
        """From now on events of these types go there, too. The same subscriber again changes its types.

        Raises CallerError when no type is named.
        """
        wanted = sorted(set(types))
        if not wanted:
            raise CallerError("a subscription names at least one type of event")
        one = and_(subscriptions.c.subscriber == subscriber, subscriptions.c.service == service)
        with self._engine.begin() as connection:
            if not connection.execute(update(subscriptions).where(one).values(types=wanted)).rowcount:
                values = {"subscriber": subscriber, "service": service, "types": wanted}
                connection.execute(insert(subscriptions).values(values))
            return _subscription(connection.execute(select(subscriptions).where(one)).one())

    def subscriptions(self) -> tuple[Subscription, ...]:
        with self._engine.connect() as connection:
            return self._subscriptions(connection)

    def add(self, connection: Connection, event: Event) -> None:
        """Write the event, to be delivered when `connection` commits."""
        at = self._clock()
        key = connection.execute(
            insert(outbox).values(
                id=event.id,
                type=event.type,
                subject=event.subject,
                content=render_event(event),
                added_at=at,
            )
        ).inserted_primary_key
        assert key is not None
        rows = [
            {
                "position": key[0],
                "subscription": subscription.id,
                "state": DeliveryState.PENDING.value,
                "attempts": 0,
                "next_attempt_at": at,
            }
            for subscription in self._subscriptions(connection)
            if subscription.wants(event.type)
        ]
        if rows:
            connection.execute(insert(deliveries), rows)

    def cancel(self, connection: Connection, subject: str, types: Iterable[str]) -> int:
        """Let what still waits about `subject` never be sent; how many deliveries. Those being sent now are not stopped."""
        patterns = tuple(types)
        waiting = connection.execute(
            select(deliveries.c.position, deliveries.c.subscription, outbox.c.type)
            .join_from(deliveries, outbox)
            .where(deliveries.c.state == DeliveryState.PENDING.value, outbox.c.subject == subject)
        ).all()
        cancelled = [row for row in waiting if any(fnmatchcase(row.type, pattern) for pattern in patterns)]
        for row in cancelled:
            self._change(
                connection,
                row.position,
                row.subscription,
                state=DeliveryState.REFUSED.value,
                next_attempt_at=None,
                last_error="cancelled",
            )
        return len(cancelled)

    # --- what the dispatcher needs

    def take(self, limit: int, lease: timedelta) -> tuple[Delivery, ...]:
        """Deliveries that are due, for this dispatcher alone until `lease` is over: at most one for each subject and subscriber."""
        at = self._clock()
        earlier, earlier_event = deliveries.alias(), outbox.alias()
        blocked = exists(
            select(earlier.c.position)
            .join_from(earlier, earlier_event)
            .where(
                earlier.c.subscription == deliveries.c.subscription,
                earlier.c.state == DeliveryState.PENDING.value,
                earlier_event.c.subject == outbox.c.subject,
                earlier.c.position < deliveries.c.position,
            )
        )
        free = or_(deliveries.c.taken_until.is_(None), deliveries.c.taken_until <= at)
        query = (
            _deliveries()
            .where(
                deliveries.c.state == DeliveryState.PENDING.value,
                deliveries.c.next_attempt_at <= at,
                free,
                ~blocked,
            )
            .order_by(deliveries.c.position)
            .limit(limit)
        )
        with self._engine.begin() as connection:
            found = connection.execute(query.with_for_update(of=deliveries, skip_locked=True)).all()
            taken = []
            for row in found:
                changed = connection.execute(
                    update(deliveries)
                    .where(
                        deliveries.c.position == row.position,
                        deliveries.c.subscription == row.subscription,
                        deliveries.c.state == DeliveryState.PENDING.value,
                        deliveries.c.attempts == row.attempts,  # nobody has tried since it was read
                        free,
                    )
                    .values(taken_until=at + lease)
                )
                if changed.rowcount:
                    taken.append(_delivery(row))
            return tuple(taken)

    def delivered(self, delivery: Delivery, message_id: str | None) -> None:
        self._set(
            delivery,
            state=DeliveryState.DELIVERED.value,
            attempts=delivery.attempts + 1,
            next_attempt_at=None,
            taken_until=None,
            last_error=None,
            message_id=message_id,
            delivered_at=self._clock(),
        )

    def failed(
        self, delivery: Delivery, code: str, again_at: datetime | None, kept_until: datetime | None = None
    ) -> None:
        """again_at: None when there is to be no other try.  kept_until: nobody takes it before, but who has it."""
        state = DeliveryState.PENDING if again_at is not None else DeliveryState.REFUSED
        self._set(
            delivery,
            only=DeliveryState.PENDING,  # what was cancelled while it was being sent stays so
            state=state.value,
            attempts=delivery.attempts + 1,
            next_attempt_at=again_at,
            taken_until=kept_until,
            last_error=code[:200],
        )

    def retry(self, delivery: Delivery) -> None:
        """Let a refused delivery be tried again, now: somebody has seen to the reason."""
        self._set(delivery, state=DeliveryState.PENDING.value, next_attempt_at=self._clock(), last_error=None)

    # --- what people look at

    def deliveries_about(self, subject: str) -> tuple[Delivery, ...]:
        """Every delivery of the subject's events, in their order."""
        return self._find(_deliveries().where(outbox.c.subject == subject))

    def delivery(self, position: int, subscription: int) -> Delivery | None:
        """As it stands now."""
        one = and_(deliveries.c.position == position, deliveries.c.subscription == subscription)
        return next(iter(self._find(_deliveries().where(one))), None)

    def undelivered(self, limit: int = 100) -> tuple[Delivery, ...]:
        """Those that have failed at least once and have not been taken since, oldest first."""
        failed = and_(deliveries.c.state != DeliveryState.DELIVERED.value, deliveries.c.attempts > 0)
        return self._find(_deliveries().where(failed).limit(limit))

    def next_attempt_at(self) -> datetime | None:
        """When something will be due."""
        query = select(deliveries.c.next_attempt_at).where(deliveries.c.state == DeliveryState.PENDING.value)
        with self._engine.connect() as connection:
            return connection.scalar(query.order_by(deliveries.c.next_attempt_at).limit(1))

    def _find(self, query: Select[Any]) -> tuple[Delivery, ...]:
        with self._engine.connect() as connection:
            return tuple(_delivery(row) for row in connection.execute(query.order_by(deliveries.c.position)))

    def _subscriptions(self, connection: Connection) -> tuple[Subscription, ...]:
        query = select(subscriptions).order_by(subscriptions.c.id)
        return tuple(_subscription(row) for row in connection.execute(query))

    def _set(self, delivery: Delivery, *, only: DeliveryState | None = None, **values: object) -> None:
        with self._engine.begin() as connection:
            self._change(connection, delivery.position, delivery.subscription.id, only=only, **values)

    def _change(
        self,
        connection: Connection,
        position: int,
        subscription: int,
        *,
        only: DeliveryState | None = None,
        **values: object,
    ) -> None:
        """only: unless it is in another state."""
        one = and_(deliveries.c.position == position, deliveries.c.subscription == subscription)
        if only is not None:
            one = and_(one, deliveries.c.state == only.value)
        connection.execute(update(deliveries).where(one).values(**values))


def _deliveries() -> Select[Any]:
    return (
        select(
            deliveries,
            outbox.c.content,
            subscriptions.c.subscriber,
            subscriptions.c.service,
            subscriptions.c.types,
        )
        .join_from(deliveries, outbox)
        .join(subscriptions, subscriptions.c.id == deliveries.c.subscription)
    )


def _subscription(row: Any) -> Subscription:  # a row of `subscriptions`
    types: Sequence[str] = row.types
    return Subscription(row.id, row.subscriber, row.service, tuple(types))


def _delivery(row: Any) -> Delivery:  # a row of `_deliveries`
    return Delivery(
        position=row.position,
        subscription=Subscription(row.subscription, row.subscriber, row.service, tuple(row.types)),
        event=parse_event(row.content),
        state=DeliveryState(row.state),
        attempts=row.attempts,
        next_attempt_at=row.next_attempt_at,
        last_error=row.last_error,
        message_id=row.message_id,
        delivered_at=row.delivered_at,
    )
