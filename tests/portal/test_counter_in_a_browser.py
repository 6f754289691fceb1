"""The counter in a real browser, without a script: a move with its lease from the mandate to what is sent; three languages, axe."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from support.accessible import check
from support.chromium import chromium
from support.counter_world import HOME, MARIS, CounterWorld, counter_world
from support.pictures import PDF
from support.portal_world import MARI, PlainBrowser

SIZES = {"phone": {"width": 390, "height": 844}, "desk": {"width": 1280, "height": 900}}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[CounterWorld, PlainBrowser, Browser]]:
    """A clerk is logged in."""
    with counter_world(tmp_path_factory.mktemp("counter")) as world, chromium() as browser:
        yield world, world.clerk(), browser


def opened(browser: Browser, plain: PlainBrowser, size: str, language: str, script: bool) -> BrowserContext:
    """With the session of a browser that is logged in already: a clerk's device is proved by a passkey, not here."""
    context = browser.new_context(
        viewport=SIZES[size],  # type: ignore[arg-type]  playwright's own dictionary
        locale=language,
        java_script_enabled=script,
        service_workers="block",
    )
    url = plain.world.url.replace("http://", "https://")
    context.add_cookies(
        [
            {"name": name, "value": value, "url": url, "secure": True, "httpOnly": True, "sameSite": "Lax"}
            for name, value in plain.cookies.items()
            if name.startswith("__Host-portal")
        ]
    )
    return context


def judge(page: Page, name: str, *, script: bool) -> None:
    if script:
        check(page, name)


@pytest.mark.slow
@pytest.mark.parametrize("size", ["phone", "desk"])
@pytest.mark.parametrize("language", ["et", "vi", "en"])
def test_a_move_at_the_counter(
    running: tuple[CounterWorld, PlainBrowser, Browser], tmp_path: Path, language: str, size: str
) -> None:
    """Twice: with a script, where every page is judged, and without one on a phone in English."""
    world, clerk, browser = running
    ways = [True, False] if (language, size) == ("en", "phone") else [True]
    for script in ways:
        _move(world, clerk, browser, tmp_path, language, size, script)


def _move(
    world: CounterWorld,
    clerk: PlainBrowser,
    browser: Browser,
    tmp_path: Path,
    language: str,
    size: str,
    script: bool,
) -> None:
    name = f"{size}-{language}"
    context = opened(browser, clerk, size, language, script)
    page = context.new_page()
    page.goto(world.url + "/desk/assist")
    assert page.locator("html").get_attribute("lang") == language
    judge(page, f"assist-{name}", script=script)
    page.locator("main form button").last.click()
    assert page.locator("#errors li").count() == 4
    judge(page, f"assist-errors-{name}", script=script)
    page.locator("#f-code").fill(MARI.subject)
    page.locator('input[name="service"][value="move"]').check()
    page.locator('input[name="way"][value="counter"]').check()
    page.locator("#f-document").select_option("id_card")
    page.locator("#f-number").fill("AS0012345")
    page.locator("#f-statement").fill("Kolin Pikale tänavale")
    page.locator("main form button").last.click()
    page.wait_for_url("**/desk/assist/assist-*")
    judge(page, f"assist-which-{name}", script=script)
    page.locator('form[action$="/begin"] button').last.click()
    page.wait_for_url("**/screens/move.place")
    root = page.url.rpartition("/screens")[0]
    page.locator('input[name="f.where"][value="here"]').check()
    page.locator('[name="f.words"]').fill("Pikk 7")
    page.locator('button[value="FIND"]').click()
    page.wait_for_url("**/receipts/*")
    page.goto(root)
    judge(page, f"assist-case-{name}", script=script)
    page.locator("main .card a").first.click()
    page.locator(f'input[value="dwelling:{HOME}"]').check()
    page.locator(f'input[name="f.people"][value="{MARIS}"]').check()
    page.locator('[name="f.valid_from"]').fill("2026-11-22")
    page.locator('input[name="f.basis"][value="lease"]').check()
    page.locator('button[value="SEND"]').click()
    judge(page, f"assist-lease-missing-{name}", script=script)
    picture = tmp_path / "leping.pdf"
    picture.write_bytes(PDF)
    page.locator('[name="u.lease"]').set_input_files(picture)
    page.locator('button[value="SAVE"]').click()
    page.locator(".added a").wait_for()
    judge(page, f"assist-lease-{name}", script=script)
    page.locator('button[value="SEND"]').click()
    page.wait_for_url("**/receipts/*")
    judge(page, f"assist-receipt-{name}", script=script)
    page.goto(root)
    judge(page, f"assist-ended-{name}", script=script)
    context.close()
    _seen_by_the_person(world, browser, size, language, script)


def _seen_by_the_person(
    world: CounterWorld, browser: Browser, size: str, language: str, script: bool
) -> None:
    name = f"{size}-{language}"
    context = opened(browser, world.citizen(), size, language, script)
    page = context.new_page()
    page.goto(world.url + "/inbox")
    page.locator("main form button").nth(1).click()
    page.wait_for_url("**/cases/assist-*")
    judge(page, f"assisted-case-{name}", script=script)
    page.goto(page.url + "/screens/assisted.mandate")
    judge(page, f"assisted-mandate-{name}", script=script)
    with world.system._parts.store.reading() as connection:
        case = world.system._parts.store.live(connection, "move", MARIS)[-1]
    page.goto(f"{world.url}/cases/{case}/screens/move.notice")
    assert page.locator("main h1").count() == 1 and page.locator("main form").count() == 0
    judge(page, f"over-{name}", script=script)
    context.close()
