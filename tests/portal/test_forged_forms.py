"""Forms of other people's pages: another browser's token, another origin, a link that leads away."""

from __future__ import annotations

import pytest

from support.portal_world import PortalWorld

SCREEN = "/cases/case-1/screens/birth.check_and_name"


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_form_from_elsewhere(world: PortalWorld, headers: dict[str, str]) -> None:
    browser = world.browser()
    browser.log_in()
    form = browser.open(SCREEN).form(SCREEN)
    page = browser.request("POST", SCREEN, {**form["fields"], "do": "DENY"}, headers)
    assert page.status == 403 and world.cases.acts == []


def test_anothers_token(world: PortalWorld) -> None:
    browser, attacker = world.browser(), world.browser()
    browser.log_in()
    attacker.log_in()
    fields = attacker.open(SCREEN).form(SCREEN)["fields"]
    assert browser.request("POST", SCREEN, {**fields, "do": "DENY"}).status == 403
    assert world.cases.acts == []


def test_the_token_of_the_time_before_the_log_in(world: PortalWorld) -> None:
    browser = world.browser()
    before = browser.open("/").form("/login")["fields"]["form_token"]
    browser.log_in()
    assert browser.request("POST", "/logout", {"form_token": before}).status == 403


@pytest.mark.parametrize(
    "path", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)", "/ä"]
)
def test_nobody_is_led_away_after_log_in(world: PortalWorld, path: str) -> None:
    browser = world.browser()
    page = browser.open("/login")
    form = page.parsed.forms[0]
    page = browser.open(form["action"], "POST", {**form["fields"], "return_to": path})
    page = browser.submit(page, "/test", subject="EE60001019906")
    assert page.url == world.url + "/home"


@pytest.mark.parametrize(
    "body",
    [b"f.x=%FF", b"&".join(b"a=1" for _ in range(400)), b"x" * 300_000, b"\x00\xff", b"form_token=\xc3"],
)
def test_what_is_no_form(world: PortalWorld, body: bytes) -> None:
    browser = world.browser()
    browser.log_in()
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert browser.request("POST", SCREEN, body, headers).status in (400, 403)
    assert browser.request("POST", SCREEN, body, {"Content-Type": "text/plain"}).status in (400, 403)
    assert world.cases.acts == []
