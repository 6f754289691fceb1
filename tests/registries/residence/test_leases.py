"""Leases: facts of who rents, entered by an official who is neither of the two; a move rests on them without a paper."""

from __future__ import annotations

from typing import Any

from sild.registries import ResidenceRegister
from sild.registries.synthetic import synthetic_homes, synthetic_leases, synthetic_people
from support.acting import LogIn

from ..asking import OFFICIAL, Asker, defects, refused
from ..conftest import SetClock
from ..families import couple, man, single
from .test_moves import DAY, empty

SINCE = {"valid_from": "2026-02-01"}


def rents(residence: Asker, person: str, dwelling: str, user: str = OFFICIAL) -> list[dict[str, Any]]:
    """What is said of this dwelling: some people rent another from the beginning."""
    items = residence.value(f"/persons/{person}/leases", user=user)["items"]
    return [one for one in items if one["dwelling"] == dwelling]


def test_a_lease_lets_its_lessee_move_in_while_it_holds(
    residence: Asker, homes: ResidenceRegister, hand_clock: SetClock
) -> None:
    person = single().code
    dwelling, owner = empty(homes, residence)
    lease = {"number": "L-1", "dwelling": dwelling, "lessor": owner, "lessee": person, **SINCE}
    move = {"people": [person], "to": {"dwelling": dwelling}, **DAY}
    assert defects(refused(residence.post("/moves", move), 409, "move_not_registrable")) == [
        "consent_missing"
    ]
    entered = residence.done("/leases", {**lease, "valid_to": "2026-02-20"}, id="lease-1")
    assert residence.done("/leases", {**lease, "valid_to": "2026-02-20"}, id="lease-1") == entered, (
        "the same message"
    )
    assert rents(residence, person, dwelling) == [], "it is over"
    assert defects(refused(residence.post("/moves", move), 409, "move_not_registrable")) == [
        "consent_missing"
    ]
    residence.done("/leases", {**lease, "number": "L-2"})
    (held,) = rents(residence, person, dwelling)
    assert (held["number"], held["dwelling"], held["lessor"], held["valid_from"]) == (
        "L-2",
        dwelling,
        owner,
        "2026-02-01",
    )
    facts = residence.value(f"/persons/{person}/facts", user=f"EE{person}")["items"]
    (own,) = [fact for fact in facts if fact["concept"] == "person.leases" and fact["key"] == dwelling]
    assert own["fact"] == held["fact"] and "L-2" in own["text"], "theirs to see and to dispute"
    assert residence.done("/moves", move)["dwelling"] == dwelling
    other = {**move, "people": [man().code]}
    assert "consent_missing" in defects(refused(residence.post("/moves", other), 409, "move_not_registrable"))


def test_who_may_not_enter_one(residence: Asker, homes: ResidenceRegister) -> None:
    person = single().code
    dwelling, owner = empty(homes, residence)
    lease = {"number": "L-1", "dwelling": dwelling, "lessor": owner, "lessee": person, **SINCE}
    for user, login in (
        ("automatic", None), (OFFICIAL, None), (OFFICIAL, LogIn(acr="substantial")), (f"EE{person}", LogIn()), (f"EE{owner}", LogIn()),
    ):  # fmt: skip
        answer = residence.post("/leases", lease, user=user, login=login)
        assert answer.status == 403, (user, answer.text)
    refused(residence.post("/leases", {**lease, "lessor": couple()[0].code}), 403, "not_an_owner")
    refused(residence.post("/leases", {**lease, "valid_to": "2026-01-01"}), 400, "empty_period")
    refused(residence.post("/leases", {**lease, "lessee": "37605030299"}), 404, "unknown_person")
    assert rents(residence, person, dwelling) == []


def test_nobody_learns_by_a_lease_where_a_protected_person_lives(
    residence: Asker, homes: ResidenceRegister
) -> None:
    person = single().code
    dwelling, owner = empty(homes, residence)
    residence.done(
        "/leases", {"number": "L-1", "dwelling": dwelling, "lessor": owner, "lessee": person, **SINCE}
    )
    residence.done("/sealings", {"person": person, "valid_from": "2026-03-01", "order": "police 7"})
    for user in (OFFICIAL, "automatic", f"EE{owner}"):
        assert residence.value(f"/persons/{person}/leases", user=user) == {"items": []}
    assert len(rents(residence, person, dwelling, f"EE{person}")) == 1


def test_some_of_the_synthetic_people_rent_where_they_live_and_some_an_empty_dwelling(
    residence: Asker,
) -> None:
    people = synthetic_people(400)
    leases = list(synthetic_leases(people, synthetic_homes(people)))
    for country in ("EE", "VN"):
        theirs = [one for one in leases if one.home.country == country]
        assert len({one.home.number for one in theirs}) == len(theirs) > 5
        assert any(one.lessee.home is not one.home for one in theirs)
    one = leases[0]
    (held, *_) = residence.value(f"/persons/{one.lessee.code}/leases", user=f"EE{one.lessee.code}")["items"]
    assert held["lessor"] == one.lessor
