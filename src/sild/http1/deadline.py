"""One timer per connection that is moved for nothing.

Setting a deadline later than the running timer only stores a number; the timer notices when it fires. A kept-alive
connection therefore costs about one timer per timeout interval, not one per message.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from math import inf

__all__ = ["Deadline"]


class Deadline:
    """Calls `expired` once when the time last set has passed. `stop` must be called at the end: it breaks the cycle."""

    __slots__ = ("_at", "_expired", "_loop", "_timer", "_timer_at")

    def __init__(self, loop: asyncio.AbstractEventLoop, expired: Callable[[], None]) -> None:
        self._loop = loop
        self._expired: Callable[[], None] | None = expired
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = inf
        self._at = inf

    def set(self, seconds: float) -> None:
        """Expire `seconds` from now, instead of at any time set before."""
        self._at = at = self._loop.time() + seconds
        if at < self._timer_at:
            if self._timer is not None:
                self._timer.cancel()
            self._start_timer(at)

    def clear(self) -> None:
        self._at = inf

    def stop(self) -> None:
        self._at = inf
        self._expired = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _start_timer(self, at: float) -> None:
        if self._expired is not None:
            self._timer = self._loop.call_at(at, self._fire)
            self._timer_at = at

    def _fire(self) -> None:
        self._timer = None
        self._timer_at = inf
        if self._at == inf:
            return
        if self._loop.time() < self._at - 0.0005:
            self._start_timer(self._at)
            return
        self._at = inf
        if self._expired is not None:
            self._expired()
