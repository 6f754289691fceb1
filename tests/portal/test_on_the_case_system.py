"""The same pages on the real case system, with its packs and texts: no key of a text left over, and its refusals in words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from sild.cases import AskWhy, CaseSystem, ExchangeAnswer, OfflineConflict, load_packs
from sild.cases.birth import Birth
from sild.errors import Unavailable
from sild.nation.portal_cases import PortalCases
from support.identity_world import NOW
from support.portal_world import OFFICE, PEETER, PortalWorld


class Down:
    """An exchange on which no register answers."""

    async def call(self, service: str, method: str, path: str, **_more: object) -> ExchangeAnswer:
        raise Unavailable(f"{service} does not answer")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[PortalWorld]:
    packs = load_packs("EE")
    system = CaseSystem.open(
        tmp_path / "cases",
        system="/SILD/GOV/70000001/portal",
        exchange=Down(),
        packs=packs,
        processes=[Birth(packs), AskWhy(), OfflineConflict()],
        registers={"population": "GOV/70000002/population", "residence": "GOV/70000006/residence"},
        clock=lambda: NOW,
    )
    with PortalWorld(tmp_path, PortalCases(system, packs)).running() as world:
        yield world
    system._parts.store.engine.dispose()


@pytest.mark.parametrize("language", ["et", "vi", "en"])
def test_pages_for_a_citizen_and_an_official(world: PortalWorld, language: str) -> None:
    browser, official = world.browser(), world.browser()
    browser.language = official.language = language
    browser.log_in()
    for path in (
        "/",
        "/services/birth",
        "/life/having_a_child",
        "/home",
        "/inbox",
        "/my-data",
        "/who-looked",
        "/settings",
    ):
        page = browser.request("GET", path)
        assert page.status == 200, (path, page.text)
        text = re.sub(r"<[^>]*>", " ", page.text)
        assert not re.search(r"\b(status|action|notice|reason|result|stop)\.[A-Za-z_]+", text), path
    assert browser.request("GET", "/cases/not-mine").status == 404
    world.provider.add_official_role(PEETER.subject, OFFICE.role, OFFICE.organisation)
    page = official.log_in_as_official(managed=False)
    assert page.path == "/desk"
    assert official.request("GET", "/desk/own-access").status == 200
    form = official.open("/desk/look-up")
    assert official.submit(form, "/desk/look-up", person="EE60001019906", case="made-up").status == 403


def test_registers_that_do_not_answer_the_tracker_are_named(world: PortalWorld) -> None:
    browser = world.browser()
    browser.log_in()
    page = browser.open("/who-looked")
    assert "Population register does not answer" in page.text and "a register does not answer" in page.text
