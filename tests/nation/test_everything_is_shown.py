"""The tracker's statement held against the message log itself: every message about a person is shown, or counted as withheld."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from click.testing import CliRunner

from sild.adapter import CallContext
from sild.cases import Actor, Identified, load_packs
from sild.cli import cli
from sild.clock import system_clock
from sild.http1 import fetch
from sild.message_log import Search, seal_witness, witness
from sild.nation import COUNTRY, Nation
from sild.nation.birth_journey import _Birth
from sild.nation.browser import Browser
from sild.nation.journeys import log_in, soon
from sild.openid import new_signing_key, render_jwks
from sild.portal import PortalCases, Usage, completeness_statement

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


async def test_a_register_that_leaves_out_a_use_is_found(country: Nation) -> None:
    """Its own sums fit; the log of its security server, sealed by whoever keeps it, has one more."""
    someone = country.people["check_resident"]
    await looks(country, someone.code)
    key, log_key = new_signing_key("ES256"), new_signing_key("ES256")
    sealed, named = [], set()
    for server in (country.provider, country.consumer):
        said = await witness(server.message_log, "SILD/GOV/70000001/ss", someone.subject, at=system_clock())
        named |= set(said["registers"].get("GOV/70000002/population", ()))
        sealed.append(seal_witness(said, log_key))
    assert len(named) >= 3, "each looked"
    usage = await PortalCases(country.cases, load_packs("EE")).usage(
        Actor(person=someone.subject, acr="high")
    )

    def told(usage: Usage) -> tuple[bool, list[str]]:
        statement = completeness_statement(
            usage,
            person=someone.subject,
            issuer="https://portal.example",
            at=system_clock() + timedelta(seconds=1),
            key=key,
        )
        script = verifier()
        keys = render_jwks([log_key])["keys"]
        found = [
            *faults(statement, key, set()),
            *(fault for one in sealed for fault in script.witnessed(statement, one, keys)),
        ]
        return statement["payload"]["complete"], found

    assert told(usage) == (True, [])
    hidden = next(
        one for one in usage.entries if one.system == "insurance" and one.register.endswith("population")
    )
    entries = tuple(one for one in usage.entries if one.id != hidden.id)
    total = {**usage.total, hidden.register: usage.total[hidden.register] - 1}
    is_complete, found = told(replace(usage, entries=entries, total=total))
    assert is_complete, "the register's word"
    assert found and all("population" in fault and "not shown" in fault for fault in found)


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
