"""The portal on PostgreSQL."""

from __future__ import annotations

from pathlib import Path

from support.portal_world import PortalWorld
from support.postgres import PostgreSQL


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
