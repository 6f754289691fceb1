"""The portal on PostgreSQL."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

from sild.documents import card_presentation
from support.insurance_behind_portal import BehindPortal, give_card, insurance
from support.portal_world import MARI, PortalWorld
from support.postgres import PostgreSQL
from support.wallet import Wallet

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


def test_a_card_goes_into_a_wallet_on_postgresql(tmp_path: Path, postgresql: PostgreSQL) -> None:
    """Offers and nonces: of several tries at once three count, of several uses one."""
    with postgresql.schema() as url:
        exchange = BehindPortal()
        with PortalWorld(tmp_path, exchange=exchange, database=url).running() as world:
            there = insurance(
                tmp_path / "insurance", portal=world.url, issuer=world.issuer, clock=world.clock
            )
            with there as (register, exchange.site):
                give_card(register, MARI.subject[2:], date(2000, 1, 1), ("Mari", "Maasikas"))
                wallet = Wallet(clock=lambda: world.clock.at.timestamp())
                browser = world.browser()
                browser.log_in()

                def offered() -> tuple[dict[str, Any], str]:
                    page = browser.submit(browser.open("/papers/insurance-card"), "/wallet")
                    (link,) = [one for one in page.parsed.links if one.startswith("openid-credential")]
                    return wallet.offer(link), page.text.partition('num">')[2][:7].replace(" ", "")

                offer, number = offered()
                wrong = f"{(int(number) + 1) % 10**6:06}"
                with ThreadPoolExecutor(6) as pool:
                    tried = list(pool.map(lambda _: wallet.ask_token(offer, wrong).status_code, range(6)))
                assert tried == [400] * 6 and wallet.ask_token(offer, number).status_code == 400
                offer, number = offered()
                token = wallet.ask_token(offer, number).json()
                with ThreadPoolExecutor(4) as pool:
                    taken = list(
                        pool.map(lambda _: wallet.ask_credential(offer, token).status_code, range(4))
                    )
                assert sorted(taken) == [200, 401, 401, 401]
