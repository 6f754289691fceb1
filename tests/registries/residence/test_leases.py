"""Leases: facts of who rents, entered by an official who is neither of the two; a move rests on them without a paper."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.event import listen

from sild.events import Event
from sild.registries import ResidenceRegister
from sild.registries.kernel import Facts
from sild.registries.synthetic import synthetic_homes, synthetic_leases, synthetic_people
from sild.registries.synthetic.homes import COMPANIES
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
    rest = {"lessee": person, "co_owners": [], "is_kept_apart": False, "is_withdrawn": False}
    assert {**held, **rest} == first.json() and held["valid_to"] == "2027-01-01"
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
    nothing = refused(ended(residence, 999_999, "2026-05-01", stranger), 404, "unknown_lease")
    for fact in (held["fact"], 1):
        told = refused(ended(residence, fact, "2026-05-01", stranger), 404, "unknown_lease")
        assert told["detail"] == nothing["detail"], "who owns it not learns of no lease"
    refused(ended(residence, held["fact"], "2020-01-01", stranger), 404, "unknown_lease")
    refused(ended(residence, held["fact"], "2026-05-01", person), 404, "unknown_lease")
    refused(ended(residence, 1, "2026-05-01", owner), 404, "unknown_lease")
    assert ended(residence, 2**70, "2026-05-01", owner).status == 400
    assert given(residence, stranger, dwelling) == []
    sold(homes, dwelling, owner, stranger, hand_clock())
    refused(ended(residence, held["fact"], "2026-05-01", owner), 404, "unknown_lease")
    refused(leased(residence, dwelling, couple()[1].code, owner), 403, "not_an_owner")
    assert given(residence, owner, dwelling) == []
    (taken_over,) = given(residence, stranger, dwelling)
    assert ended(residence, taken_over["fact"], "2026-05-01", stranger).status == 200


def shared(homes: ResidenceRegister, dwelling: str, owner: str, other: str, at: datetime) -> None:
    """Half of it belongs to another since yesterday, as whoever keeps the land register says."""
    with homes.kernel.engine.begin() as connection:
        facts = Facts(connection, at)
        (before,) = facts.current(dwelling, ["owner"], on=homes.kernel.today)
        day = homes.kernel.today - timedelta(days=1)
        for one in (owner, other):
            half = {**before.value, "share": "1/2"}
            facts.record(dwelling, "owner", half, key=one, valid_from=day, provenance=before.provenance)


def sold(homes: ResidenceRegister, dwelling: str, owner: str, buyer: str, at: datetime) -> None:
    """Before today, by whoever keeps the land register."""
    with homes.kernel.engine.begin() as connection:
        facts = Facts(connection, at)
        (before,) = facts.current(dwelling, ["owner"], on=homes.kernel.today)
        day = homes.kernel.today - timedelta(days=1)
        facts.retract(dwelling, "owner", key=owner, valid_from=day)
        said = before.provenance
        facts.record(dwelling, "owner", before.value, key=buyer, valid_from=day, provenance=said)


def test_nothing_an_owner_sees_of_their_leases_changes_when_a_lessee_is_sealed(
    residence: Asker, homes: ResidenceRegister
) -> None:
    person, other = single().code, man().code
    dwelling, owner = empty(homes, residence)
    held = leased(residence, dwelling, person, owner).json()
    leased(residence, dwelling, other, owner, number="L-2")
    before = given(residence, owner, dwelling), given(residence, owner, dwelling, user=OFFICIAL)
    residence.done("/sealings", {"person": person, "valid_from": "2026-03-01", "order": "police 7"})
    assert before == (given(residence, owner, dwelling), given(residence, owner, dwelling, user=OFFICIAL))
    assert person not in str(before), "by its number; whose it is nobody is told by this list"
    shorter = ended(residence, held["fact"], "2026-05-01", owner).json()
    unsealed = ended(residence, before[0][1]["fact"], "2026-05-01", owner).json()
    assert shorter.keys() == unsealed.keys() and shorter["valid_to"] == "2026-05-01"
    again = leased(residence, dwelling, person, owner, number="L-3").json()
    assert again.keys() == leased(residence, dwelling, other, owner, number="L-4").json().keys()
    assert [one["number"] for one in given(residence, owner, dwelling)] == ["L-3", "L-4"]
    (seen,) = rents(residence, person, dwelling, f"EE{person}")
    assert seen["number"] == "L-3"


def test_a_lease_said_again_with_an_end_keeps_no_tail_of_what_it_cuts(
    residence: Asker, homes: ResidenceRegister
) -> None:
    person, other = single().code, man().code
    dwelling, owner = empty(homes, residence)
    leased(residence, dwelling, person, owner)
    leased(residence, dwelling, other, owner, number="L-2")
    refused(leased(residence, dwelling, person, owner, valid_to="2026-03-01"), 409, "ends_in_the_past")
    leased(residence, dwelling, person, owner, valid_to="2026-04-01")
    (seen,) = rents(residence, person, dwelling)
    assert seen["valid_to"] == "2026-04-01"
    leased(residence, dwelling, person, owner, valid_from="2027-01-01", number="L-9")
    leased(residence, dwelling, person, owner, valid_from="2026-03-10", valid_to="2026-03-20", number="L-3")
    held = [
        (one["number"], one["valid_from"], one.get("valid_to")) for one in rents(residence, person, dwelling)
    ]
    assert sorted(held) == [
        ("L-1", "2026-02-01", "2026-03-10"),
        ("L-3", "2026-03-10", "2026-03-20"),
        ("L-9", "2027-01-01", None),
    ], "of the one it cuts nothing is left after it; one of later days stays"
    assert len(rents(residence, other, dwelling)) == 1
    leased(residence, dwelling, person, owner, valid_from="2020-01-01", valid_to="2021-01-01", number="old")


def test_a_lease_made_longer_takes_no_place_of_the_next_one(
    residence: Asker, homes: ResidenceRegister
) -> None:
    person, other = single().code, man().code
    dwelling, owner = empty(homes, residence)
    first = leased(residence, dwelling, person, owner, valid_to="2026-06-01").json()
    later = leased(residence, dwelling, person, owner, valid_from="2026-07-01", number="L-2").json()
    leased(residence, dwelling, other, owner, number="L-3")
    for end in ("2026-07-02", None):
        refused(ended(residence, first["fact"], end, owner), 409, "another_lease_follows")
    longer = ended(residence, first["fact"], "2026-07-01", owner).json()
    held = {
        one["number"]: (one["valid_from"], one.get("valid_to")) for one in rents(residence, person, dwelling)
    }
    assert held == {"L-1": ("2026-02-01", "2026-07-01"), "L-2": ("2026-07-01", None)}
    ended(residence, later["fact"], "2026-07-01", owner)
    assert "valid_to" not in ended(residence, longer["fact"], None, owner).json(), (
        "the next one was withdrawn"
    )


def test_a_lease_that_has_not_begun_is_withdrawn(residence: Asker, homes: ResidenceRegister) -> None:
    person = single().code
    dwelling, owner = empty(homes, residence)
    held = leased(residence, dwelling, person, owner, valid_from="2026-03-20").json()
    refused(ended(residence, held["fact"], "2026-03-01", owner), 409, "ends_in_the_past")
    refused(ended(residence, held["fact"], "2026-03-02", couple()[0].code), 404, "unknown_lease")
    withdrawn = ended(residence, held["fact"], "2026-03-02", owner, id="m-undo").json()
    assert withdrawn == {**held, "is_withdrawn": True}
    assert ended(residence, held["fact"], "2026-03-02", owner, id="m-undo").json() == withdrawn
    assert rents(residence, person, dwelling, f"EE{person}") == given(residence, owner, dwelling) == []
    refused(ended(residence, held["fact"], None, owner), 404, "unknown_lease")
    facts = residence.value(f"/persons/{person}/facts?history=true", user=f"EE{person}")["items"]
    (said,) = [fact for fact in facts if fact["key"] == dwelling]
    assert said["known_to"], "what was said is not lost"


def test_the_days_of_a_lease_are_near_enough(residence: Asker, homes: ResidenceRegister) -> None:
    person = single().code
    dwelling, owner = empty(homes, residence)
    for days in (
        {"valid_from": "0001-01-01"},
        {"valid_from": "1926-02-01"},
        {"valid_from": "2028-03-03"},
        {"valid_from": "9999-12-31"},
        {"valid_to": "9999-12-31"},
    ):
        refused(leased(residence, dwelling, person, owner, **days), 400, "date_out_of_range")
    desk = {"number": "L-1", "dwelling": dwelling, "lessor": owner, "lessee": person}
    refused(residence.post("/leases", {**desk, "valid_from": "1900-01-01"}), 400, "date_out_of_range")
    stranger = leased(residence, dwelling, person, couple()[0].code, valid_from="0001-01-01")
    refused(stranger, 403, "not_an_owner")
    held = leased(residence, dwelling, person, owner, valid_from="1960-01-01").json()
    refused(ended(residence, held["fact"], "9999-12-31", owner), 400, "date_out_of_range")
    assert leased(residence, dwelling, person, owner, valid_from="2028-03-01").status == 201


def ordered(homes: ResidenceRegister, protected: str, against: str, until: str | None = None) -> None:
    data = {"against": against, "valid_from": "2026-03-01", "valid_to": until}
    at = datetime(2026, 3, 1, tzinfo=UTC)
    source = "/SILD/GOV/70000002/population"
    homes.apply_event(
        Event(f"e-{protected}", source, "civil.protection.ordered", protected, at, data), "m-order"
    )


def told(residence: Asker, person: str) -> str:
    """All that the register says to the person of themselves."""
    paths = ("leases", "facts", "facts?history=true")
    return "".join(residence.get(f"/persons/{person}/{path}", user=f"EE{person}").text for path in paths)


def test_no_word_of_whom_an_order_keeps_away_reaches_the_protected_by_a_lease(
    residence: Asker, homes: ResidenceRegister
) -> None:
    """And the owner sees no difference to anybody else whom they lease out to."""
    protected, other = single().code, man().code
    dwelling, owner = empty(homes, residence)
    ordered(homes, protected, owner)
    held = leased(residence, dwelling, protected, owner, number="CALL-ME-55512").json()
    same = leased(residence, dwelling, other, owner, number="L-2").json()
    assert held["is_kept_apart"] and held.keys() == same.keys()
    assert "55512" not in told(residence, protected) and dwelling not in told(residence, protected)
    refused(
        residence.post(f"/facts/{held['fact']}/dispute", {"reason": "x"}, user=f"EE{protected}"),
        404,
        "unknown_fact",
    )
    assert rents(residence, protected, dwelling) == []
    move = {"people": [protected], "to": {"dwelling": dwelling}, **DAY}
    answer = residence.post("/moves", move, user=f"EE{protected}")
    assert "consent_missing" in defects(refused(answer, 409, "move_not_registrable")), "it lets nobody in"
    numbers = [one["number"] for one in given(residence, owner, dwelling)]
    assert numbers == ["CALL-ME-55512", "L-2"]
    for lessee, fact in ((protected, held["fact"]), (other, same["fact"])):
        refused(leased(residence, dwelling, lessee, owner, valid_to="2026-02-20"), 409, "ends_in_the_past")
        first = ended(residence, fact, "2026-05-01", owner).json()
        leased(residence, dwelling, lessee, owner, number="L-3", valid_from="2026-04-01")
        refused(ended(residence, fact, "2026-06-01", owner), 404, "unknown_lease")
        assert ended(residence, first["fact"], None, owner).status == 404, "said anew since"
    seen = [
        (one["number"], one["valid_from"], one.get("valid_to")) for one in given(residence, owner, dwelling)
    ]
    assert seen[: len(seen) // 2] == [
        ("CALL-ME-55512", "2026-02-01", "2026-04-01"),
        ("L-3", "2026-04-01", None),
    ]
    assert seen[len(seen) // 2 :] == [("L-2", "2026-02-01", "2026-04-01"), ("L-3", "2026-04-01", None)]
    assert "55512" not in told(residence, protected)


def test_an_owner_under_an_order_finds_out_nothing_by_leases_of_the_protected(
    residence: Asker, homes: ResidenceRegister, hand_clock: SetClock
) -> None:
    """Who owns it, too, has leased it to the protected; the other names them and looks whether that lease goes."""
    protected, other = single().code, man().code
    dwelling, kind = empty(homes, residence)
    feared = couple()[0].code
    lease = leased(residence, dwelling, protected, kind, number="L-7").json()
    earlier = leased(residence, dwelling, other, kind, number="L-8").json()
    shared(homes, dwelling, kind, feared, hand_clock())
    ordered(homes, protected, feared)
    leased(residence, dwelling, protected, feared, number="OPEN-1")
    numbers = [one["number"] for one in given(residence, feared, dwelling)]
    assert numbers == ["L-7", "L-8", "OPEN-1"]
    (seen,) = rents(residence, protected, dwelling, f"EE{protected}")
    assert seen["fact"] == lease["fact"] and "OPEN-1" not in told(residence, protected)
    assert ended(residence, earlier["fact"], "2026-06-01", feared).status == 200
    over = ended(residence, lease["fact"], "2026-06-01", feared).json()
    assert over["valid_to"] == "2026-06-01" and over["number"] == "L-7", "the word of who gave it"


def test_a_lease_of_before_an_order_is_not_said_otherwise_under_it(
    residence: Asker, homes: ResidenceRegister, hand_clock: SetClock
) -> None:
    """What is over stays as the protected knew it; from tomorrow on the owner has said another, which they are not told."""
    protected, other = single().code, man().code
    dwelling, owner = empty(homes, residence)
    leased(residence, dwelling, protected, owner)
    leased(residence, dwelling, other, owner)
    ordered(homes, protected, owner, until="2026-04-01")
    for lessee in (protected, other):
        leased(residence, dwelling, lessee, owner, number="HEAR-ME-1", valid_to="2026-12-01")
    first, second = given(residence, owner, dwelling)
    alike = ("number", "valid_from", "valid_to")
    assert (
        [first[name] for name in alike]
        == [second[name] for name in alike]
        == ["HEAR-ME-1", "2026-02-01", "2026-12-01"]
    )
    (seen,) = rents(residence, protected, dwelling, f"EE{protected}")
    assert (seen["number"], seen["valid_to"]) == ("L-1", "2026-03-02")
    assert "HEAR-ME" not in told(residence, protected)
    refused(ended(residence, seen["fact"], None, owner), 404, "unknown_lease")
    hand_clock.forward(days=40)  # the order is over
    assert "HEAR-ME" not in told(residence, protected)
    leased(residence, dwelling, protected, owner, number="L-5", valid_from="2026-05-01")
    (seen,) = rents(residence, protected, dwelling, f"EE{protected}")
    assert seen["number"] == "L-5" and "HEAR-ME" not in told(residence, protected)
    ours = [one for one in given(residence, owner, dwelling) if one["fact"] != second["fact"]]
    assert [(one["number"], one.get("valid_to")) for one in ours] == [
        ("HEAR-ME-1", "2026-05-01"),
        ("L-5", None),
    ]


def test_a_company_leases_out_its_own_and_whoever_acts_for_another_does_not(
    residence: Asker, homes: ResidenceRegister
) -> None:
    (landlord, _name), (stranger, _other) = COMPANIES["EE"]
    member, person = "EE49001010005", single().code
    dwelling = next(
        one["dwelling"]
        for one in residence.value(f"/companies/{landlord}/dwellings")["items"]
        if not rents(residence, person, one["dwelling"])
    )
    body, acting = {"number": "K-1", "lessee": person, **SINCE}, {"user": member}
    path = f"/dwellings/{dwelling}/leases"
    refused(residence.post(path, body, **acting), 403, "not_an_owner")
    other = {**acting, "X_Road_Represented_Party": f"EE{stranger}"}
    refused(residence.post(path, body, **other), 403, "not_an_owner")
    own = {**acting, "X_Road_Represented_Party": f"EE{landlord}"}
    held = residence.done(path, body, **own)
    assert (held["lessor"], held["co_owners"]) == (landlord, [])
    listed = residence.value(f"/companies/{landlord}/leases-given", **own)["items"]
    assert held["fact"] in [one["fact"] for one in listed] and person not in str(listed)
    for who in (acting, other):
        refused(
            residence.post(f"/leases/{held['fact']}/end", {"valid_to": None}, **who), 404, "unknown_lease"
        )
    over = residence.done(f"/leases/{held['fact']}/end", {"valid_to": "2026-04-01"}, 200, **own)
    assert over["valid_to"] == "2026-04-01"
    refused(residence.get(f"/companies/{person}/leases-given", **own), 400, "invalid_company_code")


def test_leases_of_many_dwellings_are_few_questions(residence: Asker, homes: ResidenceRegister) -> None:
    landlord, _name = COMPANIES["EE"][0]
    asked: list[str] = []
    listen(homes.kernel.engine, "before_cursor_execute", lambda *said: asked.append(said[2]))
    path = f"/companies/{landlord}/leases-given"
    assert len(residence.value(path)["items"]) > 3
    assert 0 < len([one for one in asked if one.startswith("SELECT")]) < 8, asked


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
