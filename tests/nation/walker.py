"""Somebody at their phone or desk: goes through the country's portal by the words it has for everything, in their language.

A screen that anybody passes is judged once in each language: axe, weight, no word of another language, no key left over.
"""

from __future__ import annotations

import json
import re
import time
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Locator, Page, TimeoutError

import sild
from sild.nation import Nation
from support.accessible import check

SOURCE = Path(sild.__file__).parent
LANGUAGES = ("et", "vi", "en")
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 900}
PATIENCE = 60.0
HEAVIEST = 50_000
KEY = re.compile(
    r"\b(?:status|action|notice|reason|result|stop|concept|check|option|birth|move|removal|unknown)\.[A-Za-z_]{3,}"
)
WEIGHT = """() => [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource").filter(
    (one) => /\\.(css|js)(\\?|$)/.test(one.name))].reduce((sum, one) => sum + one.decodedBodySize, 0)"""
Someone = Mapping[str, str]

_seen: set[tuple[str, str, str]] = set()


@cache
def words(language: str) -> dict[str, str]:
    """Every text of the portal and the packs in a language, by key: `birth.status.OPENED`."""
    found: dict[str, str] = {}

    def take(table: Mapping[str, Any], prefix: str) -> None:
        for key, value in table.items():
            if isinstance(value, dict):
                take(value, f"{prefix}{key}.")
            else:
                found[prefix + key] = value

    for room in (SOURCE / "portal", *sorted(path for path in (SOURCE / "packs").iterdir() if path.is_dir())):
        file = room / "texts" / f"{language}.toml"
        if file.exists():
            take(tomllib.loads(file.read_text()), "")
    return found


@cache
def screen(screen_id: str) -> dict[str, Any]:
    (file,) = SOURCE.glob(f"packs/*/screens/{screen_id}.json")
    found: dict[str, Any] = json.loads(file.read_text())
    return found


@cache
def foreign(language: str) -> frozenset[str]:
    """Whole texts of other languages that are none of this one."""
    own = set(words(language).values())
    others = {text for other in LANGUAGES if other != language for text in words(other).values()}
    return frozenset(text for text in others - own if "{" not in text and " " in text)


@cache
def nameless(language: str) -> frozenset[str]:
    """What the portal makes of a concept's name that it has no words for."""
    names = [key.partition("concept.")[2] for key in words(language) if "concept." in key]
    made = {name.rpartition(".")[2].replace("_", " ").capitalize() for name in names}
    return frozenset() if language == "en" else frozenset(made - set(words(language).values()))


class Walker:
    def __init__(
        self, browser: Browser, country: Nation, person: Someone, language: str, *, script: bool = True
    ) -> None:
        self.portal = country.portal_url
        self.language, self.script = language, script
        self.office = person.get("authority")
        self.case = ""
        size: Any = DESK if self.office else PHONE
        self.context = browser.new_context(
            viewport=size, locale=language, service_workers="block", java_script_enabled=script
        )
        self.context.set_default_timeout(30_000)
        self.page: Page = self.context.new_page()
        self.faults: list[str] = []
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.person = person
        self._log_in()

    def _log_in(self) -> None:
        self.page.goto(f"{self.portal}/login")
        self.see("login")
        self.log_in_again()

    def log_in_again(self) -> None:
        """From the page that asks for it; for themselves."""
        page = self.page
        page.locator("main form[action='/login'] button").nth(1 if self.office else 0).click()
        page.wait_for_load_state()
        chosen = page.locator(f"button[value='{self.person['country']}{self.person['code']}']")
        if chosen.count():  # else one session for all services still holds
            self.see("provider-login")
            chosen.click()
            page.wait_for_load_state()
        if "/representee" in page.url:
            self.see("provider-representee")
            page.locator("form[action$='/representee'] button").first.click()
        page.wait_for_url(f"{self.portal}/**")

    def act_for(self, other: Someone) -> None:
        """From now on in the other's name, by their mandate."""
        page = self.page
        self.open("/settings", "settings")
        page.locator("form[action='/acting'] button[value='choose']").click()
        page.locator(f"button[value='{other['country']}{other['code']}']").click()
        page.wait_for_url(f"{self.portal}/**")
        assert other["name"] in page.locator("body").inner_text()

    def say(self, key: str, **values: str) -> str:
        return words(self.language)[key].format(**values)

    def see(self, name: str) -> None:
        """Judges the screen, the first time in this language."""
        self.page.wait_for_load_state()
        assert self.page.locator("html").get_attribute("lang") == self.language, name
        seen = (name, self.language, "desk" if self.office else "phone")
        if seen in _seen or not self.script:
            return
        _seen.add(seen)
        check(self.page, f"walk-{name}-{seen[2]}-{self.language}")
        weight = self.page.evaluate(WEIGHT)
        assert weight < HEAVIEST, f"{name}: {weight} bytes"
        text = self.page.locator("body").inner_text()
        assert not KEY.search(text), f"{name}: {KEY.search(text)}"
        lines = {line.strip() for line in text.splitlines()}
        mixed = lines & (foreign(self.language) | nameless(self.language))
        assert not mixed, f"{name} ({self.language}): {mixed} in {text}"

    def open(self, path: str, name: str) -> None:
        self.page.goto(self.portal + path)
        self.see(name)

    def find(self, path: str, link: str) -> None:
        """Opens the page again and again until it has the link, then follows it."""
        end = time.monotonic() + PATIENCE
        found = self.page.locator(f"main a[href*='{link}']")
        self.page.goto(self.portal + path)
        while not found.count():
            assert time.monotonic() < end, f"no {link}: {self.page.locator('main').inner_text()[:1200]}"
            time.sleep(0.2)
            self.page.goto(self.portal + path)
        self.see(path.strip("/").partition("?")[0].partition("/")[0])
        found.first.click()
        self.page.wait_for_load_state()

    def task(self, screen_id: str, case: str = "") -> Locator:
        """From the start page, or at the desk from the case, to what is to be done; its button of that name."""
        if self.office:
            self.find(f"/desk?office={self.office}", f"/desk/cases/{case}")
            self.find(f"/desk/cases/{case}?office={self.office}", f"/screens/{screen_id}")
        else:
            self.find("/home", f"/cases/{case}/screens/{screen_id}" if case else f"/screens/{screen_id}")
        self.case = self.page.url.partition("/cases/")[2].split("/")[0]
        self.see(screen_id)
        assert screen(screen_id)["title"][self.language] in self.page.locator("h1").inner_text()
        self._same_as_json(screen_id)
        return self.page.locator("main")

    def _same_as_json(self, screen_id: str) -> None:
        """What another renderer of the screen gets has the page's fields, what can be chosen, and buttons."""
        answer = self.page.context.request.get(
            self.page.url, headers={"Accept": "application/json", "Accept-Language": self.language}
        )
        assert answer.status == 200, answer.text()
        told = answer.json()
        asked = {one["name"] for one in told["screen"]["components"] if "name" in one}
        names = "(all) => [...new Set(all.map((one) => one.name.slice(2)))]"
        shown = self.page.locator("[name^='f.'], [name^='u.']").evaluate_all(names)
        assert (
            told["screen"]["id"] == screen_id and {one.removesuffix("_search") for one in shown} == asked
        ), screen_id
        for field, choices in told["choices"].items():
            offered = self.page.locator(f"[name='f.{field}'] option, input[name='f.{field}']")
            values = offered.evaluate_all("(all) => all.map((one) => one.value)")
            assert [one["value"] for one in choices] == [value for value in values if value], (
                screen_id,
                field,
            )
        buttons = self.page.locator("button[name='do']").evaluate_all("(all) => all.map((one) => one.value)")
        acts = [one["name"] for one in told["screen"]["actions"]]
        assert acts == [one for one in buttons if one not in ("SAVE", "SEARCH")], screen_id

    def on_desk(self, status: str) -> str:
        """The newest case of the desk that stands so (a text by key), once there is one."""
        end = time.monotonic() + PATIENCE
        while True:
            self.page.goto(f"{self.portal}/desk?office={self.office}")
            found = self.page.locator("li.card", has_text=self.say(status)).locator("h2 a")
            if found.count():
                self.see("desk")
                return str(found.last.get_attribute("href")).partition("/cases/")[2].partition("?")[0]
            assert time.monotonic() < end, self.page.locator("main").inner_text()[:1200]
            time.sleep(0.2)

    def label(self, screen_id: str, action: str) -> str:
        actions = screen(screen_id)["actions"]
        text: str = next(one["label"][self.language] for one in actions if one["name"] == action)
        return text

    def give(self, **answers: str) -> None:
        """Into the fields by their names; of a choice the beginning of its value, `*`: the first, `!any`: the first other than any."""
        for name, value in answers.items():
            field = self.page.locator(f"[name='f.{name}']")
            if field.first.get_attribute("type") in ("radio", "checkbox"):
                which = "" if value == "*" else f"[value^='{value}']"
                if value.startswith("!"):
                    which = f":not([value='{value[1:]}'])"
                self.page.locator(f"input[name='f.{name}']{which}").first.check()
            elif field.first.evaluate("(one) => one.tagName") == "SELECT":
                field.first.select_option(index=1) if value == "*" else field.first.select_option(value)
            else:
                field.first.fill(value)

    def send(self, screen_id: str, action: str) -> None:
        self.press(screen_id, action)
        self.sign()
        try:
            self.page.wait_for_url("**/receipts/*")
        except TimeoutError as error:
            raise AssertionError(self.page.locator("main").inner_text()[:1500]) from error
        self.see(f"{screen_id}-receipt")

    def sign(self) -> None:
        """Where the action is signed: at the signing service, which shows what, and asks who."""
        page = self.page
        page.wait_for_load_state()
        if "/login/" not in page.url:
            return
        self.see("provider-sign")
        assert self.person["code"] in page.locator("pre").inner_text()
        page.locator(f"button[value='{self.person['country']}{self.person['code']}']").click()

    def go_back_and_send(self, screen_id: str, action: str) -> None:
        """From the receipt, with the browser's button: the same form leads to the same receipt, or the page says what came of it."""
        page, receipt = self.page, self.page.url
        page.go_back()
        page.wait_for_load_state()
        if page.locator("form#screen").count():
            self.press(screen_id, action)
            page.wait_for_load_state()
        self.see(f"{screen_id}-over")
        assert page.url == receipt or not page.locator("form#screen").count(), page.locator(
            "main"
        ).inner_text()

    def press(self, screen_id: str, action: str) -> None:
        """A button that signs says so to those who do not see it."""
        label, signs = self.label(screen_id, action), self.say("screen.signs")
        name = re.compile(rf"^{re.escape(label)}(\s+{re.escape(signs)})?$")
        self.page.get_by_role("button", name=name).click()

    def do(self, screen_id: str, action: str, case: str = "", **answers: str) -> str:
        """The whole of a task; its case."""
        self.task(screen_id, case)
        self.give(**answers)
        self.send(screen_id, action)
        return self.case

    def reads(self, path: str, *keys: str, name: str, plain: tuple[str, ...] = ()) -> str:
        """Until the page says all of it: texts by key, and plain words."""
        wanted = [*map(self.say, keys), *plain]
        end = time.monotonic() + PATIENCE
        while True:
            self.page.goto(self.portal + path)
            text = self.page.locator("main").inner_text()
            if all(one in text for one in wanted):
                self.see(name)
                return text
            assert time.monotonic() < end, f"no {wanted}: {text[:1500]}"
            time.sleep(0.2)

    def times(self, words: str) -> int:
        """How often the timeline of the case that is open says so."""
        entries = self.page.locator("main ol.line li > p:first-child").all_inner_texts()
        return sum(words in one for one in entries)

    def done(self) -> None:
        assert self.faults == []
        self.context.close()
