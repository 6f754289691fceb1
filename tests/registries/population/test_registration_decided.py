"""The registration of a birth is a decision: by rule where nothing is left to discretion, else by an official; both leave a record."""

from __future__ import annotations

from typing import Any

import pytest

from sild.decisions import DecisionStore, figures_of
from sild.errors import CallerError
from sild.registries import PopulationRegister
from sild.registries.kernel import Use

from ..asking import OFFICIAL, Asker, defects, refused
from ..families import couple, man, single
from ..notices import bundle, recorded

VIEW = "a" * 64


def names(mother: Any, *, by: list[str] | None = None, **more: Any) -> dict[str, Any]:
    signed = {} if by is None else {"signed_by": by}
    return {"given_names": "Mari", "family_name": mother.family_name, **signed, **more}


def automatic(population: Asker, child: str, body: dict[str, Any], **said: Any) -> Any:
    return population.post(f"/births/{child}/registration", body, user="automatic", **said)


def opened(population: Asker, decision: str, person: str) -> dict[str, Any]:
    user = "EE" if len(person) == 11 else "VN"
    return dict(population.value(f"/decisions/{decision}", user=f"{user}{person}"))


def born_to_a_couple(population: Asker) -> tuple[str, Any, Any]:
    wife, husband = couple()
    return recorded(population, bundle(wife.code)), wife, husband


def test_all_green_the_rule_decides_and_leaves_its_record(
    population: Asker, either_register: PopulationRegister
) -> None:
    child, wife, husband = born_to_a_couple(population)
    registered = automatic(population, child, names(wife, by=[wife.code, husband.code])).json()
    found = opened(population, registered["decision"], husband.code)
    record, values = found["record"], found["values"]
    assert (record["kind"], record["automation"], record["effect"]) == ("rule", 4, "grant")
    assert (record["rules"]["package"], record["algorithm"]["id"]) == (
        "ee-birth-registration",
        "birth-registration",
    )
    assert record["competence"]["law"] == "Perekonnaseisutoimingute seadus"
    outcome = {item["name"]: values.get(item["value"]["sealed"]) for item in record["outcome"]["items"]}
    assert outcome["given_names"] == "Mari" and outcome["birth/bound/ETERNITY"] is True
    assert sorted(one["role"] for one in record["subjects"]) == ["child", "parent", "parent"]
    assert [one["code"] for one in record["reasons"]] == ["registrable", "bound"]
    assert record["hearing"]["waiver_ground"] == "HMS § 40 (3) 3" and record["retention"]["ground"] == "ArhS"
    assert "Mari" not in str(record), "names are sealed"
    assert population.value(f"/births/{child}")["decision"] == registered["decision"]
    for parent in (wife, husband):
        listed = population.value(f"/persons/{parent.code}/decisions", user=f"EE{parent.code}")["items"]
        assert [one["id"] for one in listed] == [registered["decision"]]
    assert either_register.deciding.replay(registered["decision"]).result == "match"
    figures = population.value("/algorithms/birth-registration/figures")
    assert (figures["decisions"], figures["automatic"]) == (1, 1)


@pytest.mark.parametrize("signed", [None, [], ["one"]])
def test_without_both_signatures_it_is_left_to_an_official(
    population: Asker, signed: list[str] | None
) -> None:
    child, wife, _husband = born_to_a_couple(population)
    by = None if signed is None else [wife.code] * len(signed)
    problem = refused(automatic(population, child, names(wife, by=by)), 409, "birth_not_registrable")
    assert defects(problem) == ["not_agreed"]
    assert population.done(f"/births/{child}/registration", names(wife))["given_names"] == "Mari"


def test_what_leaves_it_to_an_official_is_named(population: Asker) -> None:
    wife, husband = couple()
    child = recorded(population, bundle(wife.code, man().code))
    both = [wife.code, husband.code]
    order = {
        "protected": wife.code,
        "against": husband.code,
        "children": [child],
        "order": "2-26-1",
        "valid_from": "2026-03-01",
    }
    population.done("/protection-orders", order, id="ordered")
    problem = refused(automatic(population, child, names(wife, by=both)), 409, "birth_not_registrable")
    assert defects(problem) == ["another_father_named", "protection"]
    decision = population.done(f"/births/{child}/registration", names(wife))["decision"]
    facts = {one["name"]: one for one in opened(population, decision, wife.code)["record"]["inputs"]}
    assert facts["births/birth/protection_order/ETERNITY"]["message_id"] == "ordered", (
        "the register's own, once told"
    )
    assert facts["persons/mother/living/ETERNITY"]["message_id"] is None, "nobody told it"
    found = opened(population, decision, husband.code)
    assert found["opened"] is False, "from whom somebody is protected does not read it"
    listed = population.value(f"/persons/{husband.code}/decisions", user=f"EE{husband.code}")["items"]
    assert listed == []


def test_what_the_law_forbids_no_official_enters(
    population: Asker, either_register: PopulationRegister
) -> None:
    mother = single()
    child = recorded(population, bundle(mother.code, man().code))
    problem = refused(
        population.post(f"/births/{child}/registration", names(mother)), 409, "birth_not_registrable"
    )
    assert defects(problem) == ["paternity_open"]
    with either_register.kernel.engine.connect() as connection:
        assert figures_of(connection, "birth-registration").decisions == 0, "a refusal leaves no decision"


def test_an_official_registers_and_what_they_saw_is_kept(population: Asker) -> None:
    child, wife, _ = born_to_a_couple(population)
    look = {"view_sha256": VIEW, "posture": "managed", "seconds": 42, "words": "Nimi on kontrollitud."}
    decision = population.done(f"/births/{child}/registration", names(wife, official=look))["decision"]
    found = opened(population, decision, wife.code)
    record, values = found["record"], found["values"]
    (step,) = record["human"]
    assert (record["kind"], record["automation"]) == ("human", 1)
    assert (step["view_sha256"], step["seconds"], step["action"]) == (VIEW, 42, "confirm")
    assert OFFICIAL[2:] not in str(record)
    assert values[step["reason_text"]["sealed"]] == "Nimi on kontrollitud."
    said = {one["code"]: values[one["text"]["et"]["sealed"]] for one in record["reasons"]}
    assert said["by_official"] == "Kande tegi ametnik. Nimi on kontrollitud."
    assert found["took_part"] is False and population.value(f"/decisions/{decision}")["took_part"] is True


def test_in_viet_nam_an_official_always_decides(
    population: Asker, either_register: PopulationRegister
) -> None:
    wife, husband = couple("VN")
    child = recorded(population, bundle(wife.code))
    signed = names(wife, by=[wife.code, husband.code])
    problem = refused(automatic(population, child, signed), 409, "birth_not_registrable")
    assert defects(problem) == ["needs_an_official"]
    decision = population.done(f"/births/{child}/registration", signed)["decision"]
    record = opened(population, decision, wife.code)["record"]
    assert (record["kind"], record["rules"]["package"]) == ("human", "vn-birth-registration")
    assert "HMS" not in str(record) and "ArhS" not in str(record)
    assert record["retention"]["ground"] == "Luật Lưu trữ 2024" and record["hearing"]["waiver_ground"] is None
    assert either_register.deciding.replay(decision).result == "match"


def test_an_official_sends_a_name_back(population: Asker) -> None:
    child, wife, _ = born_to_a_couple(population)
    path, body = f"/births/{child}/return", names(wife, reasons=["name_unclear"])
    refused(population.post(path, body, user="automatic"), 403, "needs_a_person")
    refused(population.post(path, {**body, "reasons": ["whim"]}), 400, "unknown_reason")
    sent = population.done(path, body, 200, id="return-1")
    assert population.done(path, body, 200, id="return-1") == sent, "the same message is one decision"
    record = opened(population, sent["decision"], wife.code)["record"]
    assert (record["kind"], record["effect"], record["step"]) == ("human", "demand", "return")
    assert (record["human"][0]["action"], record["human"][0]["reason_code"]) == ("return", "name_unclear")
    assert record["remedy"]["deadline"] == "2026-03-31"
    population.done(f"/births/{child}/registration", {**names(wife), "given_names": "Anna"})
    refused(population.post(path, body), 409, "already_registered")


def test_the_same_message_is_one_decision(population: Asker, either_register: PopulationRegister) -> None:
    child, wife, husband = born_to_a_couple(population)
    body = names(wife, by=[wife.code, husband.code])
    first = automatic(population, child, body, id="r-1").json()
    assert automatic(population, child, body, id="r-1").json() == first
    assert automatic(population, child, body).json()["decision"] == first["decision"]
    with either_register.kernel.engine.connect() as connection:
        assert figures_of(connection, "birth-registration").decisions == 1


def test_killed_before_the_end_there_is_neither_entry_nor_record(
    population: Asker, either_register: PopulationRegister, monkeypatch: pytest.MonkeyPatch
) -> None:
    child, wife, husband = born_to_a_couple(population)
    body = names(wife, by=[wife.code, husband.code])
    with monkeypatch.context() as patched:
        patched.setattr(Use, "answer", lambda *_: (_ for _ in ()).throw(CallerError("killed here")))
        assert automatic(population, child, body).status == 400
    assert population.value(f"/births/{child}")["status"] == "UNNAMED"
    assert population.value(f"/persons/{wife.code}/decisions", user=f"EE{wife.code}")["items"] == []
    assert automatic(population, child, body).status == 201


def test_rules_that_fail_are_tried_again_and_nothing_is_entered(
    population: Asker, either_register: PopulationRegister, monkeypatch: pytest.MonkeyPatch
) -> None:
    child, wife, husband = born_to_a_couple(population)
    package = either_register.deciding.package("ee-birth-registration")
    broken = package.files | {"variables.py": package.files["variables.py"] + b"\n\nraise ValueError\n"}
    from sild.rules import parse_package

    spoilt = parse_package(broken)
    monkeypatch.setattr(either_register.deciding, "packages", {spoilt.sha256: spoilt})
    for user in ("automatic", OFFICIAL):
        body = names(wife, by=[wife.code, husband.code])
        answer = population.post(f"/births/{child}/registration", body, user=user)
        refused(answer, 503, "rules_failed")
    assert population.value(f"/births/{child}")["status"] == "UNNAMED"
    assert isinstance(either_register.deciding.store, DecisionStore)


def correct_name(population: Asker, person: str, name: str) -> None:
    facts = population.value(f"/persons/{person}/facts")["items"]
    fact = next(one["fact"] for one in facts if one["name"] == "family_name")
    population.done(f"/facts/{fact}/correction", {"value": name, "reason": "spelling"})


def test_a_corrected_name_of_a_parent_is_listed_when_the_rules_say_otherwise(population: Asker) -> None:
    mother = single()
    child = recorded(population, bundle(mother.code))
    decision = automatic(population, child, names(mother, by=[mother.code])).json()["decision"]
    correct_name(population, man().code, "Kask")
    assert population.value("/ripples")["items"] == [], "nothing was built on that"
    correct_name(population, mother.code, "Kaskmets")
    (line,) = population.value("/ripples")["items"]
    assert (line["decision"], line["reason"], line["concept"]) == (decision, "entered", "person.family_name")
    assert line["due"] == "2026-03-13"
    assert population.value(f"/births/{child}")["status"] == "REGISTERED"
    correct_name(population, mother.code, mother.family_name)
    (again,) = population.value("/ripples?state=unchanged")["items"]
    assert again["decision"] == decision, "corrected back, the decision rests on the truth again"
    figures = population.value("/algorithms/birth-registration/figures")
    assert (figures["ripples"], figures["ripples_open"]) == (2, 1)


def test_what_an_official_decided_an_official_looks_at(population: Asker) -> None:
    mother = single()
    child = recorded(population, bundle(mother.code))
    decision = population.done(f"/births/{child}/registration", names(mother))["decision"]
    correct_name(population, mother.code, "Kaskmets")
    (line,) = population.value("/ripples")["items"]
    assert (line["decision"], line["reason"]) == (decision, "discretion")
