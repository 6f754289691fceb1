"""Pictures of the portal for docs/portal.md, taken of the running country while people go through both journeys: `make pictures`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from sild.nation import Nation
from support.chromium import chromium

from .walker import DESK, PHONE, Walker
from .walks import Crowd, Walks, inhabited, today

DIRECTORY = Path(__file__).parents[2] / "docs" / "portal"
HEIGHT = 900
HEAVIEST = 150_000
ACCOUNT = "EE382200221020145685"


@pytest.fixture(scope="module")
def country(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nation]:
    crowd = Crowd()
    crowd.couple("mother", "father")
    crowd.house("owner")
    crowd.single("mover")
    crowd.single("alive")
    with inhabited(tmp_path_factory.mktemp("pictures") / "nation", crowd) as nation:
        yield nation


@pytest.fixture(scope="module")
def browser(country: Nation) -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


def take(page: Page, name: str, size: Any = PHONE, *, dark: bool = False, height: int = HEIGHT) -> None:
    page.set_viewport_size({**size, "height": height})
    page.emulate_media(color_scheme="dark" if dark else "light")
    page.wait_for_load_state("networkidle")
    page.evaluate("document.activeElement && document.activeElement.blur()")
    page.evaluate("scrollTo(0, 0)")
    picture = page.screenshot()
    assert len(picture) < HEAVIEST, f"{name}: {len(picture)} bytes"
    (DIRECTORY / f"{name}.png").write_bytes(picture)
    page.emulate_media(color_scheme="light")


class Pictures(Walks):
    """Each in the language they are asked in."""

    def __init__(self, country: Nation, browser: Browser, **languages: str) -> None:
        super().__init__(country, browser, 0, script=True)
        for role, language in languages.items():
            self._walkers[role] = Walker(browser, country, self.people[role], language)


@pytest.mark.timeout(900)
def test_pictures(country: Nation, browser: Browser) -> None:
    guest = browser.new_page(locale="en")
    guest.goto(country.portal_url)
    take(guest, "front-phone-en")
    walks = Pictures(
        country, browser, mother="en", father="vi", social_contest_official="en", residence_official="et", mover="et",
        alive="en", population_register_official="en", second_population_register_official="en",
    )  # fmt: skip
    case = name_the_child(walks)
    benefits(walks, case)
    contest(walks)
    move(walks)
    lives(walks)
    registers_of_the_public(guest, country)


def name_the_child(walks: Walks) -> str:
    walks.born("mother")
    mother, page = walks["mother"], walks["mother"].page
    mother.task("birth.check_and_name")
    case = mother.case
    mother.give(family_name="*", wants_place="yes")
    mother.press("birth.check_and_name", "DECLARE")
    page.locator("#errors").wait_for()
    take(page, "errors-phone-en")
    mother.give(given_names="Mari", family_name="*", address="*", wants_place="yes", kindergarten="!any")
    mother.send("birth.check_and_name", "DECLARE")
    father = walks["father"]
    father.task("birth.cosign", case)
    take(father.page, "cosign-phone-vi")
    father.send("birth.cosign", "COSIGN")
    return case


def benefits(walks: Walks, case: str) -> None:
    mother, father = walks["mother"], walks["father"]
    mother.reads(
        f"/cases/{case}", "birth.action.OFFER", "birth.action.CARD", "birth.action.QUEUE", name="case"
    )
    take(mother.page, "case-phone-en")
    for walker, name, dark in ((mother, "home-phone-en", False), (father, "home-phone-vi-dark", True)):
        walker.open("/home", "home")
        take(walker.page, name, dark=dark)
    mother.task("birth.offer", case)
    take(mother.page, "offer-phone-en")
    mother.give(choice="*", account=ACCOUNT)
    mother.send("birth.offer", "ACCEPT")
    mother.reads(f"/cases/{case}", "birth.action.GRANT", name="case")
    take(mother.page, "case-desk-en", DESK)
    mother.open("/who-looked", "who-looked")
    take(mother.page, "tracker-phone-en")
    mother.open("/my-data", "my-data")
    take(mother.page, "my-data-phone-en")


def contest(walks: Walks) -> None:
    mother, father, official = walks["mother"], walks["father"], walks["social_contest_official"]
    for walker, name, size in ((mother, "decision-desk-en", DESK), (father, "decision-phone-vi", PHONE)):
        walker.open("/decisions", "decisions")
        if walker is father:
            take(walker.page, "decisions-phone-vi")
        walker.page.locator("main a[href*='/decisions/social/']").first.click()
        walker.page.wait_for_load_state()
        take(walker.page, name, size)
    mother.page.locator("form[action$='/wrong'] button").click()
    mother.page.wait_for_url("**/screens/contest.statement")
    case = mother.page.url.partition("/cases/")[2].split("/")[0]
    take(mother.page, "contest-phone-en")
    mother.give(line="circumstances", statement="We have had twins at home since March.")
    mother.send("contest.statement", "CONTEST")
    official.task("contest.look", case)
    take(official.page, "contest-desk-en", DESK)


def move(walks: Walks) -> None:
    mover, page = walks["mover"], walks["mover"].page
    case = walks.begun("mover")
    mover.give(where="here", words=walks.people["owner"]["address"])
    mover.send("move.place", "FIND")
    mover.find(f"/cases/{case}", "/screens/move.notice")
    mover.give(place="dwelling:", valid_from=today(), basis="consent")
    take(page, "move-phone-et")
    mover.send("move.notice", "SEND")
    walks["owner"].do("move.consent", "CONSENT", case)
    official = walks["residence_official"]
    official.find(f"/desk?office={official.office}", f"/desk/cases/{case}")
    official.reads(f"/desk/cases/{case}?office={official.office}", "move.status.RECEIVED", name="desk-case")
    take(official.page, "work-case-desk-et", DESK)


def lives(walks: Walks) -> None:
    """She is said to be dead; the second of two officials reads what the first one said."""
    alive, her = walks["alive"], walks.people["alive"]
    page = walks.at_ward("physician")
    page.goto(f"{walks.ward}?lang=en")
    page.locator("#person").fill(her["code"])
    page.locator("#full_name").fill(her["name"])
    take(page, "ward-phone-en")
    page.close()
    walks.died(her["code"], her["name"])
    alive.open("/my-data?register=population", "my-data-population")
    wrong = alive.page.locator("form[action='/my-data/wrong']").filter(
        has=alive.page.locator("input[name='concept'][value='person.date_of_death']")
    )
    wrong.locator("xpath=ancestor::details").first.evaluate("(one) => one.open = true")
    wrong.locator("[name='reason']").fill("I am alive.")
    wrong.locator("button").click()
    alive.page.wait_for_url("**/receipts/*")
    first, second = walks["population_register_official"], walks["second_population_register_official"]
    waits = "register_matter.status.DISPUTED_DEATH"
    first.do(
        "register_matter.death",
        "ANNUL",
        first.on_desk(waits),
        words="She was at our counter, with her passport.",
    )
    alive.reads("/inbox", "register_matter.told_annulment_waits", name="inbox")
    second.task("register_matter.death", second.on_desk(waits))
    take(second.page, "death-desk-en", DESK)


def registers_of_the_public(guest: Page, country: Nation) -> None:
    guest.goto(f"{country.portal_url}/algorithms/family-benefits?lang=en")
    take(guest, "algorithm-desk-en", DESK, height=640)
    guest.goto(f"{country.portal_url}/assistant?lang=en")
    guest.locator("[name='question']").fill("What do I get when my child is born?")
    guest.locator("form:has([name='question']) button").first.click()
    guest.wait_for_load_state()
    take(guest, "assistant-phone-en")
