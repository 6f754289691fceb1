"""`sild portal` beside a running country: the same pages, the same exchange, and cases that outlive a process of theirs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import requests
from cryptography.hazmat.primitives.serialization import Encoding

from sild.clock import system_clock
from sild.http1 import fetch
from sild.nation import COUNTRY, Nation
from sild.nation.browser import Browser, Page
from sild.nation.journeys import log_in, soon
from sild.security_server.internal_tls import InternalTls
from sild.xroad import ServiceId
from support.postgres import PostgreSQL, postgresql  # noqa: F401 - a fixture

from .portal_process import PortalProcess, running

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def country(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Nation]:
    plan = replace(COUNTRY, people=600)
    async with await Nation.start(tmp_path_factory.mktemp("country") / "nation", plan=plan) as nation:
        yield nation


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


async def begun(browser: Browser, portal: PortalProcess) -> Page:
    """A case in which they choose a family doctor, at its screen. The service is there once the registers have said what they hold."""
    service = f"{portal.address}/services/practice"

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


async def chosen(browser: Browser, case: str) -> Page:
    async def ask() -> Page | None:
        page = await browser.open(case)
        return page if "Entered in the list" in page.text else None

    return await soon("the case goes on", ask)


async def test_a_case_outlives_its_process(country: Nation, tmp_path: Path) -> None:
    person = somebody(country, "married_mother")
    portal = PortalProcess(country, tmp_path / "portal")
    async with running(portal):
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
            assert (await ready(second))[0] == 200
            assert await second.end() == 0


async def test_the_security_server_alone_brings_events(country: Nation, tmp_path: Path) -> None:
    own = InternalTls(tmp_path, host_names=("localhost",), at=system_clock())
    known = tmp_path / "known.pem"
    server_pem = country.settings_of(country.plan.consumer).directory / "internal-tls.pem"
    known.write_bytes(
        b"-----BEGIN CERTIFICATE" + server_pem.read_bytes().partition(b"-----BEGIN CERTIFICATE")[2]
    )
    files = {
        "certificate": tmp_path / "internal-tls.pem",
        "key": tmp_path / "internal-tls.pem",
        "client_certificates": [known],
    }
    portal = PortalProcess(country, tmp_path / "portal", events=files)
    trusted = tmp_path / "door.pem"
    trusted.write_bytes(own.certificate.public_bytes(Encoding.PEM))
    population = country.plan.system_id("population").encode()
    event = {
        "specversion": "1.0",
        "id": "1",
        "source": f"/{population}",
        "type": "made.up",
        "subject": "60001019906",
        "time": "2026-11-23T12:00:00Z",
        "data": {},
    }

    def post(body: bytes, certificate: Path | None, sender: str = population) -> int:
        headers = {
            "X-Road-Client": sender,
            "X-Road-Id": "SILD-1",
            "Content-Type": "application/cloudevents+json",
        }
        pem = None if certificate is None else str(certificate)
        url = f"https://localhost:{portal.listen['events']}/events"
        return requests.post(
            url, body, headers=headers, cert=pem, verify=str(trusted), timeout=10
        ).status_code

    async with running(portal):
        plain = json.dumps(event).encode()
        for nobody in (None, tmp_path / "internal-tls.pem"):
            with pytest.raises(requests.exceptions.ConnectionError):
                await asyncio.to_thread(post, plain, nobody)
        assert await asyncio.to_thread(post, plain, server_pem) == 404  # heard; of a type that nobody takes
        somebody_else = country.plan.system_id("social").encode()
        assert await asyncio.to_thread(post, plain, server_pem, somebody_else) == 400
        assert await asyncio.to_thread(post, b"x" * 300_000, server_pem) == 413
