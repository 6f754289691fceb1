"""The tracker's statement held against the message log itself: every message about a person is shown, or counted as withheld."""

from __future__ import annotations

import asyncio
import hashlib
import importlib.util
import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from click.testing import CliRunner
from sqlalchemy import delete, select, text

from sild.adapter import CallContext
from sild.cases import Actor, Identified, load_packs
from sild.cli import cli
from sild.clock import system_clock
from sild.errors import CallerError
from sild.http1 import fetch
from sild.message_log import Search
from sild.nation import COUNTRY, Nation
from sild.nation.birth_journey import _Birth
from sild.nation.browser import Browser, Page
from sild.nation.journeys import log_in, soon
from sild.openid import new_signing_key, render_jwks
from sild.portal import PortalCases, completeness_statement
from sild.registries.kernel.tables import usage_persons, usage_records
from sild.registries.kernel.usage import Usage as RegisterUsage
from sild.registries.kernel.usage import record_usage
from sild.xroad import ServiceId

pytestmark = pytest.mark.asyncio(loop_scope="module")
SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "verify_completeness.py"
POLICE = "SILD/GOV/70000009/police"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def country(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Nation]:
    plan = replace(COUNTRY, people=600)
    async with await Nation.start(tmp_path_factory.mktemp("country") / "nation", plan=plan) as nation:
        yield nation


def verifier() -> Any:
    spec = importlib.util.spec_from_file_location("verify_completeness", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def faults(statement: dict[str, Any], key: Any, log: set[str]) -> list[str]:
    found: list[str] = verifier().faults(statement, render_jwks([key])["keys"], log)
    return found


async def looks(country: Nation, code: str) -> None:
    """By several bodies, some in vain."""
    assert country.systems is not None
    population = country.systems.service_of("population")
    residence = country.systems.service_of("residence")
    context = CallContext(user_id="automatic", legal_ground="RRS § 68", issue="case-9")
    for system in ("insurance", "social", "education"):
        await country.systems.clients[system].get(population, ["persons", code], context=context)  # type: ignore[index]
        await country.systems.clients[system].get(  # type: ignore[index]
            residence, ["persons", code, "residence"], context=context
        )


async def in_the_log(country: Nation, code: str) -> set[str]:
    """Message ids of requests to the registers that name the person in their path, but for the tracker's own question."""
    found = set()
    for server in (country.provider, country.consumer):
        async for one in server.message_log.search(Search(is_response=False)):
            if re.search(rf"/persons/{code}\b".encode(), one.message):
                found.add(one.query_id)
    return found


async def secret_reads(country: Nation, code: str) -> None:
    """As the register's security server would bring them."""
    assert country.systems is not None
    url = f"http://127.0.0.1:{country.ports.register}"
    headers = [
        (b"X-Road-Client", POLICE.encode()),
        (b"X-Road-UserId", b"EE36805280109"),
        (b"X-Road-Issue", b"KRIM-1"),
        (b"Sild-Legal-Basis", "HMS § 6".encode()),
        (b"Content-Type", b"application/json"),
    ]
    ends = (system_clock() + timedelta(days=3)).isoformat()
    body = f'{{"person": "{code}", "ends": "{ends}", "order": "7"}}'.encode()
    marked = await fetch(
        f"{url}/withholdings", method="POST", body=body, headers=[*headers, (b"X-Road-Id", b"K-1")]
    )
    assert marked.status == 201, marked.body
    read = await fetch(f"{url}/persons/{code}", headers=[*headers, (b"X-Road-Id", b"K-2")])
    assert read.status == 200


async def test_shown_and_withheld_is_everything(country: Nation) -> None:
    someone = country.people["owner"]
    actor = Actor(person=someone.subject, acr="high")
    await looks(country, someone.code)
    await secret_reads(country, someone.code)
    portal = PortalCases(country.cases, load_packs("EE"))
    usage = await portal.usage(actor)
    assert usage.failed_registers == ()
    shown = {entry.message_id for entry in usage.entries}
    logged = await in_the_log(country, someone.code)
    assert len(logged) >= 6
    assert logged <= shown, "every message in the log that names the person is shown"
    assert not {"K-1", "K-2"} & shown and usage.withheld == {"population": 2}
    assert "RRS § 68" in {entry.basis for entry in usage.entries}
    kinds = {entry.kind for entry in usage.entries if entry.system == "insurance"}
    assert "person.residence" in kinds and all(kinds)
    assert "case-9" in {entry.case for entry in usage.entries if entry.system == "insurance"}, (
        "others' cases, too"
    )

    key = new_signing_key("ES256")
    statement = completeness_statement(
        usage, person=actor.person, issuer="https://portal.example", at=system_clock(), key=key
    )
    assert statement["payload"]["complete"]
    assert faults(statement, key, logged | {"K-1", "K-2"}) == []
    assert faults(statement, key, logged | {"K-1", "K-2", "K-3"}) != [], "one more than is told"


async def test_the_person_takes_the_evidence_of_what_one_body_asked_another(
    country: Nation, tmp_path: Path
) -> None:
    someone = country.people["owner"]
    await looks(country, someone.code)
    portal = PortalCases(country.cases, load_packs("EE"))
    actor = Actor(person=someone.subject, acr="high")
    description: dict[str, Any] = country.description
    people = {one["id"]: one for one in description["test_people"]}
    page = await log_in(Browser(), description["portal"]["address"], people["owner"])
    server = description["security_servers"][0]["addresses"]["client_http"]
    conf = tmp_path / "conf.zip"
    conf.write_bytes((await fetch(f"{server}/verificationconf")).body)

    async def taken(system: str, register: str, part: str) -> tuple[int, dict[str, Any]]:
        """What `sild verify` says of it."""
        usage = await portal.usage(actor)
        entry = next(
            one for one in usage.entries
            if one.system == system and one.register.endswith(register) and one.case == "case-9"
        )  # fmt: skip
        answer = await page.go(f"/who-looked/evidence/{entry.id}?part={part}")
        assert answer.status == 200, answer.text[:500]
        file = tmp_path / "evidence.asice"
        file.write_bytes(answer.body)
        command = ["verify", str(file), "--conf", str(conf), "--json"]
        judged = await asyncio.to_thread(CliRunner().invoke, cli, command)
        said = json.loads(judged.output)
        assert said["message_id"] == entry.message_id
        return judged.exit_code, said

    code, said = await taken("insurance", "population", "request")
    assert (code, said["verdict"], said["message_kind"]) == (0, "valid", "rest-request")
    assert said["signer"] == "SILD:GOV:70000003:insurance" and said["times"]["time_stamp"]
    code, said = await taken("insurance", "population", "response")
    assert (code, said["signer"]) == (0, "SILD:GOV:70000002:population")
    assert "not in the container" in said["remarks"][0], "its body stays where it is"
    for system, register in (("social", "residence"), ("education", "population")):
        assert (await taken(system, register, "request"))[0] == 0
    operations = [one.operation for one in (await portal.usage(actor)).entries if one.acting == "you"]
    assert operations.count("The evidence of a message was taken") == 4, "the tracker shows its own"


async def test_who_was_told_without_asking_is_shown_with_the_message_that_told(country: Nation) -> None:
    """Events are messages, too: each that left about a newborn is in the child's tracker, once, and in its sums."""
    birth = _Birth(country.description)
    await birth.ward_gives_notice()
    await birth.state_opens_the_case()
    child = birth._child

    async def everybody_has_it() -> set[str] | None:
        told = country.register.kernel.outbox.deliveries_about(child)
        done = {one.message_id for one in told if one.message_id is not None}
        return done if len(done) == len(told) else None

    told = await soon("others are told of the birth", everybody_has_it)
    usage = await PortalCases(country.cases, load_packs("EE")).usage(Actor(person=f"EE{child}", acr="high"))
    telling = [one for one in usage.entries if one.operation == "The body was told of a birth"]
    assert len(telling) == len(told) >= 2 and {one.message_id for one in telling} == told, "each, once"
    logged = set()
    for server in (country.provider, country.consumer):
        async for one in server.message_log.search(Search(is_response=False)):
            logged.add(one.query_id)
    assert told <= logged
    assert {one.basis for one in telling} == {"AvTS § 43⁶"} and {one.acting for one in telling} == {
        "automatic"
    }
    assert all(one.register.endswith("population") for one in telling)


async def statement_of(country: Nation, who: str) -> tuple[dict[str, Any], dict[str, Any], Page]:
    """As the person downloads it, with the keepers' keys, and the page that says whether the logs agree."""
    description: dict[str, Any] = country.description
    people = {one["id"]: one for one in description["test_people"]}
    page = await log_in(Browser(), description["portal"]["address"], people[who])
    shown = await page.go("/who-looked/check")
    statement = json.loads((await page.go("/who-looked/statement")).text)
    return statement, json.loads((await page.go("/who-looked/log-keys")).text), shown


async def checked(country: Nation, statement: dict[str, Any], keys: dict[str, Any], tmp_path: Path) -> tuple[int, str]:  # fmt: skip
    """By the script alone, with the portal's keys and the keepers'."""
    portal_keys = (await fetch(f"{country.portal_url}/keys")).body
    files = [tmp_path / name for name in ("completeness.json", "keys.json", "log-keys.json")]
    for file, content in zip(files, (json.dumps(statement), portal_keys.decode(), json.dumps(keys)), strict=True):  # fmt: skip
        file.write_text(content)
    script = [sys.executable, "-I", "-S", str(SCRIPT), *map(str, files)]
    ran = await asyncio.to_thread(subprocess.run, script, capture_output=True, text=True)
    return ran.returncode, ran.stdout


async def test_the_message_logs_agree_and_anybody_can_check_it(country: Nation, tmp_path: Path) -> None:
    someone = country.people["check_resident"]
    await looks(country, someone.code)
    statement, keys, shown = await statement_of(country, "check_resident")
    assert "Nothing is missing" in shown.text, shown.text
    assert len(statement["payload"]["witnesses"]) == 2 and statement["payload"]["complete"]
    code, said = await checked(country, statement, keys, tmp_path)
    assert code == 0 and "2 message logs agree" in said, said
    published = [
        json.loads(Path(str(one["log_keys"])).read_text()) for one in country.description["security_servers"]
    ]  # type: ignore[attr-defined]
    assert keys["keepers"] == published, "the keepers' own files say the same"
    assert (await checked(country, statement, {"keepers": []}, tmp_path))[0] == 2, (
        "nobody's key: nobody's word"
    )
    swapped = {"keepers": [{**keys["keepers"][0], "log": keys["keepers"][1]["log"]}]}
    assert (await checked(country, statement, swapped, tmp_path))[0] == 2, "another keeper's key"


async def test_a_register_that_leaves_out_a_use_is_found(country: Nation, tmp_path: Path) -> None:
    """By whoever has its database. Its own sums fit; the logs of both security servers have one more, and the page says what to do."""
    someone = country.people["check_mother"]
    await looks(country, someone.code)
    with country.register.kernel.engine.connect() as connection:
        of_person = select(usage_records).join(usage_persons).where(usage_persons.c.person == someone.code)
        lines = connection.execute(of_person.where(usage_records.c.issue == "case-9")).all()
        hidden = next(row for row in lines if row.client.endswith("/insurance"))
        guards = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'usage_persons'"
        for guard in connection.scalars(text(guards)).all():
            connection.execute(text(f"DROP TRIGGER {guard}"))
        of_record = usage_persons.c.usage_record == hidden.id
        connection.execute(delete(usage_persons).where(of_record))
        connection.commit()
    statement, keys, shown = await statement_of(country, "check_mother")
    payload = statement["payload"]
    population = payload["registers"]["population"]
    assert population["shown"] == population["total"], "the register's word"
    assert not payload["complete"] and "do not agree" in shown.text
    code, said = await checked(country, statement, keys, tmp_path)
    assert code == 1 and "GOV/70000002/population: 1 of" in said, said
    asked = await shown.submit(shown.form("/who-looked/unlisted"))
    case = country.cases._parts.read(asked.url.split("/cases/")[1].split("/")[0])
    assert asked.status == 200 and case is not None
    assert case.data["message_id"] == f"sha256:{hashlib.sha256(hidden.message_id.encode()).hexdigest()}"
    assert (case.data["body"], case.data["register"]) == ("70000002", "GOV/70000002/population")


async def test_a_use_that_no_log_has_is_found(country: Nation, tmp_path: Path) -> None:
    someone = country.people["check_father"]
    with country.register.kernel.engine.connect() as connection:
        usage = RegisterUsage(client=POLICE, message_id="SILD-made-up", user_id="automatic", basis="HMS § 6")
        record_usage(connection, system_clock(), "getPerson", "done", usage, [someone.code])
        connection.commit()
    statement, keys, shown = await statement_of(country, "check_father")
    assert "do not agree" in shown.text and "Listed, and not in the log" in shown.text
    code, said = await checked(country, statement, keys, tmp_path)
    assert code == 1 and "SILD-made-up, which is not in the log of SILD/GOV/70000002/ss1" in said, said


async def test_reads_are_withheld_and_a_supervisor_opens_their_tally(country: Nation) -> None:
    """By the one body that may; the logs agree with what is said to be withheld; who opens the tally is known to everybody."""
    assert country.systems is not None
    someone, basis = country.people["board_member"], country.plan.about.inquiries
    population = country.systems.service_of("population")
    officer = CallContext(user_id="EE36805280109", legal_ground=basis, issue="KRIM-7")
    ends = (system_clock() + timedelta(days=3)).isoformat()
    mark = {
        "body": json.dumps({"person": someone.code, "ends": ends, "order": "2-26/77"}).encode(),
        "content_type": "application/json",
    }
    tax, insurance = country.systems.clients["tax"], country.systems.clients["insurance"]
    with pytest.raises(CallerError, match="access_denied"):
        await insurance.request("POST", population, ["withholdings"], context=officer, **mark)
    assert (await tax.request("POST", population, ["withholdings"], context=officer, **mark)).status == 201
    assert (await tax.get(population, ["persons", someone.code], context=officer)).status == 200
    statement, _, shown = await statement_of(country, "board_member")
    assert statement["payload"]["registers"]["population"]["withheld"] == 2
    assert statement["payload"]["complete"] and "Nothing is missing" in shown.text
    assert not [one for one in statement["entries"] if one["case"] == "KRIM-7"]

    description: dict[str, Any] = country.description
    people = {one["id"]: one for one in description["test_people"]}
    audit = await (await log_in(Browser(), description["portal"]["address"], people["auditor"])).go("/audit")
    tally = await audit.submit(audit.form("/audit/withheld/population"))
    line = "Tax and Customs Board Reads2Of them still kept back2Leaves1"
    assert tally.status == 200 and line in tally.text and str(basis) in tally.text, tally.text
    assert someone.code not in tally.text and "2-26/77" not in tally.text and "KRIM-7" not in tally.text
    public = json.loads((await audit.go("/open-data/tally-openings.json")).text)
    (opening,) = public["GOV/70000002/population"]
    assert opening["body"] == country.plan.about.oversight.identifier and "person" not in opening
    stranger = await log_in(Browser(), description["portal"]["address"], people["owner"])
    assert (await stranger.go("/audit")).status == 403
    asking = CallContext(user_id=someone.subject, legal_ground=country.plan.about.oversight.basis, issue="x")
    denied = await country.systems.clients["portal"].get(
        population, ["supervision", "withheld"], context=asking
    )
    assert denied.status == 403 and b"no_mandate" in denied.body
    assert (
        len(json.loads((await audit.go("/open-data/tally-openings.json")).text)["GOV/70000002/population"])
        == 1
    )


async def test_a_keeper_that_cannot_be_asked_is_named(country: Nation, tmp_path: Path) -> None:
    conf = country.provider.serverconf
    service = ServiceId(country.plan.log_keepers[0], "getWitness")
    conf.disable_service(service, "being repaired")
    try:
        statement, keys, shown = await statement_of(country, "owner")
    finally:
        conf.enable_service(service)
    assert "could not be asked" in shown.text and "Nothing is missing" not in shown.text
    assert not statement["payload"]["complete"]
    assert (await checked(country, statement, keys, tmp_path))[0] == 1


async def test_what_a_clerk_asked_for_somebody_bears_both_and_is_shown_to_them(country: Nation) -> None:
    """Through the security servers: the clerk acts, the person is represented, in every message of the case."""
    clerk, person = country.people["counter_official"], country.people["check_resident"]
    assert clerk.official is not None
    at_counter = Actor(person=clerk.subject, name=clerk.name, acr="high", posture="managed", roles=frozenset({"clerk"}),
                       authority=clerk.official.authority)  # fmt: skip
    await country.cases.publish()
    mandate = await country.cases.record_mandate(
        at_counter, person.subject, "move", "moves to Tartu", identified=Identified("phone")
    )
    assert (await country.cases.assisted(mandate, at_counter)).name == person.name
    case = await country.cases.begin_assisted(mandate, at_counter, None, key="counter-1" * 5)
    helping = replace(at_counter, representee=person.subject, mandate_id=mandate)
    found = {"where": ["here"], "words": ["Tartu"]}
    await country.cases.act(case, "FIND", helping, found, key="counter-2" * 5)
    filled = await country.cases.fill(case, "move.notice", helping)
    assert filled.options["household"][0][0] == person.code and not filled.failed_bodies
    sent = {
        message.message_id for message in await country.cases.messages(case, Actor(person=person.subject))
    }
    whose = re.compile(rf"X-Road-Represented-Party: ?{person.subject}\b".encode(), re.IGNORECASE)
    who = re.compile(rf"X-Road-UserId: ?{clerk.subject}\b".encode(), re.IGNORECASE)
    logged = [
        one.message
        async for one in country.consumer.message_log.search(Search(is_response=False))
        if one.query_id in sent
    ]
    assert len(logged) == len(sent) >= 4
    assert [one for one in logged if not (whose.search(one) and who.search(one))] == []
    usage = await PortalCases(country.cases, load_packs("EE")).usage(Actor(person=person.subject, acr="high"))
    shown = {entry.message_id: entry for entry in usage.entries}
    of_person = {
        message.message_id
        for message in await country.cases.messages(case, Actor(person=person.subject))
        if person.code in message.path
    }
    assert of_person <= set(shown), "in the person's tracker"
    assert any(entry.case == mandate for entry in usage.entries), "the clerk's first look, too"
