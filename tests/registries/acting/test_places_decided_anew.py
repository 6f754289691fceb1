"""A wait, an offer or a place is decided anew by hand: another rank, or a place though none is free; nobody loses one; who stands behind hears of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from sild.decisions import DecisionRecord, bundle_of, list_ripples, render_bundle, verify_bundle
from sild.registries import education_app
from sild.registries.deciding import replay_mismatched
from sild.registries.education import anew as by_hand_module
from sild.registries.education.register import EducationRegister
from sild.registries.education.tables import children
from support.acting import serving

from ..asking import Asker, refused
from .conftest import OVERTURNED, USAGE, Others, SetClock, event
from .test_education import another, by, in_two_communes, joined, mother_of, sent, settle, wish

OFFICIAL, OTHER = "EE37001010002", "EE38001010007"
WORDS = {"et": "Vaadatud uuesti.", "vi": "Đã xem lại.", "en": "Looked at again."}
RANK, FIRST_DAY = "child/place/ETERNITY", "child/earliest/ETERNITY"
NUMBERS = count(1)


@pytest.fixture
def register(directory: Path, clock: SetClock) -> Iterator[EducationRegister]:
    """On SQLite; `either` is one in a database of each kind."""
    yield from in_two_communes(directory, None, clock)


@pytest.fixture
def either(directory: Path, either_url: str, clock: SetClock) -> Iterator[EducationRegister]:
    yield from in_two_communes(directory, either_url, clock)


@contextmanager
def overturned(register: EducationRegister, others: Others, child: str) -> Iterator[Any]:
    """The decision as it stands was contested and overturned; what gives it other values by hand."""
    register.kernel.outbox.subscribe("SILD/GOV/70000001/portal", "news", ["decision.corrected"])
    decision, case = decision_of(register, child), f"c-{next(NUMBERS)}"
    mother = mother_of(others, child)
    with serving(education_app(register)) as site:
        asker = Asker(site)
        path = f"/decisions/{decision}/contests"
        said = {"contest": case, "line": "rule"}
        asker.done(path, said, user=f"EE{mother}", X_Road_Issue=case, id=f"begin-{case}")
        end = {**OVERTURNED, "answer": {**OVERTURNED["answer"], "contested_by": mother}}  # type: ignore[dict-item]
        asker.done(f"{path}/{case}/end", end, 200, user=OFFICIAL, X_Road_Issue=case, id=f"end-{case}")

        def anew(values: dict[str, Any], **more: Any) -> Any:
            given = {"values": values, "considerations": "Kaalutud.", "reasons": WORDS}
            body = {"by": "hand", "country": "EE", "contested_by": mother, **given}
            return asker.post(
                f"{path}/{case}/anew",
                body,
                **{"user": OFFICIAL, "X_Road_Issue": case, "id": f"anew-{next(NUMBERS)}", **more},
            )

        yield anew


def decision_of(register: EducationRegister, child: str) -> str:
    return str(register.standing(child, USAGE).child.decision)


def record(register: EducationRegister, decision: str) -> DecisionRecord:
    with register.kernel.engine.connect() as connection:
        return register.deciding.store.find(connection, decision).record


def places(register: EducationRegister, *some: str) -> list[int | None]:
    return [register.standing(one, USAGE).place for one in some]


async def a_line(register: EducationRegister, others: Others, clock: SetClock, waiting: int = 2) -> list[str]:
    """Who has the one place of kindergarten 1, and those who wait for it, one after the other."""
    line = [another(others, number) for number in range(1, waiting + 2)]
    for child in line:
        await joined(register, others, child)
        clock.forward(hours=1)
    for child in line:
        wish(register, others, child, 1)
    assert places(register, *line) == [None, *range(1, waiting + 1)]
    return line


async def test_another_rank_holds_and_those_behind_are_decided_again(
    register: EducationRegister, others: Others, clock: SetClock
) -> None:
    there, first, second, third, fourth = await a_line(register, others, clock, 4)
    before = {one: decision_of(register, one) for one in (there, first, second, third, fourth)}
    with overturned(register, others, fourth) as anew:
        for wrong in (0, 5, -1, 10**12, "2", True):
            refused(anew({RANK: wrong}), 400, "not_its_kind")
        for never in ({FIRST_DAY: "2020-01-01"}, {"group": 2}, {"review_on": "2030-01-01"}, {"x": 1}):
            refused(anew(never), 400, "not_an_outcome")
        new = anew({RANK: 2}).json()["decision"]
    assert places(register, first, fourth, second, third) == [1, 2, 3, 4]
    made = record(register, new)
    assert (str(made.supersedes), made.kind, made.effect) == (before[fourth], "human", "correct")
    assert (made.step, made.outcome.type, made.discretion) == (
        "wait",
        "kindergarten_place.wait",
        "structured",
    )
    assert made.remedy and made.considerations and made.hearing.required
    assert register.deciding.replay(new).result == "impossible"
    assert sent(register, fourth)[-1][0] == "decision.corrected"
    await settle(register, others)
    after = {one: decision_of(register, one) for one in before}
    moved = {one for one in before if before[one] != after[one]}
    assert moved == {fourth, second, third}, (
        "whose place is another; not who stands before, nor who has a place"
    )
    for one in (second, third):
        newer = record(register, after[one])
        assert "queue_corrected" in {why.code for why in newer.reasons} and newer.kind == "rule"
        assert register.deciding.replay(after[one]).result == "match", "the rule gives the same line"
    assert register.standing(there, USAGE).child.state == "offered", "a place that was given is nobody else's"

    # it is where it was put, whoever comes and goes; its later decisions say who put it there, and can be replayed
    register.leave(first, by(mother_of(others, first)))
    assert places(register, fourth, second, third) == [1, 2, 3]
    register.answer_offer(there, False, by(mother_of(others, there)))
    offered = register.standing(fourth, USAGE)
    assert offered.child.state == "offered"
    rested = {one.name: one for one in record(register, str(offered.child.decision)).inputs}
    assert rested["persons/child/joined_at/ETERNITY"].asserted_by == "official"
    assert rested["persons/child/born/ETERNITY"].asserted_by == "register"
    assert register.deciding.replay(str(offered.child.decision)).result == "match"


async def test_a_later_rank_and_what_ends_it(
    register: EducationRegister, others: Others, clock: SetClock
) -> None:
    _, first, second = await a_line(register, others, clock)
    with overturned(register, others, first) as anew:
        anew({RANK: 2})
    assert places(register, second, first) == [1, 2]
    third = another(others, 6)
    await joined(register, others, third)
    wish(register, others, third, 1)
    assert places(register, first, third) == [2, 3], "who comes later stands behind"
    wish(register, others, first, 2)
    wish(register, others, first, 1)
    assert places(register, first) == [1], "another wish is another line: there it is the rule's"


async def test_a_place_is_given_though_none_is_free(
    register: EducationRegister, others: Others, clock: SetClock
) -> None:
    there, first, second, third = await a_line(register, others, clock, 3)
    old = decision_of(register, third)
    with overturned(register, others, third) as anew:
        for wrong in ("K9", "", "K1' OR 1=1", "x" * 5_000, 1):
            refused(anew({"kindergarten": wrong}), 400, "not_its_kind")
        refused(anew({"kindergarten": "K1", RANK: 1}), 400, "not_an_outcome")
        new = anew({"kindergarten": "K1"}, id="once").json()["decision"]
        assert anew({"kindergarten": "K1"}, id="once").json()["decision"] == new, "the same message again"
        refused(anew({"kindergarten": "K2"}), 409, "superseded_already")
    standing = register.standing(third, USAGE)
    assert (standing.child.state, standing.child.decision, standing.child.review_on) == ("offered", new, None)
    assert standing.group is not None and (standing.group.capacity, standing.group.taken) == (1, 2)
    made = record(register, new)
    assert (made.step, made.outcome.type, str(made.supersedes)) == (
        "offer",
        "kindergarten_place.offer",
        old,
    )
    assert {one.name for one in made.outcome.items}.isdisjoint({"review_on"})
    assert sent(register, third)[-1][0] == "education.place.offered"
    assert register.standing(there, USAGE).child.state == "offered", "and nobody who was given one loses it"
    await settle(register, others)
    assert places(register, first, second) == [1, 2]
    with register.kernel.engine.connect() as connection:
        evidence = bundle_of(register.deciding.store, connection, new)
    assert all(one.verdict != "broken" for one in verify_bundle(render_bundle(evidence)))

    register.answer_offer(third, True, by(mother_of(others, third)))
    assert register.standing(third, USAGE).child.state == "attending"
    assert register.deciding.replay(decision_of(register, third)).result == "match"
    register.answer_offer(there, False, by(mother_of(others, there)))
    assert places(register, first) == [1], "one place, and one child has it"
    register.leave(third, by(mother_of(others, third)))
    assert register.standing(first, USAGE).child.state == "offered"


@pytest.mark.parametrize("attends", [False, True])
async def test_another_kindergarten_for_who_has_a_place_frees_it(
    register: EducationRegister, others: Others, clock: SetClock, attends: bool
) -> None:
    there, first = await a_line(register, others, clock, 1)
    if attends:
        register.answer_offer(there, True, by(mother_of(others, there)))
    with overturned(register, others, there) as anew:
        refused(anew({RANK: 3}), 400, "not_an_outcome")  # nobody is put back into the line
        refused(anew({"wanted_from": "2026-03-02"}), 400, "not_its_kind")  # too young
        new = anew({"kindergarten": "K2"}).json()["decision"]
    standing = register.standing(there, USAGE)
    state, step = ("attending", "grant") if attends else ("offered", "offer")
    assert (standing.child.state, standing.child.decision) == (state, new)
    assert standing.group is not None and standing.group.name == "K2"
    assert record(register, new).outcome.type == f"kindergarten_place.{step}"
    assert sent(register, there)[-1][0] == ("decision.corrected" if attends else "education.place.offered")
    assert register.standing(first, USAGE).child.state == "offered", "what it had goes to the next"


async def test_a_ripple_is_decided_by_hand_and_a_later_place_needs_a_hearing(
    register: EducationRegister, others: Others, clock: SetClock
) -> None:
    _, first, second = await a_line(register, others, clock)
    replay_mismatched(register.deciding, 7, decision_of(register, second))
    with register.kernel.engine.connect() as connection:
        (ripple,) = list_ripples(connection)
    given = {"country": "EE", "considerations": "Viga.", "reasons": WORDS, "hearing": {"way": "favourable"}}
    path = f"/ripples/{ripple.id}/end"
    with serving(education_app(register)) as site:
        asker = Asker(site)

        def end(values: dict[str, Any], **more: Any) -> Any:
            body = {"outcome": "by_hand", "new": {**given, "values": values, **more}}
            return asker.post(path, body, user=OTHER, id=f"ripple-{next(NUMBERS)}")

        refused(end({RANK: 3}), 409, "not_favourable")
        refused(end({"kindergarten": "K2"}), 409, "not_favourable")
        assert end({RANK: 1}).status == 200
    assert places(register, second, first) == [1, 2]
    await settle(register, others)
    with register.kernel.engine.connect() as connection:
        assert {one.state for one in list_ripples(connection)} == {"ended", "redecided"}


async def test_killed_before_its_effect_it_is_done_once(
    either: EducationRegister, others: Others, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, first, second = await a_line(either, others, clock)
    old = decision_of(either, second)

    def killed(*_: Any, **__: Any) -> None:
        raise RuntimeError("killed here")

    with overturned(either, others, second) as anew:
        for name in ("say_place", "reach_behind"):
            with monkeypatch.context() as patched:
                patched.setattr(by_hand_module, name, killed)
                assert anew({RANK: 1}, id="once").status == 500
            assert decision_of(either, second) == old and places(either, first, second) == [1, 2]
        made = [anew({RANK: 1}, id="once").json()["decision"] for _ in range(2)]
    assert made[0] == made[1] == decision_of(either, second) and places(either, second, first) == [1, 2]
    await settle(either, others)
    with either.kernel.engine.connect() as connection:
        assert [one.state for one in list_ripples(connection)] == ["redecided"]


async def test_who_may_not_and_silence(register: EducationRegister, others: Others, clock: SetClock) -> None:
    _, first, second = await a_line(register, others, clock)
    with overturned(register, others, second) as anew:
        refused(anew({RANK: 1}, user=f"EE{mother_of(others, second)}"), 403, "not_your_contest")
        refused(anew({RANK: 1}, X_Road_Issue="another"), 403, "not_your_contest")
        register.apply_event(event("civil.death.registered", second), "m-died")
        refused(anew({RANK: 1}), 409, "not_by_hand")
    assert places(register, first) == [1]


async def test_no_moment_lies_between_two_who_joined_at_one(
    register: EducationRegister, others: Others, clock: SetClock
) -> None:
    taken, *line = (another(others, number) for number in range(1, 5))
    await joined(register, others, taken, *line)
    for child in (taken, *line):
        wish(register, others, child, 1)
    with overturned(register, others, line[2]) as anew:
        refused(anew({RANK: 2}), 400, "not_its_kind")
        assert anew({RANK: 1}).status == 200
    assert places(register, line[2], line[0], line[1]) == [1, 2, 3]
    with register.kernel.engine.connect() as connection:
        row = connection.execute(select(children).where(children.c.child == line[2])).one()
    assert row.joined_at - timedelta(microseconds=1) < row.joined_at, "when it joined is what it was"
    assert row.stands_as["joined_at"] != row.joined_at.isoformat()
