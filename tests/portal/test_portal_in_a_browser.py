"""Every screen in a real browser: axe (WCAG 2.2 AA), three languages, phone and desk, light and dark, with a script and without;
weight; the application offline.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import date

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from sild.cases import LogWitness
from sild.documents import card_presentation
from sild.errors import CallerError
from sild.openid import Party
from support.accessible import check
from support.chromium import chromium
from support.portal_world import JAAN, MARI, OFFICE, PEETER, PortalWorld

from ..documents.papers import AT, CLAIMS, issued

SIZES = {"phone": {"width": 390, "height": 844}, "desk": {"width": 1280, "height": 900}}
SCREEN = "/cases/case-1/screens/birth.check_and_name"
OPEN = {"front": "/", "service": "/services/birth", "service-begin": "/services/move", "life": "/life/having_a_child",
        "login": "/login?reason=ended_there", "offline": "/offline", "assistant": "/assistant", "help": "/help", "law": "/law/RRS"}  # fmt: skip
OWN = {"home": "/home", "case": "/cases/case-1", "case-closed": "/cases/case-2", "screen": SCREEN, "inbox": "/inbox", "my-data": "/my-data",
       "who-looked": "/who-looked", "log-check": "/who-looked/check", "settings": "/settings", "consents": "/consents", "mandates": "/mandates", "pass-on": "/mandates/{mandate}/pass-on", "no-case": "/cases/none"}  # fmt: skip
DESK = {"desk": "/desk", "desk-case": "/desk/cases/case-1", "desk-screen": "/desk/cases/case-1/screens/birth.register",
        "look-up": "/desk/look-up", "own-access": "/desk/own-access",
        "sightings": "/desk/sightings", "numbers": "/desk/numbers", "number-block": "/desk/numbers/block-1",
        "hand-in": "/desk/hand-in", "handed-in": "/desk/hand-in/S-2026-000101"}  # fmt: skip


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[PortalWorld, Browser]]:
    with PortalWorld(tmp_path_factory.mktemp("portal")).running() as world, chromium() as browser:
        world.provider.add_official_role(PEETER.subject, OFFICE.role, OFFICE.organisation)
        world.may_act_for_child()
        credential = issued(tmp_path_factory.mktemp("issuer")).issuer.issue(
            CLAIMS, at=AT, until=AT.replace(year=2031), status_index=1
        )
        card = {"state": "valid", "presentation": card_presentation(credential)}
        world.exchange.papers[f"/persons/{MARI.subject[2:]}/card"] = card
        OWN["pass-on"] = OWN["pass-on"].format(mandate=passed_on_by_mari(world))
        yield world, browser


def log_witnesses() -> tuple[LogWitness, ...]:
    """One log that has more than population lists and less than residence does, and a keeper who does not answer."""
    residence, mark = "GOV/70000006/residence", "ab" * 32
    said = {
        "log": "SILD/GOV/70000002/ss1", "since": "2026-02-03T00:00:00+00:00", "kept_since": None,
        "hosts": ["GOV/70000002/population", residence], "unread": {residence: 2},
        "registers": {"GOV/70000002/population": [mark, "cd" * 32], "GOV/70000009/police": ["ef" * 32]},
        "in_passing": {residence: ["01" * 32]}, "lacking": [hashlib.sha256(b"m-2").hexdigest()],
    }  # fmt: skip
    return LogWitness("GOV/70000002/messagelog", "-", said), LogWitness(
        "GOV/70000003/messagelog", failed="timeout"
    )


def passed_on_by_mari(world: PortalWorld) -> str:
    """The mandate she has from Jaan, and passed on; she has given one that was passed on, too."""
    mari, jaan, peeter = (
        Party("NATURAL_PERSON", one.subject, first_name=one.given_name, surname=one.family_name)
        for one in (MARI, JAAN, PEETER)
    )
    mandates, role = world.provider.mandates, "SILD:REPRESENTATIVE"
    for giver, holder in ((mari, jaan), (jaan, mari)):
        held = mandates.add(
            giver, holder, role, actor=giver.identifier, valid_through=date(2027, 6, 1), depth=2
        )
        mandates.sub_delegate(held.id, peeter, actor=holder.identifier, depth=1)
    return held.id


@pytest.fixture
def world(running: tuple[PortalWorld, Browser]) -> PortalWorld:
    world, _ = running
    world.cases.__init__()  # type: ignore[misc]  as new for each test
    return world


@pytest.fixture
def browser(running: tuple[PortalWorld, Browser]) -> Browser:
    return running[1]


def log_in(page: Page, world: PortalWorld, *, official: bool = False) -> None:
    page.goto(world.url + "/login" + ("?return_to=/desk" if official else ""))
    page.locator("main form button").nth(1 if official else 0).click()
    page.locator("button.choice").nth(2 if official else 0).click()
    if official:
        page.locator("form[action$='/device/unmanaged'] button").click()
    page.wait_for_url(world.url + ("/desk" if official else "/home"))


def weigh(page: Page, world: PortalWorld, path: str) -> int:
    """Bytes of page, style and script, uncompressed."""
    total: list[int] = []
    page.on(
        "response",
        lambda answer: (
            total.append(len(answer.body()))
            if answer.request.resource_type in ("document", "stylesheet", "script")
            else None
        ),
    )
    answer = page.goto(world.url + path)
    assert answer is not None and answer.status in (200, 404)
    page.wait_for_load_state()
    return sum(total)


def context(browser: Browser, size: str, language: str, **more: object) -> BrowserContext:
    settings = {"viewport": SIZES[size], "locale": language, "service_workers": "block", **more}
    return browser.new_context(**settings)  # type: ignore[arg-type]  playwright's own union


@pytest.mark.slow
@pytest.mark.parametrize("language", ["et", "vi", "en"])
@pytest.mark.parametrize("size", ["phone", "desk"])
def test_every_screen(world: PortalWorld, browser: Browser, size: str, language: str) -> None:
    """Judged by axe on a phone in each language and on a desk in the one with the longest words; looked at everywhere."""
    judged = size == "phone" or language == "vi"
    citizen = context(browser, size, language)
    errors: list[str] = []
    page = citizen.new_page()
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on(
        "console",
        lambda said: errors.append(said.text) if said.type == "error" and "404" not in said.text else None,
    )
    for name, path in OPEN.items():
        page.goto(world.url + path)
        check(page, f"{name}-{size}-{language}", judged=judged)
    log_in(page, world)
    for name, path in OWN.items():
        page.goto(world.url + path)
        assert page.locator("html").get_attribute("lang") == language
        check(page, f"{name}-{size}-{language}", judged=judged)
    page.goto(world.url + "/who-looked")
    page.locator("summary").first.click()
    check(page, f"who-looked-open-{size}-{language}", judged=judged)
    world.cases.witnesses = log_witnesses()
    page.goto(world.url + "/who-looked/check")
    page.locator("summary").first.click()
    check(page, f"log-check-differs-{size}-{language}", judged=judged)
    world.cases.witnesses = ()
    page.goto(world.url + "/papers/insurance-card")
    check(page, f"paper-{size}-{language}", judged=judged)
    page.locator("form[action$='/once'] button").click()
    page.wait_for_url("**/once/*")
    check(page, f"shown-mine-{size}-{language}", judged=judged)
    checker_of = page.url
    page.goto(world.url + "/papers/insurance-card")
    page.locator("form[action$='/wallet'] button").click()
    page.wait_for_url("**/wallet/*")
    check(page, f"wallet-{size}-{language}", judged=judged)
    page.locator("summary").click()
    check(page, f"wallet-number-{size}-{language}", judged=judged)
    checker = context(browser, size, language).new_page()
    checker.goto(f"{world.url}/shown/{checker_of.rpartition('/')[2]}")
    check(checker, f"shown-waits-{size}-{language}", judged=judged)
    checker.locator("main form button").click()
    checker.get_by_text("Thị Hường").wait_for()
    check(checker, f"shown-{size}-{language}", judged=judged)
    page.reload()
    check(page, f"shown-looked-at-{size}-{language}", judged=judged)
    checker.context.close()
    world.cases.containers_refused["m-1"] = CallerError("-", code="unknown_message")
    page.goto(world.url + "/who-looked/evidence/1")
    check(page, f"no-evidence-{size}-{language}", judged=judged)
    official = context(browser, size, language).new_page()
    log_in(official, world, official=True)
    for name, path in DESK.items():
        official.goto(world.url + path)
        check(official, f"{name}-{size}-{language}", judged=judged)
    assert errors == []
    citizen.close()
    official.context.close()


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_the_way_through_a_screen(world: PortalWorld, browser: Browser, script: bool) -> None:
    """Errors named with links, values kept, receipt; the same way with and without a script."""
    opened = context(browser, "phone", "en", java_script_enabled=script)
    page = opened.new_page()
    log_in(page, world)
    page.get_by_role("link", name="Choose your child's name").click()
    page.get_by_label("Given names").fill("Ada")
    assert page.get_by_label("From when").is_visible() is not script
    page.get_by_label("Yes").check()
    assert page.get_by_label("From when").is_visible()
    page.get_by_role("button", name="Sign and send").click()
    page.get_by_role("heading", name="2 to put right").wait_for()
    assert page.title().startswith("Error:") and page.get_by_label("Given names").input_value() == "Ada"
    if script:
        assert page.evaluate("document.activeElement.id") == "errors"
        check(page, "errors-phone-en")
    page.get_by_role("link", name="I am sure of it").click()
    page.get_by_label("I am sure of it").check()
    page.get_by_label("From when").fill("2027-09-01")
    page.get_by_role("button", name="Sign and send").click()
    page.get_by_role("heading", name="Received").wait_for()
    if script:
        check(page, "receipt-phone-en")
    assert len(world.cases.acts) == 1
    opened.close()


def test_acting_for_a_child_in_the_dark(world: PortalWorld, browser: Browser) -> None:
    opened = context(browser, "phone", "en", color_scheme="dark")
    page = opened.new_page()
    log_in(page, world)
    for path in ("/home", "/cases/case-1", SCREEN, "/who-looked", "/settings"):
        page.goto(world.url + path)
        check(page, "dark", dark=True)
    page.get_by_role("button", name="Choose for whom").click()
    page.get_by_role("button", name="Leida Maasikas").click()
    page.get_by_text("You act for:").wait_for()
    check(page, "acting-phone-en")
    opened.close()


def test_every_page_weighs_less_than_fifty_kilobytes(world: PortalWorld, browser: Browser) -> None:
    opened = context(browser, "desk", "vi")
    login = opened.new_page()
    log_in(login, world)
    for path in (*OPEN.values(), *OWN.values()):
        page = opened.new_page()
        assert weigh(page, world, path) < 50_000, path
        page.close()
    opened.close()


def test_a_draft_saves_itself(world: PortalWorld, browser: Browser) -> None:
    opened = context(browser, "phone", "en")
    page = opened.new_page()
    log_in(page, world)
    page.goto(world.url + SCREEN)
    page.get_by_label("Given names").fill("Ada")
    page.get_by_text("Draft saved").wait_for()
    assert next(iter(world.cases.drafts.values()))["given_names"] == ["Ada"]
    opened.close()


def test_written_offline_and_sent_when_the_person_is_back_and_confirms(
    world: PortalWorld, browser: Browser
) -> None:
    opened = context(browser, "phone", "en", service_workers="allow")
    page = opened.new_page()
    log_in(page, world)
    page.evaluate("navigator.serviceWorker.ready")
    page.goto(world.url + SCREEN)
    opened.set_offline(True)
    page.get_by_text("There is no connection. You can go on writing").wait_for()
    page.get_by_label("Given names").fill("Ada")
    page.get_by_label("No", exact=True).check()
    page.get_by_label("I am sure of it").check()
    page.get_by_text("Kept on this device, not sent. Files are not kept").wait_for()
    page.get_by_role("button", name="Sign and send").click()
    page.get_by_text("Kept on this device, not sent. Files are not kept").wait_for()
    page.goto(world.url + "/home")
    page.get_by_role("heading", name="No connection").wait_for()
    assert world.cases.acts == [] and world.cases.drafts == {}
    opened.set_offline(False)
    page.goto(world.url + "/home")
    page.get_by_role("link", name="Waits to be sent").click()
    page.get_by_role("button", name="Put it into the form").click()
    assert page.get_by_label("Given names").input_value() == "Ada" and world.cases.acts == []
    page.get_by_role("button", name="Sign and send").click()
    page.get_by_role("heading", name="Received").wait_for()
    assert world.cases.acts[0][3]["given_names"] == ["Ada"]
    opened.close()


def test_it_can_be_installed(world: PortalWorld, browser: Browser) -> None:
    """Chromium's own verdict on manifest and service worker."""
    opened = context(browser, "phone", "en", service_workers="allow")
    page = opened.new_page()
    page.goto(world.url)
    page.evaluate("navigator.serviceWorker.ready")
    devtools = opened.new_cdp_session(page)
    manifest = devtools.send("Page.getAppManifest")
    assert manifest["errors"] == [] and '"display":"standalone"' in manifest["data"]
    faults = devtools.send("Page.getInstallabilityErrors")["installabilityErrors"]
    assert [fault["errorId"] for fault in faults if fault["errorId"] != "in-incognito"] == []
    opened.close()
