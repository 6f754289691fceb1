"""Both journeys on the whole country, walked by everybody who has a part in them, each in a language of their own, on a phone.

Every screen passed is looked at by axe. What is refused on the way: another name, a return, an owner who does not consent.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, Page

from sild.nation import COUNTRY, Nation, NationPlan
from support.accessible import check
from support.chromium import chromium

pytestmark = pytest.mark.slow
PHONE = {"width": 390, "height": 844}
PATIENCE = 30.0
Someone = Mapping[str, str]


loops: dict[Nation, asyncio.AbstractEventLoop] = {}


@contextmanager
def running(directory: Path, plan: NationPlan = COUNTRY) -> Iterator[Nation]:
    """The country on an event loop of its own: the browser has this thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        nation = asyncio.run_coroutine_threadsafe(Nation.start(directory, plan=plan), loop).result(120)
        loops[nation] = loop
        try:
            yield nation
        finally:
            asyncio.run_coroutine_threadsafe(nation.stop(), loop).result(60)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.fixture(scope="module")
def country(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nation]:
    with running(tmp_path_factory.mktemp("walks") / "nation") as nation:
        yield nation


@pytest.fixture(scope="module")
def browser(country: Nation) -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def people(country: Nation) -> dict[str, Someone]:
    return {one["id"]: one for one in country.description["test_people"]}  # type: ignore[attr-defined]


class Walker:
    """One person at their phone, in their language."""

    def __init__(self, browser: Browser, country: Nation, person: Someone, language: str) -> None:
        self.portal = country.portal_url
        self.language = language
        self.office = person.get("authority")
        context = browser.new_context(viewport=PHONE, locale=language, service_workers="block")  # type: ignore[arg-type]
        self.page: Page = context.new_page()
        self.faults: list[str] = []
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self._log_in(person)

    def _log_in(self, person: Someone) -> None:
        page = self.page
        page.goto(f"{self.portal}/login")
        page.locator("main form button").nth(1 if self.office else 0).click()
        page.locator(f"button[value='{person['country']}{person['code']}']").click()
        page.wait_for_load_state()
        if "/representee" in page.url:
            page.locator("form[action$='/representee'] button").first.click()
        page.wait_for_url(f"{self.portal}/**")

    def see(self, name: str) -> None:
        """The screen, in the person's language and for everybody to use."""
        assert self.page.locator("html").get_attribute("lang") == self.language
        check(self.page, f"walk-{name}-{self.language}")

    def find(self, path: str, link: str) -> None:
        """Open the page again and again until it has the link, then follow it."""
        end = time.monotonic() + PATIENCE
        found = self.page.locator(f"main a[href*='{link}']")
        self.page.goto(self.portal + path)
        while not found.count():
            assert time.monotonic() < end, f"no {link}: {self.page.locator('main').inner_text()[:800]}"
            time.sleep(0.2)
            self.page.goto(self.portal + path)
        self.see(path.strip("/").partition("?")[0].partition("/")[0])
        found.first.click()
        self.page.wait_for_load_state()

    def reads(self, path: str, *words: str) -> None:
        end = time.monotonic() + PATIENCE
        while True:
            self.page.goto(self.portal + path)
            text = self.page.locator("main").inner_text()
            if all(word in text for word in words):
                return
            assert time.monotonic() < end, f"no {words}: {text[:1500]}"
            time.sleep(0.2)

    def fill(self, name: str, value: str) -> None:
        self.page.locator(f"[name='f.{name}']").fill(value)

    def choose(self, name: str, value: str | None = None) -> None:
        """value: the beginning of it; None: the first."""
        which = f"[value^='{value}']" if value else ""
        self.page.locator(f"input[name='f.{name}']{which}").first.check()

    def send(self, action: str, screen: str) -> None:
        """Looks at the screen, sends it, looks at the receipt."""
        assert screen in self.page.url
        self.see(screen)
        self.page.locator(f"button[name='do'][value='{action}']").click()
        self.page.wait_for_url("**/receipts/*")
        self.see(f"{screen}-receipt")

    def at_the_desk(self, case: str, screen: str) -> None:
        self.find(f"/desk?office={self.office}", f"/desk/cases/{case}")
        self.find(f"/desk/cases/{case}?office={self.office}", f"/screens/{screen}")

    def done(self) -> None:
        assert self.faults == []
        self.page.context.close()


def case_in(address: str) -> str:
    return address.partition("/cases/")[2].split("/")[0]


# --- J1


def give_notice(browser: Browser, country: Nation, mother: Someone, father: Someone | None = None) -> None:
    page = browser.new_page(viewport=PHONE)  # type: ignore[arg-type]
    page.goto(country.description["ward"]["address"] + "?lang=et")  # type: ignore[index]
    page.locator("#mother").fill(mother["code"])
    page.locator("#father").fill(father["code"] if father else "")
    page.locator("form[action^='births'] button").click()
    page.get_by_text(mother["code"]).wait_for()
    page.context.close()


def choose_name(parent: Walker, name: str) -> str:
    parent.find("/home", "/screens/birth.check_and_name")
    case = case_in(parent.page.url)
    parent.fill("given_names", name)
    parent.choose("family_name")
    parent.choose("address")
    parent.choose("wants_place", "yes")
    parent.choose("kindergarten")
    parent.send("DECLARE", "birth.check_and_name")
    return case


def take_offer(parent: Walker) -> None:
    parent.find("/home", "/screens/birth.offer")
    for name in parent.page.evaluate(
        "[...new Set([...document.querySelectorAll('#screen input[type=radio], #screen input[type=checkbox]')].map(one => one.name))]"
    ):
        parent.page.locator(f"[name='{name}']").first.check()
    parent.fill("account", "EE382200221020145685")
    parent.send("ACCEPT", "birth.offer")


def test_a_child_is_born(country: Nation, browser: Browser, people: dict[str, Someone]) -> None:
    """The father proposes another name; the office returns it; they agree, and everything follows."""
    give_notice(browser, country, people["married_mother"])
    mother = Walker(browser, country, people["married_mother"], "et")
    father = Walker(browser, country, people["married_father"], "vi")
    official = Walker(browser, country, people["birth_official"], "en")
    case = choose_name(mother, "Mari")

    father.find("/home", f"/cases/{case}/screens/birth.cosign")
    father.fill("given_names", "Leelo")
    father.choose("family_name")
    father.send("PROPOSE", "birth.cosign")
    mother.reads(f"/cases/{case}", "Ametnik vaatab nimed üle")
    mother.see("birth-differed")

    official.at_the_desk(case, "birth.desk")
    official.choose("defects", "parents_disagree")
    official.fill("words", "Please agree on one name.")
    official.send("RETURN", "birth.desk")
    father.reads(f"/cases/{case}", "Được trả lại")
    father.see("birth-returned")

    mother.find(f"/cases/{case}", "/screens/birth.check_and_name")
    mother.fill("given_names", "Leelo")
    mother.send("DECLARE", "birth.check_and_name")
    father.find("/home", f"/cases/{case}/screens/birth.cosign")
    father.send("COSIGN", "birth.cosign")
    mother.reads(f"/cases/{case}", "Sünd registreeriti", "Leelo")
    take_offer(mother)
    mother.reads(f"/cases/{case}", "Hüvitised määrati")
    mother.see("birth-granted")
    father.reads(f"/cases/{case}", "Đã đăng ký khai sinh", "Leelo")
    father.see("birth-granted")
    contest_grant(father, Walker(browser, country, people["social_contest_official"], "en"))
    mother.reads("/who-looked", "Riigi Infosüsteemi Amet", "Elukoht")
    assert "looked up" not in mother.page.locator("main").inner_text()
    mother.see("who-looked")
    for one in (mother, father, official):
        one.done()


def contest_grant(parent: Walker, official: Walker) -> None:
    """The decision explains itself and is decided again; a wrong fact is contested; the facts first, then the answer."""
    page = parent.page
    page.goto(parent.portal + "/decisions")
    parent.see("decisions")
    page.locator("main a[href*='/decisions/social/']").first.click()
    page.locator("form[action$='/again'] button").click()
    page.locator(".note.good").wait_for()
    parent.see("decision")
    page.locator("form[action$='/wrong'] button").click()
    page.wait_for_url("**/screens/contest.statement")
    case = case_in(page.url)
    parent.choose("line", "fact")
    page.locator("select[name='f.fact']").select_option(index=1)
    parent.fill("statement", "Con sinh ngày khác.")
    parent.send("CONTEST", "contest.statement")
    official.at_the_desk(case, "contest.look")
    assert "320.00 EUR" not in official.page.locator("main").inner_text(), "not what was decided"
    official.fill("view", "The date of birth stands in the register.")
    official.send("LOOK", "contest.look")
    official.at_the_desk(case, "contest.desk")
    assert "320.00 EUR" in official.page.locator("main").inner_text()
    official.fill("reasons", "Ngày sinh đúng như trong cơ sở dữ liệu.")
    official.send("UPHOLD", "contest.desk")
    parent.reads(f"/cases/{case}", "Ngày sinh đúng như trong cơ sở dữ liệu.")
    parent.see("contest-answered")
    for path in ("/algorithms", "/algorithms/family-benefits"):
        page.goto(parent.portal + path)
        parent.see(path.strip("/").replace("/", "-"))
    official.done()


# --- J2


def send_notice(resident: Walker, owner: Someone) -> str:
    page = resident.page
    page.goto(f"{resident.portal}/services/move")
    resident.see("move")
    page.locator("form[action$='/begin'] button").click()
    page.wait_for_url("**/cases/**")
    case = case_in(page.url)
    if "/screens/" not in page.url:
        resident.find(f"/cases/{case}", "/screens/move.place")
    resident.choose("where", "here")
    resident.fill("words", owner["address"])
    resident.send("FIND", "move.place")
    resident.find(f"/cases/{case}", "/screens/move.notice")
    resident.choose("place", "dwelling:")
    resident.choose("people")
    resident.fill("valid_from", datetime.now(ZoneInfo("Europe/Tallinn")).date().isoformat())
    resident.choose("basis", "consent")
    resident.send("SEND", "move.notice")
    return case


def register(official: Walker, case: str) -> None:
    official.at_the_desk(case, "move.desk")
    official.send("ACCEPT", "move.desk")
    official.at_the_desk(case, "move.decide")
    official.send("DECIDE", "move.decide")


def test_somebody_moves(country: Nation, browser: Browser, people: dict[str, Someone]) -> None:
    resident = Walker(browser, country, people["check_resident"], "vi")
    owner = Walker(browser, country, people["check_owner"], "en")
    official = Walker(browser, country, people["residence_official"], "et")
    case = send_notice(resident, people["check_owner"])
    owner.find("/home", f"/cases/{case}/screens/move.consent")
    shown = owner.page.locator("main").inner_text()
    assert people["check_resident"]["name"] in shown and people["check_resident"]["code"] not in shown
    owner.send("CONSENT", "move.consent")
    register(official, case)
    resident.reads(f"/cases/{case}", "Đã đăng ký nơi cư trú", "Đã báo cho các cơ quan")
    resident.see("move-registered")
    resident.reads("/my-data", people["check_owner"]["address"].split(",")[0])
    resident.see("my-data")
    resident.page.goto(f"{resident.portal}/who-looked")
    assert case in resident.page.content()
    resident.see("who-looked")
    for one in (resident, owner, official):
        one.done()


def test_an_owner_refuses(country: Nation, browser: Browser, people: dict[str, Someone]) -> None:
    """The office returns it first; sent again, the home is entered to the level of the commune."""
    resident = Walker(browser, country, people["unmarried_father"], "en")
    owner = Walker(browser, country, people["owner"], "vi")
    official = Walker(browser, country, people["residence_official"], "et")
    case = send_notice(resident, people["owner"])
    owner.find("/home", f"/cases/{case}/screens/move.consent")
    owner.send("REFUSE", "move.consent")
    official.at_the_desk(case, "move.desk")
    official.choose("defects", "consent_missing")
    official.send("RETURN", "move.desk")
    resident.find(f"/cases/{case}", "/screens/move.notice")
    assert "consent" in resident.page.locator("main").inner_text()
    resident.send("SEND", "move.notice")
    register(official, case)
    resident.reads(f"/cases/{case}", "The home was registered", "Entered to the level of")
    resident.see("move-commune")
    address = people["owner"]["address"].split(",")[0]
    resident.page.goto(f"{resident.portal}/my-data")
    assert address not in resident.page.locator("main").inner_text()
    for one in (resident, owner, official):
        one.done()
