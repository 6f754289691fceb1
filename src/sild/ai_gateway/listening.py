"""What the gateway listens for now: planted canaries as the database has them, and those of the operator's file. Blocking."""

from __future__ import annotations

from sild.ai_gateway.canaries import Listening, listen_for
from sild.ai_gateway.store import Store

__all__ = ["Ears"]


class Ears:
    """filed: of the operator's file."""

    def __init__(self, store: Store, filed: frozenset[str]) -> None:
        self._store = store
        self._filed = filed
        self._known: tuple[tuple[str, ...], Listening] | None = None

    def listening(self) -> Listening:
        """Looked at anew each time: what was planted a moment ago is heard. Raises Unavailable."""
        planted = self._store.canaries()
        ids = tuple(each.id for each in planted)
        known = self._known
        if known is None or known[0] != ids:
            self._known = known = (ids, listen_for(planted, self._filed))
        return known[1]
