"""The pages and the script in a real browser: passkey, identity card, accessibility, phone and desk."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from playwright.sync_api import Browser, Page
from pydantic import SecretStr

from sild.identity_provider import IdentityProvider, IdentityProviderSettings
from support.accessible import check
from support.asgi import serving
from support.chromium import chromium
from support.identity_world import CALLBACK, CHILD, MARI, MARI_PARTY, World, parent_of

PHONE = {"width": 360, "height": 740}


@pytest.fixture
def browser(world: World) -> Iterator[Browser]:
    certificate = x509.load_pem_x509_certificate(world.certificate.read_bytes())
    with chromium(trusted=certificate) as browser:
        yield browser


def new_page(browser: Browser, *, locale: str = "en") -> Page:
    page = browser.new_context(viewport=PHONE, locale=locale).new_page()
    page.route(
        "https://service.example/**",
        lambda route: route.fulfill(body="<title>back</title>", content_type="text/html"),
    )
    return page


def test_a_passkey_from_making_it_to_logging_in(world: World, browser: Browser) -> None:
    page = new_page(browser)
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    device = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
              "isUserVerified": True, "automaticPresenceSimulation": True}  # fmt: skip
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": device})
    page.goto(world.issuer + "/account")
    check(page, "login-account")
    page.get_by_role("button", name="Mari Maasikas").click()
    page.get_by_label("Name of the new passkey").fill("Phone")
    check(page, "account")
    page.get_by_role("button", name="Add a passkey").click()
    page.get_by_role("button", name="Remove Phone").wait_for()
    page.get_by_role("button", name="Log out everywhere").click()
    page.get_by_role("heading", name="You are logged out").wait_for()
    check(page, "logged-out")
    service = world.service()
    page.goto(service.url(acr_values="high"))
    page.get_by_role("button", name="With a passkey").click()
    page.wait_for_url(CALLBACK + "?*")
    assert "code=" in page.url
    assert errors == []


def test_an_identity_card_with_the_extension(world: World, browser: Browser) -> None:
    """The extension is a double: it answers the page's messages as Web eID's does, with a token of a test card."""
    page = new_page(browser, locale="et")
    card = world.card()
    page.expose_function("signWithCard", lambda nonce: card.token(world.issuer, nonce).decode())
    page.add_init_script(
        """addEventListener("message", async (event) => {
            if (event.data.action !== "web-eid:authenticate") return;
            postMessage({ action: "web-eid:authenticate-ack" }, origin);
            const token = JSON.parse(await signWithCard(event.data.challengeNonce));
            postMessage({ action: "web-eid:authenticate-success", ...token }, origin);
        });"""
    )
    world.register.rights.append(parent_of(MARI_PARTY, CHILD))
    page.goto(world.service().url(scope="openid representee"))
    page.get_by_role("button", name="ID-kaardiga").click()
    page.get_by_role("heading", name="Kelle eest tegutsed?").wait_for()
    check(page, "representee-et")
    page.get_by_role("button", name="Leida Maasikas").click()
    page.wait_for_url(CALLBACK + "?*")
    assert "code=" in page.url


def test_no_extension_is_said_in_words(world: World, browser: Browser) -> None:
    page = new_page(browser, locale="vi")
    page.goto(world.service().url())
    check(page, "login-vi")
    page.get_by_role("button", name="Bằng thẻ định danh").click()
    page.get_by_text("Tiện ích Web eID không trả lời").wait_for()
    check(page, "login-failed-vi")


def test_an_official_on_a_device_nobody_knows_without_a_script(world: World, browser: Browser) -> None:
    world.provider.add_official_role(MARI.subject, "inspector", "70000349")
    page = browser.new_context(viewport=PHONE, locale="en", java_script_enabled=False).new_page()
    page.route("https://service.example/**", lambda route: route.fulfill(body="back"))
    page.goto(world.service().url(scope="openid official"))
    page.get_by_role("button", name="Mari Maasikas").click()
    page.get_by_role("button", name="Continue, to read only").click()
    page.wait_for_url(CALLBACK + "?*")
    assert "code=" in page.url


def test_on_a_desk_in_the_dark(world: World, browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en", color_scheme="dark")
    page = context.new_page()
    page.goto(world.service().url(scope="openid official"))
    check(page, "login-desk-dark")
    page.goto(world.issuer + "/login/none")
    check(page, "error-desk-dark")


def test_a_demonstration_without_tls_on_this_machine(tmp_path: Path) -> None:
    """http://localhost is a secure context, and its Secure cookies are kept: a demonstration needs no certificate."""
    bound = socket.create_server(("127.0.0.1", 0))
    port = bound.getsockname()[1]
    settings = IdentityProviderSettings(
        directory=tmp_path,
        issuer=f"http://localhost:{port}",
        key_password=SecretStr("x"),
        test_people=(MARI,),
    )
    provider = IdentityProvider(settings)
    with chromium() as browser, serving(provider.app, bound):
        page = new_page(browser)
        page.goto(settings.issuer + "/account")
        page.get_by_role("button", name="Mari Maasikas").click()
        page.get_by_role("heading", name="Mari Maasikas").wait_for()
        page.get_by_role("button", name="Add a passkey").wait_for()
    provider.close()
