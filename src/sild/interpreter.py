"""How a long computation in a thread leaves the event loop its turn. CPython's own switches; a process has one of each.

Three things stop a loop while a thread computes: the interpreter is handed over only every five milliseconds, a full garbage
collection looks at everything a thread has built so far, and one call into C that does not let go. The first two are
dealt with here; against the third only slices help.
"""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["building", "yielding"]

SWITCH_SECONDS = 0.0005
NEVER = 1_000_000_000


class _Switch:
    """Turned by the first who enters, back by the last who leaves."""

    def __init__(self, turn: Callable[[], Callable[[], None]]) -> None:
        self._turn = turn
        self._lock = threading.Lock()
        self._users = 0
        self._back: Callable[[], None] | None = None

    @contextmanager
    def __call__(self) -> Iterator[None]:
        with self._lock:
            if self._users == 0:
                self._back = self._turn()
            self._users += 1
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                if self._users == 0 and self._back is not None:
                    self._back()


def _switch_sooner() -> Callable[[], None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(min(before, SWITCH_SECONDS))
    return lambda: sys.setswitchinterval(before)


def _collect_young_only() -> Callable[[], None]:
    youngest, middle, oldest = gc.get_threshold()
    gc.set_threshold(youngest, middle, NEVER)

    def back() -> None:
        gc.freeze()
        gc.set_threshold(youngest, middle, oldest)

    return back


yielding = _Switch(_switch_sooner)
"""`with yielding():` while threads compute for long: they give the interpreter up within half a millisecond, not five."""

building = _Switch(_collect_young_only)
"""`with building():` while a thread makes millions of objects that will stay. No full collection meanwhile, and at the end what
stands is set aside (`gc.freeze`): the collector never looks at it, then or later. It is freed as ever when the last reference
goes, unless it is part of a cycle; what becomes part of one just then, by something else in the process, is never freed."""
