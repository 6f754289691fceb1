"""A preview at the provider's portal: its real identity provider and its real population register, which another country has asked. Only the
security servers between portal and register are left out: what they would write stands in the headers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest

from sild.cases import ExchangeAnswer
from sild.errors import CallerError
from sild.identity_provider import TestPerson
from sild.oots import (
    Agent,
    ErrorResponse,
    EvidenceRequest,
    EvidenceType,
    Requirement,
    Subject,
    parse_answer,
    request_xml,
)
from sild.portal import PreviewOptions
from sild.registries import EvidenceOffer, PopulationRegister, Transfer, population_app, published_keys
from support.accessible import check
from support.asgi import Site, serving
from support.chromium import chromium
from support.identity_world import NOW
from support.portal_world import Page, PlainBrowser, PortalWorld

REPOSITORY = "https://sr.oots.tech.ec.europa.eu"
EXTRACT = "fda526e4-47ed-5086-b961-28b765d00768"
NAME = {"et": "Rahvastikuamet", "vi": "Cục hộ tịch", "en": "Population Office"}
AT_HOME = "https://portal.fi.example"
BACK = f"{AT_HOME}/evidence/case-1/3/{'w' * 43}"
SCHEME = "urn:oasis:names:tc:ebcore:partyid-type:unregistered"


class ToTheRegister:
    """`sild.portal.Exchange` to one register."""

    site: Site

    def system(self, service: str) -> str:
        return f"SILD/{service}"

    async def call(self, service: str, method: str, path: str, **said: Any) -> ExchangeAnswer:
        return await asyncio.to_thread(self.ask, method, path, said)

    def ask(self, method: str, path: str, said: dict[str, Any]) -> ExchangeAnswer:
        headers = {
            "X-Road-Client": "SILD/GOV/70000001/portal",
            "X-Road-Id": said.get("message_id") or f"SILD-{uuid4()}",
            "X-Road-UserId": said["acting"],
            "X-Road-Issue": said["case"] or "",
            "Sild-Legal-Basis": said["basis"],
            "Content-Type": "application/json",
            **({"Sild-Acting": said["proof"]} if said.get("proof") else {}),
        }
        body = None if said.get("body") is None else json.dumps(said["body"]).encode()
        answer = self.site.request(method, path, body=body, headers=headers)
        if answer.status >= 400:
            code = answer.json()["type"].rpartition(":")[2]
            raise CallerError("refused", code=code, status=answer.status)
        is_file = answer.headers["content-type"] == "application/pdf"
        return ExchangeAnswer(answer.status, None if is_file else answer.json(), "m", answer.body if is_file else b"")  # fmt: skip


class Provider:
    """The country that gives: a portal with a person and a stranger, and a request of Finland's about the person."""

    def __init__(self, directory: Path) -> None:
        exchange = ToTheRegister()
        self.register = PopulationRegister.open(
            directory / "register", system="/SILD/GOV/70000002/population", people=200, clock=lambda: NOW
        )
        codes = [one["code"] for one in self.register.some_people(4) if one["country"] == "EE"]
        self.person, self.stranger = (TestPerson(subject=f"EE{code}", given_name="A", family_name="B") for code in codes[:2])  # fmt: skip
        self.world = PortalWorld(
            directory,
            exchange=exchange,
            people=(self.person, self.stranger),
            previews=PreviewOptions(subsystem="GOV/70000002/population", returns=(AT_HOME,)),
        )
        self.register.evidence.offer = EvidenceOffer("EE", NAME, f"{self.world.url}/preview")
        self.register.kernel.transfers = [Transfer("FI", "assessed", date(2027, 1, 1), ("queryEvidence",))]
        self.register.kernel.take_word_of(self.world.issuer, published_keys(f"{self.world.issuer}/jwks"))
        self.exchange = exchange

    def asked(self) -> str:
        """A new request: the address of its preview, with the way back."""
        code = self.person.subject[2:]
        known = self.exchange.ask(
            "GET", f"/persons/{code}", {"acting": "automatic", "case": "c", "basis": "x"}
        )
        subject = Subject(f"FI/EE/{code}X", known.json["family_name"], known.json["given_names"], date.fromisoformat(known.json["born"]), "High")  # fmt: skip
        request = EvidenceRequest(
            id=f"urn:uuid:{uuid4()}",
            issued=datetime.now(UTC),
            procedure="V1",
            explicitly_requested=True,
            can_preview=True,
            requirements=(Requirement(f"{REPOSITORY}/requirements/{uuid4()}", {"en": "Proof <b>of</b> birth"}),),
            requester=Agent("70000001", f"{SCHEME}:FI", {"en": "Portal of Finland"}, "FI"),
            provider=Agent("70000002", f"{SCHEME}:EE", NAME),
            subject=subject,
            evidence_type=EvidenceType(EXTRACT, f"{REPOSITORY}/evidencetypeclassifications/EE/{EXTRACT}", {"en": "Extract"}, "application/pdf"),
        )  # fmt: skip
        headers = {"X-Road-Client": "FI/GOV/70000001/portal", "X-Road-Id": f"FI-{uuid4()}", "X-Road-UserId": subject.code, "X-Road-Issue": "case-1", "Sild-Legal-Basis": "x", "Content-Type": "application/x-ebrs+xml"}  # fmt: skip
        answer = self.exchange.site.request("POST", "/evidence-requests", body=request_xml(request), headers=headers)  # fmt: skip
        found = parse_answer(answer.body, request_id=request.id)
        assert isinstance(found, ErrorResponse) and found.preview_location is not None
        return f"{found.preview_location}?returnurl={quote(BACK, safe='')}&returnmethod=GET"


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[Provider]:
    provider = Provider(tmp_path)
    with serving(population_app(provider.register)) as site, provider.world.running():
        provider.exchange.site = site
        yield provider
    provider.register.close()


def browser_of(provider: Provider, person: TestPerson | None = None, language: str = "en") -> PlainBrowser:
    browser = provider.world.browser()
    browser.language = language
    browser.log_in(person or provider.person)
    return browser


def answer(browser: PlainBrowser, page: Page, do: str, **other: str) -> Page:
    form = page.form(page.path)
    return browser.request("POST", form["action"], {**form["fields"], "do": do, **other})


def test_look_agree_and_go_back(provider: Provider) -> None:
    link = provider.asked()
    stranger = provider.world.browser()
    assert stranger.request("GET", link).status == 303, "log in first"
    browser = browser_of(provider)
    page = browser.open(link)
    assert page.status == 200 and "For a procedure in Finland" in page.text
    assert "Portal of Finland" in page.text and "Proof &lt;b&gt;of&lt;/b&gt; birth" in page.text
    policy = page.headers["content-security-policy"]
    assert f"form-action 'self' {' '.join(sorted((provider.world.issuer, AT_HOME)))};" in policy
    pdf = browser.request("GET", f"{page.path}/document.pdf")
    assert pdf.status == 200 and pdf.headers["content-type"] == "application/pdf" and "%PDF-" in pdf.text
    assert browser.open(link).form(page.path)["fields"]["sha256"] == page.form(page.path)["fields"]["sha256"]
    done = answer(browser, page, "USE")
    assert (done.status, done.headers["location"]) == (303, BACK)
    assert "said that it may be used" in browser.open(link).text
    again = answer(browser, page, "DECLINE", key="k" * 43)
    assert again.status == 409 and "said that it may be used" in again.text, "what was said stands"
    for language, words in (("et", "Menetlus riigis: Soome"), ("vi", "Phần Lan")):
        assert words in browser_of(provider, language=language).open(provider.asked()).text


def test_nobody_else_sees_it(provider: Provider) -> None:
    link = provider.asked()
    other = browser_of(provider, provider.stranger)
    page = other.open(link)
    assert page.status == 404 and "to nobody else" in page.text and "Portal of Finland" not in page.text
    assert other.request("GET", page.path + "/document.pdf").status in (400, 404)
    mine = browser_of(provider).open(link)
    form = mine.form(mine.path)
    stolen = other.request("POST", mine.path, {**form["fields"], "do": "USE"})
    assert stolen.status == 403, "a form of somebody else's browser"
    own = {**form["fields"], "form_token": other.open("/settings").parsed.forms[0]["fields"]["form_token"]}
    assert other.request("POST", mine.path, {**own, "do": "USE"}).status == 409
    assert "You decide" in browser_of(provider).open(link).text
    for look in ("A" * 43, "x", "..%2f..%2fpersons"):
        assert other.request("GET", f"/preview/{look}").status in (400, 404)


@pytest.mark.parametrize(
    "evil",
    ["https://evil.example/", f"{AT_HOME}.evil.example/", f"{AT_HOME}@evil.example/", "//evil.example", "javascript:alert(1)", "/home"],
)  # fmt: skip
def test_no_way_back_to_a_stranger(provider: Provider, evil: str) -> None:
    link = provider.asked().partition("?")[0]
    browser = browser_of(provider)
    page = browser.open(f"{link}?returnurl={quote(evil, safe='')}&returnmethod=GET")
    assert page.status == 200 and "evil.example" not in page.text and "javascript:" not in page.text
    assert "evil.example" not in page.headers["content-security-policy"]
    done = answer(browser, page, "DECLINE", returnurl=evil, returnmethod="GET")
    assert (done.status, done.headers["location"]) == (303, page.path)
    assert "Nothing was sent" in browser.open(page.path).text


def test_another_document_than_was_seen_is_not_agreed_to(provider: Provider) -> None:
    browser = browser_of(provider)
    page = browser.open(provider.asked())
    changed = answer(browser, page, "USE", sha256="0" * 64)
    assert changed.status == 409 and "Look at it again" in changed.text
    assert answer(browser, page, "PERHAPS").status == 400
    assert "You decide" in browser.open(page.path).text


def test_no_previews_unless_the_settings_say_so(tmp_path: Path) -> None:
    with PortalWorld(tmp_path).running() as world:
        browser = world.browser()
        browser.log_in()
        assert browser.request("GET", f"/preview/{'A' * 43}").status == 404


@pytest.mark.slow
def test_every_state_of_it_in_a_browser(provider: Provider) -> None:
    """Judged by axe on a phone in each language: to be decided, decided, and somebody else's."""
    url = provider.world.url.replace("http://", "https://")
    with chromium() as chrome:
        for language in ("et", "vi", "en"):
            plain = browser_of(provider, language=language)
            opened = chrome.new_context(
                viewport={"width": 390, "height": 844}, locale=language, service_workers="block"
            )
            opened.add_cookies(
                [
                    {"name": name, "value": value, "url": url, "secure": True, "httpOnly": True, "sameSite": "Lax"}
                    for name, value in plain.cookies.items()
                    if name.startswith("__Host-portal")
                ]
            )  # fmt: skip
            page = opened.new_page()
            page.goto(provider.asked())
            assert page.locator("html").get_attribute("lang") == language
            assert page.locator("button[value='USE']").count() == 1
            check(page, f"preview-{language}")
            page.goto(f"{provider.world.url}/preview/{'A' * 43}")
            check(page, f"preview-none-{language}")
            page.goto(f"{provider.world.url}/logged-out")
            check(page, f"logged-out-{language}")
            link = provider.asked()
            form = plain.open(link)
            answer(plain, form, "DECLINE")
            page.goto(link)
            assert page.locator("button[value='USE']").count() == 0
            check(page, f"preview-declined-{language}")
            opened.close()
