from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from central_world import SetClock, empty_central_server, fill

from sild.central_server import CentralServer
from support.pki import Pki
from support.postgres import PostgreSQL, postgresql  # noqa: F401  (a fixture)


@pytest.fixture(scope="session")
def pki() -> Pki:
    return Pki()


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def central_server(tmp_path: Path, pki: Pki, clock: SetClock) -> Iterator[CentralServer]:
    """A filled central server on SQLite."""
    server = empty_central_server(tmp_path / "cs", clock=clock)
    fill(server, pki)
    yield server
    server.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def either_server(
    request: pytest.FixtureRequest, tmp_path: Path, pki: Pki, clock: SetClock
) -> Iterator[CentralServer]:
    """A filled central server, once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        yield request.getfixturevalue("central_server")
        return
    postgres: PostgreSQL = request.getfixturevalue("postgresql")
    with postgres.database() as url:
        server = empty_central_server(tmp_path / "cs", database_url=url, clock=clock)
        fill(server, pki)
        yield server
        server.close()


@pytest.fixture(scope="module")
def module_server(tmp_path_factory: pytest.TempPathFactory, pki: Pki) -> Iterator[CentralServer]:
    """A filled central server for tests that do not change it."""
    server = empty_central_server(tmp_path_factory.mktemp("cs"), clock=SetClock())
    fill(server, pki)
    yield server
    server.close()
