"""The registration of a birth that was overturned, or that a correction reached, an official decides anew by hand; what was known is kept."""

from __future__ import annotations

from typing import Any

import pytest

from sild.decisions import bundle_of, list_ripples, render_bundle, verify_bundle
from sild.registries import PopulationRegister
from sild.registries.kernel import Usage
from sild.registries.population import anew as by_hand_module

from ..asking import Asker, refused
from ..conftest import SetClock
from ..families import couple, man, single
from ..notices import bundle, died, recorded

OTHER = "EE47101010033"
"""An official who had no part in it."""
WORDS = {"et": "Vaadatud uuesti.", "vi": "Đã xem lại.", "en": "Looked at again."}
REGISTRABLE = "birth/registrable/ETERNITY"
OF_A_PARENT = "birth/family_name_is_a_parents/ETERNITY"
AGREE = "birth/parents_agree/ETERNITY"


def registered(population: Asker) -> tuple[str, Any, Any, str]:
    """By rule: child, mother, father, decision."""
    wife, husband = couple()
    child = recorded(population, bundle(wife.code))
    names = {"given_names": "Mari", "family_name": wife.family_name, "signed_by": [wife.code, husband.code]}
    entry = population.done(f"/births/{child}/registration", names, user="automatic")
    return child, wife, husband, entry["decision"]


def contested(population: Asker, decision: str, person: str, *, overturned: bool = True, n: int = 1) -> str:
    case = f"contest-{n}-{decision}"[:60]
    population.done(
        f"/decisions/{decision}/contests", {"contest": case, "line": "person"}, user=f"EE{person}"
    )
    answer = {
        "country": "EE",
        "contested_by": person,
        "language": "et",
        "view": "Nii ei ole.",
        "reasons": "Vaadatud.",
    }
    seen = {"view_sha256": "b" * 64, "posture": "managed", "seconds": 5}
    end = {"overturned": overturned, "answer": answer | seen}
    population.done(f"/decisions/{decision}/contests/{case}/end", end, 200, user=OTHER, X_Road_Issue=case)
    return case


def said(person: str, values: dict[str, Any]) -> dict[str, Any]:
    given = {"values": values, "considerations": "Kaalutud.", "reasons": WORDS}
    return {"by": "hand", "country": "EE", "contested_by": person, **given}


def anew(
    population: Asker, decision: str, person: str, case: str, values: dict[str, Any], **more: Any
) -> Any:
    path = f"/decisions/{decision}/contests/{case}/anew"
    return population.post(path, said(person, values), **{"user": OTHER, "X_Road_Issue": case, **more})


def outcome(population: Asker, decision: str, person: str) -> dict[str, Any]:
    found = population.value(f"/decisions/{decision}", user=f"EE{person}")
    items = found["record"]["outcome"]["items"]
    return {one["name"]: found["values"][one["value"]["sealed"]] for one in items}


def told(register: PopulationRegister, child: str) -> list[str]:
    return [one.event.type for one in register.kernel.outbox.deliveries_about(child)]


@pytest.fixture
def heard(either_register: PopulationRegister) -> PopulationRegister:
    """Somebody hears of all that is told."""
    either_register.kernel.outbox.subscribe(
        "SILD/GOV/70000001/portal", "events", ["civil.*", "decision.*", "fact.*"]
    )
    return either_register


def test_another_name_is_entered_and_the_first_is_kept_as_it_was_known(
    population: Asker, heard: PopulationRegister, hand_clock: SetClock
) -> None:
    child, wife, husband, decision = registered(population)
    then = heard.kernel.now
    hand_clock.forward(days=3)
    case = contested(population, decision, wife.code)
    for wrong in ("M4ri", "", "x" * 101, "Mari\u202eiraM", 7, True):
        refused(anew(population, decision, wife.code, case, {"given_names": wrong}), 400, "not_its_kind")
    refused(anew(population, decision, wife.code, case, {"family_name": "Võõras"}), 400, "not_its_kind")
    new = anew(population, decision, wife.code, case, {"given_names": "Mari Liis"}).json()["decision"]
    person = population.value(f"/persons/{child}")
    assert person["given_names"] == "Mari Liis"
    at_once = anew(population, decision, wife.code, case, {"given_names": "Kai"})
    refused(at_once, 409, "superseded_already")

    found = population.value(f"/decisions/{new}", user=f"EE{husband.code}")
    record = found["record"]
    assert (record["supersedes"], record["kind"], record["effect"]) == (decision, "human", "correct")
    assert record["discretion"] == "structured" and record["remedy"] and record["case"] == "case-7"
    assert record["hearing"]["required"] and record["considerations"]
    (step,) = record["human"]
    assert step["action"] == "override"
    assert "Liis" not in str(record), "names are sealed"
    said_now = outcome(population, new, wife.code)
    assert (said_now["given_names"], said_now["family_name"]) == ("Mari Liis", wife.family_name)
    assert said_now[REGISTRABLE] is True and said_now["birth/bound/ETERNITY"] is False, "no rule made it"
    assert (
        heard.deciding.replay(new).result == "impossible"
        and heard.deciding.replay(decision).result == "match"
    )

    birth = population.value(f"/births/{child}")
    assert (birth["status"], birth["decision"]) == ("REGISTERED", new)
    assert birth["registered_at"].startswith("2026-03-01"), "the day of the entry stays"
    with heard.kernel.used("getFacts", _usage()) as use:
        known = use.facts.current(child, ["given_names"], on=use.today, known_at=then)
        names = [one.value for one in known]
        assert names == ["Mari"], "as it was known then"
    assert told(heard, child).count("civil.birth.registered") == 1, "no second child is born"
    assert told(heard, child)[-2:] == ["fact.corrected", "decision.corrected"]
    listed = population.value(f"/persons/{husband.code}/decisions", user=f"EE{husband.code}")["items"]
    assert {decision, new} <= {one["id"] for one in listed}
    with heard.kernel.used("getFacts", _usage()) as use:
        kept = [one.about["act"] for one in heard.tasks.added(use, "archive_act", child)]
    acts = {one["decision"]: (one["child"]["given_names"], one["messages"][0]["operation"]) for one in kept}
    assert acts == {decision: ("Mari", "registerBirth"), new: ("Mari Liis", "decideAnew")}


def test_a_name_that_the_rules_forbid_is_an_officials_word_line_by_line(
    population: Asker, either_register: PopulationRegister
) -> None:
    child, wife, _, decision = registered(population)
    case = contested(population, decision, wife.code)
    values = {"family_name": "Tamm-Võõras", OF_A_PARENT: True}
    new = anew(population, decision, wife.code, case, values).json()["decision"]
    assert population.value(f"/persons/{child}")["family_name"] == "Tamm-Võõras"
    assert outcome(population, new, wife.code)[OF_A_PARENT] is True


def test_an_entry_is_taken_back_waits_and_is_made_again(
    population: Asker, heard: PopulationRegister, hand_clock: SetClock
) -> None:
    child, wife, husband, decision = registered(population)
    case = contested(population, decision, husband.code)
    settled = "birth/paternity_settled/ETERNITY"
    for lines in ({REGISTRABLE: False}, {settled: False}, {REGISTRABLE: "no"}, {AGREE: 0}):
        refused(anew(population, decision, husband.code, case, lines), 400, "not_its_kind")
    for never in ("birth/bound/ETERNITY", "birth/child_is_alive/ETERNITY", "nothing", "birth/x/ETERNITY"):
        refused(anew(population, decision, husband.code, case, {never: False}), 400, "not_an_outcome")
    taken = anew(population, decision, husband.code, case, {REGISTRABLE: False, settled: False})
    new = taken.json()["decision"]
    birth = population.value(f"/births/{child}")
    assert (birth["status"], birth["decision"], birth.get("given_names")) == ("UNNAMED", new, None)
    by_name = population.value(f"/persons?family_name={wife.family_name}&given_names=Mari")
    assert child not in [one["code"] for one in by_name["items"]], "nobody finds it by a name it has not"
    hand_clock.forward(days=1)
    names = {"given_names": "Anu", "family_name": husband.family_name}
    again = population.done(f"/births/{child}/registration", names)["decision"]
    record = population.value(f"/decisions/{again}", user=f"EE{wife.code}")["record"]
    assert (record["supersedes"], record["case"]) == (new, "case-7")
    assert population.value(f"/persons/{child}")["given_names"] == "Anu"
    assert told(heard, child).count("civil.birth.registered") == 1
    assert told(heard, child).count("decision.corrected") == 2


def test_of_what_was_taken_back_another_contest_enters_it_by_hand(population: Asker) -> None:
    child, wife, husband, decision = registered(population)
    case = contested(population, decision, husband.code)
    lines = {REGISTRABLE: False, OF_A_PARENT: False}
    new = anew(population, decision, husband.code, case, lines).json()["decision"]
    population.done(f"/decisions/{new}/contests", {"contest": "c-2", "line": "rule"}, user=f"EE{wife.code}")
    third = "EE37001010002"
    answer = {"country": "EE", "contested_by": wife.code, "language": "et", "view": "a", "reasons": "b"}
    seen = {"view_sha256": "b" * 64, "posture": "managed", "seconds": 5}
    path = f"/decisions/{new}/contests/c-2"
    end = {"overturned": True, "answer": answer | seen}
    refused(population.post(f"{path}/end", end, user=OTHER, X_Road_Issue="c-2"), 403, "not_your_contest")
    population.done(f"{path}/end", end, 200, user=third, X_Road_Issue="c-2")
    back = anew(population, new, wife.code, "c-2", {REGISTRABLE: True, OF_A_PARENT: True}, user=third)
    assert back.status == 200, back.text
    birth = population.value(f"/births/{child}")
    assert (birth["status"], birth["given_names"], birth["decision"]) == (
        "REGISTERED",
        "Mari",
        back.json()["decision"],
    )


def test_who_may_not_and_what_is_no_entry(population: Asker, either_register: PopulationRegister) -> None:
    child, wife, husband, decision = registered(population)
    case = contested(population, decision, wife.code)
    other = {"given_names": "Kai"}
    for user in (f"EE{wife.code}", f"EE{husband.code}"):
        refused(anew(population, decision, wife.code, case, other, user=user), 403, "not_your_contest")
    refused(
        anew(population, decision, wife.code, case, other, X_Road_Issue="another-case"),
        403,
        "not_your_contest",
    )
    mother = single()
    named = man().code
    second = recorded(population, bundle(mother.code, named))
    names = {"given_names": "Kai", "family_name": mother.family_name}
    back = population.done(f"/births/{second}/return", {**names, "reasons": ["name_unclear"]}, 200)
    sent_back = contested(population, back["decision"], mother.code)
    refused(
        anew(population, back["decision"], mother.code, sent_back, {REGISTRABLE: True}), 409, "not_by_hand"
    )
    died(population, child, "2026-03-01", id="died")
    refused(anew(population, decision, wife.code, case, other), 409, "not_by_hand")


def test_killed_after_the_record_it_is_done_once(
    population: Asker, either_register: PopulationRegister, monkeypatch: pytest.MonkeyPatch
) -> None:
    child, wife, _, decision = registered(population)
    case = contested(population, decision, wife.code)

    def killed(*_: Any, **__: Any) -> None:
        raise RuntimeError("killed here")

    with monkeypatch.context() as patched:
        patched.setattr(by_hand_module, "revoke_certificates", killed)
        assert anew(population, decision, wife.code, case, {"given_names": "Kai"}, id="once").status == 500
    assert population.value(f"/births/{child}")["decision"] == decision, "neither record nor effect"
    assert population.value(f"/persons/{child}")["given_names"] == "Mari"
    first = anew(population, decision, wife.code, case, {"given_names": "Kai"}, id="once").json()
    assert anew(population, decision, wife.code, case, {"given_names": "Kai"}, id="once").json() == first
    assert population.value(f"/births/{child}")["decision"] == first["decision"]


def test_a_correction_that_reached_it_is_decided_by_hand_once_they_were_heard(
    population: Asker, either_register: PopulationRegister
) -> None:
    """The father's name was wrong, and with it the child's is no parent's any more."""
    wife, husband = couple()
    child = recorded(population, bundle(wife.code))
    names = {
        "given_names": "Mari",
        "family_name": husband.family_name,
        "signed_by": [wife.code, husband.code],
    }
    decision = population.done(f"/births/{child}/registration", names, user="automatic")["decision"]
    for parent in (wife, husband):
        facts = population.value(f"/persons/{parent.code}/facts")["items"]
        fact = next(one for one in facts if one["name"] == "family_name")
        corrected = {"value": "Sepp", "reason": "Viga."}
        population.done(f"/facts/{fact['fact']}/correction", corrected)
    with either_register.kernel.engine.connect() as connection:
        found = [one for one in list_ripples(connection) if one.decision == decision]
    listed = [one for one in found if one.state == "listed"]
    assert listed and {one.reason for one in listed} == {"entered"}
    path = f"/ripples/{listed[0].id}/end"
    new = {"country": "EE", "considerations": "Nimi parandatakse.", "reasons": WORDS}
    body = {"outcome": "by_hand", "new": {**new, "values": {"family_name": "Sepp"}}}
    quiet = {**body["new"], "hearing": {"way": "favourable"}}
    refused(population.post(path, {**body, "new": quiet}, user=OTHER), 409, "not_favourable")
    heard = {**body["new"], "hearing": {"way": "answered", "at": "2026-03-01T10:00:00Z"}}
    line = population.done(path, {**body, "new": heard}, 200, user=OTHER)
    record = population.value(f"/decisions/{line['newer']}", user=f"EE{wife.code}")["record"]
    assert record["hearing"]["how"] == "case" and record["reasons"][0]["code"] == "fact_corrected"
    assert population.value(f"/persons/{child}")["family_name"] == "Sepp"
    with either_register.kernel.engine.connect() as connection:
        evidence = bundle_of(either_register.deciding.store, connection, line["newer"])
    verdicts = verify_bundle(render_bundle(evidence))
    assert verdicts and all(one.verdict != "broken" for one in verdicts), verdicts
    assert evidence["record"]["supersedes"] == decision and OTHER[2:] not in str(evidence)


def _usage() -> Usage:
    return Usage(client="SILD/GOV/70000001/portal", message_id="look", basis="RRS 5")
