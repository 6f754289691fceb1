"""A monitor on each engine, on a set clock."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from op_monitor.monitor_world import SetClock
from sild.database import sqlite_url
from sild.op_monitor import MonitoringRules, OperationalMonitor
from support.postgres import PostgreSQL, postgresql  # noqa: F401 - a fixture


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database on each engine."""
    if request.param == "sqlite":
        yield sqlite_url(tmp_path / "op-monitor.db")
        return
    server: PostgreSQL = request.getfixturevalue("postgresql")
    with server.schema() as url:
        yield url


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
