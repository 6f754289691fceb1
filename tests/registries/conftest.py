from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sild.registries import PopulationRegister
from sild.registries.population.records import Usage
from support.postgres import PostgreSQL, postgresql  # noqa: F401  (a fixture)

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def register(tmp_path: Path) -> Iterator[PopulationRegister]:
    register = PopulationRegister.open(tmp_path, people=400, clock=lambda: NOW)
    yield register
    register.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def either_register(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[PopulationRegister]:
    if request.param == "sqlite":
        yield request.getfixturevalue("register")
        return
    postgres: PostgreSQL = request.getfixturevalue("postgresql")
    with postgres.database() as url:
        register = PopulationRegister.open(tmp_path, people=400, database_url=url, clock=lambda: NOW)
        yield register
        register.close()


@pytest.fixture
def usage() -> Usage:
    return Usage(
        client="DEV/GOV/1/Desk", message_id="m-1", request_id="r-1", user_id="EE38001085718", issue="case 7"
    )
