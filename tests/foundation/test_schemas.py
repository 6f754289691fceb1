"""The tables that a room's migrations make are those its code believes in, in every room that says all of it in tables.py."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

import sild
from sild.database import open_database, revision_table, sqlite_url

SOURCE = Path(sild.__path__[0])
ROOMS = sorted(
    str(found.parent.relative_to(SOURCE))
    for found in SOURCE.rglob("migrations")
    if (found.parent / "tables.py").exists()
)


def test_there_are_rooms() -> None:
    assert {"cases", "decisions", "events", "portal", "registries/kernel", "registries/social"} <= set(ROOMS)


@pytest.mark.parametrize("room", ROOMS)
def test_the_migrations_make_the_tables(room: str, tmp_path: Path) -> None:
    migrations = SOURCE / room / "migrations"
    tables = import_module(f"sild.{room.replace('/', '.')}.tables")
    engine = open_database(sqlite_url(tmp_path / "schema.sqlite"), migrations)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": revision_table(migrations)})
        assert compare_metadata(context, tables.metadata) == []
    engine.dispose()
