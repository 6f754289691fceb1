"""One logout: the session, its tokens, every service told, and nobody logged out by a stranger's page."""

from __future__ import annotations

from sild.openid import parse_jwks, verify_token
from support.identity_world import MARI, SECRET, World, listening_service

BYE = "https://service.example/bye"


def test_every_service_is_told(world: World) -> None:
    with listening_service() as (address, told):
        world.add_client("second", backchannel_logout_uri=address)
        world.add_client("third", backchannel_logout_uri=address)
        browser, service = world.browser(), world.service()
        tokens = service.log_in(browser)
        for other in ("second", "third"):
            assert browser.open(world.service(other).url()).query["code"]
        sid = service.claims(tokens)["sid"]
        url = (
            f"{world.issuer}/logout?id_token_hint={tokens['id_token']}&post_logout_redirect_uri={BYE}&state=x"
        )
        assert browser.open(url).url == f"{BYE}?state=x"
        assert world.provider.maintain() == 2
        assert world.provider.maintain() == 0
        keys = parse_jwks(world.get("/jwks").json())
        audiences = set()
        for token in told:
            at = world.clock()
            claims = verify_token(
                token, keys, issuer=world.issuer, audience=("second", "third"), at=at, token_type="logout+jwt"
            )
            assert (claims["sid"], claims["sub"]) == (sid, MARI.subject)
            assert claims["events"] == {"http://schemas.openid.net/event/backchannel-logout": {}}
            assert "nonce" not in claims
            audiences.add(claims["aud"])
        assert audiences == {"second", "third"}
        assert (
            world.get("/userinfo", headers={"Authorization": f"Bearer {tokens['access_token']}"}).status_code
            == 401
        )
        form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
        assert world.post("/token", auth=("service", SECRET), data=form).json()["error"] == "invalid_grant"
        assert browser.open(world.service().url()).path.startswith("/login/")


def test_a_service_that_is_down_is_told_later(world: World) -> None:
    with listening_service() as (address, told):
        world.add_client("second", backchannel_logout_uri=address)
        world.add_client("down", backchannel_logout_uri="http://127.0.0.1:1/logout")
        browser = world.browser()
        world.service().log_in(browser)
        browser.open(world.service("second").url())
        browser.open(world.service("down").url())
        browser.submit(browser.open(world.issuer + "/logout"), "/confirm")
        assert world.provider.maintain() == 1
        world.add_client("down", backchannel_logout_uri=address)
        assert world.provider.maintain() == 0  # not yet due
        assert len(told) == 1


def test_a_page_elsewhere_logs_nobody_out(world: World) -> None:
    browser = world.browser()
    world.service().log_in(browser)
    page = browser.open(world.issuer + "/logout")
    assert page.status == 200  # asked, not done
    assert "Service" in page.text
    forged = browser.open(world.issuer + "/logout/confirm", "POST", data={"form_token": "0" * 64})
    assert forged.status == 403
    assert browser.open(world.service().url()).query["code"]
    assert browser.submit(page, "/confirm").status == 200
    assert browser.open(world.service().url()).path.startswith("/login/")


def test_nobody_is_sent_to_an_address_that_is_not_registered(world: World) -> None:
    browser, service = world.browser(), world.service()
    token = service.log_in(browser)["id_token"]
    evil = "https://evil.example"
    for query in (f"post_logout_redirect_uri={evil}", f"id_token_hint={token}&post_logout_redirect_uri={evil}",
                  f"post_logout_redirect_uri={BYE}", f"id_token_hint=x.y.z&post_logout_redirect_uri={BYE}",
                  f"client_id=other&post_logout_redirect_uri={BYE}"):  # fmt: skip
        assert browser.open(f"{world.issuer}/logout?{query}").status == 400
    assert browser.open(service.url()).query["code"]


def test_another_sessions_token_does_nothing(world: World) -> None:
    stranger, browser = world.browser(), world.browser()
    token = world.service().log_in(stranger)["id_token"]
    world.service().log_in(browser)
    page = browser.open(f"{world.issuer}/logout?id_token_hint={token}&post_logout_redirect_uri={BYE}")
    assert page.url == BYE
    assert browser.open(world.service().url()).query["code"]


def test_log_out_on_every_device(world: World) -> None:
    phone, desk = world.browser(), world.browser()
    for browser in (phone, desk):
        world.service().log_in(browser)
    page = phone.open(world.issuer + "/account")
    assert page.text.count("<li>") == 2
    phone.submit(page, "/account/logout")
    assert desk.open(world.service().url()).path.startswith("/login/")


def test_an_administrator_ends_a_persons_sessions(world: World) -> None:
    browser = world.browser()
    world.service().log_in(browser)
    world.provider.end_sessions(MARI.subject)
    assert browser.open(world.service().url()).path.startswith("/login/")
