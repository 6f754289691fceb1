"""Pages: every text in three languages, sizes, what works without a script; routes and who may call them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import requests

from sild import identity_provider
from sild.identity_provider import ROUTES
from support.identity_world import World

TEMPLATES = Path(identity_provider.__file__).parent / "templates"


@pytest.mark.parametrize(("language", "title"), [("et", "Logi sisse"), ("vi", "Đăng nhập"), ("en", "Log in")])
def test_the_persons_language(world: World, language: str, title: str) -> None:
    browser = world.browser()
    browser.session.headers["Accept-Language"] = f"{language}-XX,fr;q=0.5"
    page = browser.open(world.service().url())
    assert f"<h1>{title}</h1>" in page.text
    assert f'<html lang="{language}">' in page.text


def test_a_chosen_language_stays(world: World) -> None:
    browser = world.browser()
    page = browser.open(world.service().url(ui_locales="en"))
    assert "Đăng nhập" in browser.open(page.url + "?lang=vi").text
    assert "Đăng nhập" in browser.open(world.service().url(ui_locales="et")).text


def test_pages_are_small_and_whole(world: World) -> None:
    browser = world.browser()
    page = browser.open(world.service().url())
    style = world.get("/static/identity.css")
    script = world.get("/static/identity.js")
    assert len(style.content) < 10_000
    assert len(page.text) + len(style.content) + len(script.content) < 50_000
    assert style.headers["content-type"].startswith("text/css")
    assert world.get("/static/../settings.py").status_code == 404
    assert world.get("/static/nothing.js").status_code == 404


def test_every_text_that_is_shown_exists() -> None:
    import tomllib

    texts = tomllib.loads((TEMPLATES.parent / "texts" / "en.toml").read_text())
    known = {f"{section}.{key}" for section, entries in texts.items() for key in entries}
    shown: set[str] = set()
    for template in TEMPLATES.glob("*.html"):
        shown |= set(re.findall(r"say\([\"']([\w.]+)[\"'],? ?[\w=.]*\)", template.read_text()))
    assert shown - known == set()
    reasons = set(
        re.findall(r'"([a-z_]+)"', (TEMPLATES.parent / "browser.py").read_text().partition("def _reason")[2])
    )
    assert {reason for reason in reasons if f"error.{reason}" in known} >= {
        "card_refused",
        "internal",
        "too_many",
    }


def test_every_route_says_who_may_call_it_and_programs_get_json(world: World) -> None:
    for route in ROUTES:
        path = re.sub(r"{\w+}", "x", route.path)
        answer = requests.request(route.method, world.issuer + path, verify=str(world.ca_file), timeout=10)
        if route.access.startswith("everybody") and route.method == "GET":
            assert answer.status_code in (200, 400, 404), route.path
        else:
            assert 400 <= answer.status_code < 500 or path == "/logout" or path == "/authorize", (
                route.path,
                answer.status_code,
            )
        if "client" in route.access or "token" in route.access:
            assert "error" in answer.json(), route.path
        if route.path != "/static/{name}":
            assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"], route.path


def test_bodies_that_are_too_large_or_unreadable(world: World) -> None:
    assert world.post("/token", data=b"x" * 70_000).status_code == 400
    assert (
        world.post(
            "/token", data=b"a=%ff", headers={"Content-Type": "application/x-www-form-urlencoded"}
        ).status_code
        == 400
    )
    assert world.post("/token", json={}).json()["error"] == "invalid_request"
    assert world.post("/v1/nss/EMTA/representees/x/delegates/y/mandates", data=b"[" * 9000).status_code in (
        400,
        401,
    )
