"""All SQL of the ACME server. Every method is one short transaction; call from a thread.

What two requests, or two processes, might do at once is decided by the database: a nonce is used by who inserts it, an
order is finalized by who moves it from ready to processing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, delete, func, insert, select, update
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

from sild.errors import Unavailable
from sild.trust_services.tables import (
    acme_account,
    acme_authorization,
    acme_external_account,
    acme_order,
    acme_used_nonce,
    audit_row,
)

__all__ = ["Account", "AcmeStore", "Authorization", "ExternalAccount", "Order"]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ExternalAccount:
    """A key of an external account binding. mac_key: sealed.  rules: JSON.  account_id: bound to it, if any."""

    kid: str
    holder: str
    mac_key: bytes
    rules: Mapping[str, Any]
    is_removed: bool
    account_id: str | None


@dataclass(frozen=True, slots=True)
class Account:
    """jwk: the public key.  status: valid, deactivated or revoked.  kid: of its external account."""

    id: str
    jwk: Mapping[str, Any]
    status: str
    contact: tuple[str, ...]
    kid: str | None


@dataclass(frozen=True, slots=True)
class Authorization:
    """type: dns or ip.  status: pending, valid, invalid, deactivated or expired."""

    id: str
    order_id: str
    account_id: str
    type: str
    value: str
    status: str
    token: str
    expires: datetime
    validated_at: datetime | None
    problem: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Order:
    """status: pending, ready, processing, valid or invalid.  serial_number: hexadecimal, of the certificate issued."""

    id: str
    account_id: str
    status: str
    profile: str | None
    not_after: datetime | None
    replaces: str | None
    expires: datetime
    processing_since: datetime | None
    serial_number: str | None
    problem: Mapping[str, Any] | None
    authorizations: tuple[Authorization, ...]


class AcmeStore:
    """Raises Unavailable (`database_error`) everywhere."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        try:
            with self._engine.begin() as connection:
                yield connection
        except IntegrityError:
            raise
        except SQLAlchemyError as error:
            reason = str(error.orig) if isinstance(error, DBAPIError) else type(error).__name__
            raise Unavailable(
                f"the trust services' database fails: {reason}", code="database_error"
            ) from error

    # -- nonces

    def use_nonce(self, nonce: str, *, at: datetime, until: datetime) -> bool:
        """False when it has been used before."""
        try:
            with self._transaction() as connection:
                connection.execute(delete(acme_used_nonce).where(acme_used_nonce.c.until < _seconds(at)))
                connection.execute(insert(acme_used_nonce), {"nonce": nonce, "until": _seconds(until)})
        except IntegrityError:
            return False
        return True

    # -- external accounts

    def add_external_account(
        self, kid: str, holder: str, mac_key: bytes, rules: Mapping[str, Any], *, at: datetime, actor: str
    ) -> None:
        with self._transaction() as connection:
            connection.execute(
                insert(acme_external_account),
                {
                    "kid": kid,
                    "holder": holder,
                    "mac_key": mac_key,
                    "rules": json.dumps(rules),
                    "created_at": _seconds(at),
                },
            )
            _audit(connection, at, actor, "acme_add", {"kid": kid, "holder": holder, **rules})

    def remove_external_account(self, kid: str, *, at: datetime, actor: str) -> bool:
        """Its account, if there is one, is revoked with it. False when there is no such key."""
        with self._transaction() as connection:
            found = connection.execute(
                update(acme_external_account)
                .where(acme_external_account.c.kid == kid, acme_external_account.c.removed_at.is_(None))
                .values(removed_at=_seconds(at))
            )
            connection.execute(update(acme_account).where(acme_account.c.kid == kid).values(status="revoked"))
            if found.rowcount:
                _audit(connection, at, actor, "acme_remove", {"kid": kid})
            return bool(found.rowcount)

    def external_account(self, kid: str) -> ExternalAccount | None:
        query = (
            select(acme_external_account, acme_account.c.id.label("account_id"))
            .join_from(acme_external_account, acme_account, isouter=True)
            .where(acme_external_account.c.kid == kid)
        )
        with self._transaction() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            return None
        return ExternalAccount(
            row.kid,
            row.holder,
            bytes(row.mac_key),
            json.loads(row.rules),
            row.removed_at is not None,
            row.account_id,
        )

    # -- accounts

    def account(self, account_id: str) -> Account | None:
        return self._account(acme_account.c.id == account_id)

    def account_of_key(self, thumbprint: str) -> Account | None:
        return self._account(acme_account.c.thumbprint == thumbprint)

    def _account(self, condition: Any) -> Account | None:  # SQLAlchemy's type of a comparison is its own
        with self._transaction() as connection:
            row = connection.execute(select(acme_account).where(condition)).one_or_none()
        if row is None:
            return None
        return Account(row.id, json.loads(row.jwk), row.status, tuple(json.loads(row.contact)), row.kid)

    def add_account(
        self,
        account_id: str,
        thumbprint: str,
        jwk: Mapping[str, Any],
        contact: Sequence[str],
        kid: str | None,
        *,
        at: datetime,
    ) -> bool:
        """False when the key has an account, or the external account has one or is removed."""
        values = {
            "id": account_id,
            "thumbprint": thumbprint,
            "jwk": json.dumps(jwk),
            "status": "valid",
            "contact": json.dumps(list(contact)),
            "kid": kid,
            "created_at": _seconds(at),
        }
        try:
            with self._transaction() as connection:
                if kid is not None and not _held(connection, kid):
                    return False
                connection.execute(insert(acme_account), values)
                _audit(connection, at, f"acme:{account_id}", "acme_account", {"kid": kid})
        except IntegrityError:
            return False
        return True

    def update_account(
        self, account_id: str, *, status: str | None = None, contact: Sequence[str] | None = None
    ) -> None:
        values: dict[str, str] = {} if status is None else {"status": status}
        if contact is not None:
            values["contact"] = json.dumps(list(contact))
        if values:
            with self._transaction() as connection:
                connection.execute(
                    update(acme_account)
                    .where(acme_account.c.id == account_id, acme_account.c.status == "valid")
                    .values(**values)
                )

    def change_key(
        self, account_id: str, old_thumbprint: str, thumbprint: str, jwk: Mapping[str, Any], *, at: datetime
    ) -> bool:
        """False when another account has the new key, or the old one is the account's no more."""
        try:
            with self._transaction() as connection:
                changed = connection.execute(
                    update(acme_account)
                    .where(acme_account.c.id == account_id, acme_account.c.thumbprint == old_thumbprint)
                    .values(thumbprint=thumbprint, jwk=json.dumps(jwk))
                )
                _audit(connection, at, f"acme:{account_id}", "acme_key_change", {"thumbprint": thumbprint})
        except IntegrityError:
            return False
        return bool(changed.rowcount)

    # -- orders

    def add_order(self, order: Order, *, at: datetime) -> None:
        with self._transaction() as connection:
            connection.execute(
                insert(acme_order),
                {
                    "id": order.id,
                    "account_id": order.account_id,
                    "status": order.status,
                    "profile": order.profile,
                    "not_after": None if order.not_after is None else _seconds(order.not_after),
                    "replaces": order.replaces,
                    "created_at": _seconds(at),
                    "expires": _seconds(order.expires),
                },
            )
            for authorization in order.authorizations:
                connection.execute(
                    insert(acme_authorization),
                    {
                        "id": authorization.id,
                        "order_id": order.id,
                        "account_id": order.account_id,
                        "type": authorization.type,
                        "value": authorization.value,
                        "status": authorization.status,
                        "token": authorization.token,
                        "expires": _seconds(authorization.expires),
                    },
                )

    def order(self, order_id: str) -> Order | None:
        with self._transaction() as connection:
            row = connection.execute(select(acme_order).where(acme_order.c.id == order_id)).one_or_none()
            authorizations = connection.execute(
                select(acme_authorization)
                .where(acme_authorization.c.order_id == order_id)
                .order_by(acme_authorization.c.value)
            ).all()
        if row is None:
            return None
        return Order(
            id=row.id,
            account_id=row.account_id,
            status=row.status,
            profile=row.profile,
            not_after=_maybe_time(row.not_after),
            replaces=row.replaces,
            expires=_time(row.expires),
            processing_since=_maybe_time(row.processing_since),
            serial_number=row.serial_number,
            problem=None if row.problem is None else json.loads(row.problem),
            authorizations=tuple(map(_authorization, authorizations)),
        )

    def orders_of(self, account_id: str, *, at: datetime) -> tuple[str, ...]:
        """Those not invalid nor expired, newest first."""
        query = (
            select(acme_order.c.id)
            .where(
                acme_order.c.account_id == account_id,
                acme_order.c.status != "invalid",
                acme_order.c.expires >= _seconds(at),
            )
            .order_by(acme_order.c.created_at.desc())
        )
        with self._transaction() as connection:
            return tuple(connection.execute(query).scalars())

    def count_open_orders(self, account_id: str, *, at: datetime) -> int:
        query = select(func.count()).where(
            acme_order.c.account_id == account_id,
            acme_order.c.status.in_(("pending", "ready", "processing")),
            acme_order.c.expires >= _seconds(at),
        )
        with self._transaction() as connection:
            return int(connection.execute(query).scalar_one())

    def has_replacement(self, serial_number: str) -> bool:
        """Whether an order that is not invalid renews this certificate already."""
        query = select(func.count()).where(
            acme_order.c.replaces == serial_number, acme_order.c.status != "invalid"
        )
        with self._transaction() as connection:
            return bool(connection.execute(query).scalar_one())

    def move_order(
        self,
        order_id: str,
        before: str,
        after: str,
        *,
        processing_since: datetime | None = None,
        serial_number: str | None = None,
        problem: Mapping[str, Any] | None = None,
    ) -> bool:
        """From one status to another; False when it is in another status by now."""
        values = {
            "status": after,
            "processing_since": None if processing_since is None else _seconds(processing_since),
            "serial_number": serial_number,
            "problem": None if problem is None else json.dumps(problem),
        }
        with self._transaction() as connection:
            moved = connection.execute(
                update(acme_order)
                .where(acme_order.c.id == order_id, acme_order.c.status == before)
                .values(**values)
            )
            return bool(moved.rowcount)

    def authorization(self, authorization_id: str) -> Authorization | None:
        with self._transaction() as connection:
            row = connection.execute(
                select(acme_authorization).where(acme_authorization.c.id == authorization_id)
            ).one_or_none()
        return None if row is None else _authorization(row)

    def decide(
        self,
        authorization: Authorization,
        status: str,
        *,
        at: datetime,
        problem: Mapping[str, Any] | None = None,
    ) -> None:
        """End a pending authorization; its order becomes ready with the last valid one, invalid with any other."""
        with self._transaction() as connection:
            connection.execute(
                update(acme_authorization)
                .where(
                    acme_authorization.c.id == authorization.id,
                    acme_authorization.c.status.in_(
                        ("pending", "valid") if status == "deactivated" else ("pending",)
                    ),
                )
                .values(
                    status=status,
                    validated_at=_seconds(at) if status == "valid" else None,
                    problem=None if problem is None else json.dumps(problem),
                )
            )
            statuses = set(
                connection.execute(
                    select(acme_authorization.c.status).where(
                        acme_authorization.c.order_id == authorization.order_id
                    )
                ).scalars()
            )
            order: dict[str, str | None] | None = None
            if statuses == {"valid"}:
                order = {"status": "ready"}
            elif statuses - {"valid", "pending"}:
                order = {"status": "invalid", "problem": None if problem is None else json.dumps(problem)}
            if order is not None:
                connection.execute(
                    update(acme_order)
                    .where(
                        acme_order.c.id == authorization.order_id,
                        acme_order.c.status.in_(("pending", "ready")),
                    )
                    .values(**order)
                )

    def account_of_certificate(self, serial_number: str) -> str | None:
        """Which account ordered a certificate."""
        query = select(acme_order.c.account_id).where(acme_order.c.serial_number == serial_number)
        with self._transaction() as connection:
            return connection.execute(query).scalars().first()


def _authorization(row: Any) -> Authorization:  # SQLAlchemy's rows are typed by query, not by table
    return Authorization(
        id=row.id,
        order_id=row.order_id,
        account_id=row.account_id,
        type=row.type,
        value=row.value,
        status=row.status,
        token=row.token,
        expires=_time(row.expires),
        validated_at=_maybe_time(row.validated_at),
        problem=None if row.problem is None else json.loads(row.problem),
    )


def _held(connection: Connection, kid: str) -> bool:
    """Whether the external account is there still; it stays so until the transaction ends, its removal waits."""
    external = acme_external_account.c
    found = connection.execute(
        update(acme_external_account)
        .where(external.kid == kid, external.removed_at.is_(None))
        .values(holder=external.holder)
    )
    return bool(found.rowcount)


def _audit(
    connection: Connection, at: datetime, actor: str, action: str, detail: Mapping[str, object]
) -> None:
    values = {
        "at": _seconds(at),
        "actor": actor,
        "action": action,
        "serial_number": "",
        "detail": json.dumps(detail, ensure_ascii=False),
    }
    connection.execute(insert(audit_row), values)


def _seconds(at: datetime) -> int:
    return (at - EPOCH) // timedelta(seconds=1)


def _time(seconds: int) -> datetime:
    return EPOCH + timedelta(seconds=seconds)


def _maybe_time(seconds: int | None) -> datetime | None:
    return None if seconds is None else _time(seconds)
