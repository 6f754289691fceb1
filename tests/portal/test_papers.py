"""A person's papers: the code on the phone, the PDF, and what whoever checks them fetches; none, revoked, nonsense, another's."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import select

from sild.documents import card_presentation, qr_svg
from sild.errors import CallerError, PeerError, Unavailable
from sild.portal.tables import shown_once
from sild.registries.credentials import CredentialIssuer
from support.portal_world import CHILD, JAAN, MARI, Page, PlainBrowser, PortalWorld

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


# --- shown once

ONCE = "/papers/insurance-card/once"


def offered(world: PortalWorld, **show: object) -> tuple[PlainBrowser, Page, str]:
    """Mari's browser, her page with the code, and the code's path."""
    browser = world.browser()
    browser.log_in()
    page = browser.submit(browser.open("/papers/insurance-card"), "/once", **show)
    assert page.path.startswith(f"{ONCE}/"), page.text
    path = f"/shown/{page.path.rpartition('/')[2]}"
    assert qr_svg(world.portal.settings.url + path).decode() in page.text
    return browser, page, path


def contents(world: PortalWorld) -> list[bool]:
    """Whether there still is something to be shown, of each code."""
    with world.portal._store.engine.connect() as connection:
        return [one is not None for one in connection.scalars(select(shown_once.c.content))]


@pytest.mark.parametrize(
    ("language", "words"), [("en", "It was looked at"), ("et", "Seda vaadati"), ("vi", "Đã được xem")]
)
def test_shown_to_somebody_once(world: PortalWorld, shown: str, language: str, words: str) -> None:
    browser, page, path = offered(world, show=["given_names"])
    checker = world.browser()
    waits = checker.open(path)  # as often as programs look ahead
    assert waits.status == 200 and "Nguyễn" not in checker.open(path).text
    seen = checker.submit(waits, path)
    assert seen.status == 200 and "Thị Hường" in seen.text
    assert "Nguyễn Đặng" not in seen.text, "what she did not tick"
    for again in (checker.submit(waits, path), world.browser().open(path)):
        assert again.status == 404 and "Thị Hường" not in again.text
    browser.language = language
    assert words in browser.open(page.path).text


def test_a_code_that_nobody_used_in_time(world: PortalWorld, shown: str) -> None:
    browser, page, path = offered(world, show=["given_names"])
    checker = world.browser()
    waits = checker.open(path)
    world.clock.forward(minutes=5, seconds=1)
    assert checker.submit(waits, path).status == 404
    assert "nobody looked" in browser.open(page.path).text
    assert contents(world) == [True], "nobody made another"
    asyncio.run(world.portal._shown_once.clear())
    assert contents(world) == [False], "and nothing of it lies there"
    assert "nobody looked" in browser.open(page.path).text
    world.clock.forward(minutes=31)
    asyncio.run(world.portal._shown_once.clear())
    assert contents(world) == []
    world.clock.forward(minutes=19)
    browser, _page, _path = offered(world, show=["given_names"])
    assert browser.open(page.path).status == 404, "nothing is left of it"


def test_a_code_is_its_holders_and_the_database_shows_nobody_the_paper(
    world: PortalWorld, shown: str
) -> None:
    _browser, page, path = offered(world, show=["given_names", "family_name"])
    jaan = world.browser()
    jaan.log_in(JAAN)
    assert jaan.open(page.path).status == 404
    assert jaan.open(f"{page.path}x").status == 404 and jaan.open("/shown/" + "x" * 3_000).status == 404
    assert jaan.request("POST", path, {}).status == 403, "no form of ours"
    with world.portal._store.engine.connect() as connection:
        (row,) = connection.execute(select(shown_once)).all()
    kept = str(row._mapping).encode() + row.content
    assert "Hường".encode() not in kept and path.removeprefix("/shown/").encode() not in kept
    assert jaan.submit(jaan.open(path), path).status == 200
    with world.portal._store.engine.connect() as connection:
        assert connection.scalar(select(shown_once.c.content)) is None


def test_of_two_looks_at_once_one_sees_it(world: PortalWorld, shown: str) -> None:
    _browser, _page, path = offered(world, show=["given_names"])
    checkers = [world.browser() for _ in range(6)]
    forms = [checker.open(path) for checker in checkers]
    with ThreadPoolExecutor(6) as pool:
        answers = list(
            pool.map(lambda pair: pair[0].submit(pair[1], path).status, zip(checkers, forms, strict=True))
        )
    assert sorted(answers) == [200, 404, 404, 404, 404, 404]


def test_what_is_no_valid_paper_is_not_shown(world: PortalWorld, shown: str) -> None:
    browser = world.browser()
    browser.log_in()
    page = browser.open("/papers/insurance-card")
    nothing = browser.submit(page, "/once", show=["identity_code", "no_such"])
    assert nothing.path == "/papers/insurance-card" and "Tick at least one line" in nothing.text
    for answer in (
        {"state": "revoked", "presentation": shown},
        CallerError("none", code="no_card", status=404),
    ):
        world.exchange.papers[CARD] = answer
        assert browser.submit(page, "/once", show=["given_names"]).status == 404
