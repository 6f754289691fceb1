"""An event reaches each subscriber at least once, in the order of its subject, and takes effect once."""

from __future__ import annotations

import asyncio
import threading

import pytest
from sqlalchemy import Engine

from sild.errors import CallerError, Unavailable
from sild.events import DeliveryState, Dispatcher, Event, Inbox, Outbox, Subscription

from .conftest import SetClock, event


class Subscriber:
    """Takes events, or fails as it is told."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []
        self.failures: dict[str, Exception] = {}

    async def __call__(self, subscription: Subscription, sent: Event) -> str | None:
        failure = self.failures.get(sent.id)
        if failure is not None:
            raise failure
        self.seen.append((subscription.subscriber, sent.id))
        return f"message-{sent.id}"


def add(outbox: Outbox, engine: Engine, *events: Event) -> None:
    with engine.begin() as connection:
        for one in events:
            outbox.add(connection, one)


async def test_every_subscriber_of_the_type_gets_it_once(
    outbox: Outbox, engine: Engine, clock: SetClock
) -> None:
    outbox.subscribe("SILD/GOV/1/insurance", "events", ["civil.*"])
    outbox.subscribe("SILD/GOV/2/social", "events", ["civil.birth.*", "residence.changed"])
    outbox.subscribe("SILD/GOV/3/tax", "events", ["tax.*"])
    add(outbox, engine, event(1))
    subscriber = Subscriber()
    dispatcher = Dispatcher(outbox, subscriber, clock=clock)
    assert await dispatcher.dispatch() == 2
    assert await dispatcher.dispatch() == 0
    assert sorted(subscriber.seen) == [("SILD/GOV/1/insurance", "e1"), ("SILD/GOV/2/social", "e1")]
    delivered = outbox.deliveries_about("49001010005")
    assert {(d.state, d.message_id) for d in delivered} == {(DeliveryState.DELIVERED, "message-e1")}


def test_nothing_is_sent_of_a_change_that_was_taken_back(outbox: Outbox, engine: Engine) -> None:
    outbox.subscribe("SILD/GOV/1/insurance", "events", ["*"])
    with pytest.raises(RuntimeError), engine.begin() as connection:
        outbox.add(connection, event(1))
        raise RuntimeError
    assert outbox.deliveries_about("49001010005") == ()


async def test_a_later_event_of_the_subject_waits_for_the_earlier(
    outbox: Outbox, engine: Engine, clock: SetClock
) -> None:
    outbox.subscribe("SILD/GOV/1/insurance", "events", ["*"])
    add(outbox, engine, event(1), event(2), event(3, subject="38001010004"))
    subscriber = Subscriber()
    subscriber.failures["e1"] = Unavailable("away", code="network_error")
    dispatcher = Dispatcher(outbox, subscriber, clock=clock)
    await dispatcher.dispatch()
    assert subscriber.seen == [("SILD/GOV/1/insurance", "e3")]
    (failed,) = outbox.undelivered()
    assert (failed.event.id, failed.attempts, failed.last_error) == ("e1", 1, "network_error")
    assert failed.next_attempt_at is not None and failed.next_attempt_at > clock()
    subscriber.failures.clear()
    assert await dispatcher.dispatch() == 0, "not before its time"
    clock.forward(seconds=2)
    await dispatcher.dispatch()
    await dispatcher.dispatch()
    assert [number for _, number in subscriber.seen] == ["e3", "e1", "e2"]
    assert outbox.undelivered() == ()


async def test_pauses_grow_to_an_hour(outbox: Outbox, engine: Engine, clock: SetClock) -> None:
    outbox.subscribe("SILD/GOV/1/insurance", "events", ["*"])
    add(outbox, engine, event(1))
    subscriber = Subscriber()
    subscriber.failures["e1"] = Unavailable("away")
    dispatcher = Dispatcher(outbox, subscriber, clock=clock)
    pauses = []
    for _ in range(15):
        await dispatcher.dispatch()
        due = outbox.next_attempt_at()
        assert due is not None
        pauses.append((due - clock()).total_seconds())
        clock.at = due
    assert pauses[:4] == [1, 2, 4, 8]
    assert pauses[-1] == 3600


async def test_what_the_subscriber_will_never_take_is_left_to_people(
    outbox: Outbox, engine: Engine, clock: SetClock
) -> None:
    outbox.subscribe("SILD/GOV/1/insurance", "events", ["*"])
    add(outbox, engine, event(1), event(2))
    subscriber = Subscriber()
    subscriber.failures["e1"] = CallerError("no such person", code="unknown_person")
    dispatcher = Dispatcher(outbox, subscriber, clock=clock)
    await dispatcher.dispatch()
    await dispatcher.dispatch()
    assert [number for _, number in subscriber.seen] == ["e2"]
    (refused,) = outbox.undelivered()
    assert (refused.state, refused.last_error) == (DeliveryState.REFUSED, "unknown_person")
    subscriber.failures.clear()
    outbox.retry(refused)
    await dispatcher.dispatch()
    assert [number for _, number in subscriber.seen] == ["e2", "e1"]


async def test_a_dispatcher_that_died_is_replaced_when_its_lease_ends(
    outbox: Outbox, engine: Engine, clock: SetClock
) -> None:
    outbox.subscribe("SILD/GOV/1/insurance", "events", ["*"])
    add(outbox, engine, event(1))
    subscriber = Subscriber()

    async def dies(_subscription: Subscription, _event: Event) -> str | None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await Dispatcher(outbox, dies, clock=clock).dispatch()
    other = Dispatcher(outbox, subscriber, clock=clock)
    assert await other.dispatch() == 0
    clock.forward(minutes=3)
    assert await other.dispatch() == 1
    assert subscriber.seen == [("SILD/GOV/1/insurance", "e1")]


async def test_two_dispatchers_share_the_work(outbox: Outbox, engine: Engine, clock: SetClock) -> None:
    outbox.subscribe("SILD/GOV/1/insurance", "events", ["*"])
    add(outbox, engine, *(event(n, subject=f"s{n}") for n in range(30)))
    subscriber = Subscriber()
    both = [Dispatcher(outbox, subscriber, clock=clock) for _ in range(2)]
    while sum(await asyncio.gather(*(one.dispatch() for one in both))):
        pass
    assert len(subscriber.seen) == len(set(subscriber.seen)) == 30


async def test_silence_cancels_what_waits(outbox: Outbox, engine: Engine, clock: SetClock) -> None:
    outbox.subscribe("SILD/GOV/1/insurance", "events", ["*"])
    add(outbox, engine, event(1, kind="portal.notice"), event(2, kind="civil.death.registered"))
    with engine.begin() as connection:
        assert outbox.cancel(connection, "49001010005", ["portal.*"]) == 1
    subscriber = Subscriber()
    await Dispatcher(outbox, subscriber, clock=clock).dispatch()
    assert [number for _, number in subscriber.seen] == ["e2"]


async def test_what_is_cancelled_while_it_is_sent_and_fails_is_not_sent_again(
    outbox: Outbox, engine: Engine, clock: SetClock
) -> None:
    outbox.subscribe("SILD/GOV/1/insurance", "events", ["*"])
    add(outbox, engine, event(1))
    tries = []

    async def deliver(_subscription: Subscription, sent: Event) -> str | None:
        tries.append(sent.id)
        with engine.begin() as connection:
            outbox.cancel(connection, sent.subject, ["*"])
        raise Unavailable("away")

    dispatcher = Dispatcher(outbox, deliver, clock=clock)
    await dispatcher.dispatch()
    clock.forward(hours=2)
    await dispatcher.dispatch()
    assert tries == ["e1"]
    (cancelled,) = outbox.deliveries_about("49001010005")
    assert (cancelled.state, cancelled.last_error) == (DeliveryState.REFUSED, "cancelled")


def test_an_event_that_comes_twice_is_applied_once(inbox: Inbox, engine: Engine) -> None:
    for expected in (True, False):
        with engine.begin() as connection:
            assert inbox.apply(connection, event(1)) is expected
    with pytest.raises(RuntimeError), engine.begin() as connection:
        assert inbox.apply(connection, event(2))
        raise RuntimeError
    with engine.begin() as connection:
        assert inbox.apply(connection, event(2)), "its effect was taken back, so it is still to be made"
        assert inbox.was_applied(connection, event(1).source, "e1")


def test_two_that_come_at_once_are_applied_once(inbox: Inbox, engine: Engine) -> None:
    results = []

    def apply() -> None:
        with engine.begin() as connection:
            results.append(inbox.apply(connection, event(1)))

    threads = [threading.Thread(target=apply) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [False, False, False, True]
