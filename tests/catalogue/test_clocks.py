"""Promise dates in working days: dated holidays of two countries, stops that move the promise."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sild.catalogue import Clock, ClockStop, WorkingDays

EE, VN = WorkingDays("EE"), WorkingDays("VN")


@pytest.mark.parametrize(
    ("days", "begin", "number", "end"),
    [
        (EE, date(2026, 2, 20), 1, date(2026, 2, 23)),  # a weekend
        (EE, date(2026, 2, 23), 1, date(2026, 2, 25)),  # Independence Day
        (EE, date(2026, 6, 22), 1, date(2026, 6, 25)),  # Victory Day and St John's
        (EE, date(2026, 12, 23), 1, date(2026, 12, 28)),
        (VN, date(2026, 4, 29), 1, date(2026, 5, 4)),  # Reunification Day, Labour Day, a weekend
        (VN, date(2026, 9, 1), 3, date(2026, 9, 7)),  # National Day: two days
    ],
)
def test_working_days(days: WorkingDays, begin: date, number: int, end: date) -> None:
    assert days.add(begin, number) == end
    assert days.between(begin, end) == number


def test_days_a_government_moves() -> None:
    moved = WorkingDays("VN", free=[date(2026, 1, 2)], working=[date(2026, 1, 10)])
    assert not moved.is_working_day(date(2026, 1, 2))
    assert moved.is_working_day(date(2026, 1, 10)), "a Saturday worked instead"


def test_a_clock_without_a_valid_receipt_promises_nothing() -> None:
    clock = Clock(3, date(2026, 3, 2), None)
    assert clock.promise(EE, date(2026, 3, 20)) is None
    assert clock.is_standing(date(2026, 3, 20))
    assert not clock.is_late(EE, date(2026, 3, 20))


def test_a_stop_moves_the_promise() -> None:
    clock = Clock(3, date(2026, 3, 2), date(2026, 3, 2))
    assert clock.promise(EE, date(2026, 3, 3)) == date(2026, 3, 5)
    stopped = Clock(
        3, clock.sent_at, clock.valid_at, (ClockStop(date(2026, 3, 3), date(2026, 3, 9), "returned"),)
    )
    assert stopped.promise(EE, date(2026, 3, 10)) == date(2026, 3, 11)
    assert stopped.is_standing(date(2026, 3, 5)) and not stopped.is_standing(date(2026, 3, 9))
    assert not stopped.is_late(EE, date(2026, 3, 11)) and stopped.is_late(EE, date(2026, 3, 12))


DAYS = st.integers(0, 40).map(lambda n: date(2026, 2, 1) + timedelta(days=n))
STOPS = st.tuples(DAYS, st.none() | st.integers(0, 15)).map(
    lambda stop: ClockStop(
        stop[0], None if stop[1] is None else stop[0] + timedelta(days=stop[1]), "returned"
    )
)


@given(st.integers(1, 15), DAYS, st.lists(STOPS, max_size=4), st.integers(0, 60))
def test_the_promise_is_the_day_the_count_is_full(
    promised: int, valid_at: date, stops: list[ClockStop], later: int
) -> None:
    """Against the obvious: day after day, counting those that are worked and on which the clock does not stand.

    A stop that begins on the very last day puts it off to the last working day of the stop, and of those that follow without a gap.
    """
    on = valid_at + timedelta(days=later)
    times = [(stop.begin, min(stop.end or on, on)) for stop in stops]
    day, left = valid_at, promised
    while left:
        day += timedelta(days=1)
        stood = any(begin < day <= end for begin, end in times)
        left -= EE.is_working_day(day) and not stood
    end = day
    for begin, until in sorted(times):  # one after the other without a gap
        if begin <= end < until and until > begin:
            end = until
    worked = [day + timedelta(days=n) for n in range(1, (end - day).days + 1)]
    day = max((one for one in worked if EE.is_working_day(one)), default=day)
    assert Clock(promised, valid_at, valid_at, tuple(stops)).promise(EE, on) == day
