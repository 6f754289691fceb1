"""What a wish would come to is what it comes to, whoever wishes what before; nothing is written by asking."""

from __future__ import annotations

import random

import pytest

from sild.errors import CallerError
from sild.registries.education.register import EducationRegister

from .conftest import CHILD, MOTHER, Others
from .test_education import another, by, joined, mother_of
from .test_education import register as register


@pytest.fixture
def database_url() -> None:
    """SQLite: nothing here is of one database alone."""


async def test_as_it_is_foreseen_so_it_comes(register: EducationRegister, others: Others) -> None:
    children = [CHILD, *(another(others, number) for number in (3, 5, 7, 9))]
    await joined(register, others, *children)
    choose = random.Random(20261123)
    seen = set()
    for _ in range(16):
        child = choose.choice(children)
        me = mother_of(others, child)
        before = register.standing(child, by(me))
        foreseen = register.foresee(child, by(me))
        assert register.standing(child, by(me)) == before
        assert [one.any for one in foreseen] == [True, False, False], (
            "any of the commune, and each of its own"
        )
        one = choose.choice(foreseen)
        wished = None if one.any else one.group.kindergarten
        came = register.wish(child, wished, before.child.wanted_from, by(me))
        assert came.group is not None and came.group.kindergarten == one.group.kindergarten
        assert (came.child.state == "offered") == one.is_offered
        if not one.is_offered:
            assert (came.place, came.waiting) == (one.place, one.waiting)
        seen.add((before.child.state, came.child.state, one.any))
    assert {("waiting", "offered"), ("offered", "waiting")} <= {(was, now) for was, now, _any in seen}


async def test_only_a_parent_asks_and_not_when_a_place_was_taken(
    register: EducationRegister, others: Others
) -> None:
    await joined(register, others, CHILD)
    for person, code in ((mother_of(others, another(others, 3)), "not_a_parent"), (MOTHER, None)):
        if code is None:
            assert register.foresee(CHILD, by(person))
            continue
        with pytest.raises(CallerError) as refused:
            register.foresee(CHILD, by(person))
        assert refused.value.code == code
    register.wish(CHILD, 2, None, by(MOTHER))
    register.answer_offer(CHILD, True, by(MOTHER))
    with pytest.raises(CallerError) as attending:
        register.foresee(CHILD, by(MOTHER))
    assert attending.value.code == "already_attending"
