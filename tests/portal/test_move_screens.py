"""The first page of a move on the real case system: a list of two hundred countries is one to pick from, and the page stays small."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from sild.cases import Actor, CaseSystem, ExchangeAnswer, load_packs
from sild.cases.move import Move
from sild.errors import Unavailable
from sild.portal import PortalCases
from support.identity_world import NOW
from support.portal_world import MARI, PortalWorld


class Down:
    async def call(self, service: str, method: str, path: str, **_more: object) -> ExchangeAnswer:
        raise Unavailable(f"{service} does not answer")


@pytest.mark.parametrize("language", ["et", "vi", "en"])
def test_a_long_list_is_picked_from_and_the_page_is_small(tmp_path: Path, language: str) -> None:
    packs = load_packs("EE")
    system = CaseSystem.open(
        tmp_path / "cases",
        system="/SILD/GOV/70000001/portal",
        exchange=Down(),
        packs=packs,
        processes=[Move(packs)],
        registers={"population": "GOV/70000002/population", "residence": "GOV/70000006/residence"},
        clock=lambda: NOW,
    )
    system._parts.published["move"] = NOW
    mari = Actor(person=MARI.subject, acr="high")
    case = asyncio.run(system.open_case("move", mari, key="k"))
    with PortalWorld(tmp_path, PortalCases(system, packs)).running() as world:
        browser = world.browser()
        browser.language = language
        browser.log_in()
        page = browser.open(f"/cases/{case}/screens/move.place")
    system._parts.store.engine.dispose()
    assert page.status == 200 and len(page.text.encode()) < 50_000
    assert '<select id="f-country" name="f.country"' in page.text
    assert '<option value="FI">' in page.text and '<option value="EE">' not in page.text
    assert page.text.count('type="radio"') == 2
    text = re.sub(r"<[^>]*>", " ", page.text)
    assert not re.search(r"\b(move|status|option|concept|stop)\.[A-Za-z_]+", text)
