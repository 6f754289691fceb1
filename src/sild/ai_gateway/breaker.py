"""A provider that fails again and again is left alone for a while, then tried by one call. Pure: time is an argument.

closed --failures--> open --seconds pass--> one trial --ok--> closed
                      ^-----------failed-------|
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import Field

from sild.settings import Settings

__all__ = ["Breaker", "BreakerRules"]


class BreakerRules(Settings):
    failures: int = Field(default=3, ge=1)  # in a row
    seconds: float = Field(default=30.0, gt=0)  # left alone


@dataclass(slots=True)
class Breaker:
    rules: BreakerRules
    _failures: int = 0
    _open_until: datetime | None = None

    def is_open(self, at: datetime) -> bool:
        return self._open_until is not None and at < self._open_until

    def may_pass(self, at: datetime) -> bool:
        """Whether a call may go now. Whoever is told yes after a pause is the trial: others are told no until it has ended."""
        if self._open_until is None:
            return True
        if at < self._open_until:
            return False
        self._open_until = at + timedelta(seconds=self.rules.seconds)
        return True

    def succeeded(self) -> None:
        self._failures, self._open_until = 0, None

    def failed(self, at: datetime) -> None:
        self._failures += 1
        if self._failures >= self.rules.failures:
            self._open_until = at + timedelta(seconds=self.rules.seconds)
