"""What became of contested decisions: an official's own, and the others' when nobody can be told from the sum."""

from __future__ import annotations

from datetime import timedelta

from sild.decisions import Contested, DecisionStore, HumanStep, OfficialContests, official_contests

from .world import SetClock, draft


def test_ones_own_and_the_sum_of_three(store: DecisionStore, clock: SetClock) -> None:
    me = store.pseudonym("36805280109")

    def told(*, days: int = 30) -> OfficialContests:
        with store.engine.connect() as connection:
            return official_contests(connection, me, clock() - timedelta(days=days))

    def answered(number: int, code: str | None, *, overturned: bool | None) -> None:
        step = HumanStep(
            official=store.pseudonym(code or ""),
            role="official",
            view_sha256="c" * 64,
            action="confirm",
            seconds=9,
        )
        by_hand = {"kind": "human", "automation": 0, "human": [step], "rules": None, "trace": None}
        with store.engine.begin() as connection:
            made = store.decide(connection, draft(store, f"case-{number}", **(by_hand if code else {})))
            store.contested(connection, f"contest-{number}", made.id, line="fact")
            if overturned is not None:
                store.contest_decided(connection, f"contest-{number}", overturned=overturned)

    answered(1, "36805280109", overturned=True)
    answered(2, "36805280109", overturned=False)
    answered(3, "36805280109", overturned=None)  # nobody has answered yet
    answered(4, None, overturned=True)  # a rule's
    answered(5, "37001010001", overturned=True)
    answered(6, "37001010002", overturned=False)
    assert told() == OfficialContests(Contested(2, 1), None), "two others could tell one another"
    answered(7, "37001010003", overturned=False)
    assert told() == OfficialContests(Contested(2, 1), Contested(3, 1))
    whole = OfficialContests(Contested(2, 1), Contested(3, 1))
    assert clock().month == 3
    for days in (0, 1, 2, 60):
        assert told(days=days) == whole, "whole quarters: no two sums differ by one contest"
    clock.forward(days=31)
    assert told(days=0) == OfficialContests(Contested(0, 0), None)
    assert told(days=31) == whole
