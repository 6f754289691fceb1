"""A ripple is opened once for a cause and a decision, goes on one way, and is counted."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import Connection

from sild.decisions import (
    DecisionStore,
    end_ripple,
    figures_of,
    find_ripple,
    has_open_contest,
    list_ripples,
    open_ripple,
)
from sild.errors import CallerError

from .world import START, draft


def ripple(connection: Connection, decision: str, cause: str = "event-1") -> str | None:
    return open_ripple(
        connection,
        cause=cause,
        decision=decision,
        concept="person.date_of_birth",
        source="p",
        fact="7",
        at=START,
    )


def test_once_for_each_cause_and_decision(store: DecisionStore) -> None:
    with store.engine.begin() as connection:
        made = [str(store.decide(connection, draft(store, case=f"c-{number}")).id) for number in range(2)]
        first = ripple(connection, made[0])
        assert first is not None and ripple(connection, made[0]) is None, "the event came twice"
        assert ripple(connection, made[1]) not in (None, first)
        assert ripple(connection, made[0], "event-2") is not None, "a correction of the correction"
        assert len(list_ripples(connection)) == 3
        assert {one.cause for one in list_ripples(connection, decision=made[0])} == {"event-1", "event-2"}


def test_it_goes_on_one_way(store: DecisionStore) -> None:
    with store.engine.begin() as connection:
        old = str(store.decide(connection, draft(store)).id)
        one, two = (str(ripple(connection, old, cause)) for cause in ("e-1", "e-2"))
        end_ripple(connection, one, "unchanged", at=START)
        for state in ("redecided", "listed", "ended"):
            with pytest.raises(CallerError) as refused:
                end_ripple(connection, one, state, at=START)
            assert refused.value.code == "ripple_is_closed"
        end_ripple(connection, two, "listed", reason="contest", due=date(2026, 4, 1), at=START)
        assert [(r.reason, r.due) for r in list_ripples(connection, state="listed")] == [
            ("contest", date(2026, 4, 1))
        ]
        counted = figures_of(connection, "family-benefits")
        assert (counted.ripples, counted.ripples_open) == (2, 1)
        end_ripple(connection, two, "ended", reason="stands", official="p-1", at=START)
        assert find_ripple(connection, two).state == "ended"
        assert (
            list_ripples(connection, state="listed") == [] and list_ripples(connection, state="waiting") == []
        )
        assert figures_of(connection, "family-benefits").ripples_open == 0
        with pytest.raises(CallerError, match="no such"):
            find_ripple(connection, "nothing")


def test_a_contest_that_is_open(store: DecisionStore) -> None:
    with store.engine.begin() as connection:
        made = str(store.decide(connection, draft(store)).id)
        assert not has_open_contest(connection, made)
        store.contested(connection, "contest-1", made, line="fact")
        assert has_open_contest(connection, made)
        store.contest_decided(connection, "contest-1", overturned=False)
        assert not has_open_contest(connection, made)
