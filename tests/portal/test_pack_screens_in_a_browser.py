"""Every screen of every pack in a real browser: axe, weight, width, words; on a phone with everything wrong, at a desk filled in.

One language a screen in one round, all three in three (SILD_WALKS), as the walks do.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

import sild
from sild import portal
from sild.catalogue import Screen
from sild.i18n import Texts
from support.accessible import check
from support.chromium import chromium
from support.pack_screens import OFFICES, PACKS, SCREENS, SOURCES, WHOSE, EveryScreen
from support.portal_world import OFFICE, PEETER, PortalWorld

OWN_TEXTS = Texts.load(Path(portal.__file__).parent / "texts", ("et", "vi", "en"))
LANGUAGES = ("et", "vi", "en")
ROUND = int(os.environ.get("SILD_WALKS", "0"))
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
CODE = re.compile(
    r"\{\w+\}|\b[a-z]+_[a-z_]+\b|\b[A-Z]+_[A-Z_]+\b|\b(?:None(?!,)|Undefined)\b|\b[a-z]{2,}\.[a-z]{2,}\b"
)


def concept_words(concept: str, language: str) -> str | None:
    texts = PACKS.texts[language]
    found = (text for key, text in texts.items() if key.endswith(f"concept.{concept}"))
    return next(found, None) or OWN_TEXTS.speaker(language)(f"concept.{concept}")


def assert_in_language(screen: Screen, said: str, language: str) -> None:
    """Every text of the screen, and none of it in another language."""
    for text in screen.texts():
        own = " ".join(text[language].split())
        assert own in said or "{" in own, own
        others = (" ".join(other.split()) for tag, other in text.items() if tag != language)
        assert not [other for other in others if len(other) > 20 and other != own and other in said]


def style_and_script(world: PortalWorld) -> int:
    return sum(len(world.portal._pages.static[name][0]) for name in ("portal.css", "portal.js"))


def language_of(screen: str) -> str:
    return LANGUAGES[(sorted(SCREENS).index(screen) + ROUND) % 3]


@pytest.fixture(scope="module")
def cases() -> EveryScreen:
    return EveryScreen()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, cases: EveryScreen) -> Iterator[PortalWorld]:
    with PortalWorld(tmp_path_factory.mktemp("portal"), cases).running() as world:
        world.provider.add_official_role(PEETER.subject, OFFICE.role, OFFICE.organisation)
        yield world


@pytest.fixture(scope="module")
def pages(world: PortalWorld) -> Iterator[dict[bool, Page]]:
    """By whether it is an official's; each logs in once."""
    with chromium() as browser:
        found: dict[bool, Page] = {}
        for official in (False, True):
            context = browser.new_context(viewport=PHONE, service_workers="block")  # type: ignore[arg-type]  playwright's own dictionary
            page = found[official] = context.new_page()
            page.goto(world.url + "/login" + ("?return_to=/desk" if official else ""))
            page.locator("main form button").nth(1 if official else 0).click()
            page.locator("button.choice").nth(2 if official else 0).click()
            if official:
                page.locator("form[action$='/device/unmanaged'] button").click()
            page.wait_for_url(world.url + ("/desk" if official else "/home"))
        yield found


def test_no_screen_of_a_pack_is_left_out() -> None:
    files = (Path(sild.__file__).parent / "packs").glob("*/screens/*.json")
    assert {file.stem for file in files} == set(SCREENS) and len(SCREENS) > 50
    named = {concept for screen in SCREENS.values() for part in screen.components if part.kind == "facts" for concept in part.concepts}  # fmt: skip
    nameless = {one for one in named for language in LANGUAGES if not concept_words(one, language)}
    assert nameless == set()
    assert all(f"source.{one}" in OWN_TEXTS for one in SOURCES)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(SCREENS))
def test_a_screen(world: PortalWorld, cases: EveryScreen, pages: dict[bool, Page], name: str) -> None:
    """A form sent empty, on a phone; filled in, at a desk: judged there where officials sit, in one round of the three."""
    screen, language = SCREENS[name], language_of(name)
    official = screen.role in OFFICES
    page = pages[official]
    for cases.empty, size in ((True, PHONE), (False, DESK)):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        case = WHOSE.get(name, "birth")
        address = f"{world.url}{'/desk' if official else ''}/cases/{case}/screens/{name}?lang={language}"
        answer = page.goto(address)
        assert answer is not None and len(answer.body()) + style_and_script(world) < 50_000
        said = " ".join(page.locator("main").inner_text().split())
        assert answer.status == (422 if cases.empty and page.locator("#errors").count() else 200), said
        assert page.locator("html").get_attribute("lang") == language
        assert CODE.findall(said) == []
        assert_in_language(screen, " ".join(page.locator("main").text_content().split()), language)
        judged = size is PHONE or (official and language == "vi")  # the longest words
        check(page, f"{name}-{size['width']}-{language}", judged=judged)
