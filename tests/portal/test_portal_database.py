"""The portal on PostgreSQL."""

from __future__ import annotations

from pathlib import Path

from sild.documents import card_presentation
from support.portal_world import MARI, PortalWorld
from support.postgres import PostgreSQL

from ..documents.papers import AT, CLAIMS, issued


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
        credential = issued(tmp_path).issuer.issue(CLAIMS, at=AT, until=AT.replace(year=2031), status_index=1)
        card = {"state": "valid", "presentation": card_presentation(credential)}
        world.exchange.papers[f"/persons/{MARI.subject[2:]}/card"] = card
        code = browser.submit(browser.open("/papers/insurance-card"), "/once", show=["given_names"])
        shown = f"/shown/{code.path.rpartition('/')[2]}"
        assert "Thị Hường" in browser.submit(browser.open(shown), shown).text
        assert browser.open(shown).status == 404 and "It was looked at" in browser.open(code.path).text
        assert browser.submit(browser.open("/settings"), "/logout").path == "/logged-out"
