"""The clock of a case: sent at, valid at, stops, and the promise date they make (service levels, clock rule).

The clock starts when what was sent is found valid, counts working days, and stands while somebody else is waited for. Each
stop has its begin, end and reason; the promise date moves by the working days the clock stood.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from sild.catalogue.calendar import WorkingDays

__all__ = ["Clock", "ClockStop"]


@dataclass(frozen=True, slots=True)
class ClockStop:
    """end: None while it lasts.  reason: a code: `returned`, `other_body`, `hearing`, `register_down`."""

    begin: date
    end: date | None
    reason: str


@dataclass(frozen=True, slots=True)
class Clock:
    """promised: working days from the valid receipt."""

    promised: int
    sent_at: date
    valid_at: date | None
    stops: tuple[ClockStop, ...] = ()

    def is_standing(self, on: date) -> bool:
        """Whether it does not run: not begun, or stopped."""
        if self.valid_at is None or on < self.valid_at:
            return True
        return any(stop.begin <= on and (stop.end is None or on < stop.end) for stop in self.stops)

    def promise(self, days: WorkingDays, on: date) -> date | None:
        """The promise date as it stands on a day; None before there is a valid receipt.

        A stop that lasts moves it on day by day. Stops that overlap count once.
        """
        if self.valid_at is None:
            return None
        promised = days.add(self.valid_at, self.promised)
        for begin, end in _joined(self.stops, on):
            begin = max(begin, self.valid_at)
            if begin <= promised and end > begin:
                promised = days.add(promised, days.between(begin, end))
        return promised

    def is_late(self, days: WorkingDays, on: date) -> bool:
        promised = self.promise(days, on)
        return promised is not None and on > promised


def _joined(stops: Iterable[ClockStop], on: date) -> list[tuple[date, date]]:
    """Begin and end of the times the clock stood, up to `on`, without overlaps."""
    joined: list[tuple[date, date]] = []
    for begin, end in sorted((stop.begin, min(stop.end or on, on)) for stop in stops):
        if joined and begin <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        elif end > begin:
            joined.append((begin, end))
    return joined
