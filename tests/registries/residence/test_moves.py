"""Moving: several people at once, every defect at once, filed twice it is one; the owner's wish, a month, a hearing."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from typing import Any

import pytest

from sild.events import Event
from sild.registries import ResidenceRegister
from sild.registries.identity_codes import estonia

from ..asking import Asker, defects, refused
from ..conftest import SetClock
from ..families import couple, dead, man, single, young_family

DAY = {"valid_from": "2026-02-25", "sent_on": "2026-03-01"}


def told(homes: ResidenceRegister, person: str) -> list[dict[str, Any]]:
    return [{"type": d.event.type, **d.event.data} for d in homes.kernel.outbox.deliveries_about(person)]


@pytest.fixture
def listening(homes: ResidenceRegister) -> ResidenceRegister:
    homes.kernel.outbox.subscribe("SILD/GOV/70000001/portal", "events", ["*"])
    return homes


def empty(
    homes: ResidenceRegister, residence: Asker, country: str = "EE", number: int = 0
) -> tuple[str, str]:
    """A dwelling nobody lives in, and its owner."""
    dwelling = homes.empty_dwellings(country, 10)[number]
    (owner, *_) = residence.value(f"/dwellings/{dwelling}/owners")["items"]
    return dwelling, owner["code"]


def test_a_household_moves_together(residence: Asker, listening: ResidenceRegister) -> None:
    parent, child = young_family()
    dwelling, owner = empty(listening, residence)
    notice = {
        "people": [parent.code, child.code],
        "to": {"dwelling": dwelling},
        **DAY,
        "consent": {"kind": "owner", "owners": [owner]},
        "custodians": {child.code: [parent.code]},
    }
    entered = residence.done("/moves", notice, id="move-1")
    assert residence.done("/moves", notice, 200, id="move-1") == entered, "the same message"
    assert residence.value(f"/moves/{entered['id']}") == entered
    for person in (parent, child):
        home = residence.value(f"/persons/{person.code}/residence")
        assert (home["dwelling"], home["valid_from"]) == (dwelling, "2026-02-25")
        assert home["fact"] == entered["facts"][person.code]
        assert (home["basis"], home["source"]) == ("RRS 5", "SILD/GOV/70000001/portal")
        assert residence.value(f"/persons/{person.code}/residence?on=2026-02-24")["dwelling"] != dwelling
        assert told(listening, person.code) == [{"type": "residence.changed", "valid_from": "2026-02-25"}]
    members = residence.value(f"/households/{child.code}")["members"]
    assert [member["code"] for member in members] == [child.code, parent.code]
    assert residence.value(f"/dwellings/{dwelling}/residents")["count"] == 2


def test_filed_twice_it_is_one_move(residence: Asker, listening: ResidenceRegister) -> None:
    wife, husband = couple()
    dwelling, owner = empty(listening, residence)
    barrier = threading.Barrier(4)

    def file(number: int) -> tuple[int, Any]:
        people = [wife.code, husband.code] if number % 2 else [husband.code, wife.code]
        barrier.wait()
        body = {
            "people": people,
            "to": {"dwelling": dwelling},
            **DAY,
            "consent": {"kind": "owner", "owners": [owner]},
        }
        answer = residence.post("/moves", body)
        return answer.status, answer.json()

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(file, range(4)))
    assert sorted(status for status, _ in answers) == [200, 200, 200, 201]
    assert len({answer["id"] for _, answer in answers}) == 1
    assert sorted(answer["merged"] for _, answer in answers) == [False, True, True, True]
    assert len(told(listening, wife.code)) == 1


def test_one_files_for_two_and_the_other_for_one(residence: Asker, listening: ResidenceRegister) -> None:
    wife, husband = couple()
    dwelling, owner = empty(listening, residence)
    body = {"to": {"dwelling": dwelling}, **DAY, "consent": {"kind": "owner", "owners": [owner]}}
    residence.done("/moves", {**body, "people": [wife.code]})
    residence.done("/moves", {**body, "people": [wife.code, husband.code]})
    assert len(told(listening, wife.code)) == len(told(listening, husband.code)) == 1
    assert len(residence.value(f"/households/{wife.code}")["members"]) == 2


def test_two_places_from_one_day_are_for_people(residence: Asker, listening: ResidenceRegister) -> None:
    person = single().code
    (first, owner), (second, other) = (empty(listening, residence, number=n) for n in (0, 1))
    body = {"people": [person], **DAY}
    residence.done(
        "/moves", {**body, "to": {"dwelling": first}, "consent": {"kind": "owner", "owners": [owner]}}
    )
    again = {**body, "to": {"dwelling": second}, "consent": {"kind": "owner", "owners": [other]}}
    problem = refused(residence.post("/moves", again), 409, "move_not_registrable")
    assert defects(problem) == ["conflicting_notice"]


def test_everything_that_is_wrong_is_named_at_once(residence: Asker, listening: ResidenceRegister) -> None:
    _, child = young_family()
    dwelling, _ = empty(listening, residence)
    notice = {
        "people": ["38001085718", dead().code, child.code],
        "to": {"dwelling": dwelling},
        "valid_from": "2026-05-01",
        "sent_on": "2026-03-02",
        "consent": {"kind": "owner", "owners": [man().code]},
        "joins": man().code,
    }
    problem = refused(residence.post("/moves", notice), 409, "move_not_registrable")
    assert sorted(defects(problem)) == [
        "consent_missing",
        "custodian_missing",
        "date_out_of_range",
        "date_out_of_range",
        "not_an_owner",
        "not_the_household",
        "person_is_dead",
        "unknown_person",
    ]
    assert told(listening, child.code) == []


@pytest.mark.parametrize(
    ("change", "codes"),
    [
        ({"to": {"dwelling": "EE-D9999999"}}, ["unknown_dwelling"]),
        ({"to": {"division": "9999"}}, ["unknown_division"]),
        ({"to": {"division": "0831"}}, ["division_ended"]),
        ({"to": {"division": "0079"}}, ["unknown_division"]),
        ({"valid_from": "2026-02-01"}, ["date_out_of_range"]),
        ({"valid_from": "2026-02-15"}, []),
        ({"valid_from": "2026-02-14"}, ["date_out_of_range"]),
        ({"valid_from": "2026-03-31"}, []),
        ({"valid_from": "2026-04-01"}, ["date_out_of_range"]),
    ],
)
def test_the_laws_window_and_places(residence: Asker, change: dict[str, Any], codes: list[str]) -> None:
    notice = {"people": [single().code], "to": {"division": "0793"}, **DAY, **change}
    answer = residence.post("/moves", notice)
    if codes:
        assert defects(refused(answer, 409, "move_not_registrable")) == codes
    else:
        assert answer.status == 201, answer.text


def test_the_window_is_that_of_the_country(residence: Asker) -> None:
    notice = {
        "people": [single("VN").code],
        "to": {"division": "00004"},
        "valid_from": "2025-08-01",
        "sent_on": "2026-03-01",
    }
    before = residence.value(f"/persons/{single('VN').code}/residence")["valid_from"]
    if before < "2025-08-01":
        assert residence.post("/moves", notice).status == 201, "twelve months"
    problem = refused(
        residence.post("/moves", {**notice, "valid_from": "2025-02-01"}), 409, "move_not_registrable"
    )
    assert {"date_out_of_range", "division_ended"} & set(defects(problem))


@pytest.mark.parametrize(
    "to", [{}, {"dwelling": "x", "division": "0793"}, {"abroad": {"country": "Finland"}}, {"planet": "Mars"}]
)
def test_moves_that_do_not_fit_the_description(residence: Asker, to: object) -> None:
    refused(residence.post("/moves", {"people": [single().code], "to": to, **DAY}), 400, "bad_request")


def test_to_the_level_of_the_commune_needs_nobodys_consent(residence: Asker) -> None:
    person = single().code
    residence.done("/moves", {"people": [person], "to": {"division": "0793"}, **DAY})
    home = residence.value(f"/persons/{person}/residence")
    assert (home["level"], home["text"], home.get("dwelling")) == ("commune", "Tartu linn", None)
    assert len(residence.value(f"/households/{person}")["members"]) == 1


def test_a_lease_or_a_judgment_will_do(residence: Asker, homes: ResidenceRegister) -> None:
    dwelling, _ = empty(homes, residence)
    body = {"people": [single().code], "to": {"dwelling": dwelling}, **DAY}
    problem = refused(
        residence.post("/moves", {**body, "consent": {"kind": "lease"}}), 409, "move_not_registrable"
    )
    assert defects(problem) == ["consent_missing"]
    residence.done("/moves", {**body, "consent": {"kind": "lease", "document": "lease 7"}})


def test_moved_abroad(residence: Asker, listening: ResidenceRegister) -> None:
    person = single().code
    to = {"abroad": {"country": "FI", "address": "Mannerheimintie 1, Helsinki"}}
    entered = residence.done("/moves", {"people": [person], "to": to, **DAY})
    assert (entered["level"], entered["country"]) == ("abroad", "FI")
    assert residence.value(f"/persons/{person}/residence")["text"] == "Mannerheimintie 1, Helsinki"
    assert told(listening, person) == [{"type": "residence.changed", "valid_from": "2026-02-25"}]


def test_a_newborn_comes_home_without_the_owners_leave(residence: Asker, homes: ResidenceRegister) -> None:
    mother, child = couple()[0].code, estonia.make(date(2026, 1, 1), "F", 3)
    at = datetime(2026, 3, 1, tzinfo=UTC)
    homes.apply_event(Event("e1", "/SILD/GOV/70000002/population", "civil.child.recorded", child, at), "m")
    home = residence.value(f"/persons/{mother}/residence")
    notice = {
        "people": [child],
        "to": {"dwelling": home["dwelling"]},
        "valid_from": "2026-01-01",
        "sent_on": "2026-03-01",
        "custodians": {child: [mother]},
        "joins": mother,
    }
    entered = residence.done("/moves", notice)
    assert entered["household"] == home["household"]
    assert child in [one["code"] for one in residence.value(f"/households/{mother}")["members"]]
    problem = refused(
        residence.post("/moves", {**notice, "valid_from": "2025-12-31"}), 409, "move_not_registrable"
    )
    assert "date_out_of_range" in defects(problem), "before it was born"


def test_a_family_moves_on_the_day_its_newborn_came_home(residence: Asker, homes: ResidenceRegister) -> None:
    """The home a newborn has from its birth, in its mother's household, is no notice against hers; alone it is."""
    mother, child = couple()[0].code, estonia.make(date(2026, 2, 25), "F", 4)
    at = datetime(2026, 3, 1, tzinfo=UTC)
    homes.apply_event(Event("e1", "/SILD/GOV/70000002/population", "civil.child.recorded", child, at), "m")
    home = residence.value(f"/persons/{mother}/residence")
    came = {"people": [child], "to": {"dwelling": home["dwelling"]}, "custodians": {child: [mother]}, "joins": mother, **DAY}  # fmt: skip
    residence.done("/moves", came)
    dwelling, owner = empty(homes, residence)
    away = {"to": {"dwelling": dwelling}, **DAY, "consent": {"kind": "owner", "owners": [owner]}, "custodians": {child: [mother]}}  # fmt: skip
    problem = refused(residence.post("/moves", {**away, "people": [child]}), 409, "move_not_registrable")
    assert defects(problem) == ["conflicting_notice"]
    entered = residence.done("/moves", {**away, "people": [mother, child]})
    for person in (mother, child):
        assert residence.value(f"/persons/{person}/residence")["dwelling"] == dwelling
    assert child in [one["code"] for one in residence.value(f"/households/{mother}")["members"]]
    assert set(entered["people"]) == {mother, child}


def test_a_dwelling_holds_as_many_as_the_law_says(residence: Asker, homes: ResidenceRegister) -> None:
    dwelling, owner = empty(homes, residence, "VN")
    home = residence.value(f"/dwellings/{dwelling}")
    assert home["capacity"] == int(home["floor_area"] // 8)
    measured = {"value": 15.9, "reason": "measured"}
    residence.done(f"/facts/{home['floor_area_fact']}/correction", measured)
    refused(residence.post(f"/facts/{home['floor_area_fact']}/correction", measured), 409, "superseded_fact")
    wife, husband = couple("VN")
    body = {
        "people": [wife.code, husband.code],
        "to": {"dwelling": dwelling},
        **DAY,
        "consent": {"kind": "owner", "owners": [owner]},
    }
    problem = refused(residence.post("/moves", body), 409, "move_not_registrable")
    assert defects(problem) == ["over_capacity"]
    residence.done("/moves", {**body, "people": [wife.code]})


# --- removal


def test_an_owner_has_somebody_removed_after_notice_and_hearing(
    residence: Asker, listening: ResidenceRegister, hand_clock: SetClock
) -> None:
    person = single().code
    dwelling, owner = empty(listening, residence)
    residence.done(
        "/moves",
        {
            "people": [person],
            "to": {"dwelling": dwelling},
            **DAY,
            "consent": {"kind": "owner", "owners": [owner]},
        },
    )
    asked = {"person": person, "dwelling": dwelling, "owner": owner}
    removal = residence.done("/removals", asked, X_Road_Represented_Party=f"EE{owner}")
    assert (removal["state"], removal["earliest_decision"]) == ("NOTICED", "2026-04-01")
    assert residence.done("/removals", asked, X_Road_Represented_Party=f"EE{owner}")["id"] == removal["id"], (
        "asked twice"
    )
    path = f"/removals/{removal['id']}"
    decision = {"decision": "REMOVED", "reason": "moved out", "heard": False}
    refused(residence.post(f"{path}/decision", decision), 409, "notice_running")
    hand_clock.forward(days=31)
    refused(residence.post(f"{path}/decision", decision), 409, "not_heard")
    refused(residence.post(f"{path}/objection", {"text": "They do not"}), 403, "not_yours")
    residence.done(f"{path}/objection", {"text": "I do live here"}, 200, user=f"EE{person}")
    assert residence.done(f"{path}/decision", decision, 200)["state"] == "REMOVED"
    refused(residence.post(f"{path}/decision", decision), 409, "removal_is_decided")
    home = residence.value(f"/persons/{person}/residence")
    assert (home["level"], home["valid_from"]) == ("commune", "2026-04-01")
    assert told(listening, person)[1:] == [{"type": "residence.removed", "valid_from": "2026-04-01"}]
    assert residence.value(path)["dwelling"] == dwelling
    residence.done("/sealings", {"person": person, "valid_from": "2026-04-01", "order": "police 7"})
    for user in ("EE38001085718", "automatic", f"EE{owner}"):
        refused(residence.get(path, user=user), 404, "unknown_removal")
    assert residence.value(path, user=f"EE{person}")["dwelling"] == dwelling


def test_removals_that_cannot_be(residence: Asker, homes: ResidenceRegister) -> None:
    dwelling, owner = empty(homes, residence)
    person = single().code
    body = {"person": person, "dwelling": dwelling, "owner": owner}
    theirs = {"X_Road_Represented_Party": f"EE{owner}"}
    refused(residence.post("/removals", body, **theirs), 409, "not_a_resident")
    refused(residence.post("/removals", body), 403, "not_an_owner")
    refused(residence.post("/removals", {**body, "owner": person}, user=f"EE{person}"), 403, "not_an_owner")
    refused(residence.post("/removals", {**body, "person": "38001085718"}, **theirs), 404, "unknown_person")
    wife = couple()[0]
    own = residence.value(f"/persons/{wife.code}/dwellings")["items"]
    if own:
        body = {"person": wife.code, "dwelling": own[0]["dwelling"], "owner": wife.code}
        refused(residence.post("/removals", body, user=f"EE{wife.code}"), 409, "is_an_owner")


def test_a_removal_that_is_kept(residence: Asker, homes: ResidenceRegister) -> None:
    person = single().code
    dwelling, owner = empty(homes, residence)
    residence.done(
        "/moves",
        {
            "people": [person],
            "to": {"dwelling": dwelling},
            **DAY,
            "consent": {"kind": "owner", "owners": [owner]},
        },
    )
    removal = residence.done(
        "/removals",
        {"person": person, "dwelling": dwelling, "owner": owner},
        X_Road_Represented_Party=f"EE{owner}",
    )
    kept = {"decision": "KEPT", "reason": "lives there", "heard": True}
    assert residence.done(f"/removals/{removal['id']}/decision", kept, 200)["state"] == "KEPT"
    assert residence.value(f"/persons/{person}/residence")["dwelling"] == dwelling
