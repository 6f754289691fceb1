from __future__ import annotations

import pytest

from support.postgres import (
    PostgreSQL,
    postgresql,  # noqa: F401 - a fixture
)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    """Of an empty database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/workflows.sqlite"
        return
    server: PostgreSQL = request.getfixturevalue("postgresql")
    with server.database() as address:
        yield address
