"""Officials: level high, their roles in the token, and a registered device to write from."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from sild.pki import certificate_hash, der
from support.authenticator import SoftwareAuthenticator, b64
from support.identity_world import MARI, MINH, Browser, Page, World

TAX = "70000349"


def official(world: World) -> str:
    return world.provider.add_official_role("EE60001019906", "inspector", TAX)


def claims_after(world: World, browser: Browser, act: Any) -> dict[str, Any]:
    service = world.service()
    page = browser.open(service.url(scope="openid official"))
    return service.claims(service.tokens(act(page)))


def to_device_page(world: World, browser: Browser, page: Page) -> Page:
    page = browser.by_card(page, world.card())
    assert page.path.endswith("/device")
    return page


def test_an_unmanaged_device_reads_only(world: World) -> None:
    official(world)
    browser = world.browser()
    claims = claims_after(
        world, browser, lambda page: browser.submit(to_device_page(world, browser, page), "/unmanaged")
    )
    assert claims["device_posture"] == "unmanaged"
    assert "device_id" not in claims
    assert claims["roles"] == [{"role": "inspector", "organisation": TAX}]
    assert claims["acr"] == "high"


def test_a_device_known_by_its_passkey(world: World) -> None:
    official(world)
    laptop, home = SoftwareAuthenticator(), world.browser()
    home.by_card(home.open(world.issuer + "/account"), world.card())
    home.add_passkey(laptop)
    (credential_id,) = laptop.keys
    device = world.provider.register_device(TAX, "Laptop 17", key_kind="passkey", key_id=b64(credential_id))
    browser = world.browser()
    with_key = claims_after(world, browser, lambda page: browser.by_passkey(page, laptop))
    assert (with_key["device_posture"], with_key["device_id"]) == ("managed", device)
    second = world.browser()

    def card_then_device(page: Page) -> Page:
        page = to_device_page(world, second, page)
        place = page.forms.data["data-login"]
        options = second.script(page, f"{place}/options").json()
        answer = second.script(page, f"{place}/passkey", laptop.get(options, world.issuer))
        return second.open(
            world.issuer + answer.json()["next"]
            if answer.json()["next"].startswith("/")
            else answer.json()["next"]
        )

    assert claims_after(world, second, card_then_device)["device_posture"] == "managed"
    world.provider.withdraw_device(device)
    assert browser.open(world.service().url()).path.startswith("/login/")  # at once


def test_a_device_known_by_its_certificate(world: World) -> None:
    official(world)
    laptop = world.card("00000000001", "Laptop", "Seventeen").credential.certificate
    world.provider.register_device(
        TAX, "Laptop 17", key_kind="certificate", key_id=certificate_hash(laptop).hex()
    )
    browser = world.browser()
    said = base64.b64encode(der(laptop)).decode()

    def by_certificate(page: Page) -> Page:
        form = to_device_page(world, browser, page).form("/device/certificate")
        headers = {"Client-Cert": f":{said}:", "Origin": world.issuer}
        return browser.open(form["action"], "POST", data=form["fields"], headers=headers)

    assert claims_after(world, browser, by_certificate)["device_posture"] == "managed"


def test_another_organisations_device_is_no_ones(world: World) -> None:
    official(world)
    laptop = world.card("00000000001", "Laptop", "Seventeen").credential.certificate
    world.provider.register_device(
        "70000001", "Laptop", key_kind="certificate", key_id=certificate_hash(laptop).hex()
    )
    browser = world.browser()
    said = base64.b64encode(der(laptop)).decode()

    def by_certificate(page: Page) -> Page:
        form = to_device_page(world, browser, page).form("/device/certificate")
        return browser.open(form["action"], "POST", data=form["fields"], headers={"Client-Cert": f":{said}:"})

    assert claims_after(world, browser, by_certificate)["device_posture"] == "unmanaged"


def test_who_is_no_official_is_refused(world: World) -> None:
    browser, service = world.browser(), world.service()
    page = browser.as_test_person(browser.open(service.url(scope="openid official")))
    assert page.query["error"] == "access_denied"


def test_nobody_below_high(world: World) -> None:
    world.provider.add_official_role(MINH.subject, "inspector", TAX)
    page = world.browser().open(world.service().url(scope="openid official", acr_values="low"))
    assert MARI.subject in page.text
    assert MINH.subject not in page.text


def test_a_withdrawn_role_ends_what_it_opened(world: World) -> None:
    role = official(world)
    browser, service = world.browser(), world.service()
    page = browser.open(service.url(scope="openid official"))
    tokens = service.tokens(browser.submit(to_device_page(world, browser, page), "/unmanaged"))
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert world.get("/userinfo", headers=bearer).json()["device_posture"] == "unmanaged"
    world.provider.withdraw_official_role(role)
    assert world.get("/userinfo", headers=bearer).status_code == 401
    again = world.service()
    assert browser.open(again.url(scope="openid official", prompt="none")).query["error"] == "access_denied"


def test_a_test_person_sits_at_a_registered_device_of_their_own_organisation(tmp_path: Path) -> None:
    """Of a demonstration: managed where they are an official, and nowhere else."""
    seated = MARI.model_copy(update={"device_of": TAX})
    with World(tmp_path, test_people=(seated,)).running() as world:
        role = official(world)
        claims = claims_after(world, browser := world.browser(), lambda page: browser.as_test_person(page))
        assert (claims["device_posture"], claims["test_person"]) == ("managed", True)
        world.provider.withdraw_official_role(role)
        world.provider.add_official_role(MARI.subject, "inspector", "70000001")
        again = world.browser()
        claims = claims_after(world, again, lambda page: again.as_test_person(page))
        assert claims["device_posture"] == "unmanaged"
