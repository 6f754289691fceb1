"""Who lives where since when, as population has them; and to whom it is not told."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any
from urllib.parse import quote

import pytest

from sild.errors import CallerError
from sild.events import Event
from sild.registries import ResidenceRegister
from sild.registries.synthetic import synthetic_people

from ..asking import Asker, refused
from ..conftest import SetClock
from ..families import couple, dead, man, single, young_family
from .test_moves_decided import a_home, notice

POPULATION = "/SILD/GOV/70000002/population"


def event(kind: str, subject: str, number: int = 1, **data: Any) -> Event:
    at = datetime(2026, 3, 1, tzinfo=UTC)
    return Event(f"e{number}-{kind}-{subject}", POPULATION, kind, subject, at, data)


def test_everybody_lives_where_the_synthetic_people_do(residence: Asker) -> None:
    for known in synthetic_people(400)[::31]:
        home = residence.value(f"/persons/{known.code}/residence")
        if known.died is not None:
            assert home == {"person": known.code, "level": "none"}
            continue
        assert known.home is not None
        assert known.moved_in is not None
        assert (home["level"], home["valid_from"]) == ("dwelling", known.moved_in.isoformat())
        assert (home["address"]["house"], home["address"]["street"]) == (known.home.house, known.home.street)
        assert home["division"]["code"] == known.home.division
        assert [unit["code"] for unit in home["now"]] == [known.home.division]


def test_a_household_lives_together(residence: Asker) -> None:
    parent, child = young_family()
    household = residence.value(f"/households/{child.code}")
    codes = [member["code"] for member in household["members"]]
    assert codes[0] == child.code
    assert parent.code in codes
    expected = {
        p.code for p in synthetic_people(400) if p.home is not None and repr(p.home) == repr(child.home)
    }
    assert set(codes) == expected
    count = residence.value(f"/dwellings/{household['dwelling']}/residents")
    assert count["count"] == len(expected)


def test_owners_have_shares_of_one_whole(residence: Asker) -> None:
    for person in (couple()[0], couple("VN")[0], single()):
        dwelling = residence.value(f"/persons/{person.code}/residence")["dwelling"]
        owners = residence.value(f"/dwellings/{dwelling}/owners")["items"]
        assert sum(Fraction(owner["share"]) for owner in owners) == 1
        for owner in owners:
            assert ("name" in owner) == (owner["kind"] == "company")
            if owner["kind"] == "person":
                owned = residence.value(f"/persons/{owner['code']}/dwellings")["items"]
                assert dwelling in [one["dwelling"] for one in owned]


def test_an_old_commune_keeps_its_name(residence: Asker) -> None:
    person = next(p for p in synthetic_people(400) if p.before is not None and p.died is None)
    assert person.before is not None
    assert person.moved_in is not None
    newest, oldest = residence.value(f"/persons/{person.code}/residences")["items"]
    assert (newest["level"], oldest["level"]) == ("dwelling", "commune")
    assert (oldest["division"]["code"], oldest["valid_to"]) == (person.before[0], person.moved_in.isoformat())
    assert [unit["code"] for unit in oldest["now"]] != [person.before[0]]
    then = residence.value(f"/persons/{person.code}/residence?on={person.before[1].isoformat()}")
    assert then["text"] == oldest["division"]["name"]


def test_a_use_is_recorded_for_everybody_told_of(residence: Asker, homes: ResidenceRegister) -> None:
    parent, child = young_family()
    residence.value(f"/households/{child.code}")
    for person in (parent.code, child.code):
        (entry,) = homes.kernel.usage_of(person).entries
        assert (entry.operation, entry.usage.basis, entry.usage.issue) == ("getHousehold", "RRS 5", "case-7")
    told = residence.value(f"/findUsage?userCode=EE{child.code}")
    assert told["usages"][0]["action"] == "The household was looked up"


def test_a_newborn_is_known_before_it_has_a_home(residence: Asker, homes: ResidenceRegister) -> None:
    child = "62603010039"
    refused(residence.get(f"/persons/{child}/residence"), 404, "unknown_person")
    for number in (1, 2):
        homes.apply_event(event("civil.child.recorded", child, number), f"m{number}")
    assert residence.value(f"/persons/{child}/residence") == {"person": child, "level": "unknown"}


def test_a_death_ends_a_residence_once(
    residence: Asker, homes: ResidenceRegister, hand_clock: SetClock
) -> None:
    person = single().code
    for message in ("m1", "m2"):
        homes.apply_event(event("civil.death.registered", person, died="2026-02-20"), message)
    assert residence.value(f"/persons/{person}/residence?on=2026-02-20")["level"] == "dwelling"
    assert residence.value(f"/persons/{person}/residence")["level"] == "none"
    history = residence.value(f"/persons/{person}/facts?history=true")["items"]
    assert len([fact for fact in history if fact["name"] == "residence" and "known_to" not in fact]) >= 1


def test_home_is_where_it_was_when_a_death_was_none(
    residence: Asker, homes: ResidenceRegister, hand_clock: SetClock
) -> None:
    """From the day after; whoever follows homes hears of it. A death told late, of before, ends nothing."""
    homes.kernel.outbox.subscribe("SILD/GOV/70000001/portal", "events", ["residence.changed"])
    person = single().code
    before = residence.value(f"/persons/{person}/residence")
    living = residence.value(f"/dwellings/{before['dwelling']}/residents")["count"]
    death = event("civil.death.registered", person, 1, died="2026-02-20")
    homes.apply_event(death, "m1")
    hand_clock.forward(days=5)
    lives = replace(event("civil.death.annulled", person, 2, died="2026-02-20"), time=hand_clock())
    for message in ("m2", "m3"):
        homes.apply_event(lives, message)
    homes.apply_event(replace(death, id="told-again"), "m4")
    for day in ("2026-02-20", "2026-02-21", "2026-03-06"):
        after = residence.value(f"/persons/{person}/residence?on={day}")
        assert (after["level"], after["dwelling"]) == ("dwelling", before["dwelling"]), day
    told = [one.event for one in homes.kernel.outbox.deliveries_about(person)]
    assert [(one.type, dict(one.data)) for one in told] == [
        ("residence.changed", {"valid_from": "2026-02-21"})
    ]
    there = residence.value(f"/dwellings/{before['dwelling']}/residents")
    assert there["count"] == living


def test_a_death_without_its_day_was_on_the_day_that_it_was_in_the_country(
    residence: Asker, homes: ResidenceRegister
) -> None:
    person = single().code
    at = datetime(2026, 2, 20, 22, 30, tzinfo=UTC)  # half past midnight in Tallinn
    homes.apply_event(replace(event("civil.death.registered", person), time=at), "m1")
    assert residence.value(f"/persons/{person}/residence?on=2026-02-21")["level"] == "dwelling"
    assert residence.value(f"/persons/{person}/residence?on=2026-02-22")["level"] == "none"


def test_events_that_are_not_taken(homes: ResidenceRegister) -> None:
    for bad, code in (
        (event("tax.paid", single().code), "event_not_taken"),
        (event("civil.death.registered", "x"), "invalid_identity_code"),
        (event("civil.death.registered", single().code, died="soon"), "invalid_event"),
        (event("civil.protection.ordered", single().code), "invalid_event"),
    ):
        with pytest.raises(CallerError) as refusal:
            homes.apply_event(bad, "m1")
        assert refusal.value.code == code


def test_a_protected_address_is_nowhere_told_to_whom_the_order_is_against(
    residence: Asker, homes: ResidenceRegister
) -> None:
    parent, child = young_family()
    against = man().code
    secret = residence.value(f"/persons/{child.code}/residence")
    for number, person in enumerate((parent.code, child.code)):
        data = {"against": against, "valid_from": "2026-03-01", "valid_to": None}
        homes.apply_event(event("civil.protection.ordered", person, number, **data), f"m{number}")
    for user in (f"EE{against}", "automatic"):
        for person in (parent.code, child.code):
            for path in (
                f"/persons/{person}/residence",
                f"/persons/{person}/residence?on=2025-01-01",
                f"/persons/{person}/residence?known_at={quote('2026-03-01T13:00:00+02:00')}",
                f"/persons/{person}/residences",
                f"/persons/{person}/facts",
                f"/persons/{person}/facts?history=true",
                f"/persons/{person}/dwellings",
                f"/households/{person}",
            ):
                answer = residence.get(path, user=user)
                assert answer.status == 200
                for word in (secret["dwelling"], secret["address"]["street"], secret["household"]):
                    assert word not in answer.text, path
    assert residence.value(f"/persons/{child.code}/residence", user=f"EE{parent.code}") == secret
    assert residence.value(f"/persons/{child.code}/residence") == secret, "an official"
    fact = secret["fact"]
    answer = residence.post(f"/facts/{fact}/dispute", {"reason": "x"}, user=f"EE{against}")
    refused(answer, 404, "unknown_fact")


def test_who_acts_for_a_protected_child_does_not_learn_where_it_lives(
    residence: Asker, homes: ResidenceRegister
) -> None:
    """Whom the order is against has custody still, and gives a friend a power of attorney in the child's name."""
    parent, child = young_family()
    against, friend = man().code, "EE38001085718"
    dwelling, owner = a_home(homes, residence)
    body = notice([parent.code, child.code], dwelling, owner, custodians={child.code: [parent.code]})
    decision = residence.done("/moves", body, user="automatic")["decision"]
    secret = residence.value(f"/persons/{child.code}/residence")
    for number, person in enumerate((parent.code, child.code)):
        data = {"against": against, "valid_from": "2026-03-01", "valid_to": None}
        homes.apply_event(event("civil.protection.ordered", person, number, **data), f"m{number}")
    readers = [(friend, child.code), (friend, against), (friend, parent.code), (f"EE{against}", child.code)]
    for user, party in readers:
        for person in (parent.code, child.code):
            for path in (
                f"/persons/{person}/residence",
                f"/persons/{person}/residence?on=2025-01-01",
                f"/persons/{person}/residences",
                f"/persons/{person}/facts?history=true",
                f"/households/{person}",
                f"/decisions/{decision}",
                f"/decisions/{decision}/bundle",
            ):
                answer = residence.get(path, user=user, X_Road_Represented_Party=f"PERSON/EE{party}")
                assert answer.status == 200
                for word in (secret["dwelling"], secret["address"]["street"], secret["household"]):
                    assert word not in answer.text, (user, party, path)
    for user, more in (
        (friend, {}),  # an official
        (f"EE{parent.code}", {"X_Road_Represented_Party": f"EE{child.code}"}),  # they live together
        (f"EE{child.code}", {}),
    ):
        assert residence.value(f"/persons/{child.code}/residence", user=user, **more) == secret
    own = residence.value(
        f"/decisions/{decision}", user=f"EE{parent.code}", X_Road_Represented_Party=f"EE{child.code}"
    )
    assert own["opened"] and own["values"]


def test_a_household_hides_who_is_protected_from_the_reader(
    residence: Asker, homes: ResidenceRegister
) -> None:
    wife, husband = couple()
    data = {"against": husband.code, "valid_from": "2026-03-01", "valid_to": None}
    homes.apply_event(event("civil.protection.ordered", wife.code, **data), "m1")
    household = residence.value(f"/households/{husband.code}", user=f"EE{husband.code}")
    assert wife.code not in [member["code"] for member in household["members"]]
    assert household["sealed"]


def test_where_a_child_lives_tells_nobody_where_the_parent_is_whom_an_order_keeps_from_them(
    residence: Asker, homes: ResidenceRegister
) -> None:
    """Orders in both directions cover the child against neither parent: its home would be the other's."""
    parent, child = young_family()
    feared, told = man().code, event("civil.protection.ordered", parent.code, valid_from="2026-03-01")
    homes.apply_event(replace(told, data={**told.data, "against": feared, "valid_to": "2026-03-03"}), "m1")
    path = f"/persons/{child.code}/residence"
    for user, more in (
        (f"EE{feared}", {}),
        (f"EE{feared}", {"X_Road_Represented_Party": f"EE{child.code}"}),
        ("EE38001085718", {"X_Road_Represented_Party": f"EE{child.code}"}),
        ("automatic", {}),
    ):
        assert residence.value(path, user=user, **more)["level"] == "sealed", user
        facts = residence.value(f"/persons/{child.code}/facts?history=true", user=user, **more)["items"]
        assert "residence" not in [one["name"] for one in facts], user
    for user in (parent.code, child.code, "36805280109"):
        assert residence.value(path, user=f"EE{user}")["level"] == "dwelling", user
    ended = replace(told, id="e2", type="civil.protection.ended", time=told.time + timedelta(hours=1))
    homes.apply_event(replace(ended, data={**told.data, "against": feared, "valid_to": "2026-03-03"}), "m2")
    assert residence.value(path, user=f"EE{feared}")["level"] == "dwelling"


def test_an_end_heard_before_its_order_holds_and_one_heard_late_lifts_nothing_newer(
    residence: Asker, homes: ResidenceRegister
) -> None:
    wife, _ = couple()
    feared = man().code
    path = f"/persons/{wife.code}/residence"
    first = event(
        "civil.protection.ordered", wife.code, against=feared, valid_from="2026-03-01", valid_to=None
    )
    end = replace(first, id="e2", type="civil.protection.ended", time=first.time + timedelta(hours=1))
    again = replace(first, id="e3", time=first.time + timedelta(hours=2))
    homes.apply_event(end, "m2")
    homes.apply_event(first, "m1")
    assert residence.value(path, user=f"EE{feared}")["level"] == "dwelling"
    homes.apply_event(again, "m3")
    homes.apply_event(end, "m2")
    homes.apply_event(replace(end, id="e4"), "m4")
    assert residence.value(path, user=f"EE{feared}")["level"] == "sealed"


def test_a_sealed_address_is_told_to_nobody_but_its_people(residence: Asker) -> None:
    wife, husband = couple()
    body = {"person": wife.code, "valid_from": "2026-03-01", "order": "police 7"}
    residence.done("/sealings", body)
    for user in ("EE38001085718", "automatic", f"EE{man().code}"):
        assert residence.value(f"/persons/{wife.code}/residence", user=user) == {
            "person": wife.code,
            "level": "sealed",
        }
    for user in (wife.code, husband.code):
        assert residence.value(f"/persons/{wife.code}/residence", user=f"EE{user}")["level"] == "dwelling"
    refused(residence.post("/sealings", {**body, "valid_to": "2026-02-01"}), 400, "empty_period")


def test_a_sealed_address_that_is_disputed_is_kept_from_its_official_with_what_the_person_says_it_is(
    residence: Asker,
) -> None:
    code = couple()[0].code
    fact = residence.value(f"/persons/{code}/residence", user=f"EE{code}")["fact"]
    said = {"reason": "It is another house.", "proposed_value": "Lille 7"}
    dispute = residence.done(f"/facts/{fact}/dispute", said, user=f"EE{code}")["id"]
    path = f"/matters/dispute/{dispute}"
    (held, proposed) = residence.value(path, user="EE36805280109")["facts"]
    assert held["value"] is not None and proposed["value"] == "Lille 7"
    residence.done("/sealings", {"person": code, "valid_from": "2026-03-01", "order": "police 7"})
    (held, proposed) = residence.value(path, user="EE36805280109")["facts"]
    assert (held["value"], proposed["value"]) == (None, None)


def test_the_dead_own_no_secret(residence: Asker) -> None:
    assert residence.value(f"/persons/{dead().code}/residence")["level"] == "none"
