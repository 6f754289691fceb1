"""Tokens of cards and answers of passkeys that are forged, replayed, another's, or no longer good; and guessing."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from sild.errors import TrustError, Unavailable
from sild.identity_provider import OCSPStatus
from sild.pki import Certificate, CertificateProfile
from support.asgi import serving
from support.authenticator import SoftwareAuthenticator
from support.identity_card import IdentityCard, subject
from support.identity_world import MINH, Browser, Page, World
from support.pki import Pki


def present(browser: Browser, page: Page, card: IdentityCard, **how: Any) -> requests.Response:
    place = page.forms.data["data-login"]
    nonce = browser.script(page, f"{place}/card/nonce").json()["nonce"]
    token = card.token(how.pop("origin", browser.world.issuer), how.pop("nonce", nonce), **how)
    return browser.script(page, f"{place}/card", raw=token)


def refused(answer: requests.Response, reason: str = "card_refused") -> bool:
    return (
        answer.status_code == 400
        and answer.json() == {"error": reason}
        and "__Host-session" not in answer.cookies
    )


@pytest.mark.parametrize("how", [{"origin": "https://evil.example"}, {"nonce": "A" * 44}])
def test_a_token_for_another_site_or_another_log_in(world: World, how: dict[str, str]) -> None:
    browser = world.browser()
    assert refused(present(browser, browser.open(world.service().url()), world.card(), **how))


def test_a_token_is_used_once(world: World) -> None:
    browser = world.browser()
    page = browser.open(world.service().url())
    place = page.forms.data["data-login"]
    nonce = browser.script(page, f"{place}/card/nonce").json()["nonce"]
    token = world.card().token(world.issuer, nonce)
    wrong = json.dumps({**json.loads(token), "signature": "AAAA"}).encode()
    assert refused(browser.script(page, f"{place}/card", raw=wrong))
    assert refused(
        browser.script(page, f"{place}/card", raw=token), "login_expired"
    )  # the nonce went with the attempt


def test_certificates_nobody_vouches_for(world: World) -> None:
    browser = world.browser()
    page = browser.open(world.service().url())
    stranger = IdentityCard.issue(Pki(common_name="Another CA"), "60001019906", "Mari", "Maasikas")
    assert refused(present(browser, page, stranger))
    past = (datetime(2020, 1, 1, tzinfo=UTC), datetime(2025, 1, 1, tzinfo=UTC))
    name = subject("60001019906", "Mari", "Maasikas")
    expired = world.pki.issue(CertificateProfile.AUTH, name, not_before=past[0], not_after=past[1])
    assert refused(present(browser, page, IdentityCard(expired)))
    signing = world.pki.issue(CertificateProfile.SIGN, name)  # the card's other certificate
    assert refused(present(browser, page, IdentityCard(signing)))


@pytest.mark.parametrize(
    "token",
    [b"", b"{}", b"[]", b'{"format": "web-eid:2.0"}', b"null", b"[" * 3000, b'"' + b"x" * 20_000 + b'"'],
)
def test_a_token_that_is_none(world: World, token: bytes) -> None:
    browser = world.browser()
    page = browser.open(world.service().url())
    place = page.forms.data["data-login"]
    browser.script(page, f"{place}/card/nonce")
    assert refused(browser.script(page, f"{place}/card", raw=token or b" "))


class Status:
    """What an OCSP responder would say, behind the port."""

    error: Exception | None = None

    def verify_good(self, certificate: Certificate, issuer: Certificate, at: datetime) -> None:
        if self.error is not None:
            raise self.error


def test_a_revoked_card_and_a_responder_that_is_down(tmp_path: Path) -> None:
    world = World(tmp_path)
    status = Status()
    world.provider._cards._status = status
    with world.running():
        browser = world.browser()
        page = browser.open(world.service().url())
        status.error = TrustError("revoked", code="cert_validation")
        assert refused(present(browser, page, world.card()))
        status.error = Unavailable("no answer")
        down = present(browser, page, world.card())
        assert (down.status_code, down.json()) == (503, {"error": "unavailable"})
        status.error = None
        assert present(browser, page, world.card()).status_code == 200


def test_the_status_is_asked_over_ocsp() -> None:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    pki = Pki()
    card = IdentityCard.issue(pki, "60001019906", "Mari", "Maasikas").credential.certificate
    said: dict[str, Any] = {"status": "good"}

    async def answer(_request: Request) -> Response:
        return Response(
            pki.ocsp_response(card, status=said["status"]), media_type="application/ocsp-response"
        )

    from support.pki import NOW

    with serving(Starlette(routes=[Route("/ocsp", answer, methods=["POST"])])) as site:
        source = OCSPStatus(site.url + "/ocsp")
        source.verify_good(card, pki.ca.certificate, NOW)
        said["status"] = "revoked"
        with pytest.raises(TrustError):
            source.verify_good(card, pki.ca.certificate, NOW)
    with pytest.raises(Unavailable):
        source.verify_good(card, pki.ca.certificate, NOW)
    with pytest.raises(TrustError):
        OCSPStatus().verify_good(card, pki.ca.certificate, NOW)  # names no responder


# --- passkeys


def enrolled(world: World, **how: bool) -> SoftwareAuthenticator:
    browser, phone = world.browser(), SoftwareAuthenticator(**how)
    browser.by_card(browser.open(world.issuer + "/account"), world.card())
    assert browser.add_passkey(phone).status_code == 200
    return phone


def answer(browser: Browser, page: Page, phone: SoftwareAuthenticator, **changed: str) -> requests.Response:
    place = page.forms.data["data-login"]
    options = browser.script(page, f"{place}/passkey/options").json()
    credential = phone.get({**options, **changed}, browser.world.issuer)
    return browser.script(page, f"{place}/passkey", credential)


def test_a_passkey_without_its_user_or_with_another_challenge(world: World) -> None:
    phone = enrolled(world)
    browser = world.browser()
    page = browser.open(world.service().url())
    assert refused(answer(browser, page, phone, challenge="A" * 43), "passkey_refused")
    phone.verifies_user = False
    assert refused(answer(browser, page, phone), "passkey_refused")
    phone.verifies_user = True
    assert answer(browser, page, phone).status_code == 200


def test_an_answer_sent_twice_and_a_copied_key(world: World) -> None:
    phone = enrolled(world)
    browser = world.browser()
    page = browser.open(world.service().url())
    place = page.forms.data["data-login"]
    options = browser.script(page, f"{place}/passkey/options").json()
    credential = phone.get(options, world.issuer)
    assert browser.script(page, f"{place}/passkey", credential).status_code == 200
    other = world.browser()
    second = other.open(world.service().url())
    other.script(second, f"{second.forms.data['data-login']}/passkey/options")
    assert refused(
        other.script(second, f"{second.forms.data['data-login']}/passkey", credential), "passkey_refused"
    )
    for key in phone.keys.values():
        key.count = 0  # the copy's own counter
    assert refused(answer(other, second, phone), "passkey_refused")


def test_a_passkey_of_another_site_or_unknown(world: World) -> None:
    enrolled(world)
    stranger = SoftwareAuthenticator()
    stranger.create({"rp": {"id": "localhost"}, "user": {"id": "AAAA"}, "challenge": "AAAA"}, world.issuer)
    browser = world.browser()
    assert refused(answer(browser, browser.open(world.service().url()), stranger), "passkey_refused")


def test_a_synced_passkey_is_never_sure_enough_for_high(world: World) -> None:
    phone = enrolled(world, synced=True)
    browser = world.browser()
    refused_at_high = answer(browser, browser.open(world.service().url(acr_values="high")), phone)
    assert refused(refused_at_high, "level_too_low")
    service = world.service()
    page = browser.by_passkey(browser.open(service.url()), phone)
    assert service.claims(service.tokens(page))["acr"] == "substantial"


def test_a_passkey_is_worth_what_its_holder_was_worth_when_it_was_made(world: World) -> None:
    browser, phone = world.browser(), SoftwareAuthenticator()
    browser.as_test_person(browser.open(world.issuer + "/account"), MINH)
    assert browser.add_passkey(phone).status_code == 200
    elsewhere = world.browser()
    assert refused(
        answer(elsewhere, elsewhere.open(world.service().url(acr_values="high")), phone), "level_too_low"
    )


def test_a_removed_passkey(world: World) -> None:
    phone = enrolled(world)
    browser = world.browser()
    browser.by_passkey(browser.open(world.issuer + "/account"), phone)
    browser.submit(browser.open(world.issuer + "/account"), "/removal")
    elsewhere = world.browser()
    assert refused(answer(elsewhere, elsewhere.open(world.service().url()), phone), "passkey_refused")


# --- guessing


def test_a_log_in_ends_after_five_failures_and_an_address_after_ten(world: World) -> None:
    browser = world.browser()
    for _log_in in range(2):
        page = browser.open(world.service().url())
        for _failure in range(5):
            assert refused(present(browser, page, world.card(), origin="https://evil.example"))
        nonce = browser.script(page, f"{page.forms.data['data-login']}/card/nonce")
        assert (nonce.status_code, nonce.json()) == (429, {"error": "too_many"})
    page = browser.open(world.service().url())
    assert present(browser, page, world.card()).status_code == 429
    world.clock.forward(minutes=16)
    assert present(browser, browser.open(world.service().url()), world.card()).status_code == 200


def test_too_many_requests_from_one_address(tmp_path: Path) -> None:
    with World(tmp_path, requests_per_minute=5).running() as world:
        answers = [world.get("/jwks").status_code for _ in range(7)]
        assert answers == [200] * 5 + [429] * 2
        world.clock.forward(minutes=1)
        assert world.get("/jwks").status_code == 200
