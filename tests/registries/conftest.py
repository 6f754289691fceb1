"""The population register in a database of each kind, served over HTTP, and people to ask about."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sild.registries import PopulationRegister, population_app
from support.asgi import serving
from support.postgres import postgresql as postgresql

from .asking import Asker

SYSTEM = "/SILD/GOV/70000002/population"
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class HandClock:
    """Set by hand."""

    def __init__(self) -> None:
        self.at = NOW

    def __call__(self) -> datetime:
        return self.at

    def forward(self, **time: float) -> None:
        self.at += timedelta(**time)


@pytest.fixture
def hand_clock() -> HandClock:
    return HandClock()


@pytest.fixture(params=["sqlite", "postgresql"])
def either_url(request: pytest.FixtureRequest) -> Iterator[str | None]:
    """A database of each kind; None: SQLite in the register's directory."""
    with ExitStack() as opened:
        if request.param == "sqlite":
            yield None
        else:
            yield opened.enter_context(request.getfixturevalue("postgresql").schema())


@pytest.fixture
def register(tmp_path: Path, hand_clock: HandClock) -> Iterator[PopulationRegister]:
    register = PopulationRegister.open(tmp_path, system=SYSTEM, people=400, clock=hand_clock)
    yield register
    register.close()


@pytest.fixture
def either_register(
    tmp_path: Path, hand_clock: HandClock, either_url: str | None
) -> Iterator[PopulationRegister]:
    register = PopulationRegister.open(tmp_path, either_url, system=SYSTEM, people=400, clock=hand_clock)
    yield register
    register.close()


@pytest.fixture
def population(either_register: PopulationRegister) -> Iterator[Asker]:
    """The register over HTTP, in a database of each kind."""
    with serving(population_app(either_register, url="http://population:8000")) as site:
        yield Asker(site)
