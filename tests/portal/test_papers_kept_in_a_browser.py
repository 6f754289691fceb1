"""A paper kept on the device: shown without a connection to whoever knows its password, to nobody else; gone at log-out and by a button."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from sild.documents import card_presentation, qr_svg
from support.accessible import check
from support.chromium import chromium
from support.portal_world import MARI, PortalWorld

from ..documents.papers import AT, CLAIMS, issued

CARD = f"/persons/{MARI.subject[2:]}/card"
PASSWORD = "kukk 2026"
EVERYTHING = """async () => {
  const of = (request) => new Promise((yes, no) => { request.onsuccess = () => yes(request.result); request.onerror = () => no(request.error); });
  const found = [];
  for (const { name } of await indexedDB.databases()) {
    if (name !== "papers") continue;
    const database = await of(indexedDB.open(name));
    const rows = await of(database.transaction("kept").objectStore("kept").getAll());
    for (const row of rows) found.push({ ...row, salt: null, iv: null, data: String.fromCharCode(...new Uint8Array(row.data)) });
    database.close();
  }
  return JSON.stringify(found);
}"""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[PortalWorld, Browser, str]]:
    with PortalWorld(tmp_path_factory.mktemp("kept")).running() as world, chromium() as browser:
        credential = issued(tmp_path_factory.mktemp("issuer")).issuer.issue(
            CLAIMS, at=AT, until=AT.replace(year=2031), status_index=1
        )
        yield world, browser, card_presentation(credential)


@pytest.fixture
def world(running: tuple[PortalWorld, Browser, str]) -> PortalWorld:
    world, _, shown = running
    world.exchange.papers[CARD] = {"state": "valid", "presentation": shown}
    return world


@pytest.fixture
def device(running: tuple[PortalWorld, Browser, str]) -> Iterator[BrowserContext]:
    opened = running[1].new_context(viewport={"width": 390, "height": 844}, locale="en")
    opened.set_default_timeout(20_000)
    yield opened
    opened.close()


def keep(device: BrowserContext, world: PortalWorld) -> Page:
    """Mari's card is on the device; gives a page without a connection."""
    page = device.new_page()
    page.goto(world.url + "/login")
    page.locator("main form[action='/login'] button").first.click()
    page.locator(f"button[value='{MARI.subject}']").click()
    page.wait_for_url(world.url + "/home")
    page.evaluate("navigator.serviceWorker.ready")
    page.goto(world.url + "/papers/insurance-card")
    page.get_by_label("Your password for it").fill(PASSWORD)
    page.get_by_role("button", name="Keep it").click()
    page.get_by_text("Kept on this device:").wait_for()
    device.set_offline(True)
    page.goto(world.url + "/home")
    page.get_by_role("heading", name="Health insurance card").wait_for()
    return page


def on_device(page: Page) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(page.evaluate(EVERYTHING))
    return found


def test_shown_without_a_connection(
    world: PortalWorld, device: BrowserContext, running: tuple[PortalWorld, Browser, str]
) -> None:
    page = keep(device, world)
    assert "(today)" in page.locator("#kept").inner_text(), "how old it is"
    assert "Nguyễn" not in page.content()
    check(page, "kept-offline")
    page.get_by_label("The password that you chose").fill("not this one")
    page.get_by_role("button", name="Show it").click()
    page.get_by_text("This is not the password").wait_for()
    assert "Nguyễn" not in page.content()
    page.get_by_label("The password that you chose").fill(PASSWORD)
    page.get_by_role("button", name="Show it").click()
    page.get_by_text("Nguyễn Đặng").wait_for()
    drawn = qr_svg(running[2]).decode()
    path = drawn.partition(' d="')[2].partition('"')[0]
    assert page.locator("#kept .paper-code path").last.get_attribute("d") == path, "the very code"
    assert "Whether it still holds is known only with a connection" in page.locator("#kept").inner_text()
    check(page, "kept-shown")


def test_on_the_device_it_is_sealed(world: PortalWorld, device: BrowserContext) -> None:
    page = keep(device, world)
    (row,) = on_device(page)
    assert set(row) == {"at", "title", "salt", "iv", "data"} and row["title"] == "Health insurance card"
    for told in ("Nguyễn", "svg", "2026-03-01", PASSWORD, MARI.subject):
        assert told not in json.dumps(row, ensure_ascii=False)


def test_its_age_is_sealed_with_it(world: PortalWorld, device: BrowserContext) -> None:
    """Whoever makes an old one younger has nothing to show."""
    page = keep(device, world)
    page.evaluate("""async () => {
      const of = (request) => new Promise((yes) => { request.onsuccess = () => yes(request.result); });
      const database = await of(indexedDB.open("papers"));
      const rows = () => database.transaction("kept", "readwrite").objectStore("kept");
      const [place] = await of(rows().getAllKeys()), row = await of(rows().get(place));
      await of(rows().put({ ...row, at: row.at - 86400000 * 40 }, place));
      database.close();
    }""")
    page.reload()
    page.get_by_text("(40 days ago)").wait_for()
    page.get_by_label("The password that you chose").fill(PASSWORD)
    page.get_by_role("button", name="Show it").click()
    page.get_by_text("This is not the password").wait_for()


def test_a_button_takes_it_away(world: PortalWorld, device: BrowserContext) -> None:
    page = keep(device, world)
    page.get_by_role("button", name="Remove it from this device").click()
    page.get_by_role("heading", name="Health insurance card").wait_for(state="detached")
    assert on_device(page) == []
    device.set_offline(False)
    page.goto(world.url + "/papers/insurance-card")
    page.get_by_role("button", name="Keep it").wait_for()
    assert not page.get_by_role("button", name="Remove it from this device").is_visible()


def test_who_logs_out_takes_it_along(world: PortalWorld, device: BrowserContext) -> None:
    page = keep(device, world)
    device.set_offline(False)
    page.goto(world.url + "/settings")
    page.locator("form[action='/logout'] button").click()
    page.wait_for_url("**/logged-out*")
    assert on_device(page) == []


def test_a_paper_that_no_longer_holds_goes(world: PortalWorld, device: BrowserContext) -> None:
    page = keep(device, world)
    device.set_offline(False)
    world.exchange.papers[CARD]["state"] = "revoked"
    page.goto(world.url + "/papers/insurance-card")
    page.get_by_text("It is no longer valid").wait_for()
    page.wait_for_function(f"async () => (await ({EVERYTHING})()) === '[]'")
