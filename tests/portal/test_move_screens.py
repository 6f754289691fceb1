"""The first page of a move on the real case system: a list of two hundred countries is one to pick from, the page stays small, and
an old page sent again with other answers loses nothing.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sild.cases import Actor, CaseSystem, ExchangeAnswer, load_packs
from sild.cases.move import Move
from sild.errors import Unavailable
from sild.portal import PortalCases
from support.identity_world import NOW
from support.portal_world import MARI, PlainBrowser, PortalWorld

MARI_MOVES = Actor(person=MARI.subject, acr="high")


class Down:
    async def call(self, service: str, method: str, path: str, **_more: object) -> ExchangeAnswer:
        raise Unavailable(f"{service} does not answer")


@dataclass
class Moving:
    system: CaseSystem
    browser: PlainBrowser
    screen: str
    case: str

    def found(self) -> list[str]:
        """What was looked for, one an action."""
        view = asyncio.run(self.system.view(self.case, MARI_MOVES))
        return [str(entry.data) for entry in view.timeline if entry.name == "FIND"]


@pytest.fixture
def moving(tmp_path: Path) -> Iterator[Moving]:
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
    case = asyncio.run(system.open_case("move", MARI_MOVES, key="k"))
    with PortalWorld(tmp_path, PortalCases(system, packs)).running() as world:
        browser = world.browser()
        browser.log_in()
        yield Moving(system, browser, f"/cases/{case}/screens/move.place", case)
    system.close()


@pytest.mark.parametrize("language", ["et", "vi", "en"])
def test_a_long_list_is_picked_from_and_the_page_is_small(moving: Moving, language: str) -> None:
    moving.browser.language = language
    page = moving.browser.open(moving.screen)
    assert page.status == 200 and len(page.text.encode()) < 50_000
    assert '<select id="f-country" name="f.country"' in page.text
    assert '<option value="FI">' in page.text and '<option value="EE">' not in page.text
    assert page.text.count('type="radio"') == 2
    text = re.sub(r"<[^>]*>", " ", page.text)
    assert not re.search(r"\b(move|status|option|concept|stop)\.[A-Za-z_]+", text)


def test_an_old_page_sent_again_with_other_answers_loses_nothing(moving: Moving) -> None:
    """As a browser does that brings a page back whole: it is no receipt of what was not done, and nobody writes it again."""
    browser = moving.browser
    old = browser.open(moving.screen)
    first = browser.submit(old, moving.screen, do="FIND", f__where="abroad", f__country="FI")
    assert first.path.startswith("/receipts/"), first.text
    again = browser.submit(old, moving.screen, do="FIND", f__where="abroad", f__country="FI")
    assert again.path == first.path and len(moving.found()) == 1, "the same form is the same receipt"

    other = browser.submit(old, moving.screen, do="FIND", f__where="abroad", f__country="LV")
    assert other.status == 422 and "with other answers" in other.text
    assert '<option value="LV" selected' in other.text and len(moving.found()) == 1
    saved = browser.submit(old, moving.screen, do="SAVE", f__where="abroad", f__country="LT")
    assert saved.path == moving.screen and '<option value="LT" selected' in saved.text, "a draft needs no key"

    sent = browser.submit(other, moving.screen, do="FIND", f__where="abroad", f__country="LV")
    assert sent.path.startswith("/receipts/") and sent.path != first.path
    assert len(moving.found()) == 2


def test_what_is_not_the_writers_takes_no_draft(moving: Moving) -> None:
    """Neither an office's screen nor one of another role, though the case is theirs."""
    browser = moving.browser
    form = browser.open(moving.screen).form(moving.screen)["fields"]
    for screen in ("move.desk", "move.consent", "birth.desk"):
        path = f"/cases/{moving.case}/screens/{screen}"
        answer = browser.request("POST", path, {**form, "do": "SAVE", "f.words": "x"})
        assert answer.status in (404, 409), (screen, answer.status)
        script = {"X-Requested-With": "fetch", "Accept": "application/json"}
        draft = browser.request("POST", f"{path}/draft", {**form, "f.words": "x"}, script)
        assert draft.status in (404, 409), (screen, draft.status)
