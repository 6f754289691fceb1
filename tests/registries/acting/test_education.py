"""A place in the queue from birth, by a rule anybody can check; the last place goes to one; a reasoned wait has a date."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from sild.database import open_database
from sild.decisions import DECISION_MIGRATIONS, Sealed, Stored, list_ripples, open_values
from sild.errors import CallerError
from sild.events import EVENT_MIGRATIONS
from sild.registries.education.judging import turns
from sild.registries.education.register import MIGRATIONS, EducationRegister, Standing
from sild.registries.education.rules import QUEUE, Waiting
from sild.registries.education.tables import children, groups, kindergartens
from sild.registries.identity_codes import estonia
from sild.registries.kernel import KERNEL_MIGRATIONS, Usage
from sild.registries.kernel.facts import Fact, Facts
from sild.registries.tasks import TASK_MIGRATIONS, TaskState
from sild.rules import RulePackage, parse_package, shipped_packages

from .conftest import CHILD, FATHER, MOTHER, SISTER, USAGE, VN_CHILD, Others, SetClock, at, event

MESSAGES = count()


def by(person: str) -> Usage:
    return replace(USAGE, user_id=f"EE{person}", message_id=f"m-{next(MESSAGES)}")


@pytest.fixture
def register(directory: Path, database_url: str | None, clock: SetClock) -> Iterator[EducationRegister]:
    yield from in_two_communes(directory, database_url, clock)


def in_two_communes(
    directory: Path, database_url: str | None, clock: SetClock
) -> Iterator[EducationRegister]:
    """Kindergarten 1 in Tallinn with one place for the small, 2 with two; 3 in Tartu. Whatever a test does, facts and rows say the same."""
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
    assert_facts_say_what_rows_say(register)
    register.close()


def assert_facts_say_what_rows_say(register: EducationRegister) -> None:
    """Of every child that joined (some tests put rows there by hand: of those nobody told anything)."""
    names = ("state", "reason", "wanted_from", "joined_at", "review_on", "decision")
    with register.kernel.engine.connect() as connection:
        facts = Facts(connection, register.kernel.now)
        named = connection.execute(select(groups.c.id, kindergartens.c.name).join(kindergartens))
        houses = {row.id: row.name for row in named}
        for row in connection.execute(select(children)):
            if not row.told:
                continue
            fact = facts.fact(row.child, QUEUE, on=register.kernel.today)
            stands = {name: part for name in names if (part := getattr(row, name)) is not None}
            written = {
                name: part if isinstance(part, str) else part.isoformat() for name, part in stands.items()
            }
            if row.wanted is not None:
                written |= {"group": row.wanted, "kindergarten": houses[row.wanted]}
            if row.any_nearby:
                written["any_nearby"] = True
            assert fact is not None and fact.value == written


def said_of(register: EducationRegister, child: str) -> tuple[Fact, ...]:
    """Whatever was said of the child first, in the order it was said."""
    with register.kernel.engine.connect() as connection:
        said = Facts(connection, register.kernel.now).history(child, QUEUE)
    return tuple(one for one in said if one.id == one.origin)


def shown_to(register: EducationRegister, person: str) -> list[str]:
    """Children whose places a person is shown."""
    with register.kernel.used("getFacts", by(person)) as use:
        return list(register.children_of(use, person))


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


async def test_a_guardian_is_heard_as_a_parent_from_the_day_they_are_one_until_it_ends(
    register: EducationRegister, others: Others, clock: SetClock
) -> None:
    guardian, second = estonia.make(date(1980, 1, 1), "M", 7), estonia.make(date(1981, 1, 1), "F", 7)
    late = another(others, 1)
    recorded = event("civil.guardian.recorded", CHILD, number="e-guardian")
    register.apply_event(replace(recorded, id="e-early"), "m-early")  # nobody here is in a queue yet
    await joined(register, others, CHILD)
    with pytest.raises(CallerError) as refused:
        register.wish(CHILD, 1, None, by(guardian))
    assert refused.value.code == "not_a_parent" and shown_to(register, guardian) == []
    others.guardians[CHILD] = [{"code": guardian, "until": "2026-06-01"}]
    register.apply_event(recorded, "m-guardian")
    await settle(register, others)
    assert register.foresee(CHILD, by(guardian))
    assert register.wish(CHILD, 1, None, by(guardian)).child.state == "offered"
    assert register.answer_offer(CHILD, True, by(guardian)).child.state == "attending"
    assert shown_to(register, guardian) == [CHILD]
    with pytest.raises(CallerError):
        register.leave(CHILD, by(second))  # of nobody here
    clock.at = clock.at.replace(month=6, day=1)
    with pytest.raises(CallerError) as refused:
        register.leave(CHILD, by(guardian))
    assert refused.value.code == "not_a_parent" and shown_to(register, guardian) == []
    others.guardians[late] = [
        {"code": second}
    ]  # named before the child joined; when it moves nobody asks again
    await joined(register, others, late)
    register.apply_event(event("residence.changed", late, source="/SILD/GOV/70000006/residence"), "m-moved")
    await settle(register, others)
    assert register.wish(late, 2, None, by(second)).child.state == "offered"
    assert [path for _, path, _ in others.asked].count(f"persons/{late}/guardians") == 1


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
    assert [one.value["state"] for one in said_of(register, CHILD)] == ["waiting", "offered"]


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


@pytest.mark.parametrize(
    ("had", "is_gone"),
    [
        *((had, gone) for had in ("attending", "offered") for gone in (False, True)),
        ("waiting", True),
        ("nothing", False),
    ],
)
async def test_a_child_dead_by_mistake_stands_where_it_stood(
    register: EducationRegister, others: Others, clock: SetClock, had: str, is_gone: bool
) -> None:
    """At its place, if nobody has it since; else it waits for it from when it joined, and people see to the place that is gone."""
    other = another(others, 1)
    await joined(register, others, CHILD, other)
    if had != "nothing":
        wish(register, others, CHILD, 1)
    if had == "waiting":
        register.leave(CHILD, by(MOTHER))
        wish(register, others, other, 1)
        wish(register, others, CHILD, 1)
    if had == "attending":
        register.answer_offer(CHILD, True, by(MOTHER))
    before = register.standing(CHILD, USAGE)
    register.apply_event(event("civil.death.registered", CHILD), "d")
    await settle(register, others)
    assert register.standing(CHILD, USAGE).child.state == "left"
    if is_gone and had != "waiting":
        wish(register, others, other, 1)
    clock.forward(days=2)
    for _ in range(2):
        register.apply_event(at(clock(), event("civil.death.annulled", CHILD, number="lives")), "m-lives")
    await settle(register, others)
    after = register.standing(CHILD, USAGE)
    lost = is_gone and had in ("attending", "offered")
    assert after.child.joined_at == before.child.joined_at
    assert (after.child.state, after.child.wanted) == (
        "waiting" if lost else before.child.state,
        before.child.wanted,
    )
    held = [(one.kind, one.subject) for one in register.tasks.in_state(TaskState.HELD)]
    assert held == ([("place_lost", CHILD)] if lost else [])
    assert (after.child.review_on is not None) == (after.child.state == "waiting" and had != "nothing")


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
    with register.kernel.engine.connect() as connection:
        attending = Facts(connection, clock()).named(QUEUE, on=clock().date())
        rows = connection.scalars(select(children.c.child)).all()
    register.close()
    assert {one.entity for one in attending} == set(rows) and {one.value["state"] for one in attending} == {
        "attending"
    }
    assert {group.division for group in places} >= {"0784", "0793"}
    assert any(group.free for group in places)


# --- records of decisions


def broken_rules() -> dict[str, RulePackage]:
    """The package, with a formula that raises."""
    package = next(one for one in shipped_packages().values() if one.name == "ee-kindergarten-queue")
    files = dict(package.files)
    files["variables.py"] = files["variables.py"].replace(b'queue("born")', b'queue("borne")')
    files["variables.py"] = files["variables.py"].replace(b'person("born")', b'person("borne")')
    broken = parse_package(files)
    return {broken.sha256: broken}


def recorded(register: EducationRegister, child: str) -> list[Stored]:
    """Of the child; the first made first."""
    store = register.deciding.store
    with register.kernel.engine.connect() as connection:
        return store.of_subject(connection, store.pseudonym(child))[::-1]


def opened(register: EducationRegister, one: Stored) -> dict[str, object]:
    """Inputs by name, as one may read them who may open them."""
    with register.kernel.engine.connect() as connection:
        values = open_values(register.deciding.store, connection, one.record.id)
    return {
        i.name: values[i.value.sealed].value if isinstance(i.value, Sealed) else i.value
        for i in one.record.inputs
    }


async def test_offer_wait_and_grant_leave_records_that_replay(
    register: EducationRegister, others: Others, clock: SetClock
) -> None:
    first, second, third = (another(others, n) for n in (1, 2, 3))
    for child in (first, second, third):
        clock.forward(hours=1)
        birth = replace(event("civil.birth.registered", child), extensions={"caseid": f"case-{child}"})
        register.apply_event(birth, f"e-{child}")
        await settle(register, others)
    for child in (first, second, third):
        wish(register, others, child, 1)
    clock.forward(hours=1)
    register.answer_offer(first, True, by(mother_of(others, first)))
    register.leave(first, by(mother_of(others, first)))
    assert [one.record.effect for one in recorded(register, first)] == ["offer", "grant"]
    held, offer = recorded(register, second)
    assert (held.record.effect, offer.record.effect) == ("hold", "offer")
    assert offer.record.supersedes == held.record.id
    assert {one.record.case for one in (held, offer)} == {f"case-{second}"}, "not the case of who left"
    assert register.standing(second, USAGE).child.decision == str(offer.record.id)
    (waits,) = recorded(register, third)
    assert waits.record.remedy is not None and waits.record.competence.law == "Koolieelse lasteasutuse seadus"
    told = {one.name: (one.register_, one.message_id) for one in waits.record.inputs}
    assert told["persons/child/resident/ETERNITY"] == ("SILD:GOV:1:residence:residence", "m")
    assert told["persons/child/born/ETERNITY"] == ("SILD:GOV:1:population:population", "m")
    for child in (first, second, third):
        for one in recorded(register, child):
            report = register.deciding.replay(str(one.record.id))
            assert report.result == "match", report.to_json()


async def test_a_wait_says_why_and_until_when_in_three_languages(
    register: EducationRegister, others: Others
) -> None:
    first, second = another(others, 1), another(others, 2)
    await joined(register, others, first, second)
    wish(register, others, first, 1)
    wish(register, others, second, 1)
    (held,) = recorded(register, second)
    (why,) = (reason for reason in held.record.reasons if reason.code == "no_free_place")
    with register.kernel.engine.connect() as connection:
        values = open_values(register.deciding.store, connection, held.record.id)
    texts = {
        language: values[text.sealed].value for language, text in why.text.items() if isinstance(text, Sealed)
    }
    assert texts == {
        "et": "Rühmas ei ole vaba kohta. Vaatame selle uuesti üle 1. juuni 2026.",
        "vi": "Nhóm không còn chỗ trống. Việc này sẽ được xem xét lại vào 1 tháng 6, 2026.",
        "en": "The group has no free place. This will be looked at again on June 1, 2026.",
    }


async def test_a_record_tells_of_others_only_what_puts_them_first(
    register: EducationRegister, others: Others, clock: SetClock
) -> None:
    taken, early, late, stranger = (
        another(others, 1),
        another(others, 2),
        another(others, 3),
        another(others, 4, "0793"),
    )
    await joined(register, others, taken, stranger)
    for child in (early, late):
        clock.forward(hours=1)
        await joined(register, others, child)
    for child in (taken, early, late, stranger):
        wish(register, others, child, 1)
    near, far = recorded(register, late)[-1], recorded(register, stranger)[-1]
    about = {name.split("/", 1)[1] for name in opened(register, near) if name.startswith("persons/c0")}
    assert about == {f"c0/{name}/ETERNITY" for name in ("resident", "sibling", "joined_at")}
    ahead = {name for name in opened(register, far) if name.startswith(("persons/c0", "persons/c1"))}
    assert ahead == {"persons/c0/resident/ETERNITY", "persons/c1/resident/ETERNITY"}
    assert not {early, late, taken} & {str(value) for value in opened(register, far).values()}


async def test_children_equal_in_all_but_their_code(register: EducationRegister, others: Others) -> None:
    taken = another(others, 1)
    twins = sorted(estonia.make(date(2026, 2, 2), "F", number) for number in (2, 3))
    for child in twins:
        others.person(child, "2026-02-02", mother=MOTHER)
    await joined(register, others, taken, *twins)
    for child in (taken, *twins):
        wish(register, others, child, 1)
    assert [register.standing(child, USAGE).place for child in twins] == [1, 2]
    last = recorded(register, twins[1])[-1]
    assert not {taken, twins[0]} & {str(value) for value in opened(register, last).values()}
    assert register.deciding.replay(str(last.record.id)).result == "match"


async def test_the_rules_order_the_queue_as_the_register_expects(register: EducationRegister) -> None:
    """Or else nobody gets a place: `queue_rule_differs`."""
    draws = random.Random(7)
    for _ in range(8):
        line = [
            Waiting(
                child=estonia.make(date(2026, 2, day), "F", number),
                resident=draws.random() < 0.6,
                sibling=draws.random() < 0.3,
                joined_at=datetime(2026, 3, draws.randint(1, 3), tzinfo=UTC),
                born=date(2026, 2, day),
            )
            for number, day in enumerate(draws.choices(range(1, 4), k=14), start=1)
        ]
        expected = sorted(line, key=lambda one: one.expected)
        found = turns(register.deciding, expected, 14, at=date(2026, 3, 5))
        assert found == [one.child for one in expected]
        with pytest.raises(CallerError) as refused:
            turns(register.deciding, expected[::-1], 2, at=date(2026, 3, 5))
        assert refused.value.code == "queue_rule_differs"


@pytest.mark.parametrize("what", ["born", "gone", "review"])
async def test_rules_that_fail_lose_no_event_and_people_see_to_it(
    register: EducationRegister, others: Others, clock: SetClock, what: str
) -> None:
    first, second = another(others, 1), another(others, 2)
    if what != "born":
        await joined(register, others, first, second)
        wish(register, others, first, 1)
        wish(register, others, second, 1)
    register.deciding.packages = broken_rules()
    if what == "gone":
        register.apply_event(event("civil.death.registered", first), "d")
        assert register.standing(first, USAGE).child.state == "left"
    elif what == "review":
        clock.at = clock.at.replace(month=6, day=1)
    else:
        register.apply_event(event("civil.birth.registered", first), "b")
    await settle(register, others)
    (held,) = register.tasks.in_state(TaskState.HELD)
    kind = {"born": "queue", "gone": "allocate", "review": "review"}[what]
    assert (held.kind, held.reason) == (kind, "rule_failed")
    if what != "born":
        standing = register.standing(second, USAGE)
        assert (standing.child.state, standing.place) == ("waiting", None)


async def test_in_a_long_queue_the_next_is_offered_the_place(
    register: EducationRegister, others: Others, clock: SetClock
) -> None:
    """300 wait; one leaves, and the next is offered the place."""
    taken = another(others, 1)
    await joined(register, others, taken)
    wish(register, others, taken, 1)
    group = register.standing(taken, USAGE).child.wanted
    codes = [estonia.make(date(2025, 1 + n % 12, 1 + n % 28), "F", n) for n in range(1, 301)]
    with register.kernel.engine.begin() as connection:
        rows = [
            {
                "child": code,
                "born": date(2026, 1, 1),
                "division": "0784",
                "parents": [MOTHER],
                "siblings": [],
                "joined_at": clock.at + timedelta(minutes=number),
                "state": "waiting",
                "wanted": group,
            }
            for number, code in enumerate(codes)
        ]
        connection.execute(insert(children), rows)
    register.answer_offer(taken, False, by(mother_of(others, taken)))
    assert register.standing(codes[0], USAGE).child.state == "offered"
    (offer,) = recorded(register, codes[0])
    assert offer.record.case != "case-7", "of who declined: a child without a case has one of its own"
    assert register.standing(codes[-1], USAGE).place == 299


async def test_a_corrected_home_is_for_people(register: EducationRegister, others: Others) -> None:
    """Where the child lives is told when it moves, and no rule asks for it anew: listed, and not dropped."""
    first, second = another(others, 1), another(others, 2)
    await joined(register, others, first, second)
    wish(register, others, first, 1)
    wish(register, others, second, 1)
    home = {"fact": 3, "name": "residence", "concept": "person.residence"}
    register.apply_event(event("fact.corrected", second, **home), "m-corrected")
    worker = register.worker(others)
    while await worker.work():
        pass
    with register.kernel.engine.connect() as connection:
        assert [(one.state, one.reason) for one in list_ripples(connection)] == [("listed", "not_asked_anew")]


async def test_a_corrected_birth_date_decides_a_wait_again(
    register: EducationRegister, others: Others
) -> None:
    first, second = another(others, 1), another(others, 2)
    await joined(register, others, first, second)
    wish(register, others, first, 1)
    wish(register, others, second, 1)
    others.people[second]["born"] = "2026-01-10"
    born = {"fact": 3, "name": "born", "concept": "person.date_of_birth"}
    register.apply_event(event("fact.corrected", second, **born), "m-corrected")
    worker = register.worker(others)
    while await worker.work():
        pass
    held, again = (one.record for one in recorded(register, second))
    assert (again.effect, again.supersedes) == ("correct", held.id)
    assert [one.code for one in again.reasons][-2:] == ["fact_corrected", "no_free_place"]
    child = register.standing(second, USAGE).child
    assert (child.decision, child.born, child.review_on) == (
        str(again.id),
        date(2026, 1, 10),
        date(2026, 6, 1),
    )
    with register.kernel.engine.connect() as connection:
        (ripple,) = list_ripples(connection)
    assert (ripple.state, ripple.newer) == ("redecided", str(again.id))


def anywhere(register: EducationRegister, others: Others, child: str) -> Standing:
    return register.wish(child, None, None, by(mother_of(others, child)))


async def test_any_kindergarten_of_the_commune_is_the_one_with_most_places(
    register: EducationRegister, others: Others
) -> None:
    child = another(others, 1)
    await joined(register, others, child)
    standing = anywhere(register, others, child)
    assert standing.child.state == "offered"
    assert standing.group is not None and standing.group.kindergarten == 2, "two places free there, one in 1"


async def test_any_kindergarten_when_none_is_free_is_where_fewest_wait_and_then_whichever_comes_first(
    register: EducationRegister, others: Others
) -> None:
    there, waits, any_child = (
        [another(others, number) for number in range(1, 4)],
        another(others, 4),
        another(others, 5),
    )
    await joined(register, others, *there, waits, any_child)
    for child, kindergarten in zip(there, (1, 2, 2), strict=True):
        assert wish(register, others, child, kindergarten).child.state == "offered"
    assert wish(register, others, waits, 2).child.reason == "no_free_place"
    standing = anywhere(register, others, any_child)
    assert (standing.child.state, standing.child.reason) == ("waiting", "no_free_place")
    assert standing.group is not None and standing.group.kindergarten == 1, "nobody waits there"
    register.answer_offer(there[1], False, by(mother_of(others, there[1])))
    await settle(register, others)
    assert register.standing(waits, USAGE).child.state == "offered", "who waits for 2 itself comes first"
    assert register.standing(any_child, USAGE).child.state == "waiting"
    register.answer_offer(there[2], False, by(mother_of(others, there[2])))
    await settle(register, others)
    standing = register.standing(any_child, USAGE)
    assert standing.child.state == "offered" and standing.group is not None
    assert standing.group.kindergarten == 2, "a place that nobody else wanted, elsewhere than where it waited"


async def test_any_kindergarten_where_there_is_none_for_the_age(
    register: EducationRegister, others: Others
) -> None:
    child = another(others, 1, division="0296")
    await joined(register, others, child)
    with pytest.raises(CallerError) as refused:
        anywhere(register, others, child)
    assert refused.value.code == "no_group"


async def test_a_parents_word_said_by_a_clerk(register: EducationRegister, others: Others) -> None:
    child = another(others, 1)
    await joined(register, others, child)
    clerk = by("48806260018")
    with pytest.raises(CallerError) as refused:
        register.wish(child, 1, None, clerk)
    assert refused.value.code == "not_a_parent"
    mother = mother_of(others, child)
    with pytest.raises(CallerError) as refused:  # a code of another country, with the same digits
        register.wish(child, 1, None, replace(clerk, represented_party=f"LT{mother}"))
    assert refused.value.code == "not_a_parent"
    said = replace(clerk, message_id=f"m-{next(MESSAGES)}", represented_party=f"EE{mother}")
    assert register.wish(child, 1, None, said).child.state == "offered"


async def test_a_correction_ahead_in_the_queue_reaches_those_whose_place_it_changes(
    register: EducationRegister, others: Others, clock: SetClock
) -> None:
    """They joined at one moment, so the older child comes first: its corrected date of birth brings the last to the front."""
    taken, second, third, fourth, apart = (another(others, number) for number in range(1, 6))
    await joined(register, others, taken, second, third, fourth, apart)
    for child in (taken, second, third, fourth):
        wish(register, others, child, 1)
    wish(register, others, apart, 2)
    assert [register.standing(one, USAGE).place for one in (second, third, fourth)] == [1, 2, 3]
    store = register.deciding.store
    before = {
        one: str(register.standing(one, USAGE).child.decision) for one in (second, third, fourth, apart)
    }
    others.people[fourth]["born"] = "2026-01-15"
    told = event("fact.corrected", fourth, concept="person.date_of_birth", fact=7)
    register.apply_event(told, "m-corrected")
    await settle(register, others)
    assert [register.standing(one, USAGE).place for one in (fourth, second, third)] == [1, 2, 3]
    with register.kernel.engine.connect() as connection:
        newer = {one: store.superseded_by(connection, decision) for one, decision in before.items()}
        assert newer[apart] is None and all(newer[one] for one in (second, third, fourth))
        reasons = {
            one: {reason.code for reason in store.find(connection, str(newer[one])).record.reasons}
            for one in (second, third, fourth)
        }
        states = [one.state for one in list_ripples(connection, limit=None)]
    assert "fact_corrected" in reasons[fourth]
    assert "queue_corrected" in reasons[second] and "queue_corrected" in reasons[third]
    assert states == ["redecided"] * 3, "each once, and nobody reaches the others again"


# --- facts


async def test_how_it_stands_is_a_fact_of_both_times(
    register: EducationRegister, others: Others, clock: SetClock
) -> None:
    """What a day was like, as it was known then and as it is known now; by whose message each came about."""
    first, second = another(others, 1), another(others, 2)
    await joined(register, others, first)
    register.apply_event(event("civil.birth.registered", second, number="b"), "m-birth")
    await settle(register, others)
    ours = (mother_of(others, first), mother_of(others, second))
    clock.forward(days=1)
    register.wish(first, 1, None, by(ours[0]))
    wished = by(ours[1])
    register.wish(second, 1, None, wished)
    asked, clock.at = clock.at, clock.at + timedelta(days=1)
    declined = by(ours[0])
    register.answer_offer(first, False, declined)
    clock.forward(hours=1)
    register.answer_offer(second, True, by(ours[1]))
    clock.forward(days=1)
    register.leave(second, by(ours[1]))
    assert [(one.value["state"], one.value.get("reason"), one.valid_from.day) for one in said_of(register, second)] == [
        ("waiting", "no_wish", 2), ("waiting", "no_free_place", 3), ("offered", None, 4), ("attending", None, 4),
        ("left", None, 5),
    ]  # fmt: skip
    assert [one.value.get("reason") for one in said_of(register, first)] == ["no_wish", None, "declined"]
    joining, waiting, offered, attending, _ = said_of(register, second)
    assert waiting.value["kindergarten"] == "K1" and waiting.value["review_on"] == "2026-06-01"
    assert not {"place", "waiting"} & set(waiting.value), "the place in the line follows from the others"
    messages = [one.provenance.message_id for one in (joining, waiting, offered)]
    assert messages == ["b", wished.message_id, declined.message_id], "by what it follows from, another's too"
    assert (offered.provenance.source, offered.provenance.basis) == (register.kernel.system, "KELS § 10")
    fourth = attending.valid_from
    with register.kernel.engine.connect() as connection:
        facts = Facts(connection, clock())

        def stood(known_at: datetime | None = None, on: date = fourth) -> str:
            (fact,) = facts.current(second, [QUEUE], on=on, known_at=known_at)
            return str(fact.value["state"])

        assert stood() == "attending", "of that day known now: though the child has left since"
        assert stood(on=clock().date()) == "left"
        assert stood(known_at=asked) == "waiting", "as it was known the day before"
        assert stood(known_at=offered.known_from) == "offered"


async def test_what_is_refused_or_fails_is_no_fact(register: EducationRegister, others: Others) -> None:
    await joined(register, others, CHILD)
    with pytest.raises(CallerError):
        register.wish(CHILD, 1, None, by(SISTER))
    register.deciding.packages = broken_rules()
    with pytest.raises(CallerError):
        register.wish(CHILD, 1, None, by(MOTHER))
    assert [one.value["reason"] for one in said_of(register, CHILD)] == ["no_wish"]


def test_rows_of_before_there_were_facts_are_facts_known_from_now_on(
    tmp_path: Path, directory: Path, database_url: str, clock: SetClock
) -> None:
    old = tmp_path / "education" / "migrations"
    old.mkdir(parents=True)
    for script in MIGRATIONS.glob("r000[1-4]_*.py"):
        (old / script.name).write_bytes(script.read_bytes())
    kinds = (EVENT_MIGRATIONS, KERNEL_MIGRATIONS, TASK_MIGRATIONS, DECISION_MIGRATIONS)
    engine = open_database(database_url, *kinds, old)
    row = {"born": date(2026, 1, 1), "parents": [MOTHER], "siblings": [], "joined_at": clock(), "told": {}}
    wish = {"wanted": 7, "wanted_from": date(2027, 9, 1)}
    with engine.begin() as connection:
        connection.execute(insert(kindergartens).values(id=1, name="Sipsik", division="0784"))
        connection.execute(insert(groups).values(id=7, kindergarten=1, age_from=0, age_to=3, capacity=1))
        connection.execute(insert(children).values(child=VN_CHILD, state="waiting", reason="no_wish", **row))
        connection.execute(
            insert(children).values(
                child=CHILD, state="offered", decision="d", any_nearby=True, **row, **wish
            )
        )
    engine.dispose()
    for _ in range(2):  # once, however often it is opened
        EducationRegister.open(directory, database_url, people=0, clock=clock).close()
    register = EducationRegister.open(directory, database_url, people=0, clock=clock)
    try:
        (waits,), (offered,) = said_of(register, VN_CHILD), said_of(register, CHILD)
        assert waits.value == {"state": "waiting", "reason": "no_wish", "joined_at": clock().isoformat()}
        assert (waits.valid_from, waits.provenance.basis) == (clock().date(), "NĐ 105/2020/NĐ-CP")
        assert offered.value == {
            "state": "offered", "kindergarten": "Sipsik", "group": 7, "any_nearby": True,
            "wanted_from": "2027-09-01", "joined_at": clock().isoformat(), "decision": "d",
        }  # fmt: skip
        assert offered.valid_from == offered.known_from.date(), "since when nobody had written down"
        assert register.answer_offer(CHILD, False, by(MOTHER)).child.reason == "declined"
        assert [one.value["state"] for one in said_of(register, CHILD)] == ["offered", "waiting"]
    finally:
        register.close()
