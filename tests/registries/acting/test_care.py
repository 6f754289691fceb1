"""Lists of family doctors: a child joins its mother's, who moves is told, and to change is one choice that never overfills a list."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import insert

from sild.errors import CallerError
from sild.registries import CareRegister, care_app
from sild.registries.care.practices import practices_in
from sild.registries.care.tables import practices
from sild.registries.kernel import Usage
from sild.registries.kernel.usage import Spoken
from support.acting import serving

from ..asking import Asker
from .conftest import CHILD, FATHER, MOTHER, SISTER, USAGE, Others, SetClock, at, event
from .test_home_changed import home, outcomes, settle

TALLINN, TARTU = "0784", "0793"
ONE, TWO, FULL = "EE-0784-1", "EE-0784-2", "EE-0793-1"


@pytest.fixture
def care(directory: Path, database_url: str | None, clock: SetClock) -> Iterator[CareRegister]:
    register = CareRegister.open(
        directory, database_url, system="/SILD/GOV/70000003/care", people=0, clock=clock
    )
    with register.kernel.engine.begin() as connection:
        for number, division, capacity in ((ONE, TALLINN, 2), (TWO, TALLINN, 1), (FULL, TARTU, 0)):
            row = {"id": number, "name": number, "division": division, "capacity": capacity, "listed": 0}
            connection.execute(insert(practices).values(row))
    register.kernel.outbox.subscribe("SILD/GOV/70000001/portal", "events", ["care.*"])
    yield register
    register.close()


def by(person: str, message: str, represented: str | None = None) -> Usage:
    party = f"EE/{represented}" if represented else None
    return replace(USAGE, user_id=f"EE{person}", message_id=message, represented_party=party)


def chosen(register: CareRegister, person: str, practice: str, message: str = "") -> None:
    register.choose(person, practice, by(person, message or f"{person}-{practice}"))


def listed(register: CareRegister, division: str = TALLINN) -> dict[str, int]:
    with register.kernel.used("look", USAGE) as use:
        return {one.id: one.listed for one in practices_in(use, division)}


def practice_of(register: CareRegister, person: str) -> str | None:
    now = register.listing(person, replace(USAGE, message_id=f"look-{person}-{register.kernel.now}")).now
    return None if now is None else now.value["practice"]


async def born(register: CareRegister, others: Others, child: str = CHILD) -> None:
    register.apply_event(event("civil.birth.registered", child), f"m-{child}")
    await settle(register, others)


async def test_a_child_joins_its_mothers_list_also_beyond_its_size(
    care: CareRegister, others: Others
) -> None:
    chosen(care, MOTHER, TWO)
    chosen(care, FATHER, ONE)
    for _ in range(2):
        await born(care, others)
    assert practice_of(care, CHILD) == TWO
    assert listed(care) == {ONE: 1, TWO: 2}
    told = [d.event.type for d in care.kernel.outbox.deliveries_about(CHILD)]
    assert told == ["care.practice.joined"]


async def test_a_protected_childs_practice_is_kept_from_whom_the_order_is_against(
    care: CareRegister, others: Others
) -> None:
    """Nor is it found by trying: who is not told does not choose."""
    chosen(care, MOTHER, TWO)
    await born(care, others)
    order = event("civil.protection.ordered", CHILD, against=FATHER, valid_from="2026-03-01")
    care.apply_event(order, "m-order")
    care.apply_event(event("civil.death.registered", SISTER), "m-death")
    friend = SISTER  # by a power of attorney that he gave in the child's name
    with serving(care_app(care)) as site:
        for user, party, is_told in (
            (f"EE{FATHER}", None, False), (f"EE{FATHER}", CHILD, False), (f"EE{friend}", CHILD, False),
            (f"EE{friend}", FATHER, False), ("automatic", None, False), (f"EE{CHILD}", None, True),
            (f"EE{MOTHER}", None, True),  # whom no order is against, in her own name
        ):  # fmt: skip
            for path in ("facts", "facts?history=true", "practice"):
                headers = Asker(site).headers(user=user)
                if party is not None:
                    headers["X_Road_Represented_Party"] = f"EE{party}"
                answer = site.get(f"/persons/{CHILD}/{path}", **headers)
                assert answer.status == 200 and (TWO in answer.text) is is_told, (user, party, path)
    for number, person in enumerate((FATHER, friend)):
        for practice in (TWO, ONE):
            with pytest.raises(CallerError) as refusal:
                care.choose(CHILD, practice, by(person, f"m-{number}-{practice}", CHILD))
            assert refusal.value.code == "not_yours"
    spoken = Spoken(MOTHER, CHILD, "m", "0" * 64, "PARENT", "p")
    for basis, code in (("POWER_OF_ATTORNEY", "not_yours"), ("PARENT", None)):
        usage = replace(by(MOTHER, f"m-{basis}", CHILD), spoken=replace(spoken, basis=basis))
        if code is None:
            listing = care.choose(CHILD, ONE, usage)  # at once: the child came into the first by itself
            assert listing.now is not None and listing.now.value["practice"] == ONE and listing.later is None
        else:
            with pytest.raises(CallerError):
                care.choose(CHILD, ONE, usage)


async def test_without_a_mother_in_a_list_the_fathers(care: CareRegister, others: Others) -> None:
    chosen(care, FATHER, ONE)
    await born(care, others)
    assert practice_of(care, CHILD) == ONE


async def test_of_parents_in_no_list_a_child_is_in_none(care: CareRegister, others: Others) -> None:
    await born(care, others)
    assert practice_of(care, CHILD) is None


async def test_what_a_parent_chose_first_stands(care: CareRegister, others: Others) -> None:
    chosen(care, MOTHER, ONE)
    care.choose(CHILD, TWO, by(MOTHER, "for-child", represented=CHILD))
    await born(care, others)
    assert practice_of(care, CHILD) == TWO


def test_another_list_holds_from_the_next_month(care: CareRegister, clock: SetClock) -> None:
    chosen(care, MOTHER, ONE)
    chosen(care, MOTHER, TWO)
    held = care.listing(MOTHER, replace(USAGE, message_id="now"))
    assert held.now is not None and held.later is not None
    assert (held.now.value["practice"], held.later.value["practice"]) == (ONE, TWO)
    assert held.later.valid_from == held.now.valid_to == date(2026, 4, 1)
    clock.forward(days=31)
    assert practice_of(care, MOTHER) == TWO
    assert listed(care) == {ONE: 0, TWO: 1}


def test_a_choice_before_it_holds_can_be_changed_and_taken_back(care: CareRegister) -> None:
    chosen(care, MOTHER, ONE)
    chosen(care, MOTHER, TWO)
    chosen(care, MOTHER, ONE, "back")
    held = care.listing(MOTHER, replace(USAGE, message_id="now"))
    assert [one.value["practice"] for one in (held.now, held.later) if one] == [ONE, ONE]
    assert listed(care) == {ONE: 1, TWO: 0}


def test_the_same_message_again_changes_nothing(care: CareRegister) -> None:
    for _ in range(2):
        chosen(care, MOTHER, TWO, "m-1")
    assert listed(care) == {ONE: 0, TWO: 1}


def test_of_two_who_want_the_last_place_one_has_it(care: CareRegister) -> None:
    def choose(person: str) -> str:
        try:
            chosen(care, person, TWO)
        except CallerError as refusal:
            return refusal.code
        return "listed"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(choose, (MOTHER, FATHER))) == ["list_is_full", "listed"]
    assert listed(care)[TWO] == 1


@pytest.mark.parametrize(
    ("person", "practice", "usage", "code"),
    [
        (MOTHER, FULL, by(MOTHER, "a"), "list_is_full"),
        (MOTHER, "EE-0784-9", by(MOTHER, "b"), "unknown_practice"),
        (MOTHER, ONE, by(FATHER, "c"), "not_yours"),
        (CHILD, ONE, by(MOTHER, "d"), "not_yours"),
        (MOTHER, ONE, by(FATHER, "e", represented=SISTER), "not_yours"),
    ],
)
def test_refused_and_nothing_changes(
    care: CareRegister, person: str, practice: str, usage: Usage, code: str
) -> None:
    with pytest.raises(CallerError) as caught:
        care.choose(person, practice, usage)
    assert caught.value.code == code
    assert listed(care) == {ONE: 0, TWO: 0}
    assert practice_of(care, person) is None


def test_the_list_one_is_in_cannot_be_chosen(care: CareRegister) -> None:
    chosen(care, MOTHER, ONE)
    with pytest.raises(CallerError) as caught:
        chosen(care, MOTHER, ONE, "again")
    assert caught.value.code == "already_listed"


async def test_who_moves_stays_and_is_told(care: CareRegister, others: Others) -> None:
    chosen(care, MOTHER, ONE)
    others.divisions[MOTHER] = TALLINN
    care.apply_event(home(MOTHER, "near"), "m-near")
    await settle(care, others)
    others.divisions[MOTHER] = TARTU
    care.apply_event(home(MOTHER, "far"), "m-far")
    await settle(care, others)
    assert outcomes(care, MOTHER) == ["no_change", "practice_is_far"]
    assert practice_of(care, MOTHER) == ONE
    care.apply_event(home(FATHER, "other"), "m-other")
    assert outcomes(care, FATHER) == ["nothing_here"]


async def test_the_dead_leave_their_list(care: CareRegister, others: Others, clock: SetClock) -> None:
    chosen(care, MOTHER, ONE)
    others.people[MOTHER]["died"] = care.kernel.today.isoformat()
    care.apply_event(event("civil.death.registered", MOTHER), "m-death")
    clock.forward(days=2)
    await settle(care, others)
    assert practice_of(care, MOTHER) is None
    assert listed(care)[ONE] == 0
    with pytest.raises(CallerError) as caught:
        chosen(care, MOTHER, TWO)
    assert caught.value.code == "person_is_dead"


async def test_who_dies_before_a_choice_holds_leaves_each_list_once(
    care: CareRegister, others: Others, clock: SetClock
) -> None:
    chosen(care, FATHER, ONE)
    chosen(care, MOTHER, ONE)
    chosen(care, MOTHER, TWO)
    others.people[MOTHER]["died"] = care.kernel.today.isoformat()
    care.apply_event(event("civil.death.registered", MOTHER), "m-death")
    await settle(care, others)
    assert listed(care) == {ONE: 1, TWO: 0}


@pytest.mark.parametrize("ended", [True, False])
async def test_who_was_dead_by_mistake_is_in_their_list_again(
    care: CareRegister, others: Others, clock: SetClock, ended: bool
) -> None:
    """Also when the list is full by now, and whether or not the register had come to end it."""
    chosen(care, MOTHER, ONE)
    chosen(care, MOTHER, TWO)
    before = care.listing(MOTHER, by(MOTHER, "look"))
    others.people[MOTHER]["died"] = care.kernel.today.isoformat()
    care.apply_event(event("civil.death.registered", MOTHER), "m-death")
    if ended:
        await settle(care, others)
        chosen(care, FATHER, TWO)
    clock.forward(days=2)
    del others.people[MOTHER]["died"]
    care.apply_event(at(clock(), event("civil.death.annulled", MOTHER)), "m-lives")
    await settle(care, others)
    after = care.listing(MOTHER, by(MOTHER, "look-again"))
    assert before.later is not None and after.later is not None
    assert (practice_of(care, MOTHER), after.later.value) == (ONE, before.later.value)
    assert listed(care) == {ONE: 0, TWO: 2 if ended else 1}
    clock.forward(days=40)
    assert practice_of(care, MOTHER) == TWO


async def test_a_newborn_dead_by_mistake_joins_a_list_all_the_same(
    care: CareRegister, others: Others, clock: SetClock
) -> None:
    chosen(care, MOTHER, ONE)
    care.apply_event(event("civil.death.registered", CHILD), "m-death")
    await born(care, others)
    assert practice_of(care, CHILD) is None
    care.apply_event(at(clock.forward(hours=1), event("civil.death.annulled", CHILD)), "m-lives")
    await settle(care, others)
    assert practice_of(care, CHILD) == ONE


async def test_a_stillborn_child_is_in_no_list(care: CareRegister, others: Others) -> None:
    chosen(care, MOTHER, ONE)
    care.apply_event(event("civil.birth.registered", CHILD), "m-birth")
    care.apply_event(event("civil.stillbirth.recorded", CHILD), "m-still")
    await settle(care, others)
    assert practice_of(care, CHILD) is None
    assert listed(care)[ONE] == 1


def test_a_new_register_has_practices_with_room_and_one_without(directory: Path) -> None:
    register = CareRegister.open(directory, system="/SILD/GOV/70000003/care", people=400)
    try:
        found = register.practices(USAGE, division=TARTU)
        assert len(found) >= 2
        assert found[0].free > 0 and found[-1].free == 0
        assert all(one.listed for one in found)
    finally:
        register.close()
