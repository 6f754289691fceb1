"""An outbox and an inbox in one database of each kind, and a clock that is set by hand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine

from sild.database import open_database
from sild.events import EVENT_MIGRATIONS, Event, Inbox, Outbox
from support.clock import SetClock as SetClock
from support.postgres import either_url as either_url
from support.postgres import postgresql as postgresql


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def engine(either_url: str) -> Iterator[Engine]:
    engine = open_database(either_url, EVENT_MIGRATIONS)
    yield engine
    engine.dispose()


@pytest.fixture
def outbox(engine: Engine, clock: SetClock) -> Outbox:
    return Outbox(engine, clock=clock)


@pytest.fixture
def inbox(clock: SetClock) -> Inbox:
    return Inbox(clock=clock)


def event(number: int = 1, *, subject: str = "49001010005", kind: str = "civil.birth.registered") -> Event:
    return Event(
        id=f"e{number}",
        source="/SILD/GOV/70000002/population",
        type=kind,
        subject=subject,
        time=datetime(2026, 3, 2, 8, 0, tzinfo=UTC),
        data={"number": number},
    )
