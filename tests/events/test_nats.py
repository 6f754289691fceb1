"""With a broker in between, killed in the middle and started again: nothing is lost, effects are made once, in order."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from sild.database import open_database, sqlite_url
from sild.errors import CallerError, Unavailable
from sild.events import (
    EVENT_MIGRATIONS,
    DeliveryState,
    Dispatcher,
    Event,
    Inbox,
    Outbox,
    Subscription,
    open_dispatcher,
)
from sild.events.nats import NatsDispatcher
from support.nats_server import NatsServer

from .conftest import event

SYSTEM = "/SILD/GOV/70000002/population"
SUBSCRIBER = "SILD/GOV/1/insurance"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[NatsServer]:
    with NatsServer(tmp_path / "nats") as server:
        yield server


@pytest.fixture
def live(engine: Engine) -> Outbox:
    """By the real clock: the broker has its own."""
    outbox = Outbox(engine)
    outbox.subscribe(SUBSCRIBER, "events", ["*"])
    return outbox


class Subscriber:
    """A system with an inbox of its own, that answers now and then as it is told."""

    def __init__(self, directory: Path) -> None:
        self._engine = open_database(sqlite_url(directory / "subscriber.db"), EVENT_MIGRATIONS)
        self._inbox = Inbox()
        self.effects: list[tuple[str, str]] = []
        self.deliveries = 0
        self.failures: dict[str, list[Exception]] = {}

    async def __call__(self, subscription: Subscription, sent: Event) -> str | None:
        self.deliveries += 1
        await asyncio.sleep(0.01)
        if self.failures.get(sent.id):
            raise self.failures[sent.id].pop(0)
        with self._engine.begin() as connection:
            if self._inbox.apply(connection, sent):
                self.effects.append((sent.subject, sent.id))
        return f"message-{sent.id}"

    def close(self) -> None:
        self._engine.dispose()


@pytest.fixture
def subscriber(tmp_path: Path) -> Iterator[Subscriber]:
    subscriber = Subscriber(tmp_path)
    yield subscriber
    subscriber.close()


@asynccontextmanager
async def running(*dispatchers: NatsDispatcher) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(dispatcher.run()) for dispatcher in dispatchers]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def dispatcher(
    outbox: Outbox, subscriber: Subscriber, server: NatsServer, lease: float = 4
) -> NatsDispatcher:
    return NatsDispatcher(outbox, subscriber, server.url, system=SYSTEM, lease=timedelta(seconds=lease))


def add(outbox: Outbox, engine: Engine, *events: Event) -> None:
    with engine.begin() as connection:
        for one in events:
            outbox.add(connection, one)


def state(outbox: Outbox, subject: str) -> frozenset[DeliveryState]:
    return frozenset(delivery.state for delivery in outbox.deliveries_about(subject))


async def until(condition: object, seconds: float = 20) -> None:
    assert callable(condition)
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


async def test_two_that_share_a_broker_deliver_each_once(
    live: Outbox, engine: Engine, server: NatsServer, subscriber: Subscriber
) -> None:
    async with running(*(dispatcher(live, subscriber, server) for _ in range(2))):
        add(live, engine, *(event(n, subject=f"s{n % 5}") for n in range(25)))
        await until(lambda: len(subscriber.effects) == 25)
        subjects = {subject for subject, _ in subscriber.effects}
        await until(
            lambda: {state(live, subject) for subject in subjects} == {frozenset({DeliveryState.DELIVERED})}
        )
    assert subscriber.deliveries == 25
    for subject in subjects:
        numbers = [int(i[1:]) for s, i in subscriber.effects if s == subject]
        assert numbers == sorted(numbers), "in the order of the subject"


async def test_killed_in_the_middle_nothing_is_lost(
    live: Outbox, engine: Engine, server: NatsServer, subscriber: Subscriber
) -> None:
    subscriber.failures = {f"e{n}": [Unavailable("away")] for n in range(0, 40, 7)}
    async with running(*(dispatcher(live, subscriber, server, lease=2) for _ in range(2))):
        add(live, engine, *(event(n, subject=f"s{n % 8}") for n in range(40)))
        await until(lambda: len(subscriber.effects) >= 10)
        server.kill()
        add(live, engine, *(event(n, subject=f"s{n % 8}") for n in range(40, 50)))
        await asyncio.sleep(0.3)
        server.start()
        await until(lambda: len(subscriber.effects) == 50)
        await until(
            lambda: (
                not any(
                    d.state is DeliveryState.PENDING for n in range(8) for d in live.deliveries_about(f"s{n}")
                )
            )
        )
    assert len(set(subscriber.effects)) == 50
    for n in range(8):
        numbers = [int(i[1:]) for s, i in subscriber.effects if s == f"s{n}"]
        assert numbers == sorted(numbers)


async def test_a_broker_that_lost_everything_gets_it_again(
    live: Outbox, engine: Engine, server: NatsServer, subscriber: Subscriber, tmp_path: Path
) -> None:
    subscriber.failures = {"e1": [Unavailable("away")]}
    async with running(dispatcher(live, subscriber, server, lease=2)):
        add(live, engine, event(1))
        await until(lambda: subscriber.deliveries == 1)
        server.kill()
        (tmp_path / "nats" / "data").rename(tmp_path / "nats" / "lost")
        server.start()
        await until(lambda: subscriber.effects == [("49001010005", "e1")])


async def test_without_a_broker_events_wait(
    live: Outbox, engine: Engine, server: NatsServer, subscriber: Subscriber
) -> None:
    server.kill()
    async with running(dispatcher(live, subscriber, server)):
        add(live, engine, event(1))
        await asyncio.sleep(0.3)
        assert subscriber.deliveries == 0
        server.start()
        await until(lambda: len(subscriber.effects) == 1)


async def test_what_was_cancelled_on_its_way_is_not_sent(
    live: Outbox, engine: Engine, server: NatsServer, subscriber: Subscriber
) -> None:
    """Silence reaches what the broker holds already."""
    subscriber.failures = {"e1": [Unavailable("away")]}
    async with running(dispatcher(live, subscriber, server)):
        add(live, engine, event(1))
        await until(lambda: subscriber.deliveries == 1)
        with engine.begin() as connection:
            assert live.cancel(connection, "49001010005", ["*"]) == 1
        await asyncio.sleep(1.5)
    assert (subscriber.deliveries, subscriber.effects) == (1, [])


async def test_what_is_never_taken_is_left_to_people(
    live: Outbox, engine: Engine, server: NatsServer, subscriber: Subscriber
) -> None:
    subscriber.failures = {"e1": [CallerError("no such person", code="unknown_person")]}
    async with running(dispatcher(live, subscriber, server)):
        add(live, engine, event(1), event(2))
        await until(lambda: [i for _, i in subscriber.effects] == ["e2"])
    (refused,) = live.undelivered()
    assert (refused.state, refused.last_error) == (DeliveryState.REFUSED, "unknown_person")


PROCESS = """
import asyncio, sys
from sild.database import open_database
from sild.events import EVENT_MIGRATIONS, Outbox, open_dispatcher

url, events_url, log = sys.argv[1:]

async def deliver(subscription, event):
    with open(log, "a") as file:
        file.write(event.id + "\\n")
    return event.id

outbox = Outbox(open_database(url, EVENT_MIGRATIONS))
print("ready", flush=True)
asyncio.run(open_dispatcher(outbox, deliver, system="/SILD/GOV/70000002/population", events_url=events_url).run())
"""


def test_processes_share_the_work(server: NatsServer, tmp_path: Path) -> None:
    url = sqlite_url(tmp_path / "outbox.db")
    engine = open_database(url, EVENT_MIGRATIONS)
    outbox = Outbox(engine)
    outbox.subscribe(SUBSCRIBER, "events", ["*"])
    logs = [tmp_path / "one.log", tmp_path / "two.log"]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROCESS, url, server.url, str(log)], stdout=subprocess.PIPE, env=os.environ
        )
        for log in logs
    ]
    try:
        for process in processes:
            assert process.stdout is not None and process.stdout.readline() == b"ready\n"
        add(outbox, engine, *(event(n, subject=f"s{n}") for n in range(60)))

        async def delivered() -> None:
            await until(lambda: sum(len(log.read_text().split()) for log in logs if log.exists()) >= 60)

        asyncio.run(delivered())
    finally:
        for process in processes:
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()
    engine.dispose()
    seen = [line for log in logs if log.exists() for line in log.read_text().split()]
    assert len(seen) == len(set(seen)) == 60


def test_which_one_is_chosen(live: Outbox, subscriber: Subscriber) -> None:
    assert isinstance(open_dispatcher(live, subscriber, system=SYSTEM), Dispatcher)
    chosen = open_dispatcher(live, subscriber, system=SYSTEM, events_url="nats://127.0.0.1:4222")
    assert isinstance(chosen, NatsDispatcher)
    with pytest.raises(CallerError):
        open_dispatcher(live, subscriber, system=SYSTEM, events_url="amqp://127.0.0.1")
