"""What the parts of the server configuration's interface share: the snapshot in force, and one audited transaction a change."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sild.security_server.snapshot import ServerConfSnapshot
from sild.security_server.store import Change, Store
from sild.xroad.identifiers import ClientId, ServiceId

__all__ = ["ConfChanges"]


class ConfChanges:
    """current: one snapshot in a list, shared by all who act on one configuration.  actor: who the audit names."""

    def __init__(self, store: Store, current: list[ServerConfSnapshot], actor: str) -> None:
        self._store = store
        self._current = current
        self._actor = actor

    @property
    def snapshot(self) -> ServerConfSnapshot:
        return self._current[0]

    @property
    def actor(self) -> str:
        return self._actor

    @contextmanager
    def _change(
        self, event: str, about: ClientId | ServiceId | None = None, **values: object
    ) -> Iterator[Change]:
        """One audited transaction, and the new snapshot swapped in once it stands."""
        if about is not None:
            values["service" if isinstance(about, ServiceId) else "client"] = about.encode()
        with self._store.change(self._actor, event, values) as change:
            yield change
        self._current[0] = self._store.read_snapshot()
