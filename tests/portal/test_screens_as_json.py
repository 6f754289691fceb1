"""The Screen JSON contract over HTTP: whoever renders a screen otherwise than the page gets the same fields, checks and outcome."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from sild.cases import Refused
from sild.catalogue import parse_screen
from support.portal_world import JAAN, PEETER, PlainBrowser, PortalWorld

SCREEN = "/cases/case-1/screens/birth.check_and_name"
WANTED = {"Accept": "application/json"}
GOOD = {"given_names": "Ada", "family_name": "Tamm", "kindergarten": "no", "sure": "yes"}


def told(browser: PlainBrowser, url: str = SCREEN) -> dict[str, Any]:
    page = browser.request("GET", url, headers=WANTED)
    assert page.status == 200 and page.headers["content-type"] == "application/json"
    assert page.headers["cache-control"] == "no-store"
    return dict(json.loads(page.text))


def sent(
    browser: PlainBrowser, seen: dict[str, Any], do: str, answers: dict[str, str], **other: str
) -> tuple[int, dict[str, Any]]:
    form = {name: seen["form"][name] for name in ("form_token", "key")}
    body = {**form, "do": do, **{f"f.{name}": value for name, value in answers.items()}, **other}
    page = browser.request("POST", seen["form"]["action"], body, WANTED)
    return page.status, json.loads(page.text)


def test_fields_choices_and_buttons_are_those_of_the_page(world: PortalWorld) -> None:
    browser = world.browser()
    browser.log_in()
    seen, page = told(browser), browser.open(SCREEN).text
    screen = parse_screen(seen["screen"])
    asked = {field.name for field in screen.fields()}
    assert set(re.findall(r'name="[fu]\.([^"]+)"', page)) == asked
    buttons = re.findall(r'<button name="do" value="([A-Z_]+)"', page)
    assert [action.name for action in screen.actions] == [
        one for one in buttons if one not in ("SAVE", "SEARCH")
    ]
    for field in screen.fields():
        offered = seen["choices"].get(field.name, [])
        assert {"choice": True, "choices": True, "yes_no": True}.get(field.kind, False) == bool(offered)
        for one in offered:
            assert f'value="{one["value"]}"' in page and one["label"] in page
    parts = [one for one in seen["screen"]["components"] if one["kind"] == "facts"]
    assert seen["facts"] and all(
        any(line["of"] == part["of"] and line["concept"] in part["concepts"] for part in parts)
        for line in seen["facts"]
    )


def test_every_defect_is_that_of_the_page_and_the_outcome_the_same(world: PortalWorld) -> None:
    browser = world.browser()
    browser.log_in()
    wrong = {"account": "123", "words": "kept words", "kindergarten": "yes", "kindergarten_from": "soon"}
    status, refused = sent(browser, told(browser), "DECLARE", wrong)
    page = browser.submit(browser.open(SCREEN), SCREEN, do="DECLARE", **{f"f__{name}": value for name, value in wrong.items()})  # fmt: skip
    assert status == page.status == 422 and world.cases.acts == []
    assert [one["field"] for one in refused["defects"]] == re.findall(r'<li><a href="#f-(\w+)"', page.text)
    assert all(one["words"] in page.text for one in refused["defects"])
    assert refused["values"]["words"] == ["kept words"]
    status, done = sent(browser, refused, "DECLARE", GOOD)
    assert status == 200 and done["next"].startswith("/receipts/") and len(world.cases.acts) == 1
    assert sent(browser, refused, "DECLARE", GOOD) == (200, done) and len(world.cases.acts) == 1
    status, over = sent(browser, refused, "DECLARE", GOOD, key="k" * 43)
    assert (status, over["over"], over["next"]) == (409, "already_done", "/cases/case-1")


def test_a_refusal_has_its_code_and_the_draft_stays(world: PortalWorld) -> None:
    browser = world.browser()
    browser.log_in()
    seen = told(browser)
    assert sent(browser, seen, "SAVE", {"given_names": "Ad"})[1]["next"].endswith("?kept=1")
    assert told(browser)["values"]["given_names"] == ["Ad"]
    world.cases.refusal = Refused("no", code="level_too_low")
    status, refused = sent(browser, seen, "DECLARE", GOOD)
    assert (status, refused["refused"]) == (422, "level_too_low") and world.cases.acts == []


@pytest.mark.parametrize(
    "forged",
    [{"form_token": "0" * 64}, {"form_token": ""}, {"key": "short"}],
)
def test_a_form_of_nobodys_page_is_refused(world: PortalWorld, forged: dict[str, str]) -> None:
    browser = world.browser()
    browser.log_in()
    status, refused = sent(browser, told(browser), "DECLARE", GOOD, **forged)
    assert status in (400, 403) and set(refused) == {"error"} and world.cases.acts == []


def test_what_is_sent_after_the_session_ended_waits_for_the_next_log_in(world: PortalWorld) -> None:
    browser = world.browser()
    browser.log_in()
    seen = told(browser)
    world.clock.forward(hours=9)
    status, refused = sent(browser, seen, "DECLARE", GOOD)
    assert (status, refused) == (401, {"error": "login_needed", "kept": True}) and world.cases.acts == []
    browser.log_in()
    again = told(browser)
    assert again["values"]["given_names"] == ["Ada"]
    assert sent(browser, again, "DECLARE", GOOD)[0] == 200 and len(world.cases.acts) == 1
    status, refused = sent(world.browser(), seen, "DECLARE", GOOD)
    assert (status, refused) == (403, {"error": "forged_form"}), "another browser keeps nothing"


def test_other_sites_other_people_and_nobody(world: PortalWorld) -> None:
    """JSON opens no door that the page keeps shut."""
    browser, other, nobody = world.browser(), world.browser(), world.browser()
    browser.log_in()
    other.log_in(PEETER)
    seen = told(browser)
    page = other.request("GET", SCREEN, headers=WANTED)
    assert page.status == 404 and json.loads(page.text) == {"error": "not_yours"}
    page = nobody.request("GET", SCREEN, headers=WANTED)
    assert page.status == 401 and json.loads(page.text) == {"error": "login_needed"}
    other.log_in(JAAN)
    assert sent(other, seen, "DECLARE", GOOD)[0] == 403, "the token is of another browser"
    body = {**seen["form"], "do": "DECLARE", **{f"f.{name}": value for name, value in GOOD.items()}}
    for where in ({"Origin": "https://elsewhere.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert browser.request("POST", SCREEN, body, {**WANTED, **where}).status == 403
    raw = json.dumps({"do": "DECLARE"}).encode()
    page = browser.request("POST", SCREEN, raw, {**WANTED, "Content-Type": "application/json", "X-Form-Token": seen["form"]["form_token"]})  # fmt: skip
    assert page.status == 400 and json.loads(page.text) == {"error": "bad_form"}
    answer = browser.request("GET", SCREEN, headers={**WANTED, "Origin": "https://elsewhere.example"})
    assert "access-control-allow-origin" not in {name.lower() for name in answer.headers}
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert world.cases.acts == []


def test_a_browser_still_gets_the_page(world: PortalWorld) -> None:
    browser = world.browser()
    browser.log_in()
    for wanted in ("text/html,application/xhtml+xml,application/json;q=0.9", "*/*", ""):
        page = browser.request("GET", SCREEN, headers={"Accept": wanted})
        assert page.headers["content-type"].startswith("text/html"), wanted
