"""Other people's pages and cookies: CSRF, log-in CSRF, session fixation, framing, scripts."""

from __future__ import annotations

import pytest

from support.identity_world import CALLBACK, MARI, World


def test_another_browsers_log_in_is_no_ones(world: World) -> None:
    """Log-in CSRF: the attacker begins, the victim is led to the page and would finish for the attacker."""
    attacker, victim = world.browser(), world.browser()
    page = attacker.open(world.service().url())
    victim.open(world.service().url())
    assert victim.open(page.url).status == 400
    form = page.form("/test")
    posted = victim.open(
        world.issuer + form["action"], "POST", data={**form["fields"], "subject": MARI.subject}
    )
    assert posted.status == 403


@pytest.mark.parametrize(
    ("headers", "token"),
    [
        ({"Origin": "https://evil.example"}, None),
        ({"Origin": "null"}, None),
        ({"Sec-Fetch-Site": "cross-site"}, None),
        ({}, ""),
        ({}, "0" * 64),
    ],
)
def test_a_form_from_elsewhere(world: World, headers: dict[str, str], token: str | None) -> None:
    browser = world.browser()
    page = browser.open(world.service().url())
    form = page.form("/test")
    fields = {**form["fields"], "subject": MARI.subject}
    if token is not None:
        fields["form_token"] = token
    assert browser.open(world.issuer + form["action"], "POST", data=fields, headers=headers).status == 403
    assert browser.as_test_person(page).query["code"]  # the same form, from our page


def test_a_forms_token_is_for_its_log_in_alone(world: World) -> None:
    browser = world.browser()
    one, two = browser.open(world.service().url()), browser.open(world.service().url())
    fields = {**one.form("/test")["fields"], "subject": MARI.subject}
    assert browser.open(world.issuer + two.form("/test")["action"], "POST", data=fields).status == 403


def test_our_script_sends_json_and_the_token(world: World) -> None:
    browser = world.browser()
    page = browser.open(world.service().url())
    url = f"{world.issuer}{page.forms.data['data-login']}/card/nonce"
    plain = browser.session.post(
        url, data="{}", headers={"X-Form-Token": page.forms.data["data-token"], "Content-Type": "text/plain"}
    )
    bare = browser.session.post(url, data="{}", headers={"Content-Type": "application/json"})
    assert (plain.status_code, bare.status_code) == (403, 403)


def test_a_session_begins_with_the_log_in(world: World) -> None:
    """Session fixation: a cookie planted before counts for nothing, and each log-in makes a new one."""
    browser = world.browser()
    planted = "A" * 43
    browser.session.cookies.set("__Host-session", planted, domain="localhost.local", path="/", secure=True)
    page = browser.open(world.service().url())
    assert page.path.startswith("/login/")
    browser.as_test_person(page)
    first = browser.session.cookies.get("__Host-session", domain="localhost.local", path="/")
    assert first not in (None, planted)
    browser.as_test_person(browser.open(world.service().url(prompt="login")))
    second = browser.session.cookies.get("__Host-session", domain="localhost.local", path="/")
    assert second != first
    stale = world.browser()
    stale.session.cookies.set("__Host-session", first, domain="localhost.local", path="/", secure=True)
    assert stale.open(world.service().url()).path.startswith("/login/")


def test_a_code_is_given_once_per_log_in(world: World) -> None:
    """The back button, and the form again."""
    browser = world.browser()
    page = browser.open(world.service().url())
    assert browser.as_test_person(page).query["code"]
    assert browser.as_test_person(page).status == 400


def test_what_a_browser_may_do_with_a_page(world: World) -> None:
    browser = world.browser()
    page = browser.open(world.service().url())
    policy = page.headers["Content-Security-Policy"]
    for rule in ("default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"):
        assert rule in policy
    assert "unsafe" not in policy
    targets = policy.partition("form-action ")[2].partition(";")[0].split()
    assert set(targets) == {"'self'", "https://service.example", world.settings.certificate_url}
    assert page.headers["X-Frame-Options"] == "DENY"
    assert page.headers["Cache-Control"] == "no-store"
    assert "max-age=" in page.headers["Strict-Transport-Security"]
    assert "<script>" not in page.text
    assert "onclick" not in page.text
    assert "style=" not in page.text
    assert CALLBACK not in page.text


def test_cookies_are_the_hosts_own(world: World) -> None:
    browser = world.browser()
    page = browser.open(world.service().url())
    form = page.form("/test")
    answer = browser.session.post(
        world.issuer + form["action"], data={**form["fields"], "subject": MARI.subject}, allow_redirects=False
    )
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-session=")
    for word in ("HttpOnly", "Secure", "Path=/", "SameSite=lax"):
        assert word in cookie
    assert "Domain" not in cookie


def test_a_name_is_text_wherever_it_stands(world: World) -> None:
    world.add_client("markup", scopes=("openid",))
    from sild.openid import Client

    world.provider.register_client(
        Client("markup", '<img src=x onerror="alert(1)">', (CALLBACK,), "none"),
    )
    page = world.browser().open(world.service("markup", secret=None).url())
    assert "<img" not in page.text
    assert "&lt;img" in page.text
