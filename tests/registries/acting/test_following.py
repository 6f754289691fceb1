"""Tax residence, the list of voters and parking permits follow a home by themselves: once, from its day, and say so to the case of the move."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from sild.errors import CallerError, PeerError
from sild.registries import DUTIES, FollowingRegister
from sild.registries.following.duties import read_home
from sild.registries.kernel import Provenance
from sild.registries.kernel.corrections import correct_disputed, dispute
from sild.registries.tasks import TaskState

from .conftest import CHILD, FATHER, MOTHER, SISTER, USAGE, VN_CHILD, VN_MOTHER, Others, SetClock, at, event
from .test_home_changed import RESIDENCE, home, news, outcomes, records, settle

TALLINN, TARTU = "0784", "0793"
Opened = Callable[[str], FollowingRegister]


@pytest.fixture
def opened(directory: Path, database_url: str | None, clock: SetClock) -> Iterator[Opened]:
    made: list[FollowingRegister] = []

    def open_(name: str) -> FollowingRegister:
        register = FollowingRegister.open(
            DUTIES[name], directory / name, database_url, system=f"/SILD/GOV/1/{name}", people=0, clock=clock
        )
        register.kernel.outbox.subscribe("SILD/GOV/70000001/portal", "events", [f"{name}.*"])
        made.append(register)
        return register

    yield open_
    for register in made:
        register.close()


def held(register: FollowingRegister, person: str, on: date) -> Any:
    found = register.standing(person, replace(USAGE, message_id=f"look-{on}"), on=on)
    return None if found is None else found.value


async def moved(register: FollowingRegister, others: Others, person: str, number: str = "") -> None:
    register.apply_event(home(person, number), f"m-{person}-{number}")
    await settle(register, others)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tax", {"country": "EE", "division": TARTU, "name": "?"}),
        ("electoral", {"division": TARTU, "name": "?", "votes_from": "2005-01-01"}),
    ],
)
async def test_a_new_home_is_followed_once_from_its_day(
    opened: Opened, others: Others, clock: SetClock, name: str, value: Any
) -> None:
    register = opened(name)
    others.divisions[MOTHER] = TARTU
    for _ in range(2):
        register.apply_event(home(MOTHER, "one"), "m-1")
    await settle(register, others)
    outcome = f"{DUTIES[name].kind.name}_changed"
    assert held(register, MOTHER, register.kernel.today) == value
    assert news(register, MOTHER) == [{"outcome": outcome, "decision": None, "case": "case-7"}]
    assert records(register, MOTHER) == [(outcome, RESIDENCE)]
    assert [asked[0] for asked in others.asked] == ["residence"], "the code tells the day of birth"
    assert {asked[2].basis for asked in others.asked} == {DUTIES[name].grounds["EE"]}
    clock.forward(days=1)
    await moved(register, others, MOTHER, "again")
    assert outcomes(register, MOTHER) == [outcome, "no_change"]


async def test_a_home_that_begins_later_is_followed_on_its_day(
    opened: Opened, others: Others, clock: SetClock
) -> None:
    register = opened("tax")
    others.divisions[MOTHER] = TALLINN
    await moved(register, others, MOTHER, "first")
    begins = register.kernel.today + timedelta(days=10)
    for _ in range(2):
        register.apply_event(replace(home(MOTHER, "ahead"), data={"valid_from": f"{begins}"}), "m-ahead")
    await settle(register, others)
    assert outcomes(register, MOTHER) == ["tax_residence_changed", "no_change"]
    others.divisions[MOTHER] = TARTU
    clock.forward(days=10)
    await settle(register, others)
    assert held(register, MOTHER, begins)["division"] == TARTU
    assert outcomes(register, MOTHER)[2:] == ["tax_residence_changed"]


async def test_where_a_code_does_not_tell_it_the_day_of_birth_is_asked_for(
    opened: Opened, others: Others
) -> None:
    others.divisions[VN_MOTHER] = "00001"
    register = opened("electoral")
    await moved(register, others, VN_MOTHER)
    born = date.fromisoformat(others.people[VN_MOTHER]["born"])
    votes_from = held(register, VN_MOTHER, register.kernel.today)["votes_from"]
    assert votes_from == born.replace(year=born.year + 18).isoformat()
    assert [asked[0] for asked in others.asked] == ["residence", "population"]
    tax = opened("tax") if not register.kernel.engine.url.drivername.startswith("postgresql") else None
    if tax is not None:
        others.asked.clear()
        await moved(tax, others, VN_MOTHER)
        assert [asked[0] for asked in others.asked] == ["residence"], "nobody's age matters for a tax"


async def test_a_child_votes_from_the_birthday_the_law_says(opened: Opened, others: Others) -> None:
    others.divisions[CHILD] = TALLINN
    register = opened("electoral")
    await moved(register, others, CHILD)
    assert held(register, CHILD, register.kernel.today)["votes_from"] == "2042-03-01"


async def test_who_moves_abroad(opened: Opened, others: Others) -> None:
    others.divisions.pop(FATHER, None)
    others.abroad.add(FATHER)
    tax = opened("tax")
    await moved(tax, others, FATHER)
    assert held(tax, FATHER, tax.kernel.today) == {"country": "FI", "division": None, "name": None}


async def test_a_voter_abroad_stays_where_they_lived(opened: Opened, others: Others) -> None:
    others.divisions[FATHER] = TARTU
    register = opened("electoral")
    await moved(register, others, FATHER, "first")
    del others.divisions[FATHER]
    others.abroad.add(FATHER)
    await moved(register, others, FATHER, "abroad")
    assert held(register, FATHER, register.kernel.today)["division"] == TARTU
    assert outcomes(register, FATHER) == ["voting_place_changed", "no_change"]


async def test_an_address_under_seal_leaves_what_was_known(opened: Opened, others: Others) -> None:
    others.divisions[MOTHER] = TARTU
    register = opened("tax")
    await moved(register, others, MOTHER, "first")
    register.apply_event(event("civil.protection.ordered", MOTHER, reason="protection_order"), "m-order")
    del others.divisions[MOTHER]  # a machine is told nothing of it any more
    await moved(register, others, MOTHER, "hidden")
    assert held(register, MOTHER, register.kernel.today)["division"] == TARTU
    assert len(news(register, MOTHER)) <= 1, "nothing more is said about a protected person"


async def test_the_dead_stand_in_it_until_their_day(opened: Opened, others: Others, clock: SetClock) -> None:
    others.divisions[MOTHER] = TARTU
    register = opened("electoral")
    await moved(register, others, MOTHER)
    died = register.kernel.today
    clock.forward(days=3)
    others.people[MOTHER]["died"] = died.isoformat()
    register.apply_event(event("civil.death.registered", MOTHER), "m-death")
    await settle(register, others)
    assert held(register, MOTHER, died)["division"] == TARTU
    assert held(register, MOTHER, register.kernel.today) is None
    del others.people[MOTHER]["died"]
    register.apply_event(at(clock.forward(days=1), event("civil.death.annulled", MOTHER)), "m-lives")
    await settle(register, others)
    assert held(register, MOTHER, register.kernel.today)["division"] == TARTU, "the death was none"


async def test_a_stillbirth_leaves_nothing(opened: Opened, others: Others) -> None:
    others.divisions[VN_CHILD] = "00001"
    register = opened("tax")
    await moved(register, others, VN_CHILD)
    register.apply_event(event("civil.stillbirth.recorded", VN_CHILD), "m-still")
    await moved(register, others, VN_CHILD, "late")
    assert held(register, VN_CHILD, register.kernel.today) is None


async def test_while_the_residence_register_is_down_it_waits_and_then_goes_on(
    opened: Opened, others: Others, clock: SetClock
) -> None:
    others.divisions[MOTHER] = TARTU
    register = opened("tax")
    others.down.add("residence")
    await moved(register, others, MOTHER)
    assert news(register, MOTHER) == []
    (task,) = register.tasks.about(MOTHER)
    assert task.state is TaskState.WAITING
    others.down.clear()
    clock.forward(hours=1)
    await settle(register, others)
    assert outcomes(register, MOTHER) == ["tax_residence_changed"]


@pytest.mark.parametrize(
    "answer", [[], "x", {"level": "dwelling"}, {"level": "commune", "now": [{}]}, {"level": "dwelling", "now": 3},
               {"level": "dwelling", "valid_from": "yesterday", "division": {"code": "1", "name": "x"}}],
)  # fmt: skip
def test_what_is_no_residence_is_the_residence_registers_fault(answer: Any) -> None:
    with pytest.raises(PeerError) as caught:
        read_home(answer, "EE", date(2026, 3, 2))
    assert caught.value.code == "invalid_body"


# --- what only some hold: a permit to park

PERMIT = {"plate": "123 ABC", "zone": "B", "division": TARTU, "name": "Tartu linn"}
UNTIL = date(2031, 1, 1)


def permitted(
    register: FollowingRegister,
    person: str = MOTHER,
    since: date = date(2025, 1, 1),
    until: date | None = UNTIL,
) -> None:
    with register.kernel.used("permit", USAGE) as use:
        said = Provenance("the municipality", "LS § 187")
        use.facts.record(person, "parking_permit", PERMIT, valid_from=since, valid_to=until, provenance=said)


def lives(others: Others, person: str, division: str, street: str, since: str = "2026-03-01") -> None:
    others.divisions[person], others.streets[person], others.since[person] = division, street, since


async def test_a_permit_is_for_the_zone_of_the_new_home_from_its_day(
    opened: Opened, others: Others, clock: SetClock
) -> None:
    register = opened("parking")
    permitted(register)
    lives(others, MOTHER, TARTU, "Lai")
    for _ in range(2):
        register.apply_event(home(MOTHER, "one"), "m-1")
    await settle(register, others)
    assert held(register, MOTHER, date(2026, 2, 28)) == PERMIT
    assert held(register, MOTHER, date(2026, 3, 1)) == {**PERMIT, "zone": "A", "name": "?"}
    assert held(register, MOTHER, UNTIL) is None, "it ends when it would have"
    assert news(register, MOTHER) == [
        {"outcome": "parking_permit_changed", "decision": None, "case": "case-7"}
    ]
    assert records(register, MOTHER) == [("parking_permit_changed", RESIDENCE)]
    assert [asked[0] for asked in others.asked] == ["residence"]
    clock.forward(days=1)
    await moved(register, others, MOTHER, "again")
    assert outcomes(register, MOTHER) == ["parking_permit_changed", "no_change"]


async def test_whoever_holds_no_permit_gets_none_and_is_not_asked_about(
    opened: Opened, others: Others
) -> None:
    register = opened("parking")
    permitted(register, FATHER, until=date(2026, 2, 1))  # over
    lives(others, MOTHER, TARTU, "Lai")
    for person in (MOTHER, FATHER, VN_MOTHER):
        await moved(register, others, person)
        assert outcomes(register, person) == ["nothing_here"]
        assert held(register, person, register.kernel.today) is None
    register.apply_event(event("civil.death.registered", MOTHER), "m-death")
    await settle(register, others)
    assert others.asked == []
    assert records(register, MOTHER) == []


@pytest.mark.parametrize(
    ("division", "street"), [(TALLINN, "Lai"), (TARTU, "Riia"), (TARTU, ""), ("0890", "Kesk"), (None, "")]
)
async def test_a_permit_ends_when_its_holder_leaves_the_zones(
    opened: Opened, others: Others, division: str | None, street: str
) -> None:
    """For another municipality, a street outside the zones, a home known to the commune alone, abroad."""
    register = opened("parking")
    permitted(register)
    permitted(register, since=date(2027, 1, 1), until=date(2028, 1, 1))  # one that begins later ends, too
    if division is None:
        others.divisions.pop(MOTHER)
        others.abroad.add(MOTHER)
    else:
        lives(others, MOTHER, division, street)
        if not street:
            del others.streets[MOTHER]
    await moved(register, others, MOTHER)
    assert held(register, MOTHER, date(2026, 2, 28)) == PERMIT
    for day in (register.kernel.today, date(2027, 6, 1), date(2029, 1, 1)):
        assert held(register, MOTHER, day) is None
    assert outcomes(register, MOTHER) == ["parking_permit_ended"]
    assert records(register, MOTHER) == [("parking_permit_ended", RESIDENCE)]
    await moved(register, others, MOTHER, "late")
    assert outcomes(register, MOTHER) == ["parking_permit_ended", "nothing_here"]


async def test_a_permit_follows_a_home_that_begins_later_on_its_day(
    opened: Opened, others: Others, clock: SetClock
) -> None:
    register = opened("parking")
    permitted(register)
    lives(others, MOTHER, TARTU, "Kase")
    begins = register.kernel.today + timedelta(days=10)
    ahead = replace(home(MOTHER, "ahead"), data={"valid_from": f"{begins}"})
    register.apply_event(ahead, "m-ahead")
    register.apply_event(home(MOTHER, "of before"), "m-before")  # told out of order
    await settle(register, others)
    lives(others, MOTHER, TARTU, "Pikk", f"{begins}")
    clock.forward(days=10)
    await settle(register, others)
    assert held(register, MOTHER, begins - timedelta(days=1))["zone"] == "B"
    assert held(register, MOTHER, begins)["zone"] == "A"
    assert outcomes(register, MOTHER)[-1] == "parking_permit_changed"


async def test_a_permit_under_seal_after_death_and_while_nobody_answers(
    opened: Opened, others: Others, clock: SetClock
) -> None:
    register = opened("parking")
    for person in (MOTHER, FATHER, SISTER):
        permitted(register, person)
    register.apply_event(event("civil.protection.ordered", MOTHER, reason="protection_order"), "m-order")
    del others.divisions[MOTHER]  # a machine is told nothing of it any more
    await moved(register, others, MOTHER)
    assert held(register, MOTHER, register.kernel.today) == PERMIT
    assert outcomes(register, MOTHER) == []
    died = register.kernel.today
    clock.forward(days=3)
    others.people[FATHER]["died"] = died.isoformat()
    register.apply_event(event("civil.death.registered", FATHER), "m-death")
    await moved(register, others, FATHER, "of the dead")
    assert held(register, FATHER, died) == PERMIT
    assert held(register, FATHER, register.kernel.today) is None
    others.down.add("residence")
    lives(others, SISTER, TARTU, "Lai")
    await moved(register, others, SISTER)
    assert held(register, SISTER, register.kernel.today) == PERMIT and outcomes(register, SISTER) == []
    others.down.clear()
    clock.forward(hours=1)
    await settle(register, others)
    assert outcomes(register, SISTER) == ["parking_permit_changed"]


@pytest.mark.parametrize(
    "wrong", [None, "123 ABC", {}, {**PERMIT, "plate": "<b>"}, {**PERMIT, "plate": "1" * 11},
              {**PERMIT, "plate": "123 ABC\n"}, {**PERMIT, "zone": None}, {**PERMIT, "more": "x"}],
)  # fmt: skip
def test_a_plate_is_corrected_and_nothing_else(wrong: Any) -> None:
    kind = DUTIES["parking"].kind
    assert kind.ensure is not None
    better = kind.read(" 456 def ", PERMIT)
    kind.ensure(MOTHER, better)
    assert better == {**PERMIT, "plate": "456 DEF"}
    with pytest.raises(CallerError) as caught:
        kind.ensure(MOTHER, wrong)
    assert caught.value.code == "invalid_value"


async def test_a_plate_that_an_official_corrected_moves_with_its_holder(
    opened: Opened, others: Others, clock: SetClock
) -> None:
    register = opened("parking")
    permitted(register)
    kinds = {"parking_permit": DUTIES["parking"].kind}
    clock.forward(seconds=1)
    with register.kernel.used("disputeFact", USAGE) as use:
        (fact,) = use.facts.current(MOTHER, ["parking_permit"], on=use.today)
        said = dispute(use, fact.id, "a digit is wrong", None, kinds={})
        with pytest.raises(CallerError) as caught:
            correct_disputed(use, kinds, said.id, "123 <b>", "-")
        assert caught.value.code == "invalid_value"
        correct_disputed(use, kinds, said.id, "123 abd", "As on the vehicle")
    clock.forward(seconds=1)
    lives(others, MOTHER, TARTU, "Lai")
    await moved(register, others, MOTHER)
    assert held(register, MOTHER, date(2026, 2, 28)) == {**PERMIT, "plate": "123 ABD"}
    assert held(register, MOTHER, UNTIL - timedelta(days=1)) == {
        "plate": "123 ABD",
        "zone": "A",
        "division": TARTU,
        "name": "?",
    }


def test_permits_of_a_new_register_are_for_the_zone_of_the_home(directory: Path) -> None:
    register = FollowingRegister.open(DUTIES["parking"], directory, system="/SILD/GOV/1/parking", people=1000)
    with register.kernel.used("look", USAGE) as use:
        known = use.facts.named("parking_permit", on=use.today)
    register.close()
    ensure = DUTIES["parking"].kind.ensure
    assert ensure is not None
    for one in known:
        ensure(one.entity, one.value)
    assert 10 < len(known) < 150
    assert all(len(one.entity) == 11 for one in known), "Viet Nam has no such thing"


def test_a_new_register_is_filled_with_everybody_who_has_a_home(directory: Path) -> None:
    register = FollowingRegister.open(
        DUTIES["electoral"], directory, system="/SILD/GOV/1/electoral", people=200
    )
    with register.kernel.used("look", USAGE) as use:
        known = use.facts.named("voting_place", on=use.today)
    register.close()
    assert len(known) > 100
    assert all(one.value["division"] and one.value["name"] and one.value["votes_from"] for one in known)
