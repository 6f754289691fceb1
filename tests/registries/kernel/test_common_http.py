"""What every register answers alike: who asks and why, findUsage, events, its own description, problems."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest
from fastapi import FastAPI

from sild.asgi import serve_application
from sild.errors import CallerError
from sild.events import CLOUDEVENTS_JSON, Event, render_event
from sild.http1 import Fetched, fetch
from sild.registries import Grounds
from sild.registries.kernel import Kernel, Usage
from sild.registries.kernel.http import Concept, PersonalUsage, SelfDescription, register_app

from .conftest import SetClock

CLIENT = "SILD/GOV/70000003/insurance"
HEADERS = {
    "X-Road-Client": CLIENT,
    "X-Road-Id": "m-1",
    "X-Road-UserId": "EE38001085718",
    "X-Road-Issue": "case-7",
    "Sild-Legal-Basis": "RRS 5",
}
PERSON = "49001010005"


class Register:
    """A register that knows nothing but that it was asked."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        kernel.tellers = {"population": CLIENT}
        self.effects: list[str] = []
        description = SelfDescription(
            "things", {"en": "Things"}, "Office of Things", [Concept("person.thing", "What one has")]
        )
        self.app = register_app(
            kernel, description, actions={"getThing": "A thing is looked up"}, apply_event=self.apply
        )
        self._add(self.app)
        self.url = ""

    def _add(self, app: FastAPI) -> None:
        @app.get("/things/{code}", operation_id="getThing")
        def get_thing(code: str, usage: PersonalUsage) -> dict[str, str]:
            with self.kernel.used("getThing", usage) as use:
                use.concerns(code)
                if code == "none":
                    raise CallerError("nobody", code="unknown_person")
                if code == "bug":
                    raise RuntimeError(code)
                return {"thing": "hat"}

    def apply(self, event: Event, message_id: str) -> None:
        if event.type != "civil.birth.registered":
            raise CallerError("no", code="event_not_taken")
        with self.kernel.applying(event, message_id) as use:
            if use is not None:
                self.effects.append(event.id)

    async def ask(self, path: str, *, without: str = "", body: bytes | None = None, **more: str) -> Fetched:
        headers = {**HEADERS, **{name.replace("_", "-"): value for name, value in more.items()}}
        headers.pop(without, None)
        return await fetch(
            f"{self.url}{path}",
            method="GET" if body is None else "POST",
            body=body,
            headers=[(name.encode(), value.encode()) for name, value in headers.items()],
        )


@pytest.fixture
async def register(kernel: Kernel) -> AsyncIterator[Register]:
    register = Register(kernel)
    running = await serve_application(register.app, "127.0.0.1", 0)
    register.url = running.url
    yield register
    await running.close()


def problem(answer: Fetched) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(answer.body)
    return content


async def test_a_use_is_found_by_the_person(register: Register, clock: SetClock) -> None:
    assert (await register.ask(f"/things/{PERSON}")).status == 200
    found = json.loads((await register.ask(f"/findUsage?userCode=EE{PERSON}")).body)
    assert found == {
        "totalUsages": 1,
        "usages": [
            {
                "logtime": "2026-03-02T09:00:00Z",
                "action": "A thing is looked up",
                "receiverCode": "70000003",
                "receiverSystem": "insurance",
                "extension": {
                    "messageId": "m-1",
                    "legalGround": "RRS 5",
                    "caseId": "case-7",
                    "acting": "self" if PERSON == "38001085718" else "person",
                    "outcome": "done",
                },
            }
        ],
        "withheldUsages": 0,
    }
    later = await register.ask(f"/findUsage?userCode=EE{PERSON}&periodStart=2026-03-02T11:00:01")
    assert json.loads(later.body)["totalUsages"] == 0, "nine o'clock in UTC is eleven in Tallinn"
    earlier = await register.ask(f"/findUsage?userCode=EE{PERSON}&periodStart=2026-03-02T11:00:00")
    assert json.loads(earlier.body)["totalUsages"] == 1


async def test_for_which_office_a_system_asked_is_for_the_person_alone(register: Register) -> None:
    """Its place may be where somebody lives: whoever acts for the person is not told it."""
    assert (await register.ask(f"/things/{PERSON}", Sild_Office="birth@0793")).status == 200
    said: dict[str, dict[str, str]] = {
        "the person": {"X_Road_UserId": f"EE{PERSON}"},
        "a parent": {"X_Road_Represented_Party": f"EE{PERSON}"},
    }
    told = {}
    for who, headers in said.items():
        found = json.loads((await register.ask(f"/findUsage?userCode=EE{PERSON}", **headers)).body)
        told[who] = found["usages"][0]["extension"].get("office")
    assert told == {"the person": "birth@0793", "a parent": None}
    for wrong in ("birth", "@0793", "birth@", "Birth@0793", "birth@07 93", "b@" + "0" * 51):
        answer = await register.ask(f"/things/{PERSON}", Sild_Office=wrong)
        assert answer.status == 400 and problem(answer)["type"].endswith("bad_request"), wrong


@pytest.mark.parametrize(
    ("without", "code"),
    [
        ("X-Road-Client", "missing_x_road_header"),
        ("X-Road-Id", "missing_x_road_header"),
        ("X-Road-UserId", "missing_legal_basis"),
        ("Sild-Legal-Basis", "missing_legal_basis"),
    ],
)
async def test_without_who_and_why_there_is_no_answer(register: Register, without: str, code: str) -> None:
    answer = await register.ask(f"/things/{PERSON}", without=without)
    assert answer.status == 400
    assert problem(answer)["type"] == f"urn:sild:things:{code}"
    assert register.kernel.usage_of(PERSON).total == 0


async def test_without_a_case_only_what_the_law_leaves_without_one(register: Register) -> None:
    """A machine on its register's duty; a person never, nor a machine on another ground, or for another operation. The try is recorded."""
    path, kernel = f"/things/{PERSON}", register.kernel
    for user in ("EE38001085718", "automatic"):
        answer = await register.ask(path, without="X-Road-Issue", **{"X-Road-UserId": user})
        assert (answer.status, problem(answer)["type"]) == (400, "urn:sild:things:missing_case"), user
    kernel.without_case = Grounds({"getTh*": ["RRS 5"], "*": ["RRS 6"]})
    duty = {"without": "X-Road-Issue", "X-Road-UserId": "automatic"}
    assert (await register.ask(path, **duty)).status == 200
    assert problem(await register.ask(path, **{**duty, "X-Road-UserId": "EE38001085718"}))["status"] == 400
    assert problem(await register.ask(path, **duty, **{"Sild-Legal-Basis": "RRS 7"}))["status"] == 400
    outcomes = [entry.outcome for entry in kernel.usage_of(PERSON).entries]
    assert outcomes.count("missing_case") == 4 and outcomes.count("done") == 1


async def test_what_is_longer_than_any_code_is_nobodys_and_the_use_is_recorded(register: Register) -> None:
    """PostgreSQL takes no more signs than a column has."""
    for code in ("9" * 101, "ä" * 101, "9" * 700):
        assert (await register.ask(f"/things/{quote(code)}")).status == 200
        assert (await register.ask(f"/things/{quote(code)}", without="X-Road-Issue")).status == 400
        assert register.kernel.usage_of(code[:100]).total == 0
    longest = "9" * 100
    assert (await register.ask(f"/things/{longest}")).status == 200
    assert register.kernel.usage_of(longest).total == 1
    with register.kernel.used(
        "getThing", Usage(CLIENT, "m-2", user_id="E" * 255, represented_party="E" * 600)
    ) as use:
        use.concerns(use.usage.actor or "", use.usage.principal or "")


@pytest.mark.parametrize(
    ("name", "limit"),
    [
        ("X-Road-Client", 1_100),
        ("X-Road-Issue", 255),
        ("X-Road-Legal-Ground", 255),
        ("Sild-Legal-Basis", 255),
    ],
)
async def test_a_header_that_is_too_long_is_refused(register: Register, name: str, limit: int) -> None:
    answer = await register.ask(f"/things/{PERSON}", **{name: "x" * (limit + 1)})
    assert (answer.status, problem(answer)["type"]) == (400, "urn:sild:things:bad_request")
    assert register.kernel.usage_of(PERSON).total == 0


async def test_a_look_up_in_vain_is_recorded(register: Register) -> None:
    answer = await register.ask("/things/none")
    assert (answer.status, problem(answer)["type"]) == (404, "urn:sild:things:unknown_person")
    assert [entry.outcome for entry in register.kernel.usage_of("none").entries] == ["unknown_person"]


async def test_a_bug_tells_nothing(register: Register) -> None:
    answer = await register.ask("/things/bug")
    assert (answer.status, problem(answer)["type"]) == (500, "urn:sild:things:internal_error")
    assert b"RuntimeError" not in answer.body


async def test_period_heartbeat_and_description(register: Register, clock: SetClock) -> None:
    assert json.loads((await register.ask("/usagePeriod")).body) == {"periodStart": "2026-03-02T09:00:00Z"}
    assert json.loads((await register.ask("/heartbeat")).body) == {"status": "OK"}
    described = json.loads((await register.ask("/description")).body)
    dataset, service = described["@graph"]
    assert dataset["dcat:theme"][0]["skos:notation"] == "person.thing"
    assert service["dcat:servesDataset"]["@id"] == dataset["@id"]


def birth(number: int = 1, **changes: str) -> bytes:
    values: dict[str, Any] = {
        "id": f"e{number}",
        "source": f"/{CLIENT}",
        "type": "civil.birth.registered",
        "subject": PERSON,
        "time": datetime(2026, 3, 2, tzinfo=UTC),
    }
    return render_event(Event(**{**values, **changes}))


HOSTILE: dict[str, dict[str, Any]] = {
    "an id that is too long": {"id": "x" * 256},
    "half a letter in an id": {"id": "\ud800"},
    "a subject that is too long": {"subject": "x" * 101},
    "a subject with NUL": {"subject": "6000101\x000"},
    "NUL in a value": {"data": {"a": "\x00"}},
    "half a letter in a name": {"data": {"a": [{"b\udc00": 1}]}},
    "no number": {"data": {"a": float("nan")}},
    "a number without end": {"data": {"a": [float("inf")]}},
    "too deep": {"data": {"a": json.loads("[" * 40 + "]" * 40)}},
    "too large": {"data": {"a": "x" * 70_000}},
}


@pytest.mark.parametrize("attack", HOSTILE)
async def test_an_event_that_no_database_keeps_is_refused_for_good(register: Register, attack: str) -> None:
    """As a failure of ours it would be sent again for ever."""
    sent = json.dumps({**json.loads(birth()), **HOSTILE[attack]}).encode()
    answer = await register.ask("/events", body=sent, Content_Type=CLOUDEVENTS_JSON)
    assert answer.status in (400, 413), attack
    assert register.effects == []


async def test_an_event_delivered_twice_is_applied_once(register: Register) -> None:
    for message in ("m-1", "m-2"):
        answer = await register.ask("/events", body=birth(), Content_Type=CLOUDEVENTS_JSON, X_Road_Id=message)
        assert answer.status == 204
    assert register.effects == ["e1"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"nonsense", 400, "invalid_event"),
        (birth(source="/SILD/GOV/9/other"), 400, "invalid_event"),
        (birth(type="tax.paid"), 400, "invalid_event"),
        (birth(type="civil.tax.paid"), 404, "event_not_taken"),
    ],
)
async def test_events_that_are_not_taken(register: Register, body: bytes, status: int, code: str) -> None:
    answer = await register.ask("/events", body=body)
    assert (answer.status, problem(answer)["type"]) == (status, f"urn:sild:things:{code}")
    assert register.effects == []


async def test_what_is_another_registers_to_tell_is_taken_of_it_alone(register: Register) -> None:
    """Whoever may send something here would else register births and deaths."""
    tellers: tuple[dict[str, str], ...] = (
        {},
        {"population": "SILD/GOV/70000002/population"},
        {"tax": CLIENT},
    )
    for register.kernel.tellers in tellers:
        answer = await register.ask("/events", body=birth())
        assert (answer.status, problem(answer)["type"]) == (400, "urn:sild:things:invalid_event")
    assert (await register.ask("/events", body=birth(type="fact.corrected"))).status == 404, "any register's"
    assert (
        await register.ask("/events", body=birth(type="fact.corrected"), X_Road_Client="SILD/GOV/9/x")
    ).status == 400
    register.kernel.tellers = None
    assert (await register.ask("/events", body=birth())).status == 503, "before it is at work: come again"
    assert register.effects == []
    register.kernel.tellers = {"population": CLIENT}
    assert (await register.ask("/events", body=birth())).status == 204
    assert register.effects == ["e1"]
