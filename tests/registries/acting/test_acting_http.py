"""The REST interfaces: who asks and why, every refusal's status, findUsage, events, the description and OpenAPI."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import insert

from sild.documents import CARD_KIND, credential_in, verify_presentation, verify_sealed_pdf
from sild.events import CLOUDEVENTS_JSON, render_event
from sild.registries import (
    EducationRegister,
    HospitalRegister,
    InsuranceRegister,
    SocialRegister,
    education_app,
    hospital_app,
    insurance_app,
    social_app,
)
from sild.registries.education.tables import groups, kindergartens
from support.acting import LogIn, proved, serving
from support.asgi import Answer, Site

from .conftest import ANSWER, CHILD, FATHER, MOTHER, OVERTURNED, SISTER, Others, SetClock, event

POPULATION = "SILD/GOV/70000002/population"
IBAN = "EE382200221020145685"
KINDS: dict[str, tuple[Any, Any]] = {
    "insurance": (InsuranceRegister, insurance_app),
    "social": (SocialRegister, social_app),
    "education": (EducationRegister, education_app),
}


class Asking:
    """A register that has applied the child's birth and done what follows."""

    def __init__(self, register: Any, site: Site, others: Others) -> None:
        self.register = register
        self.site = site
        self._others = others
        self._number = 0

    def headers(self, user: str) -> dict[str, str]:
        self._number += 1
        return {
            "X-Road-Client": "SILD/GOV/70000001/portal",
            "X-Road-Id": f"m-{self._number}",
            "X-Road-UserId": f"EE{user}",
            "X-Road-Issue": "case-1",
            "Sild-Legal-Basis": "PHS 10",
        }

    def get(self, path: str, *, without: str = "") -> Answer:
        headers = self.headers(MOTHER)
        headers.pop(without, None)
        return self.site.request("GET", path, headers=headers)

    def post(self, path: str, body: object, user: str = MOTHER) -> Answer:
        headers = {name.replace("-", "_"): value for name, value in self.headers(user).items()}
        return self.site.post(path, body, **headers)

    def answer(self, path: str, headers: dict[str, str]) -> Answer:
        return self.site.post(
            path, OVERTURNED, **{name.replace("-", "_"): value for name, value in headers.items()}
        )

    def settle(self) -> None:
        async def work() -> None:
            worker = self.register.worker(self._others)
            while await worker.work():
                pass

        asyncio.run(work())


@pytest.fixture
def asking(
    request: pytest.FixtureRequest, directory: Path, others: Others, clock: SetClock
) -> Iterator[Asking]:
    kind, app = KINDS[request.param]
    with ExitStack() as opened:
        register = kind.open(directory, people=0, clock=clock)
        opened.callback(register.close)
        if isinstance(register, EducationRegister):
            with register.kernel.engine.begin() as connection:
                connection.execute(insert(kindergartens).values(id=1, name="K", division="0784"))
                connection.execute(insert(groups).values(kindergarten=1, age_from=0, age_to=3, capacity=1))
        register.kernel.tellers = {"population": POPULATION}
        site = opened.enter_context(serving(app(register)))
        asking = Asking(register, site, others)
        told = site.request(
            "POST",
            "/events",
            body=render_event(event("civil.birth.registered", CHILD)),
            headers={**asking.headers(MOTHER), "X-Road-Client": POPULATION, "Content-Type": CLOUDEVENTS_JSON},
        )
        assert told.status == 204, told.text
        asking.settle()
        yield asking


def refused(answer: Answer, status: int, code: str) -> None:
    assert (answer.status, answer.json()["type"].rpartition(":")[2]) == (status, code), answer.text


READS = {
    "insurance": f"/persons/{CHILD}/cover",
    "social": f"/persons/{MOTHER}/contributions",
    "education": f"/children/{CHILD}/queue",
}


@pytest.mark.parametrize("asking", KINDS, indirect=True)
def test_what_all_have_in_common(asking: Asking, request: pytest.FixtureRequest) -> None:
    name = request.node.callspec.params["asking"]
    read = READS[name]
    person = read.split("/")[2]
    for header in ("X-Road-UserId", "Sild-Legal-Basis"):
        refused(asking.get(read, without=header), 400, "missing_legal_basis")
    refused(asking.get(read, without="X-Road-Client"), 400, "missing_x_road_header")
    before = asking.get(f"/findUsage?userCode=EE{person}").json()["totalUsages"]
    assert asking.get(read).status == 200
    found = asking.get(f"/findUsage?userCode=EE{person}").json()
    assert found["totalUsages"] == before + 1
    assert found["usages"][0]["receiverSystem"] == "portal" and " " in found["usages"][0]["action"]
    refused(asking.get(read.replace(person, "123")), 400, "invalid_identity_code")
    dataset = asking.get("/description").json()["@graph"][0]
    assert dataset["dcat:theme"]
    schema = asking.get("/openapi.json").json()
    assert all("operationId" in method for path in schema["paths"].values() for method in path.values())
    again = asking.site.request(
        "POST",
        "/events",
        body=render_event(event("civil.tax.paid", CHILD)),
        headers={**asking.headers(MOTHER), "X-Road-Client": POPULATION, "Content-Type": CLOUDEVENTS_JSON},
    )
    refused(again, 404, "event_not_taken")


@pytest.mark.parametrize("asking", ["insurance"], indirect=True)
def test_insurance(asking: Asking) -> None:
    cover = asking.get(f"/persons/{CHILD}/cover").json()
    assert (cover["insured"], cover["valid_from"], cover["valid_to"]) == (True, "2026-03-01", "2045-03-01")
    before = asking.get(f"/persons/{CHILD}/cover?on=2026-02-28").json()
    assert before == {"person": CHILD, "on": "2026-02-28", "insured": False}
    held = asking.get(f"/persons/{CHILD}/facts").json()["items"]
    card, fact = sorted(held, key=lambda one: str(one["concept"]))
    assert card["concept"] == "person.insurance_card" and card["value"]["state"] == "valid"
    assert (fact["concept"], fact["source"]) == ("person.insurance_cover", f"/{POPULATION}")
    refused(asking.post(f"/facts/{fact['fact']}/dispute", {"reason": "no"}, FATHER), 404, "unknown_fact")
    disputed = asking.post(f"/facts/{fact['fact']}/dispute", {"reason": "born elsewhere"}, CHILD)
    assert (disputed.status, disputed.json()["state"]) == (201, "OPEN")
    card = asking.get(f"/persons/{CHILD}/card").json()
    assert card["state"] == "valid" and card["credential"].count("~") == 7
    assert (card["name"], card["valid_until"]) == ("Mari Maasikas", "2031-02-28")
    for language in ("et", "vi", "en"):
        paper = asking.get(f"/persons/{CHILD}/card/pdf?language={language}")
        assert (paper.status, paper.headers["Content-Type"]) == (200, "application/pdf")
        assert credential_in(paper.body) == card["presentation"]
    body = "SILD/GOV/70000003"
    assert verify_sealed_pdf(paper.body, [], body=body, at=datetime.now(UTC)).authority == body
    keys, listed = asking.get("/issuer").json(), asking.get("/status-list").text
    shown = verify_presentation(
        card["presentation"],
        keys,
        at=datetime(2026, 3, 2, 10, tzinfo=UTC),
        kinds=[CARD_KIND],
        status_list=listed,
    )
    assert shown.status == "valid" and shown.claims["given_names"] == "Mari"
    assert "printCard" in asking.get("/openapi.json").text
    refused(asking.get(f"/persons/{CHILD}/card/pdf?language=ru"), 400, "bad_request")
    refused(asking.get(f"/persons/{MOTHER}/card/pdf"), 404, "no_card")
    uses = asking.get(f"/findUsage?userCode=EE{CHILD}").text
    assert uses.count("The health insurance card was printed") == 3
    refused(asking.get(f"/persons/{MOTHER}/card"), 404, "no_card")
    none = {"proof": "x.y.z", "nonce": "n"}
    refused(asking.post(f"/persons/{CHILD}/card/wallet", none), 403, "not_yours")
    refused(asking.post(f"/persons/{CHILD}/card/wallet", none, CHILD), 400, "proof_not_valid")
    refused(asking.post(f"/persons/{CHILD}/card/wallet", {"jwk": {}}, CHILD), 400, "bad_request")
    assert asking.get("/status-list").headers["Content-Type"] == "application/statuslist+jwt"
    assert asking.get("/issuer").json()["jwks"]["keys"]


@pytest.mark.parametrize("asking", ["social"], indirect=True)
def test_social(asking: Asking) -> None:
    months = asking.get(f"/persons/{MOTHER}/contributions?months=2").json()["items"]
    assert months[-1] == {"month": "2026-02", "state": "unknown", "holder": "tax"}
    declaration = {
        "payer": "1",
        "first": "2024-01",
        "last": "2026-02",
        "amount": "2000.10",
        "currency": "EUR",
    }
    for wrong, code in (
        ({"amount": "1e99"}, "invalid_amount"),
        ({"amount": "1_000"}, "invalid_amount"),
        ({"amount": "1.500"}, "invalid_amount"),
        ({"amount": "-1"}, "invalid_amount"),
        ({"amount": "NaN"}, "invalid_amount"),
        ({"last": "2023-01"}, "empty_period"),
        ({"first": "2024-13"}, "bad_request"),
    ):
        refused(asking.post(f"/persons/{MOTHER}/contributions", {**declaration, **wrong}), 400, code)
    assert asking.post(f"/persons/{MOTHER}/contributions", declaration).status == 204
    asking.settle()
    (offer,) = asking.get(f"/persons/{CHILD}/offers").json()["items"]
    parental = offer["choices"][0]["items"][2]
    assert (parental["amount"], parental["currency"], parental["unknown"]) == ("2000.10", "EUR", None)
    assert offer["choices"][1]["items"][3]["unknown"]["holder"] == "tax", "the father's income"
    path = f"/offers/{offer['id']}/acceptance"
    good = {"choice": "mother", "account": IBAN, "version": offer["version"]}
    refused(asking.post(path, good, SISTER), 403, "not_a_party")
    refused(asking.post(path, {**good, "choice": "x"}), 400, "unknown_choice")
    refused(asking.post(path, {**good, "account": "x"}), 400, "invalid_account")
    refused(asking.post(path, {**good, "version": 1}), 409, "offer_changed")
    refused(asking.post("/offers/none/acceptance", good), 404, "unknown_offer")
    assert asking.post(path, good).json()["state"] == "accepted"
    refused(asking.post(path, good, FATHER), 409, "already_accepted")
    refused(asking.post(f"/offers/{offer['id']}/release", {}, SISTER), 409, "not_held")
    asking.settle()
    orders = asking.get(f"/offers/{offer['id']}/payment-orders").json()["items"]
    assert {order["amount"] for order in orders} == {"80.00", "320.00", "2000.10"}
    assert asking.get(f"/payment-orders/{orders[0]['id']}").json() == orders[0]
    refused(asking.get("/payment-orders/999"), 404, "unknown_order")
    assert len(asking.get(f"/persons/{MOTHER}/benefits?on=2026-03-01").json()["items"]) == 3
    concepts = {
        fact["concept"] for fact in asking.get(f"/persons/{MOTHER}/facts?on=2026-03-01").json()["items"]
    }
    assert concepts == {"person.benefits"}, "what was paid from March on is declared in April"


@pytest.mark.parametrize("asking", ["education"], indirect=True)
def test_education(asking: Asking, clock: SetClock) -> None:
    places = asking.get("/places?commune=0784", without="Sild-Legal-Basis").json()
    assert places["items"][0]["free"] == 1 and set(places["rule"]) == {"et", "vi", "en"}
    queue = asking.get(f"/children/{CHILD}/queue").json()
    assert (queue["state"], queue["place"], queue["reason"]) == ("waiting", 1, "no_wish")
    wish = f"/children/{CHILD}/wish"
    refused(asking.post(wish, {"kindergarten": 1}, SISTER), 403, "not_a_parent")
    refused(asking.post(wish, {"kindergarten": 7}), 404, "unknown_kindergarten")
    refused(asking.post(wish, {"kindergarten": 1, "wanted_from": "2026-03-02"}), 409, "too_young")
    refused(asking.post(wish, {"kindergarten": 1, "wanted_from": "2033-03-02"}), 409, "no_group")
    refused(asking.post(f"/children/{CHILD}/place", {"accept": True}), 409, "no_offer")
    refused(asking.get(f"/children/{SISTER}/queue"), 404, "not_in_queue")
    before, school = asking.get(f"/persons/{CHILD}/facts").json()["items"]
    assert (school["concept"], school["text"]) == ("child.school_district", "Tallinna Keskkool")
    assert school["value"]["attends_from"] == "2033-09-01" and school["basis"] == "PGS § 10"
    (of_mother,) = [
        one
        for one in asking.get(f"/persons/{MOTHER}/facts").json()["items"]
        if one["name"] == "school_district"
    ]
    assert (of_mother["entity"], of_mother["fact"]) == (CHILD, school["fact"]), "a parent is shown it, too"
    assert (before["concept"], before["value"]["reason"]) == ("child.kindergarten_queue", "no_wish")
    assert before["follows"] == {"place": 1, "waiting": 1} and "place" not in before["value"]
    clock.forward(seconds=1)
    assert asking.post(wish, {"kindergarten": 1}).json()["state"] == "offered"
    _facts_of_a_place(asking, before)
    assert asking.post(f"/children/{CHILD}/place", {"accept": True}, FATHER).json()["state"] == "attending"
    refused(asking.post(wish, {"kindergarten": 1}), 409, "already_attending")
    assert asking.post(f"/children/{CHILD}/leave", {}).json()["state"] == "left"
    order = event("civil.protection.ordered", CHILD, against=FATHER, valid_from="2026-03-01")
    asking.register.apply_event(order, "m-order")
    for who, also in ((CHILD, ""), (FATHER, ""), (FATHER, "?history=true")):
        shown = asking.get(f"/persons/{who}/facts{also}").json()["items"]
        assert shown and "school_district" not in {one["name"] for one in shown}, (
            "it says where the child lives"
        )
    hidden = asking.post(f"/facts/{school['fact']}/dispute", {"reason": "where is it?"}, FATHER)
    refused(hidden, 404, "unknown_fact")


OFFICIAL = "38001085718"
ACCEPT, WISH = {"accept": True}, {"kindergarten": "any"}


@pytest.mark.parametrize("asking", ["education"], indirect=True)
def test_which_kindergarten_a_protected_child_is_at_is_kept_from_whom_the_order_is_against(
    asking: Asking,
) -> None:
    """And from who acts for them, from a friend with a power of attorney for the child, from machines; now, in what was, in decisions."""
    wish, place, leave = (f"/children/{CHILD}/{said}" for said in ("wish", "place", "leave"))
    decision = asking.post(wish, {"kindergarten": 1}).json()["decision"]
    fact = asking.get(f"/persons/{CHILD}/facts").json()["items"][0]["fact"]
    known = quote("2026-03-02T12:00:00+02:00")
    reads = [
        *(f"/persons/{who}/facts{also}" for who in (CHILD, FATHER) for also in ("", "?history=true", f"?known_at={known}")),
        f"/children/{CHILD}/queue",
        f"/children/{CHILD}/wishes",
        f"/decisions/{decision}",
        f"/decisions/{decision}/bundle",
    ]  # fmt: skip

    def told(user: str, party: str | None, path: str) -> bool:
        headers = {
            **asking.headers(user),
            **({} if party is None else {"X-Road-Represented-Party": f"EE{party}"}),
        }
        if user == "automatic":
            headers["X-Road-UserId"] = user
        answer = asking.site.request("GET", path, headers=headers)
        assert answer.status in (200, 403, 404), answer.text
        return '"K"' in answer.text or "2027-09-01" in answer.text

    assert all(told(FATHER, None, path) for path in reads if f"{CHILD}/wishes" not in path)
    order = event("civil.protection.ordered", CHILD, against=FATHER, valid_from="2026-03-01")
    asking.register.apply_event(order, "m-order")
    for user, party in (
        (FATHER, None),
        (FATHER, CHILD),
        (SISTER, FATHER),
        (SISTER, CHILD),
        ("automatic", None),
    ):
        for path in reads:
            assert not told(user, party, path), (user, party, path)
    for path, body in ((place, ACCEPT), (wish, WISH), (leave, {})):
        refused(asking.post(path, body, FATHER), 404, "not_in_queue")
    refused(asking.post(f"/facts/{fact}/dispute", {"reason": "where?"}, FATHER), 404, "unknown_fact")
    for user, party in ((MOTHER, None), (MOTHER, CHILD), (CHILD, None)):
        assert told(user, party, f"/persons/{CHILD}/facts") and told(user, party, f"/children/{CHILD}/queue")
        assert told(user, party, f"/decisions/{decision}")
    assert told(OFFICIAL, None, f"/persons/{CHILD}/facts?history=true")
    assert asking.post(place, ACCEPT).json()["state"] == "attending", "she decides as before"
    asking.register.apply_event(event("civil.death.registered", CHILD), "m-death")
    assert not told(FATHER, None, f"/persons/{FATHER}/facts?history=true"), "a death lifts no order"


@pytest.mark.parametrize("asking", ["education"], indirect=True)
@pytest.mark.parametrize("against", [None, "x", 7])
def test_when_nobody_said_against_whom_no_parent_is_told(asking: Asking, against: Any) -> None:
    asking.post(f"/children/{CHILD}/wish", {"kindergarten": 1})
    asking.register.apply_event(event("civil.protection.ordered", CHILD, against=against), "m-order")
    path = f"/persons/{CHILD}/facts?history=true"
    for user in (MOTHER, FATHER):
        assert '"K"' not in asking.site.request("GET", path, headers=asking.headers(user)).text
    for user in (CHILD, OFFICIAL):
        assert '"K"' in asking.site.request("GET", path, headers=asking.headers(user)).text


def _facts_of_a_place(asking: Asking, before: dict[str, Any]) -> None:
    """A parent sees the child's; of the line only what holds now; and it is disputed."""
    seen = asking.get(f"/findUsage?userCode=EE{CHILD}").json()["totalUsages"]
    fact = asking.get(f"/persons/{MOTHER}/facts").json()["items"][0]
    assert (fact["entity"], fact["value"]["state"], fact["value"]["kindergarten"]) == (CHILD, "offered", "K")
    assert (fact["source"], fact["basis"]) == (asking.register.kernel.system, "KELS § 10")
    assert "follows" not in fact and fact["message_id"] != before["message_id"]
    assert fact["text"] == "offered, K, 2027-09-01"
    assert asking.get(f"/findUsage?userCode=EE{CHILD}").json()["totalUsages"] == seen + 1
    then = quote(before["known_from"])
    known = asking.get(f"/persons/{MOTHER}/facts?known_at={then}").json()["items"][0]
    assert known["value"] == before["value"] and "follows" not in known, "who waited then is not counted now"
    history = asking.get(f"/persons/{CHILD}/facts?history=true").json()["items"]
    in_queue = [one for one in history if one["name"] == "kindergarten_queue"]
    assert [("known_to" in one, one["value"]["state"]) for one in in_queue] == [
        (True, "waiting"),
        (False, "offered"),
    ]
    assert asking.get(f"/persons/{SISTER}/facts").json()["items"] == []
    disputed = asking.post(f"/facts/{fact['fact']}/dispute", {"reason": "we never wished for this one"})
    assert (disputed.status, disputed.json()["person"]) == (201, CHILD)
    fact = asking.get(f"/persons/{MOTHER}/facts").json()["items"][0]
    assert fact["disputed"] is True


def test_the_hospital_answers_who_looked(directory: Path, clock: SetClock) -> None:
    register = HospitalRegister.open(directory, clock=clock)
    register.note_death(MOTHER, clock().date(), author=FATHER, token="form-0001")
    with serving(hospital_app(register)) as site:
        found = site.get(
            f"/findUsage?userCode=EE{MOTHER}",
            x_road_client="SILD/GOV/1/portal",
            x_road_id="m",
            x_road_userid="EE1",
        )
        assert found.json()["totalUsages"] == 1
    register.close()


@pytest.mark.parametrize("asking", ["social"], indirect=True)
def test_decisions_are_read_replayed_and_contested(asking: Asking) -> None:
    (line,) = asking.get(f"/persons/{MOTHER}/decisions").json()["items"]
    assert (line["effect"], line["step"], line["automation"]) == ("offer", "offer", 4)
    assert line["contest_until"] is None, "the time begins when she learns of it"
    path = f"/decisions/{line['id']}"
    assert asking.get(path).json()["contest_until"] is None, "her case system looked, she did not"
    own = asking.get(f"{path}?shown=et").json()
    assert (own["reached"], own["contest_until"], own["effect_now"]) == (
        "2026-03-02",
        "2026-04-01",
        "in_force",
    )
    (line,) = asking.get(f"/persons/{MOTHER}/decisions").json()["items"]
    assert line["contest_until"] == "2026-04-01", "30 days"
    assert own["record"]["integrity"]["seal"]["algorithm"] == "ES256" and own["values"]
    words = [own["values"][one["text"]["vi"]["sealed"]] for one in own["record"]["reasons"]]
    assert any("320" in word for word in words)
    strange = asking.site.request("GET", path, headers=asking.headers(SISTER)).json()
    assert strange["values"] == {} and strange["record"] == own["record"], "sealed for everybody else"
    bundle = asking.get(f"{path}/bundle").json()
    assert bundle["schema"] == "sild.bundle/2" and bundle["package"]
    replayed = asking.get(f"{path}/replay").json()
    assert replayed["result"] == "match", replayed
    refused(asking.get("/decisions/019c0000-0000-7000-8000-000000000000"), 404, "unknown_decision")

    wrong = {"contest": "contest-1", "line": "fact"}
    refused(asking.post(f"{path}/contests", wrong, SISTER), 403, "not_about_you")
    told = {"contest": "contest-2", "line": "my neighbour drinks"}
    assert asking.post(f"{path}/contests", told).status == 400, "words stay in the case"
    for country in ("LT", "VN", "ee"):
        foreigner = {**asking.headers(MOTHER), "X-Road-UserId": f"{country}{MOTHER}"}
        seen = asking.site.request("GET", path, headers=foreigner).json()
        assert seen["values"] == {}, "a code of the same digits, of another country"
    assert asking.post(f"{path}/contests", wrong).status == 201
    official = {**asking.headers("37001010002"), "X-Road-Issue": "contest-1"}
    assert asking.site.request("GET", path, headers=official).json()["values"], "the case that contests it"
    refused(
        asking.post(f"{path}/contests/other/end", OVERTURNED),
        404,
        "unknown_contest",
    )
    end = f"{path}/contests/contest-1/end"
    refused(asking.post(end, OVERTURNED, "37001010002"), 403, "not_your_contest")
    lower = proved({**asking.headers("37001010002"), "X-Road-Issue": "contest-1"}, LogIn(acr="substantial"))
    refused(asking.answer(end, lower), 403, "officials_only")
    own_case = {**asking.headers(MOTHER), "X-Road-Issue": "contest-1"}
    refused(asking.answer(end, own_case), 403, "not_your_contest")
    machine = {**asking.headers(MOTHER), "X-Road-Issue": "contest-1", "X-Road-UserId": "automatic"}
    refused(asking.answer(end, machine), 403, "officials_only")
    assert asking.site.request("GET", path, headers=machine).json()["values"] == {}, "a machine reads no more"
    wordless = {**asking.headers("37001010002"), "X-Road-Issue": "contest-1"}
    bare = {name.replace("-", "_"): value for name, value in wordless.items()}
    assert asking.site.post(end, {"overturned": True}, **bare).status == 400, (
        "nothing is overturned without words"
    )
    with asking.register.kernel.engine.connect() as connection:
        assert asking.register.deciding.store.standing(connection, line["id"]) == "contested"
    for one in (MOTHER, CHILD):
        uses = asking.get(f"/findUsage?userCode=EE{one}").json()["usages"]
        seen = [use["action"] for use in uses if use["extension"].get("caseId") == "contest-1"]
        assert "A decision about the person was read" in seen, "everybody it is about sees who looked"
    assert asking.answer(end, {**asking.headers("37001010002"), "X-Road-Issue": "contest-1"}).status == 200
    figures = asking.get("/algorithms/family-benefits/figures").json()
    assert (figures["decisions"], figures["contested"], figures["overturned"]) == (1, 1, 1)
    assert (figures["automatic_percent"], figures["replay_match_percent"]) == ("100.0", "100.0")


@pytest.mark.parametrize("asking", ["social"], indirect=True)
@pytest.mark.parametrize("overturned", [True, False])
def test_the_answer_to_a_contest_is_a_sealed_decision_of_the_body(asking: Asking, overturned: bool) -> None:
    (line,) = asking.get(f"/persons/{MOTHER}/decisions").json()["items"]
    path = f"/decisions/{line['id']}"
    assert asking.post(f"{path}/contests", {"contest": "contest-9", "line": "fact"}).status == 201
    headers = {**asking.headers("37001010002"), "X-Road-Issue": "contest-9"}
    official = {name.replace("-", "_"): value for name, value in headers.items()}
    body = {"overturned": overturned, "answer": ANSWER}
    ended = [asking.site.post(f"{path}/contests/contest-9/end", body, **official) for _ in range(2)]
    assert [one.status for one in ended] == [200, 200] and ended[0].json() == ended[1].json(), "once"
    opened = asking.get(f"/decisions/{ended[0].json()['answer']}").json()
    record, values = opened["record"], opened["values"]
    assert (record["kind"], record["automation"]) == ("human", 0)
    assert (
        record["effect"] == ("correct" if overturned else "refuse")
        and record["authority"] == line["authority"]
    )
    assert record["case"] == "contest-9" and record["inputs"][0]["value"] == line["id"]
    assert values[record["reasons"][0]["text"]["et"]["sealed"]] == ANSWER["reasons"]
    (step,) = record["human"]
    assert (
        step["official"] not in ("37001010002", None)
        and values[step["provisional_view"]["sealed"]] == ANSWER["view"]
    )
    contested = asking.get(path).json()["record"]["subjects"]
    assert record["remedy"]["deadline"] and len(contested) > len(record["subjects"]) == 1
    assert record["subjects"][0] in contested
    other = asking.site.request("GET", f"/decisions/{record['id']}", headers=asking.headers(FATHER)).json()
    assert (other["values"], other["opened"]) == ({}, False), "why is told to who asked"
    listed = asking.get(f"/persons/{MOTHER}/decisions").json()["items"]
    assert {one["step"] for one in listed} == {line["step"], "contest"}
    untold = asking.site.request("GET", f"/decisions/{record['id']}", headers=asking.headers("37001010002"))
    assert untold.json()["values"] == {} or untold.json()["opened"] is False
    replayed = asking.get(f"/decisions/{record['id']}/replay").json()
    assert replayed["result"] == "impossible" and not [
        s for s in replayed["steps"] if s["verdict"] == "broken"
    ]


@pytest.mark.parametrize("asking", ["social"], indirect=True)
def test_a_decision_is_contested_in_its_time(asking: Asking, clock: SetClock) -> None:
    """For each from the day on which they learned of it (HMS § 75); whom it has not reached, for them the time has not begun."""
    (line,) = asking.get(f"/persons/{MOTHER}/decisions").json()["items"]
    path = f"/decisions/{line['id']}"
    clock.forward(days=40)
    brought = {"to": MOTHER, "channel": "portal", "event": "delivered"}
    assert asking.post(f"{path}/deliveries", brought).json() == {"decision": line["id"], "known": False}
    assert asking.post(f"{path}/deliveries", brought).json()["known"] is True, "told twice it stands once"
    assert asking.get(path).json()["contest_until"] is None, "it lies in her inbox, and she has not opened it"
    opened = {**brought, "event": "opened", "language": "vi", "at": clock().isoformat()}
    assert asking.post(f"{path}/deliveries", opened).status == 200
    own = asking.get(path).json()
    assert (own["reached"], own["contest_until"]) == ("2026-04-11", "2026-05-11")
    assert [(one["channel"], one["language"], one["mine"]) for one in own["deliveries"]] == [
        ("portal", "vi", True)
    ]
    assert own["deliveries"][0]["delivered_at"] == own["deliveries"][0]["opened_at"]
    bundled = asking.get(f"{path}/bundle").json()["entries"]
    assert [one["content"]["event"] for one in bundled] == ["delivered", "opened"]
    refused(asking.post(f"{path}/deliveries", {**opened, "to": SISTER}), 403, "not_about_you")
    assert asking.post(f"{path}/deliveries", {**opened, "channel": "smoke"}).status == 400
    early = {**opened, "to": FATHER, "channel": "paper", "event": "delivered", "at": "2026-01-01T00:00:00Z"}
    assert asking.post(f"{path}/deliveries", early).status == 200
    fathers = asking.site.request("GET", path, headers=asking.headers(FATHER)).json()
    assert (fathers["reached"], fathers["contest_until"]) == ("2026-03-02", "2026-04-01"), (
        "not before the decision"
    )
    clock.forward(days=30)
    wrong = {"contest": "c", "line": "rule"}
    refused(asking.post(f"{path}/contests", wrong, FATHER), 409, "too_late")
    clock.forward(days=1)
    refused(asking.post(f"{path}/contests", wrong), 409, "too_late")
    clock.forward(days=-1)
    assert asking.post(f"{path}/contests", wrong).status == 201


@pytest.mark.parametrize("asking", ["education"], indirect=True)
def test_a_place_is_decided_in_records(asking: Asking) -> None:
    offer = asking.post(f"/children/{CHILD}/wish", {"kindergarten": 1}).json()["decision"]
    grant = asking.post(f"/children/{CHILD}/place", {"accept": True}).json()["decision"]
    lines = asking.get(f"/persons/{CHILD}/decisions").json()["items"]
    assert {line["id"]: (line["effect"], line["algorithm"]) for line in lines} == {
        offer: ("offer", "kindergarten-queue"),
        grant: ("grant", "kindergarten-queue"),
    }
    own = asking.get(f"/decisions/{offer}").json()
    words = [own["values"][one["text"]["en"]["sealed"]] for one in own["record"]["reasons"]]
    assert any("place in the queue is 1" in word for word in words)
    assert any("September 1, 2027" in word for word in words)
    assert asking.get(f"/decisions/{grant}/replay").json()["result"] == "match"
    assert asking.get(f"/children/{CHILD}/queue").json()["decision"] == grant
