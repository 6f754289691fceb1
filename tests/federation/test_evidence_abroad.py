"""Two countries on two federated instances: a person asks in the one, looks and agrees in the other's portal, and the evidence comes back. Nothing is a double but the services beside.

EE's case system and portal, VN's population register and portal, each portal with an identity provider of its own; between them real security
servers. The other country's cases are not started: its portal shows a preview, and has no work of its own.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, ExitStack
from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import pytest
import pytest_asyncio

from cases.permit import CONCEPTS, FORM, RETURN, SERVICE, Permit
from federation.federated_nations import FederatedNation, Federation
from sild.adapter import AsyncXRoadClient
from sild.asgi import serve_application
from sild.cases import CaseSystem, EvidenceSource, Packs, XRoadExchange, load_packs
from sild.catalogue.services import Need
from sild.identity_provider import TestPerson
from sild.oots import Agent, DataService
from sild.portal import PortalCases, PortalExchange, PreviewOptions
from sild.registries import EvidenceOffer, Transfer, published_keys
from support.asgi import serving
from support.portal_world import Page, PlainBrowser, PortalWorld

pytestmark = pytest.mark.asyncio(loop_scope="module")

NAME = {"et": "Rahvastikuamet", "vi": "Cục hộ tịch", "en": "Civil Status Office"}
CLASSIFICATION = (
    "https://sr.oots.tech.ec.europa.eu/evidencetypeclassifications/VN/7dddca84-477d-594e-baa4-742a44ea1d81"
)


class Countries:
    """ee asks, vn gives. person: living in both registers, of Viet Nam; stranger: another one there."""

    ee: PortalWorld
    vn: PortalWorld
    cases: CaseSystem
    person: TestPerson
    stranger: TestPerson

    def __init__(self, federation: Federation, directory: Path) -> None:
        self.federation = federation
        self._directory = directory
        self._served = ExitStack()
        self._clients = AsyncExitStack()

    async def open(self) -> None:
        here, there = self.federation.ee, self.federation.fi
        people = [one for one in there.register.some_people(12) if one["country"] == "VN"][:2]
        self.person, self.stranger = (
            TestPerson(subject=f"VN{one['code']}", given_name="A", family_name=one["name"]) for one in people
        )
        own, self.system = (population_of(nation) for nation in (here, there))
        vn_cases = await self._case_system("vn", there, "VN", ())
        self._served.callback(vn_cases.close)
        listening = socket.create_server(("127.0.0.1", 0))
        at_home = f"http://localhost:{listening.getsockname()[1]}"
        subsystem = self.system.partition("/")[2]
        self.vn = PortalWorld(
            self._directory / "vn",
            PortalCases(vn_cases, packs_of("VN")),
            exchange=PortalExchange(XRoadExchange(await self._client(there)), "VN"),
            system=there.desk.encode(),
            registers=(self.system,),
            people=(self.person, self.stranger),
            clock=there.clock,
            previews=PreviewOptions(subsystem=subsystem, returns=(at_home,)),
            fact_sources=(),
        )
        provider = there.plan.subsystem_id(there.plan.provider)
        agent = Agent(provider.member_code, "urn:oasis:names:tc:ebcore:partyid-type:unregistered:VN", NAME)
        service = DataService(CLASSIFICATION, "VN", self.system, agent, self.vn.url)
        named = [there.register.certificates._seal.chain[-1]]
        self.cases = await self._case_system("ee", here, "EE", (EvidenceSource(service, named),))
        self.cases._parts.published["permit"] = here.clock()
        self.ee = PortalWorld(
            self._directory / "ee",
            PortalCases(self.cases, packs_of("EE")),
            exchange=PortalExchange(XRoadExchange(await self._client(here)), "EE"),
            system=here.desk.encode(),
            registers=(own,),
            people=(self.person,),
            clock=here.clock,
            listening=listening,
            fact_sources=(),
        )
        for world in (self.vn, self.ee):  # the portal in this loop, where its exchange is
            self._served.enter_context(serving(world.provider.app, world._identity))
            self._served.callback(world.provider.close)
            self._served.callback(world.portal.close)
            world._portal.close()
            served = await serve_application(world.portal.app, "127.0.0.1", urlsplit(world.url).port or 0)
            self._clients.push_async_callback(served.close)
        there.register.kernel.take_word_of(self.vn.issuer, published_keys(f"{self.vn.issuer}/jwks"))
        there.register.evidence.offer = EvidenceOffer("VN", NAME, f"{self.vn.url}/preview")
        until = there.clock().date() + timedelta(days=30)
        there.register.kernel.transfers = [Transfer("EE", "CTIA-2026-17", until, ("queryEvidence",))]
        for nation in (here, there):
            service_id = nation.provider.serverconf.add_rest_service(
                nation.plan.subsystem_id(nation.plan.provider), population_of(nation).rpartition("/")[2], f"http://127.0.0.1:{nation.ports.register}",
            )  # fmt: skip
            nation.provider.serverconf.grant(service_id, nation.desk, method="*", path="**")
            if nation is there:
                nation.provider.serverconf.grant(
                    service_id, here.desk, method="POST", path="/evidence-requests"
                )
        await self.cases.start()

    async def close(self) -> None:
        await self.cases.stop()
        await self._clients.aclose()
        await asyncio.to_thread(self._served.close)

    async def _client(self, nation: FederatedNation) -> AsyncXRoadClient:
        url = f"http://127.0.0.1:{nation.ports.consumer.client_http}"
        return await self._clients.enter_async_context(AsyncXRoadClient(url, nation.desk))

    async def _case_system(
        self, name: str, nation: FederatedNation, country: str, sources: Any
    ) -> CaseSystem:
        directory = self._directory / f"cases-{name}"
        directory.mkdir(parents=True)
        return CaseSystem.open(
            directory,
            system=f"/{nation.desk.encode()}",
            exchange=XRoadExchange(await self._client(nation)),
            packs=packs_of(country),
            processes=[Permit()],
            registers={"population": population_of(nation).partition("/")[2]},
            evidence=sources,
            name={"et": "Eesti portaal", "vi": "Cổng Estonia", "en": "Portal of Estonia"},
        )

    # --- what a person does

    def asked(self, browser: PlainBrowser) -> str:
        """A new case, and yes: its address."""
        page = browser.open("/services/permit")
        page = browser.submit(page, "/services/permit/begin")
        root = "/".join(page.path.split("/")[:3])
        form = browser.open(f"{root}/screens/evidence.ask")
        browser.submit(
            form, "/screens/evidence.ask", do="ASK_EVIDENCE", f__source=f"proof_of_birth|{self.system}"
        )
        return root


def population_of(nation: FederatedNation) -> str:
    """`VN/GOV/70000052/population`."""
    return str(nation.plan.subsystem_id(nation.plan.provider).encode())


@cache
def packs_of(country: str) -> Packs:
    """With a service that needs a proof of birth of whoever opens it."""
    packs = load_packs(country)
    needs = (Need(requirement="proof_of_birth", of=("owner",), procedure="V1"),)
    service = SERVICE.model_copy(update={"needs": needs, "life_events": ("moving",)})
    screens = {**packs.screens, "permit.form": FORM, "permit.return": RETURN}
    concepts = packs.concepts | CONCEPTS
    return replace(packs, services={**packs.services, "permit": service}, screens=screens, concepts=concepts)


def until(browser: PlainBrowser, path: str, words: str, tries: int = 60) -> Page:
    """The page, once it says so."""
    for _ in range(tries):
        page = browser.open(path)
        if words in page.text:
            return page
        time.sleep(0.05)
    raise AssertionError(f"{words!r} is not on {path}: {page.status} {page.text}")


def way_there(page: Page) -> str:
    return [link for link in page.parsed.links if "/preview/" in link][0].replace("&amp;", "&")  # noqa: RUF015


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def countries(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Countries]:
    directory = tmp_path_factory.mktemp("countries")

    class Neighbours(Federation):
        async def __aenter__(self) -> Neighbours:
            self._allowed["VN"] = "all"
            self.ee = await self._start("EE", "3")
            self.fi = await self._start("VN", "5")
            return self

    async with Neighbours(directory) as federation:
        await federation.trust_one_another()
        found = Countries(federation, directory)
        await found.open()
        yield found
        await found.close()


async def doing(function: Callable[[], Any]) -> Any:
    """In a thread: browsers block, and both countries live in this loop. No future takes a StopIteration (of a form that is not there)."""

    def done() -> Any:
        try:
            return function()
        except StopIteration as error:
            raise AssertionError("there is no such form or link") from error

    return await asyncio.to_thread(done)


async def test_asked_here_agreed_there_and_kept_here(countries: Countries) -> None:
    def story() -> tuple[Page, Page, bytes]:
        here, there = countries.ee.browser(), countries.vn.browser()
        here.log_in(countries.person)
        root = countries.asked(here)
        page = until(here, root, "Look at it there")
        link = way_there(page)
        query = parse_qs(urlsplit(link).query)
        assert link.startswith(f"{countries.vn.url}/preview/") and query["returnmethod"] == ["GET"]
        assert query["returnurl"][0].startswith(f"{countries.ee.url}/evidence/")

        page = there.open(link)  # nobody is logged in there: log in first, and come back to it
        (form,) = [
            one for one in page.parsed.forms if one["fields"].get("return_to", "").startswith("/preview/")
        ]
        page = there.open(urljoin(page.url, form["action"]), "POST", form["fields"])
        page = there.submit(page, "/test", subject=countries.person.subject)
        assert page.path.startswith("/preview/"), page.url
        assert "Portal of Estonia" in page.text and "For a procedure in Estonia" in page.text
        policy = page.headers["content-security-policy"]
        assert f"form-action 'self' {' '.join(sorted({countries.ee.url, countries.vn.issuer}))}" in policy
        pdf = there.request("GET", page.path + "/document.pdf")
        assert pdf.status == 200 and pdf.headers["content-type"] == "application/pdf"
        form = page.form(page.path)
        back = there.request("POST", form["action"], {**form["fields"], "do": "USE"})
        assert back.status == 303 and back.headers["location"] == query["returnurl"][0]

        page = here.open(back.headers["location"])
        assert page.path.endswith("/screens/evidence.fetch")
        here.submit(page, "/screens/evidence.fetch", do="FETCH_EVIDENCE")
        case = until(here, root, "Where it comes from")
        (file,) = [link for link in case.parsed.links if "/files/" in link]
        got = here.request("GET", file)
        assert got.status == 200
        used = there.open("/who-looked?own=yes")
        asked = here.open("/who-looked")
        assert "What we asked abroad" in asked.text and countries.system in asked.text
        return case, used, got.text.encode("utf-8", "surrogateescape")

    case, used, _file = await doing(story)
    assert "Civil Status Office" in case.text and "VN/GOV" in case.text
    assert "Evidence was asked for from another country" in used.text, (
        "the country that gave it shows it, too"
    )
    found = countries.cases._parts.ledger.of_actor(countries.person.subject)
    sent = [one for one in found if one.register == f"/{countries.system}"]
    assert [one.outcome for one in sent] == ["done", "done"] and {one.basis for one in sent} == {"(EL) 2018/1724 art 14"}  # fmt: skip


async def test_the_link_is_one_persons_and_a_no_is_a_no(countries: Countries) -> None:
    def story() -> Page:
        here, there, stranger = countries.ee.browser(), countries.vn.browser(), countries.vn.browser()
        here.log_in(countries.person)
        root = countries.asked(here)
        link = way_there(until(here, root, "Look at it there"))
        stranger.log_in(countries.stranger)
        seen = stranger.open(link)
        assert seen.status == 404 and "nobody else" in seen.text and "lines" not in seen.text
        assert stranger.request("GET", urlsplit(link).path + "/document.pdf").status in (400, 404)
        there.log_in(countries.person)
        evil = link.replace("returnurl=", "returnurl=https%3A%2F%2Fevil.example%2F&x=")
        page = there.open(evil)
        assert page.status == 200 and "evil.example" not in page.text, "nobody is sent back to a stranger"
        form = page.form(page.path)
        forged = {**form["fields"], "do": "DECLINE", "returnurl": "https://evil.example/"}
        answer = there.request("POST", form["action"], forged)
        assert answer.status == 303 and answer.headers["location"] == page.path
        assert "may not be used" in there.open(page.path).text
        again = there.request("POST", form["action"], {**form["fields"], "do": "USE", "key": "k" * 43})
        assert again.status == 409 and "answered before" not in again.text.split("<h1>")[0]
        way = parse_qs(urlsplit(link).query)["returnurl"][0]
        other = countries.ee.browser()
        assert other.request("GET", way[:-1] + ("A" if way[-1] != "A" else "B")).status in (303, 401, 404)
        assert here.request("GET", way[:-1] + ("A" if way[-1] != "A" else "B")).status == 404
        here.submit(here.open(way), "/screens/evidence.fetch", do="FETCH_EVIDENCE")
        return until(here, root, "You did not agree there")

    page = await doing(story)
    assert "Evidence from another country" in page.text
