"""A place in the queue from birth, by a rule anybody can check; the last place goes to one; a reasoned wait has a date."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import insert

from sild.errors import CallerError
from sild.registries.education.register import EducationRegister, Standing
from sild.registries.education.tables import groups, kindergartens
from sild.registries.identity_codes import estonia
from sild.registries.kernel import Usage

from .conftest import CHILD, FATHER, MOTHER, SISTER, USAGE, VN_CHILD, Others, SetClock, event

MESSAGES = count()


def by(person: str) -> Usage:
    return replace(USAGE, user_id=f"EE{person}", message_id=f"m-{next(MESSAGES)}")


@pytest.fixture
def register(directory: Path, database_url: str | None, clock: SetClock) -> Iterator[EducationRegister]:
    """Kindergarten 1 in Tallinn with one place for the small, 2 with two; 3 in Tartu."""
    register = EducationRegister.open(directory, database_url, people=0, clock=clock)
    with register.kernel.engine.begin() as connection:
        for number, (division, capacity) in enumerate([("0784", 1), ("0784", 2), ("0793", 1)], start=1):
            connection.execute(insert(kindergartens).values(id=number, name=f"K{number}", division=division))
            for age_from, age_to in ((0, 3), (3, 7)):
                connection.execute(
                    insert(groups).values(
                        kindergarten=number, age_from=age_from, age_to=age_to, capacity=capacity
                    )
                )
    register.kernel.outbox.subscribe("SILD/GOV/70000001/portal", "events", ["education.*"])
    yield register
    register.close()


async def settle(register: EducationRegister, others: Others) -> None:
    worker = register.worker(others)
    while await worker.work():
        pass


def another(others: Others, number: int, division: str = "0784") -> str:
    """One more newborn of the same parents' street, with a mother of its own."""
    mother = estonia.make(date(1990, 5, number), "F", number)
    child = estonia.make(date(2026, 2, number), "F", number)
    others.person(mother, f"1990-05-{number:02}")
    others.person(child, f"2026-02-{number:02}", mother=mother)
    others.divisions[mother] = division
    return child


def mother_of(others: Others, child: str) -> str:
    return str(others.people[child]["mother"])


async def joined(register: EducationRegister, others: Others, *children: str) -> None:
    for child in children:
        register.apply_event(event("civil.birth.registered", child), f"e-{child}")
        await settle(register, others)


def sent(register: EducationRegister, child: str) -> list[tuple[str, str]]:
    return [(d.event.type, d.state.value) for d in register.kernel.outbox.deliveries_about(child)]


def wish(register: EducationRegister, others: Others, child: str, kindergarten: int) -> Standing:
    return register.wish(child, kindergarten, None, by(mother_of(others, child)))


async def test_a_child_born_joins_the_queue_of_its_commune(
    register: EducationRegister, others: Others, clock: SetClock
) -> None:
    first = another(others, 1)
    await joined(register, others, first)
    clock.forward(hours=1)
    await joined(register, others, CHILD)
    standing = register.standing(CHILD, USAGE)
    assert (standing.place, standing.waiting, standing.child.division) == (2, 2, "0784")
    assert standing.child.wanted_from == date(2027, 9, 1), "at one and a half years"
    assert standing.child.reason == "no_wish"
    (told,) = register.kernel.outbox.deliveries_about(CHILD)
    assert (told.event.type, dict(told.event.data)) == ("education.queue.joined", {"place": 2})


async def test_vietnamese_children_may_come_at_three_months(
    register: EducationRegister, others: Others
) -> None:
    await joined(register, others, VN_CHILD)
    assert register.standing(VN_CHILD, USAGE).child.wanted_from == date(2026, 5, 27)


async def test_a_free_place_is_offered_taken_and_given_back(
    register: EducationRegister, others: Others
) -> None:
    await joined(register, others, CHILD)
    standing = wish(register, others, CHILD, 1)
    assert standing.child.state == "offered" and standing.group is not None and standing.group.free == 0
    assert sent(register, CHILD)[-1] == ("education.place.offered", "pending")
    assert register.answer_offer(CHILD, True, by(FATHER)).child.state == "attending"
    with pytest.raises(CallerError) as refused:
        wish(register, others, CHILD, 2)
    assert refused.value.code == "already_attending"
    assert register.leave(CHILD, by(MOTHER)).child.state == "left"
    (first, *_) = register.places(USAGE, commune="0784")
    assert first.free == 1


async def test_no_place_is_a_reasoned_wait_with_a_date(
    register: EducationRegister, others: Others, clock: SetClock
) -> None:
    first, second = another(others, 1), another(others, 2)
    await joined(register, others, first, second)
    wish(register, others, first, 1)
    standing = wish(register, others, second, 1)
    assert (standing.child.reason, standing.child.review_on) == ("no_free_place", date(2026, 6, 1))
    assert (standing.place, standing.waiting) == (1, 1)
    clock.at = clock.at.replace(month=6, day=1)
    await settle(register, others)
    assert sent(register, second)[-1] == ("education.wait.reviewed", "pending")
    assert register.standing(second, USAGE).child.review_on == date(2026, 8, 31)
    register.answer_offer(first, False, by(mother_of(others, first)))
    assert register.standing(second, USAGE).child.state == "offered", "declined, so the next is asked"
    assert register.standing(first, USAGE).child.reason == "declined"


async def test_the_rule_residents_siblings_time_age(
    register: EducationRegister, others: Others, clock: SetClock
) -> None:
    taken = another(others, 1)
    await joined(register, others, taken)
    wish(register, others, taken, 1)
    stranger, early, twin = another(others, 2, "0793"), another(others, 3), another(others, 4)
    await joined(register, others, stranger)
    for child in (early, twin):
        clock.forward(hours=1)
        await joined(register, others, child)
    others.people[SISTER]["mother"] = mother_of(others, twin)  # who attends the same kindergarten
    register.apply_event(event("civil.birth.registered", SISTER), "e-sister")
    register.apply_event(event("residence.changed", twin, source="/SILD/GOV/70000006/residence"), "e-moved")
    await settle(register, others)
    register.wish(SISTER, 1, date(2026, 3, 2), by(mother_of(others, twin)))
    register.answer_offer(SISTER, True, by(mother_of(others, twin)))
    for child in (stranger, early, twin):
        wish(register, others, child, 1)
    places = {child: register.standing(child, USAGE).place for child in (twin, early, stranger)}
    assert list(places.values()) == [1, 2, 3]


async def test_choosing_anew_keeps_the_time_of_joining_and_frees_the_offer(
    register: EducationRegister, others: Others, clock: SetClock
) -> None:
    first, second = another(others, 1), another(others, 2)
    await joined(register, others, first, second)
    before = register.standing(first, USAGE).child.joined_at
    wish(register, others, first, 1)
    wish(register, others, second, 1)
    clock.forward(days=3)
    assert wish(register, others, first, 2).child.state == "offered"
    assert register.standing(second, USAGE).child.state == "offered"
    assert register.standing(first, USAGE).child.joined_at == before


async def test_the_last_place_goes_to_one(register: EducationRegister, others: Others) -> None:
    rivals = [another(others, n) for n in range(1, 5)]
    await joined(register, others, *rivals)
    threads = [threading.Thread(target=wish, args=(register, others, child, 1)) for child in rivals]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    states = [register.standing(child, USAGE).child.state for child in rivals]
    assert sorted(states) == ["offered", "waiting", "waiting", "waiting"]


async def test_refusals(register: EducationRegister, others: Others) -> None:
    await joined(register, others, CHILD)
    cases = [
        (SISTER, 1, None, MOTHER, "not_in_queue"),
        (CHILD, 1, None, SISTER, "not_a_parent"),
        (CHILD, 9, None, MOTHER, "unknown_kindergarten"),
        (CHILD, 1, date(2026, 9, 1), MOTHER, "too_young"),
        (CHILD, 1, date(2035, 9, 1), MOTHER, "no_group"),
        ("12345678901", 1, None, MOTHER, "invalid_identity_code"),
    ]
    for child, kindergarten, begin, person, code in cases:
        with pytest.raises(CallerError) as refused:
            register.wish(child, kindergarten, begin, by(person))
        assert refused.value.code == code
    with pytest.raises(CallerError) as refused:
        register.answer_offer(CHILD, True, by(MOTHER))
    assert refused.value.code == "no_offer"


async def test_the_same_message_twice_wishes_once(register: EducationRegister, others: Others) -> None:
    await joined(register, others, CHILD)
    usage = by(MOTHER)
    for _ in range(2):
        assert register.wish(CHILD, 1, None, usage).child.state == "offered"
    assert [kind for kind, _ in sent(register, CHILD)].count("education.place.offered") == 1


@pytest.mark.parametrize("when", ["before", "between", "after", "offered"])
async def test_after_a_death_the_place_goes_to_the_next_in_silence(
    register: EducationRegister, others: Others, when: str
) -> None:
    other = another(others, 1)
    await joined(register, others, other)
    death = event("civil.death.registered", CHILD)
    if when == "before":
        register.apply_event(death, "d")
    register.apply_event(event("civil.birth.registered", CHILD), "b")
    if when in ("after", "offered"):
        await settle(register, others)
    if when == "offered":
        wish(register, others, CHILD, 1)
        assert wish(register, others, other, 1).child.state == "waiting"
    if when != "before":
        register.apply_event(death, "d")
    await settle(register, others)
    assert all(state != "pending" for _, state in sent(register, CHILD))
    if when == "offered":
        assert register.standing(other, USAGE).child.state == "offered"
    if when in ("after", "offered"):
        assert register.standing(CHILD, USAGE).child.state == "left"


async def test_a_protected_child_keeps_its_place_unannounced(
    register: EducationRegister, others: Others
) -> None:
    order = event("civil.protection.ordered", CHILD, against=FATHER, valid_from="2026-03-01")
    register.apply_event(order, "p")
    await joined(register, others, CHILD)
    assert register.standing(CHILD, USAGE).place == 1
    assert wish(register, others, CHILD, 1).child.state == "offered"
    assert sent(register, CHILD) == []


def test_synthetic_kindergartens(directory: Path, clock: SetClock) -> None:
    register = EducationRegister.open(directory, people=1_000, clock=clock)
    places = register.places(USAGE)
    register.close()
    assert {group.division for group in places} >= {"0784", "0793"}
    assert any(group.free for group in places)
