"""`sild portal` beside a running country: the same pages, the same exchange, and cases that outlive a process of theirs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
import requests
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_pem_x509_certificate

from sild.clock import system_clock
from sild.http1 import fetch
from sild.nation import COUNTRY, Nation
from sild.nation.browser import Browser, Page
from sild.nation.journeys import log_in, soon
from sild.registries import EvidenceOffer, PopulationRegister
from sild.registries.kernel import Usage
from sild.security_server.internal_tls import InternalTls
from sild.xroad import ServiceId
from support.postgres import PostgreSQL, postgresql  # noqa: F401 - a fixture

from .portal_process import PortalProcess, running

ABROAD = {"et": "Rahvastikuamet", "vi": "Cục hộ tịch", "en": "Civil Status Office"}
PREVIEW = "https://portal.vn.example"
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def country(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Nation]:
    plan = replace(COUNTRY, people=600)
    async with await Nation.start(tmp_path_factory.mktemp("country") / "nation", plan=plan) as nation:
        yield nation


@pytest.fixture(scope="module")
def door(country: Nation, tmp_path_factory: pytest.TempPathFactory) -> Door:
    return Door(country, tmp_path_factory.mktemp("door"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def portal(
    country: Nation, door: Door, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[PortalProcess]:
    """On SQLite, with a door for events that is open to the network, and a country that gives evidence."""
    directory = tmp_path_factory.mktemp("process") / "portal"
    directory.mkdir()
    one = PortalProcess(
        country,
        directory,
        events=door.settings(),
        leave_delay=600.0,
        evidence=(provider_of_evidence(country, directory),),
    )
    async with running(one):
        yield one


def population(country: Nation) -> PopulationRegister:
    assert country.systems is not None
    register = country.systems.registers["population"].register
    assert isinstance(register, PopulationRegister)
    return register


def provider_of_evidence(country: Nation, directory: Path) -> dict[str, Any]:
    """The population register answers as another country's: there is one exchange here, and its seal lies beside the settings."""
    seal = population(country).certificates._seal.chain[-1]
    (directory / "seals.pem").write_bytes(seal.public_bytes(Encoding.PEM))
    system = country.plan.system_id("population").encode()
    return {"country": "VN", "system": system, "name": ABROAD, "preview": PREVIEW, "authority": "seals.pem"}


def somebody(country: Nation, name: str) -> dict[str, Any]:
    return next(one for one in country.description["test_people"] if one["id"] == name)  # type: ignore[attr-defined]


@contextmanager
def without_the_right(country: Nation) -> Iterator[None]:
    """The portal may not enter anybody in a doctor's list meanwhile: what is to be done waits."""
    conf, care = country.consumer.serverconf, country.plan.system_id("care")
    right = (ServiceId(care, "care"), country.plan.system_id("portal"))
    conf.revoke(*right, method="POST", path="/persons/*/practice")
    try:
        yield
    finally:
        conf.grant(*right, method="POST", path="/persons/*/practice")


async def begun(browser: Browser, portal: PortalProcess, name: str = "practice") -> Page:
    """A case in which they choose a family doctor, at its screen. The service is there once the registers have said what they hold."""
    service = f"{portal.address}/services/{name}"

    async def ask() -> Page | None:
        page = await browser.open(service)
        page = await browser.send(f"{service}/begin", page.form("/begin").sent({}), portal.url)
        return page if "/cases/" in page.url else None

    return await soon("the service is published", ask)


async def sent(portal: PortalProcess, page: Page, answers: dict[str, str]) -> Page:
    """At this process, under the address that people see."""
    form = page.form("/screens/")
    return await page.browser.send(portal.address + form.action, form.sent(answers), portal.url)


async def ready(portal: PortalProcess) -> tuple[int, Any]:
    answer = await fetch(f"http://localhost:{portal.listen['health']}/ready")
    return answer.status, json.loads(answer.body)


async def told(portal: PortalProcess, body: bytes, message_id: str = "SILD-2") -> int:
    """As the security server on this machine tells it."""
    sender = portal.country.plan.system_id("population").encode().encode()
    headers = [(b"X-Road-Client", sender), (b"X-Road-Id", message_id.encode())]
    url = f"http://localhost:{portal.listen['events']}/events"
    return (await fetch(url, method="POST", body=body, headers=headers)).status


async def chosen(browser: Browser, case: str) -> Page:
    async def ask() -> Page | None:
        page = await browser.open(case)
        return page if "Entered in the list" in page.text else None

    return await soon("the case goes on", ask)


@dataclass
class Door:
    """An https door for events of its own, and how to knock at it as whoever shows a certificate."""

    country: Nation
    directory: Path

    def settings(self) -> dict[str, Any]:
        own = InternalTls(self.directory, host_names=("localhost",), at=system_clock())
        self.server_pem = self.country.settings_of(self.country.plan.consumer).directory / "internal-tls.pem"
        mark = b"-----BEGIN CERTIFICATE"
        known = self.directory / "known.pem"
        known.write_bytes(mark + self.server_pem.read_bytes().partition(mark)[2])
        self.trusted = self.directory / "door.pem"
        self.trusted.write_bytes(own.certificate.public_bytes(Encoding.PEM))
        self.own_pem = self.directory / "internal-tls.pem"
        return {"certificate": self.own_pem, "key": self.own_pem, "client_certificates": [known]}

    async def post(self, url: str, body: bytes, certificate: Path | None, sender: str) -> int:
        headers = {"X-Road-Client": sender, "X-Road-Id": "SILD-1"}
        pem = None if certificate is None else str(certificate)
        asked = partial(
            requests.post, url, body, headers=headers, cert=pem, verify=str(self.trusted), timeout=10
        )
        return (await asyncio.to_thread(asked)).status_code


def event(country: Nation, **other: Any) -> bytes:
    source = f"/{country.plan.system_id('population').encode()}"
    given = {"specversion": "1.0", "id": "1", "source": source, "subject": "60001019906", "data": {}}
    return json.dumps(
        {**given, "type": "civil.death.registered", "time": "2026-11-23T12:00:00Z", **other}
    ).encode()


async def test_the_security_server_alone_brings_events(portal: PortalProcess, door: Door) -> None:
    url = f"https://localhost:{portal.listen['events']}/events"
    country = portal.country
    population, social = (country.plan.system_id(kind).encode() for kind in ("population", "social"))
    for nobody in (None, door.own_pem):
        with pytest.raises(requests.exceptions.ConnectionError):
            await door.post(url, event(country), nobody, population)
    unknown = event(country, type="population.made_up")
    assert await door.post(url, unknown, door.server_pem, population) == 404  # heard; and nobody takes such
    assert await door.post(url, event(country), door.server_pem, social) == 400  # of somebody else
    assert await door.post(url, b"x" * 300_000, door.server_pem, population) == 413


async def test_what_a_register_tells_comes_over_the_exchange(portal: PortalProcess, door: Door) -> None:
    """The subsystem's service at its security server is the process's https door, known by its certificate."""
    nation, own = portal.country, portal.country.plan.system_id("portal")
    service, conf = ServiceId(own, "events"), nation.consumer.serverconf
    certificate = load_pem_x509_certificate(door.trusted.read_bytes())
    conf.add_certificate(own, certificate.public_bytes(Encoding.DER))
    conf.update_service(service, url=f"https://localhost:{portal.listen['events']}/events")
    try:
        assert nation.systems is not None
        statuses = [
            (
                await nation.systems.clients[sender].post(
                    service, body=event(nation, **of), content_type="application/json"
                )
            ).status
            for sender, of in (
                ("population", {"id": "over-the-exchange"}),
                ("population", {"id": "over-the-exchange"}),
                ("social", {"id": "said-to-be-populations"}),
            )
        ]
    finally:
        conf.update_service(service, url=f"http://127.0.0.1:{nation.ports.systems['portal']}/events")
    assert statuses == [204, 204, 400]


async def test_evidence_from_another_country(country: Nation, portal: PortalProcess) -> None:
    """By the entry of the settings file: offered, asked for, refused by who gives none; looked at there, and believed by its seal."""
    person, register = somebody(country, "married_mother"), population(country)
    conf, system = country.provider.serverconf, country.plan.system_id("population")
    browser = Browser()
    await log_in(browser, portal.url, person)
    case = (await begun(browser, portal, "move")).url.partition("/screens/")[0]
    source = f"proof_of_birth|{system.encode()}"

    async def said(words: str) -> Page:
        async def ask() -> Page | None:
            page = await browser.open(case)
            return page if words in page.text else None

        return await soon(words, ask)

    async def asked() -> None:
        page = await browser.open(f"{case}/screens/evidence.ask")
        assert page.form("/screens/").options("f.source") == [source]
        page = await sent(portal, page, {"f.source": source, "do": "ASK_EVIDENCE"})
        assert "/receipts/" in page.url, page.text

    right = (ServiceId(system, "population"), country.plan.system_id("portal"))
    conf.grant(*right, method="POST", path="/evidence-requests")
    try:
        await asked()
        await said("Their register refused the question")
        register.evidence.offer = EvidenceOffer("VN", ABROAD, f"{PREVIEW}/preview")
        await asked()
        page = await said("Waits for you to look")
        link = next(link for link in page.links if link.startswith(f"{PREVIEW}/preview/"))
        look = Usage("SILD/GOV/70000001/portal", "look", user_id=f"EE{person['code']}", issue="own", basis="GDPR 15")  # fmt: skip
        token = urlsplit(link).path.rpartition("/")[2]
        seen = await asyncio.to_thread(register.evidence.preview, token, look)
        await asyncio.to_thread(
            register.evidence.answer, token, seen.sha256, replace(look, message_id="answer")
        )
        page = await browser.open(f"{case}/screens/evidence.fetch")
        page = await sent(portal, page, {"do": "FETCH_EVIDENCE"})
        assert "/receipts/" in page.url, page.text
        assert ABROAD["en"] in (await said("Received")).text
    finally:
        conf.revoke(*right, method="POST", path="/evidence-requests")
        register.evidence.offer = None


async def test_a_case_outlives_its_process(country: Nation, portal: PortalProcess) -> None:
    person = somebody(country, "married_mother")
    checks = {"portal": "ok", "cases": "ok"}
    assert await ready(portal) == (200, {"ready": True, "reason": None, "checks": checks})
    browser = Browser()
    await log_in(browser, portal.url, person)
    page = await browser.open(f"{portal.url}/my-data")
    assert page.status == 200
    assert "Population register" in page.text and person["name"].rpartition(" ")[2] in page.text
    page = await begun(browser, portal)
    case = page.url.partition("/screens/")[0]
    practice = page.form("/screens/").options("f.practice")[0]
    with without_the_right(country):
        page = await sent(portal, page, {"f.practice": practice, "do": "CHOOSE"})
        assert "/receipts/" in page.url
        await portal.kill()
    await portal.start()
    await chosen(browser, case)  # logged in still
    assert (await browser.open(f"{portal.url}/who-looked")).status == 200
    portal.ask_to_end()

    async def leaving() -> str | None:
        status, told = await ready(portal)
        return told["reason"] if status == 503 else None

    assert await soon("it is ready no more, and serves", leaving) == "The process is ending"
    assert (await browser.open(case)).status == 200
    assert await portal.end() == 0
    assert portal.log.count('"level": "error"') == 0, portal.log


async def test_two_processes_on_one_database(
    country: Nation,
    tmp_path: Path,
    postgresql: PostgreSQL,  # noqa: F811
) -> None:
    with postgresql.database() as url:
        first = PortalProcess(country, tmp_path / "portal", "first", database=url)
        second = PortalProcess(country, tmp_path / "portal", "second", first.url, database=url)
        async with running(first, second):
            browser, stranger = Browser(), Browser()
            await log_in(browser, first.url, somebody(country, "owner"))
            assert (await browser.open(f"{second.address}/home")).text.count("Settings")
            await log_in(stranger, first.url, somebody(country, "married_father"))
            page = await begun(browser, first)
            path = page.url.removeprefix(first.address).partition("/screens/")[0]
            practice = page.form("/screens/").options("f.practice")[0]
            await sent(first, page, {"f.practice": practice, "do": "SAVE"})
            page = await browser.open(f"{second.address}{path}/screens/practice.choose")
            assert page.form("/screens/").fields["f.practice"].value == practice
            for portal in (first, second):  # and at neither for somebody else
                assert (await stranger.open(portal.address + path)).status == 404
            with without_the_right(country):
                page = await sent(first, page, {"f.practice": practice, "do": "CHOOSE"})
                assert "/receipts/" in page.url
                await first.kill()
            await chosen(browser, second.address + path)  # the other one takes it up
            for wrong in ({"subject": "6" * 101}, {"subject": "6\0"}, {"data": {"valid_from": "\0"}}):
                assert (
                    await told(second, event(country, **wrong)) == 400
                )  # for good, and no outage of the database
            assert await told(second, event(country), message_id="x" * 256) == 400
            assert await told(second, event(country)) == 204
            assert (await ready(second))[0] == 200
            assert await second.end() == 0
