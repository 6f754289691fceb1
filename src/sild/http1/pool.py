"""Connections waiting to be used again, by whatever tells peers apart."""

from __future__ import annotations

from collections.abc import Hashable

from sild.http1.client import Connection

__all__ = ["ConnectionPool"]


class ConnectionPool:
    """Idle client connections by key: `take` one or open one, and `give` it back when its answer has been read.

    A peer may close an idle connection just when the next request leaves: keep `idle_seconds` below what peers allow.
    """

    def __init__(self, max_idle: int = 32, idle_seconds: float = 60.0) -> None:
        """max_idle: kept per key; one more is closed.  idle_seconds: the longest one waits."""
        self._max_idle = max_idle
        self._idle_seconds = idle_seconds
        self._idle: dict[Hashable, list[Connection]] = {}
        self._closed = False

    def take(self, key: Hashable) -> Connection | None:
        """The connection used last, if one waits that the peer has not closed."""
        idle = self._idle.get(key)
        while idle:
            connection = idle.pop()
            connection.unpark()
            if connection.reusable:
                return connection
        return None

    def give(self, key: Hashable, connection: Connection) -> None:
        """Keep the connection for the next, or close it when it cannot carry another exchange."""
        if not connection.reusable or self._closed:
            connection.close()
            return
        idle = self._idle.setdefault(key, [])
        if len(idle) >= self._max_idle:
            connection.close()
            return
        idle.append(connection)
        connection.park(self._idle_seconds, lambda: self._forget(key, connection))

    def drop(self, key: Hashable) -> None:
        """Close what waits under `key`: the peer's certificate is no longer trusted, say."""
        for connection in self._idle.pop(key, ()):
            connection.unpark()
            connection.close()

    def close(self) -> None:
        """Close all that waits; what is given later is closed too."""
        self._closed = True
        for key in list(self._idle):
            self.drop(key)

    def __len__(self) -> int:
        return sum(map(len, self._idle.values()))

    def _forget(self, key: Hashable, connection: Connection) -> None:
        idle = self._idle.get(key)
        if idle is not None and connection in idle:
            idle.remove(connection)
            if not idle:
                del self._idle[key]
