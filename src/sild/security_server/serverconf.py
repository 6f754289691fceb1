"""The server configuration's Python interface: what an administrator may change, each call one audited transaction.

The message path never comes here; it reads `snapshot`. Methods are synchronous and short (a local database); an
asynchronous caller with a distant one calls them in a thread.

serverconf_clients.py, serverconf_services.py, serverconf_rights.py   by subject, on serverconf_changes.py
serverconf_service_rows.py   rows of services, within a change
"""

from __future__ import annotations

from contextlib import AbstractContextManager

import sqlalchemy as sa

from sild.clock import Clock, system_clock
from sild.security_server.serverconf_clients import ClientsConf
from sild.security_server.serverconf_rights import RightsConf, Subject
from sild.security_server.serverconf_services import DEFAULT_SERVICE_TIMEOUT, ServicesConf
from sild.security_server.snapshot import SentRequest
from sild.security_server.store import AuditRow, Change, Store, tables
from sild.xroad.identifiers import ClientId, SecurityServerId

__all__ = ["DEFAULT_SERVICE_TIMEOUT", "ServerConf", "Subject"]


class ServerConf(ClientsConf, ServicesConf, RightsConf):
    """Clients, services, rights, groups and certificates of one security server.

    Every changing method raises CallerError (`not_found`, `bad_request`) or Unavailable (`database_error`) and then has
    changed nothing. After it returns, `snapshot` holds the change.
    """

    def __init__(
        self, url: str, server_id: SecurityServerId, *, clock: Clock = system_clock, actor: str = "system"
    ) -> None:
        store = Store(url, clock)
        store.initialise(server_id)
        super().__init__(store, [store.read_snapshot()], actor)

    def acting_as(self, actor: str) -> ServerConf:
        """The same configuration, its changes audited under another name."""
        other = object.__new__(ServerConf)
        other._store, other._current, other._actor = self._store, self._current, actor
        return other

    def reload_if_changed(self) -> bool:
        """Take up what another process has changed in the database."""
        if self._store.change_count() == self.snapshot.change:
            return False
        self._current[0] = self._store.read_snapshot()
        return True

    def ensure_database(self) -> None:
        """Raises Unavailable (`database_error`). Blocks."""
        self._store.change_count()

    def audit_rows(self) -> list[AuditRow]:
        return self._store.audit_rows()

    def management_requests(self) -> tuple[SentRequest, ...]:
        """All this server ever made, oldest first."""
        return self._store.management_requests()

    def change(
        self, event: str, about: ClientId | None = None, **values: object
    ) -> AbstractContextManager[Change]:
        """One audited transaction, for `registration`, which keeps its own tables here."""
        return self._change(event, about, **values)

    def close(self) -> None:
        self._store.close()

    def add_timestamping_service(self, name: str, url: str) -> None:
        """One of the approved TSAs; those chosen here are tried in the order they were added."""
        with self._change("ADD_TIMESTAMPING_SERVICE", name=name, url=url) as change:
            change.insert(tables.timestamping_service, name=name, url=url)

    def set_minimum_client_version(self, version: str | None) -> None:
        """Oldest X-Road version a calling server may have: `7.3.0`."""
        with self._change("SET_MINIMUM_CLIENT_VERSION", version=version) as change:
            change.connection.execute(sa.update(tables.server).values(minimum_client_version=version))
