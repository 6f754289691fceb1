"""A monitor on each engine, on a set clock."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from op_monitor.monitor_world import SetClock
from sild.op_monitor import MonitoringRules, OperationalMonitor
from support.postgres import either_url as either_url
from support.postgres import postgresql as postgresql


@pytest.fixture
def url(either_url: str) -> str:
    return either_url


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def rules() -> MonitoringRules:
    return MonitoringRules()


@pytest_asyncio.fixture
async def monitor(url: str, clock: SetClock, rules: MonitoringRules) -> AsyncIterator[OperationalMonitor]:
    made = OperationalMonitor(url, clock=clock, rules=rules)
    yield made
    await made.close()
