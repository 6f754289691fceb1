from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from support.configuration_source import ConfigurationSourceServer


class SteppingClock:
    """Stands still until told otherwise."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **by: float) -> datetime:
        self.now += timedelta(**by)
        return self.now


@pytest.fixture
def clock() -> SteppingClock:
    return SteppingClock(datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC))


@pytest.fixture
async def source(clock: SteppingClock) -> AsyncIterator[ConfigurationSourceServer]:
    async with ConfigurationSourceServer() as server:
        server.publish(at=clock.now)
        yield server
