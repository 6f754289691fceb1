"""The same outbox, its deliveries handed out by NATS JetStream: many processes deliver, and none of them asks the database in vain.

    outbox --take--> stream (file, one message for each delivery) --pull--> any process --deliver--> subscriber, then ack

The outbox stays the truth: a delivery is taken from it, put in the stream, and looked up again before it is sent, so that what was
cancelled meanwhile is not sent. When the broker is away events wait in the outbox; when it lost one, its lease ends and it is put
there again. What fails is given back with a delay. The broker belongs to one information system: nobody else's connects to it.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from hashlib import sha256

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NatsTimeout
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import BadRequestError

from sild.clock import Clock, system_clock
from sild.errors import PlatformError, Unavailable
from sild.events.dispatcher import LEASE, Deliver, attempt
from sild.events.event import CLOUDEVENTS_JSON, render_event
from sild.events.outbox import Delivery, DeliveryState, Outbox
from sild.telemetry import get_logger

__all__ = ["NatsDispatcher"]

log = get_logger("events")

BATCH = 50
AT_ONCE = 20  # deliveries of one process
LOOK_AGAIN = 1.0  # seconds: for what another process has added
PULL = 2.0  # seconds to wait for messages
DELIVERY = "Sild-Delivery"  # header: position/subscription


class NatsDispatcher:
    """Stands in for `Dispatcher`. url: `nats://host:4222`, several with commas.  system: whose outbox it is.

    lease: for which a delivery is the broker's; must be longer than one try takes.
    """

    def __init__(
        self,
        outbox: Outbox,
        deliver: Deliver,
        url: str,
        *,
        system: str,
        lease: timedelta = 2 * LEASE,
        clock: Clock = system_clock,
    ) -> None:
        name = re.sub(r"[^A-Za-z0-9]+", "-", system).strip("-")
        self._stream = f"sild-{name[:60]}-{sha256(system.encode()).hexdigest()[:8]}"
        self._outbox = outbox
        self._deliver = deliver
        self._servers = [server.strip() for server in url.split(",")]
        self._lease = lease
        self._clock = clock
        self._awake = asyncio.Event()

    def wake(self) -> None:
        """From the loop's thread."""
        self._awake.set()

    async def run(self) -> None:
        """Until cancelled. A broker or a database that is away is asked again."""
        while True:
            try:
                client = await nats.connect(
                    self._servers, max_reconnect_attempts=-1, reconnect_time_wait=0.5, error_cb=_noted
                )
            except (NatsError, OSError) as error:
                log.refusal("events.no_broker", _unavailable(error))
                await asyncio.sleep(LOOK_AGAIN)
                continue
            try:
                stream = client.jetstream()
                await asyncio.gather(_again(self._publish, stream), _again(self._consume, stream))
            finally:
                await _close(client)

    # --- from the outbox into the stream

    async def _publish(self, stream: JetStreamContext) -> None:
        await self._ensure_stream(stream)
        while True:
            self._awake.clear()
            taken = await asyncio.to_thread(self._outbox.take, BATCH, self._lease)
            await asyncio.gather(*(self._put(stream, delivery) for delivery in taken))
            if taken:
                continue
            try:
                async with asyncio.timeout(LOOK_AGAIN):  # wait_for can lose a cancellation in Python 3.11
                    await self._awake.wait()
            except TimeoutError:
                pass

    async def _put(self, stream: JetStreamContext, delivery: Delivery) -> None:
        """The broker drops a second message with the same id; after a failed try it is another message."""
        place = f"{delivery.position}/{delivery.subscription.id}"
        await stream.publish(
            f"{self._stream}.{delivery.event.type}",
            render_event(delivery.event),
            stream=self._stream,
            headers={
                "Nats-Msg-Id": f"{delivery.event.source}/{place}/{delivery.attempts}",
                "Content-Type": CLOUDEVENTS_JSON,
                DELIVERY: place,
            },
        )

    async def _ensure_stream(self, stream: JetStreamContext) -> None:
        config = StreamConfig(
            name=self._stream,
            subjects=[f"{self._stream}.>"],
            retention=RetentionPolicy.WORK_QUEUE,
            storage=StorageType.FILE,
            duplicate_window=self._lease.total_seconds()
            / 2,  # over before the lease is: a lost one goes in again
        )
        try:
            await stream.add_stream(config)
        except BadRequestError:  # it is there, with settings of another version
            await stream.update_stream(config)

    # --- from the stream to the subscribers

    async def _consume(self, stream: JetStreamContext) -> None:
        await self._ensure_stream(stream)
        config = ConsumerConfig(
            durable_name="delivery",
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=LEASE.total_seconds(),
            max_ack_pending=1_000,
        )
        pulled = await stream.pull_subscribe(
            f"{self._stream}.>", durable="delivery", stream=self._stream, config=config
        )
        while True:
            try:
                messages = await pulled.fetch(AT_ONCE, timeout=PULL)
            except NatsTimeout:
                continue
            await asyncio.gather(*map(self._take, messages))

    async def _take(self, message: Msg) -> None:
        delivery = await self._delivery_of(message)
        if delivery is None or delivery.state is not DeliveryState.PENDING:  # done, refused or cancelled
            await message.ack()
            return
        wait = delivery.next_attempt_at - self._clock() if delivery.next_attempt_at else timedelta(0)
        if wait > timedelta(0):  # another copy of it has failed meanwhile
            await message.nak(wait.total_seconds())
            return
        pause = await attempt(self._outbox, self._deliver, delivery, self._clock, kept=self._lease)
        if pause is None:
            await message.ack()
            self.wake()  # a later event of the same subject may be due now
        else:
            await message.nak(pause.total_seconds())

    async def _delivery_of(self, message: Msg) -> Delivery | None:
        place = (message.headers or {}).get(DELIVERY, "")
        position, _, subscription = place.partition("/")
        if not (position.isdigit() and subscription.isdigit()):
            return None
        return await asyncio.to_thread(self._outbox.delivery, int(position), int(subscription))


async def _again(work: Callable[[JetStreamContext], Awaitable[None]], stream: JetStreamContext) -> None:
    """What the broker or the database broke off is begun anew."""
    while True:
        try:
            await work(stream)
        except (NatsError, OSError) as error:
            log.refusal("events.broker_failed", _unavailable(error))
        except PlatformError as error:
            log.refusal("events.not_dispatched", error)
        except Exception as error:  # noqa: BLE001  (no event may end the delivery of all others)
            log.bug("events.dispatch_failed", error)
        await asyncio.sleep(LOOK_AGAIN / 2)


async def _close(client: Client) -> None:
    try:
        await client.close()
    except (NatsError, OSError) as error:
        log.refusal("events.broker_failed", _unavailable(error))


async def _noted(error: Exception) -> None:
    log.refusal("events.broker_failed", _unavailable(error))


def _unavailable(error: Exception) -> Unavailable:
    return Unavailable(type(error).__name__, code="network_error")
