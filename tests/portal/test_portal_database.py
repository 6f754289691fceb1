"""The schema the migrations make is the one the code knows; the portal on PostgreSQL."""

from __future__ import annotations

from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from sild.database import open_database, revision_table, sqlite_url
from sild.portal.store import MIGRATIONS
from sild.portal.tables import metadata
from support.portal_world import PortalWorld
from support.postgres import PostgreSQL


def test_the_migrations_make_the_tables(tmp_path: Path) -> None:
    engine = open_database(sqlite_url(tmp_path / "portal.db"), MIGRATIONS)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": revision_table(MIGRATIONS)})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_on_postgresql(tmp_path: Path, postgresql: PostgreSQL) -> None:
    with postgresql.schema() as url, PortalWorld(tmp_path, database=url).running() as world:
        browser = world.browser()
        assert browser.log_in().path == "/home"
        screen = "/cases/case-1/screens/birth.check_and_name"
        form = browser.open(screen)
        first, again = (browser.submit(form, screen, do="DENY") for _ in range(2))
        assert first.path == again.path and first.path.startswith("/receipts/")
        world.clock.forward(minutes=6)  # refresh
        assert browser.request("GET", "/home").status == 200
        assert browser.submit(browser.open("/settings"), "/logout").path == "/logged-out"
