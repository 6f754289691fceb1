"""A register's kernel in a database of each kind, and a clock that is set by hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sild.database import sqlite_url
from sild.registries.kernel import Kernel, Provenance, Usage
from support.postgres import postgresql as postgresql

SYSTEM = "/SILD/GOV/70000002/population"
USAGE = Usage(
    "SILD/GOV/70000003/insurance", "message-1", user_id="EE38001085718", issue="case-7", basis="RRS 5"
)
SAID = Provenance("SILD/GOV/70000003/insurance", "RRS 5", "message-1")


class SetClock:
    def __init__(self) -> None:
        self.at = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def forward(self, **time: float) -> datetime:
        self.at += timedelta(**time)
        return self.at


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture(params=["sqlite", "postgresql"])
def kernel(request: pytest.FixtureRequest, tmp_path: Path, clock: SetClock) -> Iterator[Kernel]:
    with ExitStack() as opened:
        url = sqlite_url(tmp_path / "register.db")
        if request.param == "postgresql":
            url = opened.enter_context(request.getfixturevalue("postgresql").schema())
        kernel = Kernel.open(url, SYSTEM, clock=clock)
        opened.callback(kernel.close)
        yield kernel
