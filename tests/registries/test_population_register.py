"""The register: people, families, residences as facts, and a record of every use."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from sild.errors import CallerError, Unavailable
from sild.registries import InvalidIdentityCode, PopulationRegister
from sild.registries.population.people import synthetic_people
from sild.registries.population.records import Address, Usage
from sild.registries.population.tables import metadata

HOME = Address("EE", "Tartu maakond", "Tartu linn", "Lai", "5", None, "51005")
ABSENT = "38001085718"


def codes(register: PopulationRegister) -> list[str]:
    return [person["code"] for person in register.some_people(4)]


def test_the_migrations_make_the_schema_the_code_believes_in(either_register: PopulationRegister) -> None:
    with either_register._engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": "population_revision"})
        assert compare_metadata(context, metadata) == []


def test_people_move_in_once(tmp_path: Path) -> None:
    first = PopulationRegister.open(tmp_path, people=200)
    people, some = first.count(), first.some_people(5)
    first.close()
    again = PopulationRegister.open(tmp_path, people=400)
    assert (again.count(), again.some_people(5)) == (people, some)
    again.close()


def test_people_for_demonstrations_come_from_both_countries(register: PopulationRegister) -> None:
    assert [person["country"] for person in register.some_people(4)] == ["EE", "VN", "EE", "VN"]


def test_a_person(either_register: PopulationRegister, usage: Usage) -> None:
    for known in synthetic_people(400)[::37]:
        person = either_register.person(known.code, usage)
        assert (person.family_name, person.given_names) == (known.family_name, known.given_names)
        assert (person.born, person.died) == (known.born, known.died)
        assert person.mother == (known.mother.code if known.mother else None)
        assert (person.residence is None) == (known.died is not None)
        if person.residence is not None and known.address is not None:
            assert person.residence.address.house == known.address.house


def test_names_stand_in_the_order_of_the_country(register: PopulationRegister, usage: Usage) -> None:
    estonian, vietnamese = (register.person(code, usage) for code in codes(register)[:2])
    assert estonian.full_name == f"{estonian.given_names} {estonian.family_name}"
    assert vietnamese.full_name == f"{vietnamese.family_name} {vietnamese.given_names}"


def test_children_and_parents_agree(either_register: PopulationRegister, usage: Usage) -> None:
    for code in codes(either_register):
        children = either_register.children(code, usage)
        assert children
        assert list(children) == sorted(children, key=lambda child: (child.born, child.code))
        assert all(code in (child.mother, child.father) for child in children)


def test_nobody_and_no_code(register: PopulationRegister, usage: Usage) -> None:
    for question in (register.person, register.children):
        with pytest.raises(CallerError) as refusal:
            question(ABSENT, usage)
        assert refusal.value.code == "unknown_person"
        with pytest.raises(InvalidIdentityCode):
            question("38001085717", usage)


def test_names_are_found_without_case_and_accents(either_register: PopulationRegister, usage: Usage) -> None:
    page = either_register.find(usage, family_name="nguyen", limit=100)
    assert page.total > 20
    assert {person.family_name for person in page.persons} == {"Nguyễn"}
    some = page.persons[0]
    narrower = either_register.find(
        usage, family_name="NGUYỄN", given_names=some.given_names.lower(), born=some.born, country="VN"
    )
    assert some in narrower.persons
    assert either_register.find(usage, family_name="nguyen", country="EE").total == 0
    assert either_register.find(usage, family_name="%").total == 0


def test_found_people_are_paged(register: PopulationRegister, usage: Usage) -> None:
    everybody = register.find(usage, family_name="nguyen", limit=100).persons
    paged = [
        person
        for offset in range(0, len(everybody), 7)
        for person in register.find(usage, family_name="nguyen", limit=7, offset=offset).persons
    ]
    assert paged == list(everybody)


@pytest.mark.parametrize("criteria", [{}, {"family_name": "  "}, {"given_names": "Mari"}, {"country": "EE"}])
def test_a_search_for_everybody(register: PopulationRegister, usage: Usage, criteria: dict[str, str]) -> None:
    with pytest.raises(CallerError, match="too_broad"):
        register.find(usage, **criteria)  # type: ignore[arg-type]


def test_a_notice_holds_from_its_day_on(either_register: PopulationRegister, usage: Usage) -> None:
    code = codes(either_register)[0]
    before = either_register.person(code, usage).residence
    later, is_new = either_register.give_notice(code, HOME, date(2026, 3, 15), usage)
    assert is_new
    assert either_register.person(code, usage).residence == before  # today is the 1st
    moved = replace(usage, message_id="m-2")
    either_register.give_notice(code, replace(HOME, house="7"), date(2026, 2, 20), moved)
    residence = either_register.person(code, usage).residence
    assert residence is not None
    assert residence.address.house == "7"
    assert either_register.notice(code, later.id, usage) == later


def test_the_same_message_again_is_no_second_notice(
    either_register: PopulationRegister, usage: Usage
) -> None:
    code = codes(either_register)[0]
    first, is_new = either_register.give_notice(code, HOME, date(2026, 2, 1), usage)
    again, is_new_again = either_register.give_notice(code, HOME, date(2026, 2, 1), usage)
    assert (first, is_new, is_new_again) == (again, True, False)
    other, is_new = either_register.give_notice(
        code, HOME, date(2026, 2, 1), replace(usage, client="DEV/GOV/2/Other")
    )
    assert is_new
    assert other.id != first.id


def test_the_same_message_many_times_at_once(either_register: PopulationRegister, usage: Usage) -> None:
    code = codes(either_register)[0]
    barrier = threading.Barrier(6)

    def give(_: int) -> tuple[int, bool]:
        barrier.wait()
        notice, is_new = either_register.give_notice(code, HOME, date(2026, 2, 1), usage)
        return notice.id, is_new

    with ThreadPoolExecutor(6) as pool:
        results = list(pool.map(give, range(6)))
    assert len({notice for notice, _ in results}) == 1
    assert sum(is_new for _, is_new in results) == 1


def test_notices_that_cannot_be(register: PopulationRegister, usage: Usage) -> None:
    code = codes(register)[0]
    born = register.person(code, usage).born
    dead = next(person.code for person in synthetic_people(400) if person.died is not None)
    for person, day, expected in (
        (ABSENT, date(2026, 2, 1), "unknown_person"),
        (dead, date(2026, 2, 1), "person_is_dead"),
        (code, date(2026, 4, 1), "date_out_of_range"),
        (code, born.replace(year=born.year - 1), "date_out_of_range"),
    ):
        with pytest.raises(CallerError, match=expected):
            register.give_notice(person, HOME, day, usage)
    with pytest.raises(CallerError, match="unknown_notice"):
        register.notice(code, 1, usage)  # a residence from the beginning is no notice


def test_every_use_is_recorded(either_register: PopulationRegister, usage: Usage) -> None:
    code = codes(either_register)[0]
    (child, *_) = either_register.children(code, usage)
    either_register.person(code, replace(usage, message_id="m-2", user_id=None))
    with pytest.raises(CallerError):
        either_register.person(ABSENT, replace(usage, message_id="m-3"))
    person, children = either_register.usage_of(code)
    assert (person["operation"], person["outcome"], person["message_id"]) == ("person", "done", "m-2")
    assert (children["operation"], children["client"]) == ("children", "DEV/GOV/1/Desk")
    assert (children["user_id"], children["issue"]) == ("EE38001085718", "case 7")
    assert [use["message_id"] for use in either_register.usage_of(child.code)] == ["m-1"]
    (in_vain,) = either_register.usage_of(ABSENT)
    assert in_vain["outcome"] == "unknown_person"


@pytest.mark.parametrize("table", ["usage_records", "usage_persons", "residences"])
def test_facts_and_uses_cannot_be_changed(
    either_register: PopulationRegister, usage: Usage, table: str
) -> None:
    either_register.person(codes(either_register)[0], usage)
    with pytest.raises(DBAPIError, match="append-only"), either_register._engine.begin() as connection:
        connection.execute(text(f"DELETE FROM {table}"))


def test_without_a_record_no_answer(register: PopulationRegister, usage: Usage) -> None:
    code = codes(register)[0]
    with register._engine.begin() as connection:
        connection.execute(
            text("CREATE TRIGGER full BEFORE INSERT ON usage_records BEGIN SELECT RAISE(ABORT, 'full'); END")
        )
    with pytest.raises(DBAPIError):
        register.person(code, usage)


def test_a_database_that_cannot_be_reached(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="database_error"):
        PopulationRegister.open(tmp_path, database_url=f"postgresql://nobody@/nothing?host={tmp_path}")
