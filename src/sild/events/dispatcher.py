"""Sends events out of an outbox until their subscribers have taken them.

What fails is tried again after 1, 2, 4 ... seconds, at most an hour apart, for ever: a subscriber that was away for a week
gets everything. Only a subscriber that says it will never take an event (`CallerError`: our event is wrong) ends its delivery.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

from sild.clock import Clock, system_clock
from sild.errors import CallerError, PlatformError, Unavailable
from sild.events.event import Event
from sild.events.outbox import Delivery, Outbox, Subscription
from sild.events.rounds import Rounds
from sild.telemetry import get_logger

__all__ = ["LEASE", "Deliver", "Dispatcher", "attempt"]

log = get_logger("events")

Deliver = Callable[[Subscription, Event], Awaitable[str | None]]
"""Sends one event to its subscriber; returns the message's id. Raises CallerError when it will never be taken, another
PlatformError when it may be later."""

BATCH = 20
LEASE = timedelta(minutes=2)
LONGEST_PAUSE = timedelta(hours=1)


class Dispatcher(Rounds):
    """`wake` after adding events saves the wait for the next look. A database that fails is asked again later."""

    def __init__(self, outbox: Outbox, deliver: Deliver, *, clock: Clock = system_clock) -> None:
        super().__init__(self.dispatch, "events.dispatch")
        self._outbox = outbox
        self._deliver = deliver
        self._clock = clock

    async def dispatch(self) -> int:
        """One round: send what is due, at once; how many were tried."""
        taken = await asyncio.to_thread(self._outbox.take, BATCH, LEASE)
        await asyncio.gather(*map(self._send, taken))
        return len(taken)

    async def _send(self, delivery: Delivery) -> None:
        await attempt(self._outbox, self._deliver, delivery, self._clock)


async def attempt(
    outbox: Outbox, deliver: Deliver, delivery: Delivery, clock: Clock, *, kept: timedelta | None = None
) -> timedelta | None:
    """Try one delivery and write down what came of it; how long to wait before the next try, None when there is none.

    kept: somebody brings it again by himself, so that nobody else takes it until so long after that.
    """
    failure: PlatformError
    try:
        async with asyncio.timeout(LEASE.total_seconds() / 2):
            message_id = await deliver(delivery.subscription, delivery.event)
    except TimeoutError:
        failure = Unavailable("no answer", code="timeout")
    except CallerError as error:
        log.refusal("events.refused", error, subscriber=delivery.subscription.subscriber)
        await asyncio.to_thread(outbox.failed, delivery, error.code_path, None)
        return None
    except PlatformError as error:
        failure = error
    else:
        await asyncio.to_thread(outbox.delivered, delivery, message_id)
        return None
    pause = min(timedelta(seconds=2 ** min(delivery.attempts, 12)), LONGEST_PAUSE)
    log.refusal("events.not_delivered", failure, subscriber=delivery.subscription.subscriber)
    again_at = clock() + pause
    kept_until = None if kept is None else again_at + kept
    await asyncio.to_thread(outbox.failed, delivery, failure.code_path, again_at, kept_until)
    return pause
