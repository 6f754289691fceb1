"""A registration of a home is a decision: by rule when nobody acts, else by an official; it leaves a record that replays."""

from __future__ import annotations

from typing import Any

import pytest

from sild.decisions import figures_of
from sild.errors import CallerError
from sild.registries import ResidenceRegister

from ..asking import OFFICIAL, Asker, defects, refused
from ..families import couple, single, young_family

DAY = {"valid_from": "2026-02-25", "sent_on": "2026-03-01"}
LOOK = {"view_sha256": "a" * 64, "posture": "managed", "seconds": 42, "words": "Kontrollitud."}


@pytest.fixture
def either_url() -> None:
    """SQLite: what differs between databases is tried with what is decided anew."""


def a_home(homes: ResidenceRegister, residence: Asker, country: str = "EE") -> tuple[str, str]:
    """A dwelling nobody lives in, and an owner of it."""
    dwelling = homes.empty_dwellings(country, 1)[0]
    return dwelling, residence.value(f"/dwellings/{dwelling}/owners")["items"][0]["code"]


def notice(people: list[str], dwelling: str, owner: str | None, **more: Any) -> dict[str, Any]:
    consent = {} if owner is None else {"consent": {"kind": "owner", "owners": [owner]}}
    return {"people": people, "to": {"dwelling": dwelling}, **DAY, **consent, **more}


def opened(residence: Asker, decision: str, person: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The record, and its outcome by name, as the person reads them."""
    user = f"{'EE' if len(person) == 11 else 'VN'}{person}"
    found = residence.value(f"/decisions/{decision}", user=user)
    assert found["opened"] is True
    record, values = found["record"], found["values"]
    said = {one["name"]: one["value"] for one in record["outcome"]["items"]}
    return record, {
        name: values[value["sealed"]] if isinstance(value, dict) else value for name, value in said.items()
    }


def test_a_rule_registers_and_its_record_replays(residence: Asker, homes: ResidenceRegister) -> None:
    parent, child = young_family()
    dwelling, owner = a_home(homes, residence)
    body = notice([parent.code, child.code], dwelling, owner, custodians={child.code: [parent.code]})
    entered = residence.done("/moves", body, user="automatic", id="once")
    assert residence.done("/moves", body, 200, user="automatic", id="once") == entered, "one decision"
    record, outcome = opened(residence, entered["decision"], parent.code)
    assert (record["kind"], record["automation"], record["effect"]) == ("rule", 4, "grant")
    assert (record["rules"]["package"], record["algorithm"]["id"]) == (
        "ee-residence-registration",
        "residence-registration",
    )
    assert outcome["move/registrable/ETERNITY"] is True and outcome["move/to_dwelling/ETERNITY"] is True
    assert outcome["place"] == entered["text"] and outcome["valid_from"] == "2026-02-25"
    assert entered["text"] not in str(record), "where somebody lives is sealed"
    assert {one["input"] for one in record["counterfactual"]} >= {"move/consent/ETERNITY"}
    assert record["remedy"]["deadline"] and record["case"] == "case-7"
    assert [one["role"] for one in record["subjects"]] == ["resident", "resident"]
    consent = next(one for one in record["inputs"] if one["name"] == "moves/move/consent/ETERNITY")
    assert (consent["message_id"], consent["asserted_by"]) == ("once", "person")
    report = homes.deciding.replay(entered["decision"])
    assert report.result == "match"
    figures = residence.value("/algorithms/residence-registration/figures")
    assert (figures["decisions"], figures["automatic"]) == (1, 1)
    listed = residence.value(f"/persons/{parent.code}/decisions", user=f"EE{parent.code}")["items"]
    assert [one["id"] for one in listed] == [entered["decision"]]
    other, owner = a_home(homes, residence)
    body = notice([parent.code], other, owner, valid_from="2026-03-02")
    again = residence.done("/moves", body, user="automatic", id="again")
    record, _ = opened(residence, again["decision"], parent.code)
    before = next(one for one in record["inputs"] if one["name"] == "persons/mover-1/home_since/ETERNITY")
    assert before["message_id"] == "once", "the home it knows came by that message"
    assert homes.deciding.replay(again["decision"]).result == "match"


def test_an_official_registers_and_what_they_saw_is_kept(residence: Asker, homes: ResidenceRegister) -> None:
    person = single()
    dwelling, owner = a_home(homes, residence)
    entered = residence.done("/moves", notice([person.code], dwelling, owner, official=LOOK))
    record, _ = opened(residence, entered["decision"], person.code)
    (step,) = record["human"]
    assert (record["kind"], record["automation"], step["action"]) == ("human", 1, "confirm")
    assert (step["view_sha256"], step["seconds"]) == ("a" * 64, 42)
    assert OFFICIAL[2:] not in str(record)
    assert [one["code"] for one in record["reasons"]] == ["registrable", "to_dwelling", "by_official"]
    assert residence.value(f"/decisions/{entered['decision']}")["took_part"] is True
    assert record["unknowns"] == [], "of grown people nobody has custody"
    assert record["reasons"][-1]["article"] == "RRS § 79"
    assert homes.deciding.replay(entered["decision"]).result == "match"


def test_without_the_owners_word_it_is_less_and_says_why(residence: Asker, homes: ResidenceRegister) -> None:
    person = single()
    dwelling, _owner = a_home(homes, residence)
    division = residence.value(f"/dwellings/{dwelling}")["division"]
    body = {"people": [person.code], "to": {"division": division}, "wanted": dwelling, **DAY}
    entered = residence.done("/moves", body)
    record, outcome = opened(residence, entered["decision"], person.code)
    assert (record["effect"], outcome["level"]) == ("partial", "commune")
    assert outcome["move/to_dwelling/ETERNITY"] is False
    assert [one["code"] for one in record["reasons"]][-1] == "owner_refused"


@pytest.mark.parametrize("user", [OFFICIAL, "automatic"])
def test_what_the_rules_forbid_nobody_enters(residence: Asker, homes: ResidenceRegister, user: str) -> None:
    person = single()
    dwelling, _owner = a_home(homes, residence)
    problem = refused(
        residence.post("/moves", notice([person.code], dwelling, None), user=user),
        409,
        "move_not_registrable",
    )
    assert defects(problem) == ["consent_missing"]
    with homes.kernel.engine.connect() as connection:
        assert figures_of(connection, "residence-registration").decisions == 0, "a refusal leaves no decision"


def test_a_notice_is_sent_back_as_a_decision(residence: Asker, homes: ResidenceRegister) -> None:
    person = single()
    dwelling, _owner = a_home(homes, residence)
    body = notice(
        [person.code], dwelling, None, official=LOOK, reasons=["consent_missing", "address_unclear"]
    )
    refused(residence.post("/moves/return", body, user="automatic"), 403, "officials_only")
    refused(residence.post("/moves/return", body | {"reasons": ["no_such"]}), 400, "unknown_reason")
    made = residence.done("/moves/return", body, 200, id="back")["decision"]
    assert residence.done("/moves/return", body, 200, id="back")["decision"] == made
    record, outcome = opened(residence, made, person.code)
    assert (record["effect"], record["step"]) == ("demand", "return")
    assert outcome["move/leave_to_live_there/ETERNITY"] is False
    assert {one["code"] for one in record["reasons"]} >= {
        "not_leave_to_live_there",
        "returned",
        "address_unclear",
    }
    assert homes.deciding.replay(made).result == "match"


def test_in_viet_nam_its_own_law_decides(residence: Asker, homes: ResidenceRegister) -> None:
    person = single("VN")
    dwelling, owner = a_home(homes, residence, "VN")
    entered = residence.done("/moves", notice([person.code], dwelling, owner))
    record, outcome = opened(residence, entered["decision"], person.code)
    assert record["rules"]["package"] == "vn-residence-registration"
    assert outcome["move/there_is_room/ETERNITY"] is True
    assert "Cán bộ" in str(
        residence.value(f"/decisions/{entered['decision']}", user=f"VN{person.code}")["values"]
    )


def test_nothing_is_entered_while_the_rules_do_not_run(
    residence: Asker, homes: ResidenceRegister, monkeypatch: pytest.MonkeyPatch
) -> None:
    person, _ = couple()
    dwelling, owner = a_home(homes, residence)

    def broken(*_said: Any, **_more: Any) -> Any:
        raise CallerError("it failed", code="rule_failed")

    monkeypatch.setattr(homes.deciding.engine, "evaluate", broken)
    body = notice([person.code], dwelling, owner)
    assert residence.post("/moves", body, id="later").status == 503
    monkeypatch.undo()
    assert residence.done("/moves", body, id="later")["decision"]
