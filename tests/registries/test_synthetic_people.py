"""Synthetic people: always the same, valid codes, plausible families."""

from __future__ import annotations

import time
from fractions import Fraction

import pytest

from sild.registries import parse_identity_code
from sild.registries.synthetic import AS_OF, SyntheticPerson, synthetic_homes, synthetic_people


@pytest.fixture(scope="module")
def people() -> list[SyntheticPerson]:
    return synthetic_people(4_000)


def test_a_few_thousand_in_two_countries(people: list[SyntheticPerson]) -> None:
    assert 3_600 <= len(people) <= 4_000
    estonians = sum(person.country == "EE" for person in people)
    assert 0.4 < estonians / len(people) < 0.6


def test_always_the_same(people: list[SyntheticPerson]) -> None:
    again = synthetic_people(4_000)
    assert [(p.code, p.family_name, p.given_names, repr(p.home)) for p in again] == [
        (p.code, p.family_name, p.given_names, repr(p.home)) for p in people
    ]
    assert synthetic_people(4_000, seed=1)[0].code != people[0].code


def test_quick(people: list[SyntheticPerson]) -> None:
    started = time.process_time()
    synthetic_people(4_000)
    assert time.process_time() - started < 1.0  # about 0.2 s; the bound is for busy machines


def test_codes_fit_the_people(people: list[SyntheticPerson]) -> None:
    assert len({person.code for person in people}) == len(people)
    for person in people:
        code = parse_identity_code(person.code)
        assert (code.country, code.sex, code.birth_year) == (person.country, person.sex, person.born.year)
        assert code.born in (None, person.born)


def test_parents_come_first_and_are_old_enough(people: list[SyntheticPerson]) -> None:
    seen: set[str] = set()
    for person in people:
        if person.mother is not None:
            assert person.mother.code in seen
            assert 18 <= (person.born - person.mother.born).days / 365.25 <= 45
            assert person.mother.sex == "F"
        if person.father is not None:
            assert person.father.code in seen
            assert person.father.sex == "M"
            assert (person.born - person.father.born).days / 365.25 >= 14
        seen.add(person.code)


def test_families_and_names(people: list[SyntheticPerson]) -> None:
    with_father = [p for p in people if p.father is not None]
    assert len(with_father) > len(people) / 3
    for person in with_father:
        assert person.father is not None
        if person.country == "VN":
            assert person.family_name == person.father.family_name or person.spouse is not None
            assert person.mother is None or person.mother.spouse is person.father
    wives = [p for p in people if p.sex == "F" and p.spouse is not None]
    same = {
        c: sum(w.family_name == w.spouse.family_name for w in wives if w.country == c and w.spouse)
        for c in ("EE", "VN")
    }
    assert same["EE"] > same["VN"]


def test_nobody_marries_a_sibling_or_two(people: list[SyntheticPerson]) -> None:
    for person in people:
        if person.spouse is not None:
            assert person.spouse.spouse is person
            assert person.spouse.sex != person.sex
            assert person.mother is None or person.mother is not person.spouse.mother


def test_the_living_have_homes_and_children_live_with_a_parent(people: list[SyntheticPerson]) -> None:
    for person in people:
        assert (person.home is None) == (person.died is not None)
        if person.died is not None:
            assert person.born <= person.died < AS_OF
            continue
        assert person.home is not None
        assert person.moved_in is not None
        assert person.born <= person.moved_in < AS_OF
        assert person.home.country == person.country
        parents = [p for p in (person.mother, person.father) if p is not None and p.home is not None]
        if parents and (AS_OF - person.born).days < 17 * 365:
            assert person.home in [parent.home for parent in parents]


def test_everyone_is_born_before_the_day_they_are_told_of(people: list[SyntheticPerson]) -> None:
    assert all(person.born < AS_OF for person in people)
    children = sum(person.born.year >= AS_OF.year - 18 for person in people)
    assert 0.08 < children / len(people) < 0.4


def test_homes_hold_one_household_and_have_owners(people: list[SyntheticPerson]) -> None:
    homes = synthetic_homes(people)
    assert len({(home.country, home.number) for home in homes}) == len(homes)
    places = {(h.country, h.municipality, h.street, h.house, h.apartment) for h in homes}
    assert len(places) == len(homes)
    lived_in = {person.home for person in people if person.home is not None}
    assert 0.05 < (len(homes) - len(lived_in)) / len(lived_in) < 0.2, "some to move to"
    codes = {person.code for person in people}
    for home in homes:
        assert sum(Fraction(owner.share) for owner in home.owners) == 1
        assert all((owner.code in codes) != (owner.name is not None) for owner in home.owners)


def test_weddings_are_before_deaths_and_change_names(people: list[SyntheticPerson]) -> None:
    married = [person for person in people if person.spouse is not None]
    assert married
    for person in married:
        assert person.spouse is not None
        assert person.married_on is not None
        assert person.married_on == person.spouse.married_on
        assert person.born < person.married_on < (person.died or AS_OF)
    changed = [person for person in married if person.birth_name not in (None, person.family_name)]
    assert {person.country for person in changed} == {"EE"}
