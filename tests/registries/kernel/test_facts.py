"""Facts by the day they are true and the moment they were known: nothing overlaps, nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from sild.database import sqlite_url
from sild.errors import CallerError
from sild.registries.kernel import Facts, Kernel

from .conftest import SAID, SYSTEM, USAGE, SetClock

PERSON = "49001010005"


def record(kernel: Kernel, value: object, start: str, end: str | None = None, *, key: str = "") -> None:
    with kernel.used("record", USAGE) as use:
        use.facts.record(
            PERSON,
            "address",
            value,
            valid_from=date.fromisoformat(start),
            valid_to=date.fromisoformat(end) if end else None,
            key=key,
            provenance=SAID,
        )


def value(kernel: Kernel, on: str, known_at: datetime | None = None) -> object:
    with kernel.used("ask", USAGE) as use:
        found = use.facts.current(PERSON, ["address"], on=date.fromisoformat(on), known_at=known_at)
    assert len(found) <= 1
    return found[0].value if found else None


def test_a_later_saying_holds_for_its_days_alone(kernel: Kernel, clock: SetClock) -> None:
    record(kernel, "Tartu", "2020-01-01")
    clock.forward(days=1)
    record(kernel, "Narva", "2022-01-01", "2023-01-01")
    assert [value(kernel, f"{year}-06-01") for year in (2019, 2020, 2022, 2023, 2030)] == [
        None,
        "Tartu",
        "Narva",
        "Tartu",
        "Tartu",
    ]
    assert value(kernel, "2022-12-31") == "Narva"
    assert value(kernel, "2023-01-01") == "Tartu"


def test_as_we_knew_it_then(kernel: Kernel, clock: SetClock) -> None:
    record(kernel, "Tartu", "2020-01-01")
    before = clock()
    clock.forward(days=30)
    record(kernel, "Narva", "2020-01-01")
    assert value(kernel, "2021-01-01") == "Narva"
    assert value(kernel, "2021-01-01", before) == "Tartu"
    assert value(kernel, "2021-01-01", clock()) == "Narva"
    assert value(kernel, "2021-01-01", before - timedelta(seconds=1)) is None


def test_a_rest_keeps_the_provenance_of_the_first_saying(kernel: Kernel, clock: SetClock) -> None:
    record(kernel, "Tartu", "2020-01-01")
    clock.forward(days=1)
    record(kernel, "Narva", "2022-01-01")
    with kernel.used("ask", USAGE) as use:
        said, rest, later = use.facts.history(PERSON, "address")
    assert said.known_to == later.known_from == rest.known_from
    assert (rest.origin, rest.provenance, rest.valid_to) == (said.id, SAID, date(2022, 1, 1))
    assert (said.origin, later.origin) == (said.id, later.id)


def test_keys_hold_side_by_side(kernel: Kernel) -> None:
    record(kernel, "guardian", "2020-01-01", key="A")
    record(kernel, "guardian", "2021-01-01", key="B")
    with kernel.used("ask", USAGE) as use:
        assert [f.key for f in use.facts.current(PERSON, on=date(2022, 1, 1))] == ["A", "B"]
        assert [f.entity for f in use.facts.entities_with("address", "B", on=date(2022, 1, 1))] == [PERSON]


def test_retracted_days_are_unknown(kernel: Kernel) -> None:
    record(kernel, "Tartu", "2020-01-01")
    with kernel.used("retract", USAGE) as use:
        assert (
            use.facts.retract(PERSON, "address", valid_from=date(2021, 1, 1), valid_to=date(2022, 1, 1)) == 1
        )
    assert [value(kernel, f"{year}-06-01") for year in (2020, 2021, 2022)] == ["Tartu", None, "Tartu"]


def test_a_fact_holds_at_least_one_day(kernel: Kernel) -> None:
    with pytest.raises(CallerError) as refused:
        record(kernel, "Tartu", "2020-01-01", "2020-01-01")
    assert refused.value.code == "empty_period"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE facts SET source = 'me'",
        "UPDATE facts SET known_to = NULL",
        "DELETE FROM facts",
        "DELETE FROM usage_records",
        "UPDATE usage_persons SET person = 'x'",
    ],
)
def test_the_database_refuses_to_forget(kernel: Kernel, clock: SetClock, statement: str) -> None:
    record(kernel, "Tartu", "2020-01-01")
    clock.forward(days=1)
    with kernel.used("correct", USAGE) as use:
        use.concerns(PERSON)
        use.facts.record(PERSON, "address", "Narva", valid_from=date(2020, 1, 1), provenance=SAID)
    with pytest.raises(DBAPIError), kernel.engine.begin() as connection:
        connection.execute(text(statement))


DAYS = st.integers(0, 12).map(lambda n: date(2020, 1, 1) + timedelta(days=n))


@pytest.fixture(scope="module")
def days_kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Kernel, SetClock, Iterator[int]]]:
    clock = SetClock()
    kernel = Kernel.open(sqlite_url(tmp_path_factory.mktemp("days") / "register.db"), SYSTEM, clock=clock)
    yield kernel, clock, count()
    kernel.close()


@given(
    st.lists(
        st.tuples(st.sampled_from("ABC"), DAYS, st.none() | st.integers(1, 8), st.booleans()),
        min_size=1,
        max_size=8,
    )
)
def test_equals_a_table_of_days(
    days_kernel: tuple[Kernel, SetClock, Iterator[int]],
    sayings: list[tuple[str, date, int | None, bool]],
) -> None:
    """Against the obvious: a dictionary of days, copied after every saying."""
    kernel, clock, numbers = days_kernel
    person = f"person-{next(numbers)}"
    days = [date(2020, 1, 1) + timedelta(days=n) for n in range(22)]
    table: dict[date, str | None] = dict.fromkeys(days)
    snapshots: list[tuple[datetime | None, dict[date, str | None]]] = []
    with kernel.used("record", USAGE) as use:
        for said, start, length, retracts in sayings:
            end = None if length is None else start + timedelta(days=length)
            facts = Facts(use.connection, clock())
            if retracts:
                facts.retract(person, "address", valid_from=start, valid_to=end)
            else:
                facts.record(person, "address", said, valid_from=start, valid_to=end, provenance=SAID)
            for day in days:
                if start <= day and (end is None or day < end):
                    table[day] = None if retracts else said
            snapshots.append((clock(), dict(table)))
            clock.forward(minutes=1)
        for known_at, expected in [*snapshots, (None, table)]:
            for day in days:
                found = use.facts.current(person, on=day, known_at=known_at)
                assert [fact.value for fact in found] == [expected[day]] * (expected[day] is not None)


def test_moments_are_utc(kernel: Kernel) -> None:
    record(kernel, "Tartu", "2020-01-01")
    with kernel.used("ask", USAGE) as use:
        (fact,) = use.facts.history(PERSON)
    assert fact.known_from == datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
    assert fact.known_from.tzinfo is UTC
