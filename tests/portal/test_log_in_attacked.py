"""Tokens forged, replayed, mixed up; a session planted; codes and answers in the wrong browser."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Literal
from urllib.parse import urlsplit

import pytest

from sild.identity_provider import TestPerson
from sild.openid import SigningKey, logout_token_claims, new_signing_key, sign_token
from support.identity_world import NOW
from support.portal_world import JAAN, MARI, PlainBrowser, PortalWorld

TokenKind = Literal["JWT", "logout+jwt"]


def answer_of(world: PortalWorld, browser: PlainBrowser, person: TestPerson = MARI) -> str:
    """The address the provider sends the browser back to, not followed."""
    page = browser.open("/login")
    form = page.parsed.forms[0]
    page = browser.open(form["action"], "POST", form["fields"])
    form = page.form("/test")
    answer = browser.request(
        "POST", world.issuer + form["action"], {**form["fields"], "subject": person.subject}
    )
    assert answer.status == 303 and answer.headers["location"].startswith(world.url + "/callback?")
    return str(answer.headers["location"])


def test_a_log_in_makes_a_new_session(world: PortalWorld) -> None:
    """Nobody can plant a session (fixation): what stood in the cookie before is worth nothing after."""
    browser = world.browser()
    browser.cookies["__Host-portal"] = "planted"
    browser.log_in()
    first = browser.cookies["__Host-portal"]
    assert first != "planted"
    thief = world.browser()
    thief.cookies["__Host-portal"] = "planted"
    assert thief.request("GET", "/home").status == 303
    browser.log_in()
    assert browser.cookies["__Host-portal"] != first
    thief.cookies["__Host-portal"] = first  # the session before ended when the new one began
    assert thief.request("GET", "/home").status == 303


def test_an_answer_in_another_browser(world: PortalWorld) -> None:
    """Somebody sends their own log-in to a victim's browser, to have them act in the wrong account."""
    attacker, victim = world.browser(), world.browser()
    location = answer_of(world, attacker)
    victim.open("/")
    assert victim.request("GET", location).status == 400 and "__Host-portal" not in victim.cookies


def test_an_answer_twice(world: PortalWorld) -> None:
    browser = world.browser()
    location = answer_of(world, browser)
    assert browser.request("GET", location).status == 303
    assert browser.request("GET", location).status == 400


@pytest.mark.parametrize(
    "change", [("iss=", "iss=https%3A%2F%2Fevil.example&x="), ("code=", "code=x"), ("state=", "state=x")]
)
def test_an_answer_of_another_provider_or_another_code(world: PortalWorld, change: tuple[str, str]) -> None:
    browser = world.browser()
    location = answer_of(world, browser).replace(*change)
    assert browser.request("GET", location).status == 400 and "__Host-portal" not in browser.cookies


def test_codes_mixed_up_between_two_log_ins(world: PortalWorld) -> None:
    """PKCE and nonce: one log-in's code is no use in another, not even in the same browser."""
    browser, other = world.browser(), world.browser()
    mine, theirs = answer_of(world, browser), answer_of(world, other, JAAN)
    code = dict(part.split("=", 1) for part in urlsplit(theirs).query.split("&"))["code"]
    query = dict(part.split("=", 1) for part in urlsplit(mine).query.split("&"))
    mixed = (
        world.url
        + "/callback?"
        + "&".join(f"{name}={code if name == 'code' else value}" for name, value in query.items())
    )
    assert browser.request("GET", mixed).status == 400 and "__Host-portal" not in browser.cookies


def test_the_provider_says_no(world: PortalWorld) -> None:
    browser = world.browser()
    page = browser.open("/login")
    page = browser.open(page.parsed.forms[0]["action"], "POST", page.parsed.forms[0]["fields"])
    page = browser.submit(page, "/cancel")
    assert (page.path, page.status) == ("/", 200)


def logout_token(
    world: PortalWorld, key: SigningKey, *, claims: Mapping[str, object] = {}, kind: TokenKind = "logout+jwt"
) -> str:
    with world.portal._store.engine.connect() as connection:
        sid = connection.exec_driver_sql("SELECT sid FROM portal_session").scalar_one()
    right = logout_token_claims(
        issuer=world.issuer,
        client_id="portal",
        subject=MARI.subject,
        sid=sid,
        jti="1",
        at=NOW,
        lifetime=timedelta(minutes=2),
    )
    return sign_token({**right, **claims}, key, kind)


def test_logout_tokens_forged_or_of_another_kind(world: PortalWorld) -> None:
    browser = world.browser()
    browser.log_in()
    right = world.provider.keys.active("ES256")
    forged = [
        logout_token(world, new_signing_key("ES256")),
        logout_token(world, right, kind="JWT"),
        logout_token(world, right, claims={"aud": "another"}),
        logout_token(world, right, claims={"events": {}}),
        logout_token(world, right, claims={"nonce": "n"}),
        logout_token(world, right, claims={"exp": 1}),
        "", "a.b.c", "x" * 100_000,
    ]  # fmt: skip
    for token in forged:
        assert browser.request("POST", "/backchannel-logout", {"logout_token": token}).status == 400
    assert browser.request("GET", "/home").status == 200
    assert (
        browser.request("POST", "/backchannel-logout", {"logout_token": logout_token(world, right)}).status
        == 200
    )
    assert browser.request("GET", "/home").status == 303
