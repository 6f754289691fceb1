"""The whole country: who may ask whom what, events from end to end, and what stays after a kill."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import psutil
import pytest
import pytest_asyncio

from sild.adapter import CallContext, XRoadFault
from sild.decisions import render_bundle, verify_bundle
from sild.errors import CallerError, PeerError
from sild.message_log import Search
from sild.nation import COUNTRY, DEMO, Nation
from sild.nation.browser import Browser
from sild.nation.journeys import log_in, screen_sent
from sild.nation.ward_walk import Ward
from sild.pki import der
from sild.registries.hospital.register import HospitalRegister
from sild.xroad import ServiceId
from support.acting import proof
from support.wallet import Wallet

SMALL = replace(COUNTRY, people=600)
T = TypeVar("T")
Value = Any  # JSON


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def country(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Nation]:
    async with await Nation.start(tmp_path_factory.mktemp("country") / "nation", plan=SMALL) as nation:
        yield nation


pytestmark = pytest.mark.asyncio(loop_scope="module")


async def soon(ask: Callable[[], Awaitable[T | None]], seconds: float = 20.0) -> T:
    async with asyncio.timeout(seconds):
        while (found := await ask()) is None:
            await asyncio.sleep(0.1)
    return found


def context() -> CallContext:
    return CallContext(user_id="EE38001085718", legal_ground="HMS § 6", issue="case-1")


async def test_rights_are_the_plans_and_no_more(country: Nation) -> None:
    granted = {
        (str(client), str(service), rule.method, rule.path)
        for server in (country.provider, country.consumer)
        for service, conf in server.serverconf.snapshot.services.items()
        for client, rules in conf.rights.by_client.items()
        for rule in rules
    }
    provider = SMALL.subsystem_id(SMALL.provider)
    planned = {
        (str(SMALL.subsystem_id(SMALL.consumer)), f"{provider}:persons", *right) for right in SMALL.rights
    }
    for right in SMALL.system_rights:
        client, owner = SMALL.system_id(right.client), SMALL.system_id(right.provider)
        code = "mandates" if right.provider == "identity" else right.provider
        planned.add((str(client), f"{owner}:{code}", right.method, right.path))
    for each in SMALL.subscriptions:
        source, subscriber = SMALL.system_id(each.source), SMALL.system_id(each.subscriber)
        planned.add((str(source), f"{subscriber}:events", "POST", "**"))
    for keeper in SMALL.log_keepers:
        service = f"{keeper}:getWitness"
        planned |= {(str(SMALL.system_id("portal")), service, "POST", "/statement")}
        planned |= {(str(SMALL.system_id("portal")), service, "GET", "/keys")}
    for asker, whose in SMALL.evidence_rights:
        log = f"{SMALL.system_id(whose)}:getEvidence"
        planned.add((str(SMALL.system_id(asker)), log, "GET", "/records"))
    assert granted == planned


async def test_every_right_is_of_an_endpoint_the_service_describes(country: Nation) -> None:
    """A misspelt path would be granted, too, and mean nothing."""
    assert country.systems is not None
    assert {right.path for right in SMALL.system_rights if right.provider == "identity"} == {"/auditors/*"}
    for right in SMALL.system_rights:
        if right.provider == "identity":  # has no description; its one path is `mandates_door`'s
            continue
        paths = country.systems.registers[right.provider].application.openapi()["paths"]
        known = {(method.upper(), glob(path)) for path, methods in paths.items() for method in methods}
        assert any(right.method == method and covers(right.path, path) for method, path in known), right


def covers(right: str, path: str) -> bool:
    """A star in a right may stand for a word, too: `/supervision/decisions/*/*`."""
    given, known = right.split("/"), path.split("/")
    return len(given) == len(known) and all(
        one in ("*", part) for one, part in zip(given, known, strict=True)
    )


def glob(path: str) -> str:
    return "/".join("*" if part.startswith("{") else part for part in path.split("/"))


@pytest.mark.parametrize(
    ("client", "provider", "path"),
    [
        ("hospital", "population", ["persons", "38001085718"]),  # gives notice, and reads nobody's data
        ("insurance", "population", ["persons"]),  # no search
        ("education", "social", ["persons", "38001085718", "benefits"]),
        ("social", "insurance", ["persons", "38001085718", "cover"]),
        ("identity", "population", ["persons", "38001085718"]),
        ("portal", "population", ["reviews"]),
        ("portal", "population", ["persons"]),
    ],
)
async def test_what_is_not_granted_is_refused(
    country: Nation, client: str, provider: str, path: list[str]
) -> None:
    assert country.systems is not None
    xroad = country.systems.clients[client]  # type: ignore[index]
    service = country.systems.service_of(provider)  # type: ignore[arg-type]
    with pytest.raises(XRoadFault) as refused:
        await xroad.get(service, path, context=context())
    assert "access_denied" in refused.value.code


async def test_nobody_sends_events_in_anothers_name(country: Nation) -> None:
    assert country.systems is not None
    events = ServiceId(SMALL.system_id("social"), "events")
    with pytest.raises(XRoadFault) as refused:
        await country.systems.clients["hospital"].post(events, body=b"{}", context=context())
    assert "access_denied" in refused.value.code


async def test_people_log_in_and_only_officials_as_officials(country: Nation) -> None:
    """Cookies of portal and identity provider share a host; the journey is in test_demo.py."""
    portal = country.description["portal"]["address"]  # type: ignore[index]
    people = {one["id"]: one for one in country.description["test_people"]}  # type: ignore[attr-defined]
    for who, language in (("married_mother", "en"), ("married_father", "et"), ("single_mother", "vi")):
        page = await log_in(Browser(language), portal, people[who])
        assert people[who]["name"] in page.text
    with pytest.raises(PeerError):  # no official: refused, told on a page
        await log_in(Browser(), portal, people["married_mother"], official=True)


async def test_the_municipality_plans_its_places(country: Nation) -> None:
    """The case is there by the calendar, its figures over the exchange; the model speaks after the official, and a record is sealed."""
    portal = country.description["portal"]["address"]  # type: ignore[index]
    people = {one["id"]: one for one in country.description["test_people"]}  # type: ignore[attr-defined]
    browser = Browser("en")
    await log_in(browser, portal, people["kindergarten_official"], official=True)
    model = "Model kindergarten-demand, version 1"

    async def ready() -> Any:  # a Page
        desk = await browser.open(f"{portal}/desk")
        link = desk.link("/desk/cases/")
        page = await desk.go(link) if link else desk
        return page if page.link("kindergarten_plan.estimate") else None

    case = await soon(ready)
    estimate = case.link("kindergarten_plan.estimate")
    page = await case.go(estimate.replace("estimate", "decide"))
    assert page.status == 200 and model not in page.text
    page = await case.go(estimate)
    assert "Municipality" in page.text and "KELS § 10" in page.text
    await screen_sent(page, {"do": "ESTIMATE", "f.places": "3900", "f.reason": "a new quarter"})
    page = await case.go(estimate.replace("estimate", "decide"))
    assert model in page.text, page.text
    assert "3,900" in page.text and "Adds, places" in page.text  # a number with its parts
    answers = {
        "do": "DECIDE",
        "f.decision": "confirm",
        "f.reason": "agree",
        "f.considerations": "both are near",
    }
    await screen_sent(page, answers)
    store = country.cases._parts.store
    with store.reading() as connection:
        (stored,) = store._decisions.listed(connection, algorithm="kindergarten-demand")
    assert (stored.record.kind, stored.record.authority) == ("model_assisted", "SILD/GOV/70000005")
    assert {one.message_id is None for one in stored.record.inputs} == {False}
    page = await Browser("en").open(f"{portal}/models/kindergarten-demand")
    assert "From the newest statistics" in page.text


async def test_what_is_decided_in_a_case_can_be_checked_like_a_registers_decision(country: Nation) -> None:
    """After the plan: its record in the log, time-stamped; its evidence, its messages in both logs, its figures."""
    assert country.systems is not None
    portal, cases = country.systems.clients["portal"], country.systems.service_of("cases")
    store = country.systems.case_decisions
    with store.engine.connect() as connection:
        (stored,) = store.listed(connection, algorithm="kindergarten-demand")

    async def in_the_log() -> Value:
        answer = await portal.get(cases, ["decisions", str(stored.record.id), "bundle"], context=context())
        found = answer.ensure_success().json()
        return found if found["record"]["integrity"]["timestamp"] else None

    bundle = await soon(in_the_log)
    trusted = [der(country.trust.ca_certificate), der(country.trust.tsa_certificate)]
    found = verify_bundle(render_bundle(bundle), trusted)
    assert {one.verdict for one in found} == {"holds"}, found
    assert bundle["record"]["authority"] == "SILD/GOV/70000005"

    for server in (country.provider, country.consumer):
        await server.timestamper.tick()
    answer = await portal.get(cases, ["decisions", str(stored.record.id), "replay"], context=context())
    report = answer.ensure_success().json()
    logs = [step for step in report["steps"] if step["text"].startswith("message ")]
    assert {step["verdict"] for step in logs} == {"holds"} and len(logs) == 2, report
    assert "SILD/GOV/70000001/portal" in logs[0]["text"] and "SILD/GOV/70000005/education" in logs[1]["text"]
    assert report["result"] == "impossible", "a person decided: there are no rules to run"

    page = await Browser("en").open(f"{country.portal_url}/algorithms/kindergarten-demand")
    assert page.status == 200 and "1" in page.text
    figures = await portal.get(cases, ["algorithms", "kindergarten-demand", "figures"], context=context())
    assert figures.json()["decisions"] == 1
    listed = await portal.get(
        cases, ["persons", country.people["owner"].code, "decisions"], context=context()
    )
    assert listed.json() == {"items": []}


async def test_everything_listens_on_loopback_alone(country: Nation) -> None:
    listening = {
        connection.laddr.ip
        for connection in psutil.Process().net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {"127.0.0.1"}


async def test_a_birth_goes_from_the_ward_to_the_registers(country: Nation) -> None:
    """Notice -> population -> who subscribed; then the name, and insurance, benefits and kindergarten act by themselves."""
    assert country.systems is not None
    hospital = country.systems.registers["hospital"].register
    assert isinstance(hospital, HospitalRegister)
    mother, father = (country.people[f"married_{parent}"] for parent in ("mother", "father"))
    child = await a_birth(country, hospital, mother.code)
    population = country.systems.service_of("population")
    portal = country.systems.clients["portal"]

    async def known() -> Value:
        answer = await portal.get(population, ["births", child], context=context())
        return answer.json() if answer.ok else None

    birth = await soon(known)
    assert (birth["status"], birth["mother"], birth["father"]) == ("UNNAMED", mother.code, father.code)
    official = country.people["birth_official"]
    vouched = proof(
        official.subject, "case-1", registers=[population.client_id.encode()], iss=country.issuer,
        system=country.plan.system_id("portal").encode(), key=country.identity.keys.active("ES256"),
    )  # fmt: skip
    answer = await portal.post(
        population,
        ["births", child, "registration"],
        body=json.dumps({"given_names": "Mari", "family_name": mother.family_name}).encode(),
        content_type="application/json",
        context=CallContext(user_id=official.subject, legal_ground="PKTS § 22", issue="case-1"),
        headers={"Sild-Acting": vouched},
        query_id=f"SILD-{uuid4()}",
    )
    answer.ensure_success()

    async def has(register: str, *path: str) -> Value:
        service = country.systems.service_of(register)  # type: ignore[union-attr, arg-type]
        answer = await portal.get(service, list(path), context=context())
        return answer.json() if answer.ok else None

    async def insured() -> Value:
        cover = await has("insurance", "persons", child, "cover")
        return cover if cover and cover["insured"] else None

    async def offered() -> Value:
        offers = await has("social", "persons", mother.code, "offers")
        return next((one for one in offers["items"] if one["child"] == child), None) if offers else None

    async def queued() -> Value:
        return await has("education", "children", child, "queue")

    assert (await soon(insured))["kind"] == "child"
    assert (await soon(lambda: has("insurance", "persons", child, "card")))["state"] == "valid"
    assert len((await soon(offered))["choices"]) >= 2
    assert (await soon(queued))["child"] == child


async def test_a_childs_card_goes_into_a_wallet(country: Nation) -> None:
    """One of others' making, for a parent, through log-in, portal, exchange and register; and its copy is known to the status list."""
    portal = country.portal_url
    people = {one["id"]: one for one in country.description["test_people"]}  # type: ignore[attr-defined]
    mother = Browser("en")
    await log_in(mother, portal, people["married_mother"])
    looked = await mother.open(f"{portal}/who-looked?register=hospital")
    for told in ("The ward wrote a notice of a birth", "Who wrote the notice signed it"):
        assert told in looked.text
    hospital, child = country.systems.registers["hospital"].register, ""  # type: ignore[union-attr]
    assert isinstance(hospital, HospitalRegister)
    for notice in await asyncio.to_thread(hospital.notices):
        child = child or str(notice.answer["child"])
    page = await mother.open(f"{portal}/settings")
    page = await page.submit(page.form("/acting"), {"whom": "choose"})
    await page.submit(page.form("/representee"), {"representee": f"EE{child}"})
    page = await mother.open(f"{portal}/papers/insurance-card")
    page = await page.submit(page.form("/papers/insurance-card/wallet"))
    link, wallet = page.link("openid-credential-offer:"), Wallet()
    number = re.search(r"Show the number\s*(\d{3}) (\d{3})", page.text)
    assert link is not None and number is not None, page.text
    credential = await asyncio.to_thread(wallet.take, link, number[1] + number[2])
    issuer = f"{portal}/papers/insurance-card"
    _payload, claims = await asyncio.to_thread(wallet.read, credential, issuer)
    assert claims["personal_administrative_number"] == child
    assert not await asyncio.to_thread(wallet.is_revoked, credential, issuer)
    looked = await mother.open(f"{portal}/who-looked")
    assert "The health insurance card was put in a wallet" in looked.text


async def a_birth(country: Nation, hospital: HospitalRegister, mother: str) -> str:
    """The child's code, once the population register has taken the notice."""
    people = {one["id"]: one for one in country.description["test_people"]}  # type: ignore[attr-defined]
    ward = Ward(country.description["ward"]["address"], people["midwife"])  # type: ignore[index]
    born = f"{hospital.kernel.local_now - timedelta(hours=2):%Y-%m-%dT%H:%M}"
    await ward.give_notice({"mother": mother, "sex": "female", "born": born})
    written = (await asyncio.to_thread(hospital.notices))[0]

    async def arrived() -> str | None:
        notices = await asyncio.to_thread(hospital.notices)
        one = next(notice for notice in notices if notice.id == written.id)
        return str(one.answer["child"]) if one.state == "arrived" else None

    return await soon(arrived)


async def test_the_tenant_rents_where_they_do_not_live(country: Nation) -> None:
    assert country.systems is not None
    tenant, portal = country.people["tenant"], country.systems.clients["portal"]
    residence = country.systems.service_of("residence")
    about = CallContext(user_id=tenant.subject, legal_ground="RRS § 68", issue="case-1")
    lives, rents = [
        (await portal.get(residence, ["persons", tenant.code, what], context=about)).json()
        for what in ("residence", "leases")
    ]
    assert [one["dwelling"] for one in rents["items"]] != [lives["dwelling"]] and rents["items"]


async def test_whom_parents_act_for_is_asked_of_the_register(country: Nation) -> None:
    mother = country.people["married_mother"]
    chains = await asyncio.to_thread(country.identity.mandates.chains_of, mother.subject)
    assert chains
    assert {chain[-1].basis for chain in chains} == {"PARENT"}
    assert all(chain[-1].representee.name and chain[-1].source == "population" for chain in chains)


NOBODYS = (
    r"/description|/usagePeriod",  # what a register holds, and since when it counts
    r"/practices|/places(/.+)?|/addresses(/.+)?|/divisions(/.+)?|/competence",  # places
    r"/algorithms/[^/]+/(figures|running)|/rules/[^/]+/specimen|/samples|/findings(/.+)?",  # the algorithm register
    r"/issuer|/status-list",  # what codes on papers are checked with
    r"/birth-notices|/deaths",  # a hospital tells, and reads nothing: with it the case begins
)
"""Paths of messages that are about no person, or read nothing of theirs. So are events: they say their case, if there is one."""


async def test_every_message_says_case_ground_and_person(country: Nation) -> None:
    """Everything that went over the exchange here, with what people see of themselves, and what an auditor does."""
    portal = country.description["portal"]["address"]  # type: ignore[index]
    people = {one["id"]: one for one in country.description["test_people"]}  # type: ignore[attr-defined]
    mother = Browser("en")
    await log_in(mother, portal, people["married_mother"])
    for path in ("my-data", "decisions", "papers/insurance-card", "papers/birth-certificate", "who-looked"):
        assert (await mother.open(f"{portal}/{path}")).status in (200, 404), path
    auditor = Browser("en")
    await log_in(auditor, portal, people["auditor"])
    assert (await auditor.open(f"{portal}/audit")).status == 200

    sent = [message async for message in requests_logged(country)]
    paths = {path for _, path, _ in sent}
    for asked in (r"/persons/\w+/facts", r"/persons/\w+/decisions", r"/persons/\w+/card", r"/findUsage",
                  r"/persons/\w+/birth-certificates", r"/persons/\w+/relations", r"/auditors/\w+"):  # fmt: skip
        assert any(re.fullmatch(asked, path) for path in paths), asked
    of_people = [
        one
        for one in sent
        if not one[0].endswith("/events") and not any(re.fullmatch(known, one[1]) for known in NOBODYS)
    ]
    wanted = ("x-road-issue", "x-road-userid")
    lacking = {
        (service, re.sub(r"[0-9a-f-]{11,}", "*", path), name)
        for service, path, headers in of_people
        for name in (*wanted, "ground")
        if not (headers.get(name) or (name == "ground" and ground(headers)))
    }
    assert not lacking, sorted(lacking)
    own = {
        (headers["x-road-issue"], path == "/findUsage")
        for _, path, headers in sent
        if headers.get("x-road-issue", "").startswith("own-data/")
        and headers["x-road-userid"] == country.people["married_mother"].subject
    }
    looks = {case for case, _ in own}
    assert {is_tracker for _, is_tracker in own} == {True, False}
    assert len(looks) == 1 or len(looks) == 2, "all looks of a day are one; midnight may come between"
    page = await mother.open(f"{portal}/who-looked?own=yes")
    assert "without a case" in page.text
    assert "own-data/" not in page.text and "represents/" not in page.text, "a case that nobody can open"


def ground(headers: dict[str, str]) -> str | None:
    return headers.get("sild-legal-basis") or headers.get("x-road-legal-ground")


async def requests_logged(country: Nation) -> AsyncIterator[tuple[str, str, dict[str, str]]]:
    """Service, path and headers of each REST request in the logs of both servers."""
    for server in (country.provider, country.consumer):
        async for one in server.message_log.search(Search(is_response=False)):
            _method, address, *lines = one.message.decode().split("\r\n")
            parts = address.partition("?")[0].split("/")
            headers = dict(line.split(":", 1) for line in lines if ":" in line)
            path = "/" + "/".join(parts[7:])
            yield "/".join(parts[5:7]), path, {name.lower(): text.strip() for name, text in headers.items()}


# --- its directory


async def test_a_nation_of_an_earlier_version_is_refused_by_name(tmp_path: Path) -> None:
    small = replace(DEMO, people=100)
    async with await Nation.start(tmp_path, plan=small):
        pass
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(
        CallerError, match=f"{tmp_path} was founded by another version or plan .it lacks .*residence"
    ):
        await Nation.start(tmp_path, plan=SMALL)
    assert sorted(tmp_path.rglob("*")) == before
    async with await Nation.start(tmp_path, plan=small) as nation:
        assert nation.description["instance_identifier"] == "SILD"


PROGRAM = """
import asyncio, sys
from dataclasses import replace
from pathlib import Path
from sild.nation import COUNTRY, Nation

async def main():
    async with await Nation.start(Path(sys.argv[1]), plan=replace(COUNTRY, people=600)):
        print("serving", flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


@asynccontextmanager
async def running(directory: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """A country in a process of its own, killed at the end if it still runs."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, str(directory), stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"serving\n"
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_killed_and_started_again(tmp_path: Path) -> None:
    """A notice that a doctor signed just before arrives afterwards; nothing is founded twice."""
    directory = tmp_path / "n"
    async with running(directory):
        before = json.loads((directory / "nation.json").read_text())
        people = {one["id"]: one for one in before["test_people"]}
        hospital = HospitalRegister.open(directory / "hospital")
        owner, ward = people["owner"], Ward(before["ward"]["address"], people["physician"])
        said = {
            "person": owner["code"],
            "full_name": owner["name"],
            "died": hospital.kernel.today.isoformat(),
        }
        await ward.give_notice_of_death(said)

    async def arrived() -> str | None:
        (notice,) = await asyncio.to_thread(hospital.notices)
        return notice.state if notice.state != "waiting" else None

    async with running(directory):
        assert await soon(arrived) == "arrived"
        assert json.loads((directory / "nation.json").read_text()) == before
    hospital.close()


async def test_a_part_that_ends_is_told_and_the_rest_ends_in_order(tmp_path: Path) -> None:
    async def census() -> None:
        raise OSError("the disk is full")

    async with await Nation.start(tmp_path, plan=replace(DEMO, people=100)) as nation:
        nation.running.run("the census", census())
        failure = await asyncio.wait_for(nation.failure(), 5)
        assert failure.message == "the census has ended: the disk is full"
    with socket.create_server(("127.0.0.1", nation.ports.register)):
        pass  # let go of
