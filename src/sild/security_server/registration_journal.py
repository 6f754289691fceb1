"""What this server has asked of the central server, written down before it asks; one transaction each, audited.

A request stands here as UNANSWERED before it leaves. The answer changes that row and the client's state together, so a
process that dies in between leaves a request whose outcome is unknown, and never a state nobody asked for.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from sild.errors import CallerError
from sild.security_server.serverconf import ServerConf
from sild.security_server.snapshot import ClientStatus, ConnectionType, RequestOutcome
from sild.security_server.store import Change, tables
from sild.xroad.identifiers import ClientId

__all__ = ["RegistrationJournal"]

_PENDING = (RequestOutcome.UNANSWERED.value, RequestOutcome.SUBMITTED.value)
_requests = tables.management_request


class RegistrationJournal:
    """Synchronous, as `ServerConf`, whose change it makes. Raises Unavailable (`database_error`) everywhere."""

    def __init__(self, conf: ServerConf) -> None:
        self._conf = conf

    def acting_as(self, actor: str) -> RegistrationJournal:
        return RegistrationJournal(self._conf.acting_as(actor))

    def begin(self, service_code: str, subject: str, value: str | None) -> int:
        """A request is about to leave; its row."""
        with self._conf.change(
            "SEND_MANAGEMENT_REQUEST", request=service_code, subject=subject, value=value
        ) as change:
            return change.insert(
                _requests,
                at=change.now,
                actor=self._conf.actor,
                service_code=service_code,
                subject=subject,
                value=value,
                outcome=RequestOutcome.UNANSWERED.value,
            )

    def submitted(
        self,
        row: int,
        request_id: int | None,
        *,
        supersedes: Sequence[str] = (),
        client: tuple[ClientId, ClientStatus] | None = None,
    ) -> None:
        """The central server has it. supersedes: service codes of older requests about the same.  client: its new state."""
        with self._conf.change(
            "MANAGEMENT_REQUEST_SUBMITTED",
            client[0] if client else None,
            number=row,
            request_id=request_id,
            status=client[1].value if client else None,
        ) as change:
            _settle(change, row, RequestOutcome.SUBMITTED, request_id=request_id)
            _supersede(change, row, supersedes)
            if client is not None:
                _set_status(change, *client)

    def refused(
        self,
        row: int,
        code: str,
        message: str,
        *,
        supersedes: Sequence[str] = (),
        client: tuple[ClientId, ClientStatus] | None = None,
    ) -> None:
        """Nothing has changed at the central server.  client: its state, if the refusal tells a better one."""
        with self._conf.change(
            "MANAGEMENT_REQUEST_REFUSED",
            client[0] if client else None,
            number=row,
            code=code,
            status=client[1].value if client else None,
        ) as change:
            _settle(change, row, RequestOutcome.REFUSED, code=code, message=message)
            _supersede(change, row, supersedes)
            if client is not None:
                _set_status(change, *client)

    def unanswered(self, row: int, code: str, message: str) -> None:
        """What was told instead of an answer; the outcome stays unknown."""
        with self._conf.change("MANAGEMENT_REQUEST_UNANSWERED", number=row, code=code) as change:
            _settle(change, row, RequestOutcome.UNANSWERED, code=code, message=message)

    def in_effect(self, row: int) -> None:
        """The global configuration shows it."""
        with self._conf.change("MANAGEMENT_REQUEST_IN_EFFECT", number=row) as change:
            _settle(change, row, RequestOutcome.IN_EFFECT)

    # what follows from the global configuration

    def follow_client(self, client: ClientId, was: ClientStatus, now: ClientStatus) -> bool:
        """Change the state, unless another process has done so meanwhile."""
        try:
            with self._conf.change("FOLLOW_CLIENT_STATUS", client, was=was.value, status=now.value) as change:
                found = change.connection.execute(
                    sa.update(tables.client)
                    .where(
                        tables.client.c.id == change.client_row(client), tables.client.c.status == was.value
                    )
                    .values(status=now.value)
                )
                if found.rowcount == 0:
                    raise _DoneAlready
        except _DoneAlready:
            return False
        return True

    def note_certificate(self, sha1: str, status: str) -> None:
        """The audit row of a certificate's new state; the state itself is the signer's."""
        with self._conf.change("SET_CERTIFICATE_STATUS", certificate=sha1, status=status):
            pass

    def add_owner(self, owner: ClientId, status: ClientStatus) -> bool:
        """The owner as a client: management requests are its messages. Its systems must use TLS, as any new client's.

        Whether it was none yet.
        """
        if owner in self._conf.snapshot.clients:
            return False
        try:
            self._conf.add_client(owner, status=status, connection_type=ConnectionType.HTTPS)
        except CallerError:  # another process was quicker
            return False
        return True

    def set_owner(self, owner: ClientId) -> None:
        """The former owner stays as a client."""
        with self._conf.change("FOLLOW_OWNER", owner) as change:
            change.connection.execute(sa.update(tables.server).values(owner=owner.encode()))

    def delete_client(self, client: ClientId, service_codes: Sequence[str]) -> None:
        self._conf.remove_client(client)
        self.forget(client.encode(), service_codes)

    def forget(self, subject: str, service_codes: Sequence[str]) -> None:
        """Whatever was asked about it is not waited for any more."""
        with self._conf.change("FORGET_MANAGEMENT_REQUESTS", subject=subject) as change:
            change.connection.execute(
                sa.update(_requests)
                .where(_requests.c.subject == subject, *_pending(service_codes))
                .values(outcome=RequestOutcome.SUPERSEDED.value)
            )


class _DoneAlready(Exception):
    """Rolls a change back that somebody else has made."""


def _settle(change: Change, row: int, outcome: RequestOutcome, **values: str | int | None) -> None:
    change.connection.execute(
        sa.update(_requests).where(_requests.c.id == row).values(outcome=outcome.value, **values)
    )


def _supersede(change: Change, row: int, service_codes: Sequence[str]) -> None:
    """Older requests about the same are settled by this one."""
    subject = sa.select(_requests.c.subject).where(_requests.c.id == row).scalar_subquery()
    change.connection.execute(
        sa.update(_requests)
        .where(_requests.c.id < row, _requests.c.subject == subject, *_pending(service_codes))
        .values(outcome=RequestOutcome.SUPERSEDED.value)
    )


def _pending(service_codes: Sequence[str]) -> tuple[sa.ColumnElement[bool], ...]:
    return _requests.c.service_code.in_(service_codes), _requests.c.outcome.in_(_PENDING)


def _set_status(change: Change, client: ClientId, status: ClientStatus) -> None:
    change.connection.execute(
        sa.update(tables.client)
        .where(tables.client.c.id == change.client_row(client))
        .values(status=status.value)
    )
