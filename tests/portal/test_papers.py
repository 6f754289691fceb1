"""A person's papers: the code on the phone, the PDF, and what whoever checks them fetches; none, revoked, nonsense, another's."""

from __future__ import annotations

from pathlib import Path

import pytest

from sild.documents import card_presentation, qr_svg
from sild.errors import CallerError, PeerError, Unavailable
from sild.registries.credentials import CredentialIssuer
from support.portal_world import CHILD, MARI, PortalWorld

from ..documents.papers import AT, CLAIMS, issued

CARD = f"/persons/{MARI.subject[2:]}/card"


@pytest.fixture
def shown(world: PortalWorld, tmp_path: Path) -> str:
    """Mari's card is there; gives its presentation."""
    issuer: CredentialIssuer = issued(tmp_path).issuer
    credential = issuer.issue(CLAIMS, at=AT, until=AT.replace(year=2031), status_index=1)
    shown = card_presentation(credential)
    world.exchange.papers |= {
        CARD: {"state": "valid", "presentation": shown},
        f"{CARD}/pdf": b"%PDF-1.7 paper",
    }
    return shown


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", "Date of birth"), ("et", "Sünniaeg"), ("vi", "Ngày sinh")],
)
def test_the_code_on_the_phone(world: PortalWorld, shown: str, language: str, words: str) -> None:
    browser = world.browser()
    browser.language = language
    browser.log_in()
    page = browser.open("/papers/insurance-card")
    assert page.status == 200 and words in page.text and "Nguyễn Đặng" in page.text
    assert qr_svg(shown).decode() in page.text and "001326000003" not in page.text
    assert len(page.text.encode()) < 50_000, len(page.text.encode())
    assert "/papers/insurance-card" in browser.open("/my-data").text
    paper = browser.open("/papers/insurance-card/file.pdf")
    assert paper.text.startswith("%PDF-") and "insurance-card.pdf" in paper.headers["Content-Disposition"]
    assert world.exchange.calls[-1][2] == f"{CARD}/pdf?language={language}"


def test_a_childs_card_in_the_childs_name(world: PortalWorld, shown: str) -> None:
    world.may_act_for_child()
    browser = world.browser()
    browser.log_in()
    browser.act_for(CHILD.identifier)
    world.exchange.papers[f"/persons/{CHILD.identifier[2:]}/card"] = {"state": "valid", "presentation": shown}
    assert "Nguyễn Đặng" in browser.open("/papers/insurance-card").text
    assert world.exchange.calls[-1][2] == f"/persons/{CHILD.identifier[2:]}/card"


def test_none_revoked_and_down(world: PortalWorld, shown: str) -> None:
    browser = world.browser()
    browser.log_in()
    world.exchange.papers[CARD] = CallerError("none", code="no_card", status=404)
    page = browser.open("/papers/insurance-card")
    assert page.status == 200 and "None has been issued" in page.text
    assert '<button class="quiet" name="whom" value="choose">' in page.text, "a child's is one press away"
    world.exchange.papers[CARD] = {"state": "revoked", "presentation": shown}
    page = browser.open("/papers/insurance-card")
    assert "no longer valid" in page.text and "<svg xmlns" not in page.text.partition("<main")[2]
    world.exchange.papers[CARD] = Unavailable("down", code="network_error")
    assert browser.open("/papers/insurance-card").status == 503
    world.exchange.papers[f"{CARD}/pdf"] = CallerError("revoked", code="card_revoked", status=409)
    world.exchange.papers[CARD] = {"state": "revoked", "presentation": shown}
    assert "no longer valid" in browser.open("/papers/insurance-card/file.pdf").text, "the page says why"


@pytest.mark.parametrize(
    "answer", [[], {"state": "valid"}, {"presentation": "nonsense"}, PeerError("x", code="invalid_body")]
)
def test_a_register_that_answers_nonsense(world: PortalWorld, answer: object) -> None:
    world.exchange.papers[CARD] = answer
    world.exchange.papers[f"{CARD}/pdf"] = b"<html>"
    browser = world.browser()
    browser.log_in()
    assert browser.open("/papers/insurance-card").status == 400
    assert browser.open("/papers/insurance-card/file.pdf").status == 400
    assert browser.open("/papers/passport").status == 404


def test_for_whoever_checks(world: PortalWorld) -> None:
    """Without log-in; asked of the register once a minute at most."""
    browser = world.browser()
    for _ in range(3):
        assert '"jwks"' in browser.open("/papers/insurance-card/issuer.json").text
        assert browser.open("/papers/insurance-card/status-list").text == "e30.e30.x"
    asked = [path for _, _, path, _ in world.exchange.calls]
    assert (asked.count("/issuer"), asked.count("/status-list")) == (1, 1)
    world.clock.forward(seconds=61)
    browser.open("/papers/insurance-card/issuer.json")
    assert [path for _, _, path, _ in world.exchange.calls].count("/issuer") == 2
    assert browser.open("/papers/passport/issuer.json").status == 404


# --- of several kinds, one for each child


@pytest.fixture
def entries(world: PortalWorld, shown: str) -> str:
    """Mari's children have certificates; gives the id of the first."""
    first, second = "019cadc6-9a80-7e40-9a35-f0ec7c361cc9", "019cadc6-9a80-7e40-9a35-f0ec7c361cd0"
    path = f"/persons/{MARI.subject[2:]}/birth-certificates"
    items = [
        {"id": first, "name": "Nguyễn Đặng <b>", "on": "2026-03-01", "relation": "child"},
        {"id": second, "name": "Mari Maasikas", "on": "1989-01-01", "relation": "self"},
    ]
    world.exchange.papers |= {
        path: {"items": items},
        f"{path}/{first}": {"state": "valid", "presentation": shown, "decision": first},
        f"{path}/{first}/pdf": b"%PDF-1.7 paper",
    }
    return first


@pytest.mark.parametrize(
    ("language", "words"), [("en", "Your child"), ("et", "Sinu laps"), ("vi", "Con của bạn")]
)
def test_certificates_are_listed_and_shown(
    world: PortalWorld, shown: str, entries: str, language: str, words: str
) -> None:
    browser = world.browser()
    browser.language = language
    browser.log_in()
    assert "/papers/birth-certificate" in browser.open("/my-data").text
    page = browser.open("/papers/birth-certificate")
    assert words in page.text and "Nguyễn Đặng &lt;b&gt;" in page.text
    one = f"/papers/birth-certificate/of/{entries}"
    assert one in page.text
    page = browser.open(one)
    assert qr_svg(shown).decode() in page.text and f"{one}/file.pdf" in page.text
    assert len(page.text.encode()) < 50_000
    assert 'href="/papers/birth-certificate"' in page.text
    paper = browser.open(f"{one}/file.pdf")
    assert paper.text.startswith("%PDF-")
    assert world.exchange.calls[-1][2].endswith(f"{entries}/pdf?language={language}")
    assert world.exchange.spoken_for[-1] == (MARI.subject, None)


def test_whose_word_it_is_is_said(world: PortalWorld, entries: str) -> None:
    """Who acts for somebody asks in their name, and the register sees both."""
    world.may_act_for_child()
    browser = world.browser()
    browser.log_in()
    browser.act_for(CHILD.identifier)
    world.exchange.papers[f"/persons/{CHILD.identifier[2:]}/birth-certificates"] = {"items": []}
    assert "None has been issued" in browser.open("/papers/birth-certificate").text
    assert world.exchange.spoken_for[-1] == (MARI.subject, CHILD.identifier)


def test_nobody_elses_certificate(world: PortalWorld, entries: str) -> None:
    """A made-up id, a path within one, a kind of which a person has one; who is not logged in."""
    browser = world.browser()
    one = f"/papers/birth-certificate/of/{entries}"
    assert (
        browser.request("GET", one).status == 303 and browser.request("GET", f"{one}/file.pdf").status == 303
    )
    browser.log_in()
    path = f"/persons/{MARI.subject[2:]}/birth-certificates"
    world.exchange.papers[f"{path}/x"] = CallerError("none", code="no_certificate", status=404)
    assert "None has been issued" in browser.open("/papers/birth-certificate/of/x").text
    for made_up in ("..%2F..%2F49001010005", "x%2Fpdf", "x%3Flanguage=en", "x" * 65, "%00"):
        before = len(world.exchange.calls)
        assert browser.open(f"/papers/birth-certificate/of/{made_up}").status == 404, made_up
        assert len(world.exchange.calls) == before, "the register is not asked"
    for wrong in (f"/papers/insurance-card/of/{entries}", "/papers/birth-certificate/file.pdf"):
        assert browser.open(wrong).status == 404
    world.exchange.papers[path] = CallerError("no", code="not_entitled", status=403)
    assert browser.open("/papers/birth-certificate").status in (400, 403)
    for nonsense in ([], {"items": ["x"]}, {"items": [{}]}):
        world.exchange.papers[path] = nonsense
        assert browser.open("/papers/birth-certificate").status == 400


def test_a_place_that_is_kept_is_said(world: PortalWorld, shown: str, entries: str) -> None:
    browser = world.browser()
    browser.language = "en"
    browser.log_in()
    path = f"/persons/{MARI.subject[2:]}/birth-certificates/{entries}"
    assert "protection order" not in browser.open(f"/papers/birth-certificate/of/{entries}").text
    world.exchange.papers[path] = {"presentation": shown, "place_is_kept": True}
    assert "there is a protection order" in browser.open(f"/papers/birth-certificate/of/{entries}").text
