"""The population register in a database of each kind, served over HTTP, and people to ask about."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sild.registries import PopulationRegister, population_app
from support.acting import serving
from support.clock import SetClock as SetClock
from support.notices import notifying
from support.postgres import either_url as either_url
from support.postgres import postgresql as postgresql

from .asking import Asker

SYSTEM = "/SILD/GOV/70000002/population"
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def hand_clock() -> SetClock:
    return SetClock(NOW)


@pytest.fixture
def register(tmp_path: Path, hand_clock: SetClock) -> Iterator[PopulationRegister]:
    register = PopulationRegister.open(tmp_path, system=SYSTEM, people=400, clock=hand_clock)
    register.notifying = notifying()
    yield register
    register.close()


@pytest.fixture
def either_register(tmp_path: Path, hand_clock: SetClock, either_url: str) -> Iterator[PopulationRegister]:
    register = PopulationRegister.open(tmp_path, either_url, system=SYSTEM, people=400, clock=hand_clock)
    register.notifying = notifying()
    yield register
    register.close()


@pytest.fixture
def population(either_register: PopulationRegister) -> Iterator[Asker]:
    """The register over HTTP, in a database of each kind."""
    with serving(population_app(either_register, url="http://population:8000")) as site:
        yield Asker(site)
