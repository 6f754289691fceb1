"""A child is born: from the ward to cover, card, offer and queue, every word of it a message through real security servers."""

from __future__ import annotations

import asyncio
import io
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from click.testing import CliRunner
from world import World

from sild.adapter import AsyncAnswer as Answer
from sild.adapter import AsyncXRoadClient, CallContext, ClientId, RepresentedParty, ServiceId
from sild.asgi import serve_application
from sild.cli import cli
from sild.configuration_client import load_globalconf
from sild.errors import CallerError
from sild.events import DeliveryState
from sild.registries import (
    EducationRegister,
    HospitalRegister,
    InsuranceRegister,
    PopulationRegister,
    ResidenceRegister,
    SocialRegister,
    act,
    education_app,
    hospital_app,
    insurance_app,
    population_app,
    residence_app,
    social_app,
)
from sild.registries.hospital.register import NewBirth
from sild.registries.kernel import Usage
from sild.registries.population.notifying import Notifier, Notifying
from sild.registries.synthetic import SyntheticPerson, synthetic_people
from sild.signatures import read_asice
from sild.xroad.evidence import EvidenceReport, verify_container
from support.acting import LogIn, believing, proof
from support.notices import MIDWIFE, NAMED, container

pytestmark = pytest.mark.asyncio(loop_scope="module")

PEOPLE = 400
WARD = "SILD/GOV/90000001"
MEMBERS = {
    "population": "70000002",
    "residence": "70000006",
    "insurance": "70000003",
    "social": "70000004",
    "education": "70000005",
    "hospital": "90000001",
    "portal": "70000001",
}
OPENERS: dict[str, tuple[Any, Any]] = {
    "population": (PopulationRegister, population_app),
    "residence": (ResidenceRegister, residence_app),
    "insurance": (InsuranceRegister, insurance_app),
    "social": (SocialRegister, social_app),
    "education": (EducationRegister, education_app),
    "hospital": (HospitalRegister, hospital_app),
}
CALLS = {  # who may ask whom
    "population": ["insurance", "social", "education", "hospital", "portal"],
    "residence": ["insurance", "social", "education", "portal"],
    "social": ["portal"],
    "insurance": ["portal"],
}
EVENTS = {  # who tells whom
    "population": ["residence", "insurance", "social", "education"],
    "residence": ["education"],
}
TYPES = [
    "civil.birth.registered",
    "civil.death.registered",
    "civil.stillbirth.recorded",
    "civil.protection.ordered",
]
USAGE = Usage("SILD/GOV/70000001/portal", "test", user_id="EE38001085718", basis="test")


def subsystem(name: str) -> ClientId:
    return ClientId("SILD", "GOV", MEMBERS[name], name)


def service(name: str, code: str | None = None) -> ServiceId:
    return ServiceId(subsystem(name), code or name)


SAID = {"acceptance": ["acceptOffer"]}
"""Which operation carries a person's own word, by the end of its path."""


@dataclass
class State:
    """Six registers behind a security server, the hospital's and the portal's behind another."""

    registers: dict[str, Any] = field(default_factory=dict)
    urls: dict[str, str] = field(default_factory=dict)
    clients: dict[str, AsyncXRoadClient] = field(default_factory=dict)
    portal: Any = None
    server: Any = None  # of the six, with their message log
    portals: Any = None  # of the hospital and the portal
    server_url: str = ""

    async def say(
        self, register: str, path: list[str], body: object = None, *, user: str = "EE38001085718"
    ) -> Any:
        """As the portal does for a person."""
        answer = await self.portal.request(
            "GET" if body is None else "POST",
            service(register),
            path,
            context=CallContext(user_id=user, issue="case-7"),
            headers={
                "Sild-Legal-Basis": "PKTS 24",
                "Sild-Acting": proof(user, "case-7", operations=SAID.get(path[-1], ())),
            },
            **({} if body is None else {"json": body}),
        )
        return answer.ensure_success().json()

    async def take(self, person: str, message_id: str, part: str, *, whose: str | None = None) -> Answer:
        """The evidence of a use, as the portal does for a person, or for whom they act."""
        case, who = f"case-{message_id}-{part}", f"EE{person}"
        party = None if whose is None else f"EE{whose}"
        context = CallContext(user_id=who, issue=case)
        if party is not None:
            context = replace(context, represented_party=RepresentedParty(None, party))
        login = LogIn("low", None, (), representee=party)
        token = proof(who, case, login=login, operations=["getUsageContainer"])
        return await self.portal.get(
            service("population"),
            ["persons", party or who, "usage-container"],
            params={"messageId": message_id, "part": part},
            context=context,
            headers={"Sild-Legal-Basis": "GDPR 15", "Sild-Acting": token},
        )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def state(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[State]:
    state, tmp_path = State(), tmp_path_factory.mktemp("state")
    async with AsyncExitStack() as opened:
        world = await opened.enter_async_context(World(tmp_path, instance="SILD", member_class="GOV"))
        inside = [name for name in MEMBERS if name not in ("hospital", "portal")]
        first = await world.add_server("ss1", MEMBERS["portal"], [subsystem("hospital"), subsystem("portal")])
        second = await world.add_server("ss2", MEMBERS["population"], [subsystem(name) for name in inside])
        for name, (kind, app) in OPENERS.items():
            options: dict[str, Any] = {} if name == "hospital" else {"people": PEOPLE}
            system = f"/SILD/GOV/{MEMBERS[name]}/{name}"
            register = believing(
                await asyncio.to_thread(kind.open, tmp_path / name, system=system, **options)
            )
            if name == "population":
                register.notifying = Notifying(
                    (Notifier(MIDWIFE, "Tiina Ämm", WARD, licence="N04512"),), NAMED
                )
            opened.callback(register.close)
            running = await serve_application(app(register), "127.0.0.1", 0)
            opened.push_async_callback(running.close)
            state.registers[name], state.urls[name] = register, running.url
            server = (first if name == "hospital" else second).server
            server.serverconf.add_rest_service(subsystem(name), name, running.url)
            server.serverconf.add_rest_service(subsystem(name), "events", f"{running.url}/events")
        for asked, askers in CALLS.items():
            for name in askers:
                second.server.serverconf.grant(service(asked), subsystem(name))
        for teller, told in EVENTS.items():
            for name in told:
                types = ["residence.changed"] if teller == "residence" else TYPES
                types = ["civil.*"] if name == "residence" else types
                state.registers[teller].kernel.outbox.subscribe(
                    f"SILD/GOV/{MEMBERS[name]}/{name}", "events", types
                )
                second.server.serverconf.grant(service(name, "events"), subsystem(teller))
        services = {name: service(name) for name in ("population", "residence")}
        tasks = []
        for name, register in state.registers.items():
            url = (first if name == "hospital" else second).url
            client = await opened.enter_async_context(AsyncXRoadClient(url, subsystem(name)))
            state.clients[name] = client
            tasks.append(asyncio.create_task(act(register, client, services=services)))
        state.server, state.server_url = second.server, second.url
        state.portals = first.server
        for name in inside:
            url = f"{second.url}/evidence/{subsystem(name).encode()}"
            second.server.serverconf.add_rest_service(subsystem(name), "getEvidence", url)
            second.server.serverconf.grant(service(name, "getEvidence"), subsystem("social"), path="/records")
        url = f"{first.url}/evidence/{subsystem('portal').encode()}"
        first.server.serverconf.add_rest_service(subsystem("portal"), "getEvidence", url)
        first.server.serverconf.grant(service("portal", "getEvidence"), subsystem("social"), path="/records")
        state.portal = await opened.enter_async_context(AsyncXRoadClient(first.url, subsystem("portal")))
        yield state
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def signed(hospital: HospitalRegister, birth: NewBirth, token: str) -> None:
    notice = hospital.note_birth(birth, author=MIDWIFE, token=token)
    hospital.signed(notice.id, MIDWIFE, container(notice.content, at=datetime.now(UTC)))


def a_couple(number: int) -> tuple[SyntheticPerson, SyntheticPerson]:
    """Estonian, married, young enough; each time another."""
    found = []
    for person in synthetic_people(PEOPLE):
        spouse = person.spouse
        if person.country != "EE" or person.sex != "F" or person.born.year < 1986 or person.home is None:
            continue
        if spouse is not None and spouse.died is None:
            found.append((person, spouse))
    return found[number]


async def until(answer: Callable[[], Any], seconds: float = 20) -> Any:
    """What it answers as soon as that is something; a CallerError is nothing yet."""
    async with asyncio.timeout(seconds):
        while True:
            try:
                found = answer()
            except CallerError:
                found = None
            if found:
                return found
            await asyncio.sleep(0.05)


async def test_from_the_ward_to_the_money(state: State) -> None:
    mother, father = a_couple(0)
    hospital: HospitalRegister = state.registers["hospital"]
    born = datetime.now(UTC) - timedelta(hours=2)
    signed(hospital, NewBirth(mother.code, father.code, "female", born), "form-0001")
    child = await until(lambda: hospital.notices()[0].answer.get("child"))
    names = {"given_names": "Lumi", "family_name": father.family_name}
    await state.say("population", ["births", child, "registration"], names)

    insurance: InsuranceRegister = state.registers["insurance"]
    card = await until(lambda: insurance.card(child, USAGE))
    assert (card.claims["given_names"], card.state) == ("Lumi", "valid")
    cover = await state.say("insurance", ["persons", child, "cover"])
    assert cover["insured"] and cover["source"] == f"/SILD/GOV/{MEMBERS['population']}/population"

    (offer,) = await until(lambda: state.registers["social"].offers_of(child, USAGE))
    assert (offer.state, set(offer.parties)) == ("open", {mother.code, father.code})
    account = {"choice": "shared", "account": "EE382200221020145685"}
    path = ["offers", offer.id, "acceptance"]
    named = await state.say("social", path, account, user=f"EE{mother.code}")
    assert (named["state"], named["acceptance"]) == ("open", None), "it needs the father's word, too"
    accepted = await state.say("social", path, account, user=f"EE{father.code}")
    assert (accepted["state"], accepted["acceptance"]["person"]) == ("accepted", father.code)
    with pytest.raises(CallerError) as second:
        await state.say("social", path, account, user=f"EE{mother.code}")
    assert "accepted before: shared" in second.value.message

    standing = await until(lambda: state.registers["education"].standing(child, USAGE))
    assert standing.place >= 1 and standing.child.division == (mother.home.division if mother.home else None)

    page = state.registers["population"].kernel.usage_of(child)
    systems = {entry.usage.client.rpartition("/")[2] for entry in page.entries}
    assert {"hospital", "portal", "insurance", "social", "education"} <= systems
    asked = [e for e in page.entries if e.usage.client.endswith("/social")]
    automatic = [e.usage for e in asked if not e.operation.startswith("tell ")]
    assert {(u.user_id, u.basis) for u in automatic} == {("automatic", "PHS § 10")}
    told = {e.usage.message_id for e in page.entries if e.operation.startswith("tell ")}
    delivered = state.registers["population"].kernel.outbox.deliveries_about(child)
    assert {d.state for d in delivered} == {DeliveryState.DELIVERED}
    assert all(d.message_id and d.message_id.startswith("SILD-") for d in delivered)
    assert told == {d.message_id for d in delivered}, "each is in the tracker, by its message"


async def test_the_person_gets_the_container_of_what_one_body_asked_another(
    state: State, tmp_path: Path
) -> None:
    """After the first test, in which social asked population about the mother, and population told others of her child."""
    mother, _ = a_couple(0)
    population = state.registers["population"]
    conf = load_globalconf(await state.portal.download_configuration(tmp_path))

    def judged(answer: Answer) -> EvidenceReport:
        assert answer.status == 200, answer.body
        assert answer.content_type == "application/vnd.etsi.asic-e+zip"
        return verify_container(read_asice(io.BytesIO(answer.body)), conf)

    why = CallContext(user_id="automatic", issue="case-9", legal_ground="RaKS § 5")
    asked = await state.clients["insurance"].get(service("population"), ["persons", mother.code], context=why)
    request = judged(await state.take(mother.code, asked.query_id, "request"))
    assert (request.kind, request.query_id, str(request.client)) == (
        "rest-request",
        asked.query_id,
        "SILD:GOV:70000003:insurance",
    )
    answer = await state.take(mother.code, asked.query_id, "response")
    response = judged(answer)
    assert response.kind == "rest-response" and response.timestamp is not None
    (body,) = [one for one in response.references if one.uri == "/attachment1"]
    assert not body.verified and mother.given_names.encode() not in answer.body, "signed, and not given"

    child = (await state.say("population", ["persons", mother.code, "children"]))["items"][-1]["code"]
    told = [one for one in population.kernel.usage_of(child).entries if one.operation.startswith("tell ")]
    event = judged(await state.take(mother.code, told[0].usage.message_id, "request", whose=child))
    assert str(event.client) == "SILD:GOV:70000002:population" and not event.references[-1].verified

    refused = await state.take(mother.code, told[0].usage.message_id, "request")
    assert refused.status == 404 and "unknown_message" in refused.text, "about the child, not about her"
    of_birth = [
        one for one in population.kernel.usage_of(child).entries if one.operation == "takeBirthNotice"
    ]
    refused = await state.take(mother.code, of_birth[0].usage.message_id, "request", whose=child)
    assert refused.status == 403 and "names_others" in refused.text
    seen = population.kernel.usage_of(mother.code).entries
    assert {one.outcome for one in seen if one.operation == "getUsageContainer"} == {
        "done",
        "unknown_message",
    }


async def test_an_event_to_a_service_that_is_not_there_yet_waits(state: State) -> None:
    mother, father = a_couple(1)
    hospital: HospitalRegister = state.registers["hospital"]
    born = datetime.now(UTC) - timedelta(hours=2)
    population = state.registers["population"]
    population.kernel.outbox.subscribe(f"SILD/GOV/{MEMBERS['portal']}/portal", "events", ["civil.*"])
    signed(hospital, NewBirth(mother.code, father.code, "male", born), "form-0002")
    child = await until(lambda: hospital.notices()[0].answer.get("child"))
    (waiting,) = await until(lambda: population.kernel.outbox.undelivered())
    assert waiting.subscription.subscriber.endswith("/portal")
    assert waiting.state is DeliveryState.PENDING, "the exchange's refusal is not the subscriber's"
    assert waiting.event.subject == child


async def test_the_messages_of_a_decision_lie_in_both_logs_until_one_is_deleted(state: State) -> None:
    """After the first test: the grant rests on what population and residence told."""
    await state.server.timestamper.tick()
    await state.portals.timestamper.tick()
    social: SocialRegister = state.registers["social"]
    with social.kernel.engine.connect() as connection:
        granted = next(
            one for one in social.deciding.store.listed(connection) if one.record.effect == "grant"
        )
    messages = [message for one in granted.record.inputs for message in one.messages]
    asked, heard = {message for _, message, _ in messages}, [at for _, _, at in messages]
    assert all(at is not None and at <= granted.record.decided_at for at in heard), "when each was heard"
    assert granted.record.counterfactual, "what would have changed it"
    assert asked
    report = await asyncio.to_thread(social.deciding.replay, str(granted.record.id))
    said = [step for step in report.steps if step.number == 3 and step.text.startswith("message ")]
    assert {step.verdict for step in said} == {"holds"}, [s.text for s in said if s.verdict != "holds"]
    assert len(said) == 2 * len(asked), "each in both logs"
    assert report.result == "match"
    over_rest = await state.say("social", ["decisions", str(granted.record.id), "replay"])
    assert [step["text"] for step in over_rest["steps"] if step["number"] == 3] == [
        step.text for step in report.steps if step.number == 3
    ]
    store = [
        "--database",
        str(social.kernel.engine.url.database),
        "--keys",
        str(state.server.settings.directory.parent / "social" / "decisions.keys"),
    ]
    road = ["--security-server", state.server_url, "--client", "SILD/GOV/70000004/social"]
    command = ["decisions", "replay", str(granted.record.id), *store]
    asked_too = await asyncio.to_thread(CliRunner().invoke, cli, [*command, *road], catch_exceptions=False)
    assert "SILD/GOV/70000002/population, has it as it was signed, time-stamped" in asked_too.output
    not_asked = await asyncio.to_thread(CliRunner().invoke, cli, command, catch_exceptions=False)
    assert f"whether {len(asked)} messages lie in both logs: they were not asked" in not_asked.output

    database = state.server.settings.directory / "messagelog.db"
    of_population = (one for one in granted.record.inputs if "population" in (one.register_ or ""))
    lost = next(one.message_id for one in of_population if one.message_id)
    with sqlite3.connect(database) as log:
        for (trigger,) in log.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            log.execute(f"DROP TRIGGER {trigger}")
        statement = "DELETE FROM message_record WHERE query_id = ? AND subsystem_code = 'population'"
        assert log.execute(statement, (lost,)).rowcount == 2
    kernel, mother = state.registers["population"].kernel, a_couple(0)[0].code
    children = (await state.say("population", ["persons", mother, "children"]))["items"]
    about = [one for one in (mother, *(child["code"] for child in children)) if kernel.lines_of(one, lost)]
    gone = await state.take(mother, lost, "request", whose=None if about[0] == mother else about[0])
    assert gone.status == 410 and "not_in_log" in gone.text, "and the person is told"
    report = await asyncio.to_thread(social.deciding.replay, str(granted.record.id))
    broken = [step.text for step in report.steps if step.verdict == "broken"]
    assert broken == [
        f"message {lost}: the log of the provider, SILD/GOV/70000002/population, does not have it"
    ]
    assert report.result == "mismatch"

    state.server.serverconf.revoke(service("residence", "getEvidence"), subsystem("social"), path="/records")
    state.server.serverconf.revoke(service("population", "getEvidence"), subsystem("social"), path="/records")
    report = await asyncio.to_thread(social.deciding.replay, str(granted.record.id))
    closed = [step for step in report.steps if "could not be asked" in step.text]
    assert closed and {step.verdict for step in closed} == {"unknown"}
    assert report.result == "match", "what cannot be told is no mismatch"
