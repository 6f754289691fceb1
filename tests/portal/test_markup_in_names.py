"""Names and words with markup in them are text on every screen."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from support.portal_world import PortalWorld

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{7*7}}{% raw %}"
PAGES = (
    "/home",
    "/inbox",
    "/my-data",
    "/who-looked",
    "/cases/case-1",
    "/cases/case-1/screens/birth.check_and_name",
)
DESK = ("/desk/cases/case-1", "/desk/own-access", "/desk/cases/case-1/screens/birth.register")


def check(text: str) -> None:
    assert "<script>alert" not in text and "<img" not in text and ">49" not in text and "\"'>" not in text


@pytest.mark.parametrize("language", ["et", "vi", "en"])
def test_on_every_screen(world: PortalWorld, language: str) -> None:
    world.cases.given_names = world.exchange.given_names = EVIL
    citizen, official = world.browser(), world.browser()
    citizen.language = official.language = language
    citizen.log_in()
    official.log_in_as_official()
    seen = 0
    for browser, paths in ((citizen, PAGES), (official, DESK)):
        for path in paths:
            page = browser.open(path)
            assert page.status == 200
            check(page.text)
            seen += "&lt;script&gt;" in page.text
    assert seen >= 6


@pytest.mark.parametrize(
    "path", ["/login?reason=", "/login?return_to=/", "/desk/look-up?case=", "/home?lang=", "/cases/"]
)
def test_in_an_address(world: PortalWorld, path: str) -> None:
    browser = world.browser()
    browser.log_in_as_official()
    check(browser.request("GET", path + quote(EVIL, safe="")).text)


def test_in_what_was_typed(world: PortalWorld) -> None:
    screen = "/cases/case-1/screens/birth.check_and_name"
    browser = world.browser()
    browser.log_in()
    fields = dict.fromkeys(
        ("f__given_names", "f__family_name", "f__words", "f__account", "f__home", "f__unknown"), EVIL
    )
    page = browser.submit(browser.open(screen), screen, do="DECLARE", **fields)
    assert page.status == 422 and "&lt;script&gt;" in page.text
    check(page.text)
