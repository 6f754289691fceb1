"""Leases: facts of who rents, entered by an official who is neither of the two; a move rests on them without a paper."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sild.registries import ResidenceRegister
from sild.registries.kernel import Facts
from sild.registries.synthetic import synthetic_homes, synthetic_leases, synthetic_people
from support.acting import LogIn

from ..asking import OFFICIAL, Asker, defects, refused
from ..conftest import SetClock
from ..families import couple, man, single, young_family
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


def leased(residence: Asker, dwelling: str, lessee: str, owner: str, **said: Any) -> Any:
    """As the owner says it in the portal."""
    body = {"number": "L-1", "lessee": lessee, **SINCE, **said}
    return residence.post(f"/dwellings/{dwelling}/leases", body, user=f"EE{owner}")


def ended(residence: Asker, fact: int, day: str | None, user: str, **said: Any) -> Any:
    return residence.post(f"/leases/{fact}/end", {"valid_to": day}, user=f"EE{user}", **said)


def given(residence: Asker, owner: str, dwelling: str, user: str | None = None) -> list[dict[str, Any]]:
    items = residence.value(f"/persons/{owner}/leases-given", user=user or f"EE{owner}")["items"]
    return [one for one in items if one["dwelling"] == dwelling]


def test_an_owner_enters_a_lease_and_says_when_it_ends(
    residence: Asker, homes: ResidenceRegister, hand_clock: SetClock
) -> None:
    person = single().code
    dwelling, owner = empty(homes, residence)
    move = {"people": [person], "to": {"dwelling": dwelling}, **DAY}
    first = leased(residence, dwelling, person, owner, valid_to="2027-01-01")
    assert first.status == 201, first.text
    (held,) = given(residence, owner, dwelling)
    assert {**held, "co_owners": [], "is_kept_apart": False} == first.json() and (
        held["lessee"],
        held["valid_to"],
    ) == (
        person,
        "2027-01-01",
    )
    (seen,) = rents(residence, person, dwelling, f"EE{person}")
    assert (seen["fact"], seen["valid_to"], seen["lessor"]) == (held["fact"], "2027-01-01", owner)

    open_end = ended(residence, held["fact"], None, owner, id="m-end").json()
    assert "valid_to" not in open_end and open_end["fact"] != held["fact"]
    again = ended(residence, held["fact"], None, owner, id="m-end").json()
    assert again == open_end, "the same message"
    refused(ended(residence, held["fact"], "2027-02-01", owner), 404, "unknown_lease")
    shorter = ended(residence, open_end["fact"], "2026-04-01", owner).json()
    (seen,) = rents(residence, person, dwelling, f"EE{person}")
    assert (seen["valid_from"], seen["valid_to"]) == ("2026-02-01", "2026-04-01")
    assert residence.done("/moves", move)["dwelling"] == dwelling
    refused(ended(residence, shorter["fact"], "2026-03-01", owner), 409, "ends_in_the_past")
    hand_clock.forward(days=32)
    assert given(residence, owner, dwelling) == rents(residence, person, dwelling, f"EE{person}") == []


def test_nobody_leases_out_what_is_not_theirs(
    residence: Asker, homes: ResidenceRegister, hand_clock: SetClock
) -> None:
    person, stranger = single().code, couple()[0].code
    dwelling, owner = empty(homes, residence)
    refused(leased(residence, dwelling, person, stranger), 403, "not_an_owner")
    refused(leased(residence, dwelling, "37605030299", stranger), 403, "not_an_owner")
    refused(leased(residence, dwelling, "37605030299", owner), 404, "unknown_person")
    refused(leased(residence, dwelling, owner, owner), 409, "is_an_owner")
    refused(leased(residence, dwelling, person, owner, valid_to="2026-01-01"), 400, "empty_period")
    body = {"number": "L-1", "lessee": person, **SINCE}
    for login in (None, LogIn(posture=None)):
        answer = residence.post(f"/dwellings/{dwelling}/leases", body, user=f"EE{owner}", login=login)
        refused(answer, 403, "acting_not_proven")
    assert rents(residence, person, dwelling) == []

    held = leased(residence, dwelling, person, owner).json()
    refused(ended(residence, held["fact"], "2026-05-01", stranger), 403, "not_an_owner")
    refused(ended(residence, held["fact"], "2026-05-01", person), 403, "not_an_owner")
    refused(ended(residence, 1, "2026-05-01", owner), 404, "unknown_lease")
    assert given(residence, stranger, dwelling) == []
    sold(homes, dwelling, owner, stranger, hand_clock())
    refused(ended(residence, held["fact"], "2026-05-01", owner), 403, "not_an_owner")
    refused(leased(residence, dwelling, couple()[1].code, owner), 403, "not_an_owner")
    assert given(residence, owner, dwelling) == []
    (taken_over,) = given(residence, stranger, dwelling)
    assert ended(residence, taken_over["fact"], "2026-05-01", stranger).status == 200


def sold(homes: ResidenceRegister, dwelling: str, owner: str, buyer: str, at: datetime) -> None:
    """Before today, by whoever keeps the land register."""
    with homes.kernel.engine.begin() as connection:
        facts = Facts(connection, at)
        (before,) = facts.current(dwelling, ["owner"], on=homes.kernel.today)
        day = homes.kernel.today - timedelta(days=1)
        facts.retract(dwelling, "owner", key=owner, valid_from=day)
        said = before.provenance
        facts.record(dwelling, "owner", before.value, key=buyer, valid_from=day, provenance=said)


def test_of_a_protected_lessee_an_owner_learns_nothing_and_ends_nothing(
    residence: Asker, homes: ResidenceRegister
) -> None:
    person = single().code
    dwelling, owner = empty(homes, residence)
    held = leased(residence, dwelling, person, owner).json()
    residence.done("/sealings", {"person": person, "valid_from": "2026-03-01", "order": "police 7"})
    assert given(residence, owner, dwelling) == []
    assert given(residence, owner, dwelling, user=OFFICIAL) == []
    refused(ended(residence, held["fact"], "2026-05-01", owner), 404, "unknown_lease")
    (seen,) = rents(residence, person, dwelling, f"EE{person}")
    assert "valid_to" not in seen


def test_a_lease_brings_the_lessees_own_and_nobody_else(residence: Asker, homes: ResidenceRegister) -> None:
    dwelling, owner = empty(homes, residence)
    (wife, husband), (parent, child), stranger = couple(), young_family(), single()
    leased(residence, dwelling, wife.code, owner)
    move = {"to": {"dwelling": dwelling}, **DAY}

    def brings(*people: str, **said: Any) -> list[str]:
        asked = {**move, "people": [wife.code, *people], **said}
        return defects(refused(residence.post("/moves", asked), 409, "move_not_registrable"))

    assert brings(stranger.code) == ["consent_missing"]
    assert brings(husband.code, stranger.code) == ["consent_missing"]
    assert brings(child.code, custodians={child.code: [parent.code]}) == ["consent_missing"]
    leased(residence, dwelling, parent.code, owner, number="L-2")
    family = {"people": [parent.code, child.code], "custodians": {child.code: [parent.code]}}
    assert residence.done("/moves", {**move, **family})["dwelling"] == dwelling
    own = {**move, "people": [wife.code, husband.code]}
    assert residence.done("/moves", own)["dwelling"] == dwelling
    late = {**move, "people": [stranger.code], "consent": {"kind": "owner", "owners": [owner]}}
    assert residence.done("/moves", late)["dwelling"] == dwelling, "whom the owner lets in"


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
