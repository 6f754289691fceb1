"""Logging in, each way, with a public client library over HTTPS; the claims are TARA's."""

from __future__ import annotations

import pytest
from joserfc.jwk import RSAKey

from sild.errors import TrustError
from sild.openid import parse_jwks, verify_token
from support.authenticator import SoftwareAuthenticator
from support.identity_card import IdentityCard
from support.identity_world import MARI, MINH, Browser, World


def test_with_a_passkey(world: World) -> None:
    phone = SoftwareAuthenticator()
    at_home = world.browser()
    at_home.by_card(at_home.open(world.issuer + "/account"), world.card())
    assert at_home.add_passkey(phone).status_code == 200
    elsewhere, service = world.browser(), world.service()
    page = elsewhere.open(service.url(acr_values="high", ui_locales="et"))
    assert "Logi sisse" in page.text
    claims = service.claims(service.tokens(elsewhere.by_passkey(page, phone)))
    assert claims["sub"] == "EE60001019906"
    assert claims["profile_attributes"] == {
        "given_name": "Mari",
        "family_name": "Maasikas",
        "date_of_birth": "2000-01-01",
    }
    assert (claims["amr"], claims["acr"]) == (["passkey"], "high")
    assert claims["nonce"] == service.nonce
    assert claims["auth_time"] == int(world.clock().timestamp())
    assert claims["aud"] == "service"
    assert "test_person" not in claims


@pytest.mark.parametrize("kind", ["ec-p256", "ec-p384", "rsa-2048"])
def test_with_an_identity_card(world: World, kind: str) -> None:
    browser, service = world.browser(), world.service()
    card = world.card("001199000123", "Minh", "Nguyễn", country="VN", kind=kind)
    claims = service.claims(service.tokens(browser.by_card(browser.open(service.url()), card)))
    assert (claims["sub"], claims["amr"], claims["acr"]) == ("VN001199000123", ["idcard"], "high")
    assert claims["profile_attributes"] == {"given_name": "Minh", "family_name": "Nguyễn"}


def by_certificate(browser: Browser, service_url: str, card: IdentityCard) -> object:
    """The proxy on the mutual TLS address checked the key and says whose certificate it was (RFC 9440)."""
    import base64

    from sild.pki import der

    page = browser.open(service_url)
    form = page.form("/certificate")
    said = base64.b64encode(der(card.credential.certificate)).decode()
    headers = {"Origin": browser.world.issuer, "Client-Cert": f":{said}:"}
    return browser.open(form["action"], "POST", data=form["fields"], headers=headers)


def test_with_a_certificate_by_mutual_tls(world: World) -> None:
    browser, service = world.browser(), world.service()
    page = by_certificate(browser, service.url(), world.card())
    claims = service.claims(service.tokens(page))  # type: ignore[arg-type]
    assert (claims["sub"], claims["amr"], claims["acr"]) == ("EE60001019906", ["tls"], "high")


def test_the_header_counts_for_nothing_on_the_ordinary_address(world: World) -> None:
    browser, service = world.browser(), world.service()
    page = browser.open(service.url())
    path = page.form("/certificate")["action"].removeprefix(world.settings.certificate_url or "")
    import base64

    from sild.pki import der

    said = base64.b64encode(der(world.card().credential.certificate)).decode()
    fields = page.form("/certificate")["fields"]
    refused = browser.open(world.issuer + path, "POST", data=fields, headers={"Client-Cert": f":{said}:"})
    assert refused.status == 400
    assert "not accepted" in refused.text or "võetud vastu" in refused.text


def test_as_a_test_person_plainly_marked(world: World) -> None:
    browser, service = world.browser(), world.service()
    page = browser.open(service.url(ui_locales="en"))
    assert "People who do not exist" in page.text
    claims = service.claims(service.tokens(browser.as_test_person(page)))
    assert claims["test_person"] is True
    assert claims["amr"] == ["test"]


def test_test_people_are_shown_only_where_they_are_sure_enough(world: World) -> None:
    page = world.browser().open(world.service().url(acr_values="high"))
    assert MARI.subject in page.text
    assert MINH.subject not in page.text


def test_an_rs256_client_gets_rs256(world: World) -> None:
    world.add_client("old", id_token_signed_response_alg="RS256")
    service = world.service("old")
    tokens = service.log_in(world.browser())
    assert service.claims(tokens, algorithm="RS256")["sub"] == MARI.subject


def test_a_public_client_with_pkce_alone(world: World) -> None:
    world.add_client("app", authentication="none", redirect_uris=("https://service.example/callback",))
    service = world.service("app", secret=None)
    assert service.claims(service.log_in(world.browser()))["aud"] == "app"


def test_userinfo_has_names_at_the_top(world: World) -> None:
    service = world.service()
    tokens = service.log_in(world.browser())
    told = service.oauth.get(service.metadata["userinfo_endpoint"], timeout=10).json()
    assert told["sub"] == MARI.subject
    assert (told["given_name"], told["family_name"], told["birthdate"]) == ("Mari", "Maasikas", "2000-01-01")
    refused = world.get("/userinfo", headers={"Authorization": f"Bearer {tokens['id_token']}"})
    assert refused.status_code == 401
    assert 'error="invalid_token"' in refused.headers["WWW-Authenticate"]


def test_one_session_for_all_services(world: World) -> None:
    browser = world.browser()
    world.service().log_in(browser)
    world.add_client("second")
    second = world.service("second")
    page = browser.open(second.url())  # straight back, nobody asked
    assert second.claims(second.tokens(page))["sub"] == MARI.subject
    asked = browser.open(second.url(prompt="login"))
    assert asked.path.startswith("/login/")


def test_silence_when_asked_for_silence(world: World) -> None:
    service = world.service()
    assert world.browser().open(service.url(prompt="none")).query["error"] == "login_required"
    browser = world.browser()
    service.log_in(browser)
    again = world.service()
    assert again.tokens(browser.open(again.url(prompt="none")))["id_token"]


def test_a_higher_level_or_a_younger_log_in_asks_again(world: World) -> None:
    browser = world.browser()
    world.service().log_in(browser, MINH, acr_values="substantial")
    assert browser.open(world.service().url(acr_values="high")).path.startswith("/login/")
    world.clock.forward(minutes=5)
    assert browser.open(world.service().url(max_age="60")).path.startswith("/login/")
    assert browser.open(world.service().url(max_age="600")).query["code"]


def test_a_session_ends_by_itself(world: World) -> None:
    browser = world.browser()
    world.service().log_in(browser)
    world.clock.forward(minutes=14)
    assert browser.open(world.service().url()).query["code"]
    world.clock.forward(minutes=16)
    assert browser.open(world.service().url()).path.startswith("/login/")


def test_going_back_to_the_service(world: World) -> None:
    browser, service = world.browser(), world.service()
    page = browser.submit(browser.open(service.url()), "/cancel")
    assert page.query["error"] == "user_cancel"
    assert page.query["state"] == service.state


def test_a_register_checks_the_access_token_by_itself(world: World) -> None:
    service = world.service()
    tokens = service.log_in(world.browser())
    keys = parse_jwks(world.get("/jwks").json())
    at = world.clock()
    token = tokens["access_token"]
    claims = verify_token(
        token, keys, issuer=world.issuer, audience="tax-register", at=at, token_type="at+jwt"
    )
    assert (claims["sub"], claims["acr"]) == (MARI.subject, "high")
    with pytest.raises(TrustError, match="audience"):
        verify_token(token, keys, issuer=world.issuer, audience="health", at=at, token_type="at+jwt")


def test_a_client_that_signs_its_authentication(world: World) -> None:
    from authlib.oauth2.rfc7523 import PrivateKeyJWT

    key = RSAKey.generate_key(2048, {"kid": "one"})
    import json

    world.clock.at = world.clock.at.now(world.clock.at.tzinfo)  # the library's own clock
    world.add_client(
        "signer", authentication="private_key_jwt", jwks=json.dumps({"keys": [key.as_dict(private=False)]})
    )
    service = world.service("signer", secret=None)
    pem = key.as_pem(private=True).decode()
    service.oauth.client_secret = pem
    service.oauth.register_client_auth_method(
        PrivateKeyJWT(service.metadata["token_endpoint"], headers={"kid": "one"})
    )
    service.oauth.token_endpoint_auth_method = "private_key_jwt"
    assert service.claims(service.log_in(world.browser()))["aud"] == "signer"
