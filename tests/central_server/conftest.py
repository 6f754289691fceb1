from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from central_world import PIN, SetClock, empty_central_server, fill

from sild.central_server import CentralServer
from support.pki import Pki
from support.postgres import PostgreSQL, postgresql  # noqa: F401  (a fixture)


@pytest.fixture(scope="session")
def pki() -> Pki:
    return Pki()


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture(scope="session")
def filled_directory(tmp_path_factory: pytest.TempPathFactory, pki: Pki) -> Path:
    """A filled central server's directory, to be copied."""
    directory = tmp_path_factory.mktemp("filled")
    server = empty_central_server(directory, clock=SetClock())
    fill(server, pki)
    server.management_service_tls()  # here, once: RSA keys are slow to make
    server.close()
    return directory


@pytest.fixture
def central_server(filled_directory: Path, tmp_path: Path, clock: SetClock) -> Iterator[CentralServer]:
    """A filled central server on SQLite."""
    shutil.copytree(filled_directory, tmp_path / "cs")
    (tmp_path / "cs" / "keys").chmod(0o700)
    server = CentralServer.open(tmp_path / "cs", pin=PIN, clock=clock)
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
