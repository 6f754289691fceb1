"""Every route says who may call it, and keeps it; no GET changes anything."""

from __future__ import annotations

import copy
import re

import pytest
from sqlalchemy import select

from sild.portal import ROUTES, Access, PortalRoute
from sild.portal.tables import metadata
from support.portal_world import MARI, PortalWorld

VALUES = {
    "secret": "s" * 43,"paper": "insurance-card", "model": "kindergarten-demand", "service": "birth", "event": "having_a_child", "file": "portal.css", "case": "case-1", "notice": "n1", "entry": "1", "act": "RRS",
          "screen": "birth.check_and_name", "mandate": "assist-1", "key": "k" * 43, "seq": "1", "register": "social",
          "decision": "019cadc6-9a80-7e40-9a35-f0ec7c361cc9", "algorithm": "family-benefits",
          "sample": "march", "signature": "signature-1", "package": "ee-family-benefits", "release": "release-1", "check": "replay", "id": "1",
          "block": "block-1", "consent": "consent-1", "offer": "o" * 43, "number": "S-2026-000101", "look": "l" * 43, "way": "w" * 43}  # fmt: skip


def address(route: PortalRoute) -> str:
    if route.path.startswith("/desk/cases") and "{screen}" in route.path:
        return route.path.format(**{**VALUES, "screen": "birth.register"})
    return route.path.format(**VALUES)


def of(access: str, method: str) -> list[PortalRoute]:
    return [route for route in ROUTES if (route.access, route.method) == (access, method)]


def test_every_route_states_its_access_and_is_served(world: PortalWorld) -> None:
    stated = {value for name, value in vars(Access).items() if not name.startswith("_")}
    assert all(route.access in stated for route in ROUTES)
    served = {(method, route.path) for route in world.portal.app.routes for method in route.methods}
    assert {entry for entry in served if entry[0] != "HEAD"} == {
        (route.method, route.path) for route in ROUTES
    }


def test_without_log_in_only_what_is_for_everybody(world: PortalWorld) -> None:
    browser = world.browser()
    for route in ROUTES:
        page = browser.request(route.method, address(route), {} if route.method == "POST" else None)
        if route.access == Access.EVERYBODY and route.method == "GET":
            made = (200,)
            if "/specimens/" in route.path:  # here no register makes one
                made = (200, 404)
            elif route.path.startswith("/shown/"):
                made = (404,)
            assert page.status in made, route
        elif (
            route.access in (Access.PERSON, Access.AUDITOR, Access.OFFICIAL, Access.CLERK)
            and route.method == "GET"
        ):
            assert page.status == 303 and page.headers["location"].startswith("/login?"), route
        else:
            assert page.status in ((200,) if route.path.endswith("/nonce") else (400, 401, 403)), route


def test_a_citizen_has_no_desk_and_an_official_one_of_theirs(world: PortalWorld) -> None:
    browser = world.browser()
    browser.log_in()
    token = browser.open("/settings").form("/logout")["fields"]["form_token"]
    for route in ROUTES:
        if route.access in (Access.AUDITOR, Access.OFFICIAL, Access.CLERK):
            form = {"form_token": token} if route.method == "POST" else None
            assert browser.request(route.method, address(route), form).status == 403, route


@pytest.mark.parametrize(
    "route", [route for route in ROUTES if route.method == "POST"], ids=lambda route: route.path
)
def test_no_form_without_its_token(world: PortalWorld, route: PortalRoute) -> None:
    browser = world.browser()
    if route.access == Access.OFFICIAL:
        browser.log_in_as_official()
    else:
        browser.log_in()
    page = browser.request("POST", address(route), {"do": "DECLARE", "key": "k" * 43, "form_token": "0" * 64})
    refused = {Access.PROVIDER: (400,), Access.WALLET: (400, 401)}.get(route.access, (403,))
    assert page.status in ((200,) if route.path.endswith("/nonce") else refused), "a nonce is anybody's"
    assert world.cases.acts == [] and world.cases.drafts == {} and world.cases.read == set()


def test_a_get_changes_nothing(world: PortalWorld) -> None:
    citizen, official = world.browser(), world.browser()
    citizen.log_in()
    official.log_in_as_official()
    before = contents(world)
    for route in ROUTES:
        if route.method == "GET" and route.access != Access.BROWSER:
            browser = official if route.access == Access.OFFICIAL else citizen
            page = browser.request("GET", address(route))
            closed = route.access == Access.AUDITOR or route.path.startswith(
                "/desk/assist"
            )  # no auditor, no clerk
            expected = (403,) if closed else (200, 303, 404)
            assert page.status in expected, (route, page.text)
            assert contents(world) == before, route
    assert world.exchange.calls and all(method == "GET" for _, method, _, _ in world.exchange.calls)


def contents(world: PortalWorld) -> object:
    with world.portal._store.engine.connect() as connection:
        rows = {table.name: connection.execute(select(table)).all() for table in metadata.sorted_tables}
    return rows, copy.deepcopy(world.cases)


def test_what_every_answer_tells_the_browser(world: PortalWorld) -> None:
    browser = world.browser()
    browser.log_in()
    for route in ROUTES:
        if route.method == "GET" and route.access not in (Access.OFFICIAL, Access.CLERK):
            headers = browser.request("GET", address(route)).headers
            policy = headers["content-security-policy"]
            assert (
                "default-src 'none'" in policy
                and "unsafe" not in policy
                and "frame-ancestors 'none'" in policy
            )
            assert headers["x-content-type-options"] == "nosniff" and headers["cache-control"]
    personal = browser.open("/home")
    assert personal.headers["cache-control"] == "no-store"
    assert not re.search(r"<script(?![^>]* src=)|<style|\son\w+=|\sstyle=", personal.text)


def test_one_persons_session_is_one_persons(world: PortalWorld) -> None:
    """A cookie somebody made up, or half of one, is nobody's."""
    browser = world.browser()
    browser.log_in()
    cookie = browser.cookies["__Host-portal"]
    for made_up in (cookie[:-1], cookie + "A", "", MARI.subject, "A" * 5000):
        browser.cookies["__Host-portal"] = made_up
        assert browser.request("GET", "/home").status == 303
