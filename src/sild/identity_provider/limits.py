"""How often: failures of one person, client or log-in, and requests of one address (RFC 6819 5.1.4.2.3, NIST SP 800-63B 5.2.2).

Failures are counted in the database, so that several processes count together; requests in memory, because losing that
count costs nothing.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from datetime import datetime, timedelta

from sqlalchemy import delete, insert, select, update

from sild.errors import Unavailable
from sild.identity_provider.store import Change, hashed
from sild.identity_provider.tables import attempt

__all__ = ["RequestRate", "TooMany", "check_not_locked", "count_failure", "forget_failures"]

MAX_ADDRESSES = 10_000


class TooMany(Unavailable):
    """Asked too often, or locked after failures."""

    code = "temporarily_unavailable"


def check_not_locked(change: Change, key: str, *, failures: int, seconds: int) -> None:
    """Raises TooMany while `key` has failed `failures` times within `seconds`."""
    row = change.connection.execute(select(attempt).where(attempt.c.key_hash == hashed(key))).one_or_none()
    if row is None or row.failures < failures:
        return
    left = row.window_start + timedelta(seconds=seconds) - change.at
    if left > timedelta():
        raise TooMany("too many failures; wait", retry_after=left.total_seconds())


def count_failure(change: Change, key: str, *, seconds: int) -> None:
    """One more failure; the first in a window starts it anew."""
    known = attempt.c.key_hash == hashed(key)
    fresh = attempt.c.window_start > change.at - timedelta(seconds=seconds)
    again = update(attempt).where(known, fresh).values(failures=attempt.c.failures + 1)
    if change.connection.execute(again).rowcount:
        return
    change.connection.execute(delete(attempt).where(known))
    change.connection.execute(
        insert(attempt).values(key_hash=hashed(key), window_start=change.at, failures=1)
    )


def forget_failures(change: Change, key: str) -> None:
    change.connection.execute(delete(attempt).where(attempt.c.key_hash == hashed(key)))


class RequestRate:
    """At most `limit` requests a minute from one address, counted minute by minute."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._counts: OrderedDict[tuple[str, int], int] = OrderedDict()

    def check(self, address: str, at: datetime) -> None:
        """Raises TooMany."""
        minute, second = divmod(int(at.timestamp()), 60)
        with self._lock:
            count = self._counts.pop((address, minute), 0) + 1
            self._counts[address, minute] = count
            while len(self._counts) > MAX_ADDRESSES:
                self._counts.popitem(last=False)
        if count > self._limit:
            raise TooMany("too many requests; wait", retry_after=60 - second)
