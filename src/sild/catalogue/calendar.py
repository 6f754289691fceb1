"""Working days of a country: its weekend, its public holidays by dated law, and the days a government moves.

Holidays come from the library `holidays`; what it does not know (a day the government decreed) stands in the profile.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

import holidays

__all__ = ["WorkingDays"]


class WorkingDays:
    """country: ISO 3166-1 alpha-2.  free, working: days that are off, or worked, against the general rule."""

    def __init__(self, country: str, *, free: Iterable[date] = (), working: Iterable[date] = ()) -> None:
        self._holidays = holidays.country_holidays(country)
        self._free = frozenset(free)
        self._working = frozenset(working)

    def is_working_day(self, day: date) -> bool:
        if day in self._working:
            return True
        return day.weekday() < 5 and day not in self._free and day not in self._holidays

    def add(self, day: date, number: int) -> date:
        """The working day that is `number` working days after `day`; the first of them is the next working day.

        0 gives `day` itself if it is one, else the next.
        """
        if number == 0:
            return day if self.is_working_day(day) else self.add(day, 1)
        while number:
            day += timedelta(days=1)
            number -= self.is_working_day(day)
        return day

    def between(self, begin: date, end: date) -> int:
        """How many working days lie after `begin` up to and including `end`; none when `end` is earlier."""
        days = (end - begin).days
        return sum(self.is_working_day(begin + timedelta(days=n)) for n in range(1, days + 1))
