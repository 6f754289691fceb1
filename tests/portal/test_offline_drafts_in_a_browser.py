"""What is written offline waits on the device sealed: nobody reads it but who wrote it, logged in, and it goes when they log out."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from support.chromium import chromium
from support.portal_world import JAAN, MARI, PortalWorld

SCREEN = "/cases/case-1/screens/birth.check_and_name"
KEPT = "Kept on this device, not sent"
WAITS = "Waits to be sent"
EVERYTHING = """async () => {
  const of = (request) => new Promise((yes, no) => { request.onsuccess = () => yes(request.result); request.onerror = () => no(request.error); });
  const found = { local: { ...localStorage }, salts: [], sealed: [], keys: [] };
  for (const { name } of await indexedDB.databases()) {
    const database = await of(indexedDB.open(name));
    for (const store of database.objectStoreNames) {
      const rows = database.transaction(store).objectStore(store);
      for (const row of await of(rows.getAll())) {
        const bytes = row.data ? new Uint8Array(row.data) : row;
        found[store].push(String.fromCharCode(...bytes));
      }
      found.keys.push(...await of(database.transaction(store).objectStore(store).getAllKeys()));
    }
    database.close();
  }
  return JSON.stringify(found);
}"""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[PortalWorld, Browser]]:
    with PortalWorld(tmp_path_factory.mktemp("drafts")).running() as world, chromium() as browser:
        yield world, browser


@pytest.fixture
def world(running: tuple[PortalWorld, Browser]) -> PortalWorld:
    world, _ = running
    world.cases.__init__()  # type: ignore[misc]  as new for each test
    return world


@pytest.fixture
def browser(running: tuple[PortalWorld, Browser]) -> Browser:
    return running[1]


@pytest.fixture
def device(browser: Browser) -> Iterator[BrowserContext]:
    opened = browser.new_context(viewport={"width": 390, "height": 844}, locale="en", service_workers="block")
    yield opened
    opened.close()


def log_in(page: Page, world: PortalWorld, person: str) -> None:
    page.goto(world.url + "/login")
    page.locator("main form[action='/login'] button").first.click()
    page.locator(f"button[value='{person}']").click()
    page.wait_for_url(
        lambda url: "/representee" in url or url.startswith(world.url + "/")
    )  # a click waits for no page
    if "/representee" in page.url:
        page.locator("form[action$='/representee'] button").first.click()
    page.wait_for_url(world.url + "/**")


def write_offline(page: Page, world: PortalWorld, name: str = "Ada") -> None:
    """In a window of its own, closed before there is a network again: while it stands, it would send what it kept."""
    writing = page.context.new_page()
    writing.goto(world.url + SCREEN)
    page.context.set_offline(True)
    writing.get_by_label("Given names").fill(name)
    writing.get_by_text(KEPT).wait_for()
    writing.close()
    page.context.set_offline(False)
    page.goto(world.url + "/keys")


def on_device(page: Page) -> dict[str, object]:
    found: dict[str, object] = json.loads(page.evaluate(EVERYTHING))
    return found


def test_on_the_device_it_is_sealed(world: PortalWorld, device: BrowserContext) -> None:
    page = device.new_page()
    log_in(page, world, MARI.subject)
    write_offline(page, world, "Adalberta")
    found = on_device(page)
    assert len(found["sealed"]) == len(found["salts"]) == 1  # type: ignore[arg-type]
    assert found["local"] == {}
    text = json.dumps(found)
    for told in ("Adalberta", "case-1", "given_names", MARI.subject):
        assert told not in text
    assert (
        page.evaluate("document.body.dataset.shelf") is None
    )  # no other script reads what the key is made of
    assert page.evaluate(
        "crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, ['encrypt']).then((key) => crypto.subtle.exportKey('raw', key)).then(() => 'out', (error) => error.name)"
    ) == "InvalidAccessError"  # so the browser keeps what we ask of it  # fmt: skip


def test_it_is_there_for_the_same_person_after_another_session(
    world: PortalWorld, device: BrowserContext
) -> None:
    page = device.new_page()
    log_in(page, world, MARI.subject)
    write_offline(page, world)
    device.clear_cookies()  # the session ends without a log-out
    log_in(page, world, MARI.subject)
    page.goto(world.url + "/home")
    page.get_by_role("link", name=WAITS).click()
    page.get_by_role("button", name="Put it into the form").click()
    assert page.get_by_label("Given names").input_value() == "Ada"
    page.get_by_text("Draft saved").wait_for()
    page.goto(world.url + "/home")
    page.wait_for_load_state("networkidle")
    assert not page.get_by_role("link", name=WAITS).count() and on_device(page)["sealed"] == []


def test_another_person_on_the_device_sees_nothing(world: PortalWorld, device: BrowserContext) -> None:
    """Nor can they open it with the page's own means: the secret their pages are told is another."""
    page = device.new_page()
    log_in(page, world, MARI.subject)
    write_offline(page, world)
    device.clear_cookies()
    log_in(page, world, JAAN.subject)
    for path in ("/home", SCREEN):
        page.goto(world.url + path)
        page.wait_for_load_state("networkidle")
        assert not page.get_by_text(WAITS).count() and not page.get_by_text("Put it into the form").count()
    stolen = on_device(page)["keys"]
    marks = {str(key).partition(" ")[0] for key in stolen}  # type: ignore[attr-defined]
    assert len(marks) == 1 and page.locator("body").get_attribute("data-who") not in marks
    page.evaluate(
        """async () => {
          const of = (request) => new Promise((yes, no) => { request.onsuccess = () => yes(request.result); request.onerror = () => no(request.error); });
          const database = await of(indexedDB.open("drafts"));
          const mine = document.body.dataset.who;
          for (const store of ["salts", "sealed"]) {
            const rows = () => database.transaction(store, "readwrite").objectStore(store);
            for (const key of await of(rows().getAllKeys())) {
              const theirs = await of(rows().get(key));
              await of(rows().put(theirs, key.replace(/^[0-9a-f]+/, mine)));
            }
          }
          database.close();
        }"""
    )
    page.goto(world.url + "/home")
    page.wait_for_load_state("networkidle")
    assert not page.get_by_text(WAITS).count()


def test_who_logs_out_takes_it_along(world: PortalWorld, device: BrowserContext) -> None:
    page = device.new_page()
    log_in(page, world, MARI.subject)
    write_offline(page, world)
    page.goto(world.url + "/settings")
    page.locator("form[action='/logout'] button").click()
    page.wait_for_url("**/logged-out*")
    found = on_device(page)
    assert found["salts"] == [] and found["sealed"] == []
    log_in(page, world, MARI.subject)
    page.goto(world.url + "/home")
    page.wait_for_load_state("networkidle")
    assert not page.get_by_text(WAITS).count()


def test_once_the_connection_is_back_the_portal_has_it(world: PortalWorld, device: BrowserContext) -> None:
    page = device.new_page()
    log_in(page, world, MARI.subject)
    page.goto(world.url + SCREEN)
    device.set_offline(True)
    page.get_by_label("Given names").fill("Ada")
    page.get_by_text(KEPT).wait_for()
    device.set_offline(False)
    page.get_by_text("Draft saved").wait_for()
    page.goto(world.url + "/keys")
    assert on_device(page)["sealed"] == []
    assert next(iter(world.cases.drafts.values()))["given_names"] == ["Ada"]


def test_what_was_kept_unsealed_before_is_thrown_away(world: PortalWorld, device: BrowserContext) -> None:
    page = device.new_page()
    log_in(page, world, MARI.subject)
    page.evaluate("localStorage.setItem('draft:0123:/cases/case-1', '{}')")
    page.goto(world.url + "/home")
    assert on_device(page)["local"] == {}
