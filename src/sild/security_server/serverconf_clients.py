"""Clients of this server and the certificates of their information systems."""

from __future__ import annotations

import hashlib

import sqlalchemy as sa

from sild.security_server.serverconf_changes import ConfChanges
from sild.security_server.snapshot import ClientStatus, ConnectionType
from sild.security_server.store import Change, tables
from sild.xroad.identifiers import ClientId

__all__ = ["ClientsConf"]


class ClientsConf(ConfChanges):
    """See `ServerConf`."""

    def add_client(
        self,
        client: ClientId,
        *,
        status: ClientStatus = ClientStatus.SAVED,
        connection_type: ConnectionType = ConnectionType.HTTPS,
    ) -> None:
        """A member or subsystem whose information systems use this server. Only a REGISTERED one exchanges messages."""
        with self._change(
            "ADD_CLIENT", client, status=status.value, connection=connection_type.value
        ) as change:
            change.insert(
                tables.client,
                identifier=client.encode(),
                status=status.value,
                connection_type=connection_type.value,
            )

    def set_client_status(self, client: ClientId, status: ClientStatus) -> None:
        with self._change("SET_CLIENT_STATUS", client, status=status.value) as change:
            self._update_client(change, client, status=status.value)

    def set_connection_type(self, client: ClientId, connection_type: ConnectionType) -> None:
        with self._change("SET_CONNECTION_TYPE", client, connection=connection_type.value) as change:
            self._update_client(change, client, connection_type=connection_type.value)

    def remove_client(self, client: ClientId) -> None:
        """Removes its services, rights, groups and certificates with it."""
        with self._change("REMOVE_CLIENT", client) as change:
            row = change.client_row(client)
            change.connection.execute(sa.delete(tables.client).where(tables.client.c.id == row))

    def add_certificate(self, client: ClientId, der: bytes) -> None:
        """A certificate of the client's information system, or of an https service of it."""
        fingerprint = hashlib.sha256(der).hexdigest()
        with self._change("ADD_CERTIFICATE", client, sha256=fingerprint) as change:
            change.insert(
                tables.certificate, client_id=change.client_row(client), sha256=fingerprint, der=der
            )

    def remove_certificate(self, client: ClientId, der: bytes) -> None:
        fingerprint = hashlib.sha256(der).hexdigest()
        with self._change("REMOVE_CERTIFICATE", client, sha256=fingerprint) as change:
            change.connection.execute(
                sa.delete(tables.certificate).where(
                    tables.certificate.c.client_id == change.client_row(client),
                    tables.certificate.c.sha256 == fingerprint,
                )
            )

    def _update_client(self, change: Change, client: ClientId, **values: str) -> None:
        row = change.client_row(client)
        change.connection.execute(sa.update(tables.client).where(tables.client.c.id == row).values(**values))
