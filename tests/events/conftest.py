"""An outbox and an inbox in one database of each kind, and a clock that is set by hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from sild.database import open_database, sqlite_url
from sild.events import EVENT_MIGRATIONS, Event, Inbox, Outbox
from support.postgres import postgresql as postgresql


class SetClock:
    def __init__(self) -> None:
        self.at = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def forward(self, **time: float) -> None:
        self.at += timedelta(**time)


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    with ExitStack() as opened:
        url = sqlite_url(tmp_path / "events.db")
        if request.param == "postgresql":
            url = opened.enter_context(request.getfixturevalue("postgresql").schema())
        engine = open_database(url, EVENT_MIGRATIONS)
        opened.callback(engine.dispose)
        yield engine


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
