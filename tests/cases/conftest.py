from __future__ import annotations

import pytest

from support.postgres import (
    PostgreSQL,
    postgresql,  # noqa: F401 - a fixture
)

from .village import Village
from .world import World


@pytest.fixture
async def world(tmp_path):
    """A case system on SQLite, its registers a written double."""
    async with World(tmp_path) as made:
        yield made


@pytest.fixture(params=["sqlite", "postgresql"])
async def any_world(request, tmp_path):
    if request.param == "sqlite":
        async with World(tmp_path) as made:
            yield made
        return
    server: PostgreSQL = request.getfixturevalue("postgresql")
    with server.database() as url:
        async with World(tmp_path, url) as made:
            yield made


@pytest.fixture
async def village(tmp_path):
    """The real registers and the case system, in one process."""
    async with Village(tmp_path) as made:
        yield made
