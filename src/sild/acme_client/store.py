"""The ACME client's tables: all its SQL. Every method is one short transaction; call from a thread."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Engine,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    delete,
    insert,
    select,
    update,
)
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

from sild.database import open_database
from sild.errors import Unavailable
from sild.signer import KeyAlgorithm, KeyUsage
from sild.xroad.identifiers import ClientId

__all__ = ["Order", "RenewalRow", "Store", "metadata"]

MIGRATIONS = Path(__file__).parent / "migrations"
metadata = MetaData()
ordering_account = Table(
    "ordering_account",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("directory_url", Text, nullable=False),
    Column("alias", Text, nullable=False),
    Column("key", LargeBinary, nullable=False),
    Column("url", Text),
    UniqueConstraint("directory_url", "alias"),
)
certificate_order = Table(
    "certificate_order",
    metadata,
    Column("id", Text, primary_key=True),
    Column("authority", Text, nullable=False),
    Column("usage", Text, nullable=False),
    Column("member", Text, nullable=False),
    Column("token_id", Text, nullable=False),
    Column("algorithm", Text, nullable=False),
    Column("subject", Text, nullable=False, comment="JSON: object identifiers and values, in order"),
    Column("dns_name", Text, nullable=False),
    Column("activate", Boolean, nullable=False),
    Column("replaces", Text),
    Column("key_id", Text),
    Column("request", LargeBinary),
    Column("order_url", Text),
    Column("busy_until", BigInteger, nullable=False),
)
challenge_answer = Table(
    "challenge_answer",
    metadata,
    Column("token", Text, primary_key=True),
    Column("content", Text, nullable=False),
    Column("until", BigInteger, nullable=False),
)
certificate_renewal = Table(
    "certificate_renewal",
    metadata,
    Column("sha1", Text, primary_key=True),
    Column("next_at", BigInteger),
    Column("ask_again_at", BigInteger),
    Column("retry_at", BigInteger),
    Column("failures", Integer, nullable=False),
    Column("error", Text),
    Column("renewed_by", Text),
    Column("switch_at", BigInteger),
)


@dataclass(frozen=True, slots=True)
class Order:
    """One certificate on its way, from the wish to the import; the row is gone when it is there, or refused for good.

    subject: object identifiers and values.  key_id, request (DER), order_url: None until they are made.  replaces: SHA-1 of the certificate it renews.
    activate: whether it comes into use by itself.
    """

    id: str
    authority: str
    usage: KeyUsage
    member: ClientId
    token_id: str
    algorithm: KeyAlgorithm
    subject: tuple[tuple[str, str], ...]
    dns_name: str
    activate: bool
    replaces: str | None = None
    key_id: str | None = None
    request: bytes | None = None
    order_url: str | None = None


@dataclass(frozen=True, slots=True)
class RenewalRow:
    """What is known of a certificate's renewal. next_at: when it is due.  ask_again_at: when the authority is asked again.
    retry_at: not before, after a failure.  renewed_by: SHA-1 of the new one.  switch_at: when the old one goes out of use.
    """

    sha1: str
    next_at: datetime | None = None
    ask_again_at: datetime | None = None
    retry_at: datetime | None = None
    failures: int = 0
    error: str | None = None
    renewed_by: str | None = None
    switch_at: datetime | None = None


class Store:
    """Raises Unavailable (`database_error`) everywhere."""

    def __init__(self, url: str) -> None:
        self.engine: Engine = open_database(url, MIGRATIONS)

    def close(self) -> None:
        self.engine.dispose()

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        try:
            with self.engine.begin() as connection:
                yield connection
        except IntegrityError:
            raise
        except SQLAlchemyError as error:
            reason = str(
                error.orig if isinstance(error, DBAPIError) else error
            )  # without SQL and its parameters
            raise Unavailable(
                "the ACME client's database fails", code="database_error", reason=reason
            ) from error

    # -- accounts

    def account(self, directory_url: str, alias: str) -> tuple[bytes, str | None] | None:
        """The encrypted key, and the account's URL once there is one."""
        query = select(ordering_account.c.key, ordering_account.c.url).where(
            ordering_account.c.directory_url == directory_url, ordering_account.c.alias == alias
        )
        with self._transaction() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else (bytes(row.key), row.url)

    def add_account(self, directory_url: str, alias: str, key: bytes) -> bool:
        """False when another process has just added one."""
        try:
            with self._transaction() as connection:
                connection.execute(
                    insert(ordering_account), {"directory_url": directory_url, "alias": alias, "key": key}
                )
        except IntegrityError:
            return False
        return True

    def set_account_url(self, directory_url: str, alias: str, url: str | None) -> None:
        with self._transaction() as connection:
            connection.execute(
                update(ordering_account)
                .where(ordering_account.c.directory_url == directory_url, ordering_account.c.alias == alias)
                .values(url=url)
            )

    # -- orders

    def add_order(self, order: Order, *, busy_until: datetime) -> None:
        values = asdict(order) | {
            "usage": order.usage.value,
            "member": order.member.encode(),
            "algorithm": order.algorithm.value,
            "subject": json.dumps(order.subject, ensure_ascii=False),
            "busy_until": _seconds(busy_until),
        }
        with self._transaction() as connection:
            connection.execute(insert(certificate_order), values)

    def update_order(self, order_id: str, **values: str | bytes | None) -> None:
        with self._transaction() as connection:
            connection.execute(
                update(certificate_order).where(certificate_order.c.id == order_id).values(**values)
            )

    def delete_order(self, order_id: str) -> None:
        with self._transaction() as connection:
            connection.execute(delete(certificate_order).where(certificate_order.c.id == order_id))

    def finish_order(self, order: Order, sha1: str) -> None:
        """The certificate is there: it has taken the place of the one it renews, and the order is no more."""
        with self._transaction() as connection:
            if order.replaces is not None:
                connection.execute(
                    delete(certificate_renewal).where(certificate_renewal.c.sha1 == order.replaces)
                )
                connection.execute(
                    insert(certificate_renewal),
                    {"sha1": order.replaces, "failures": 0, "renewed_by": sha1},
                )
            connection.execute(delete(certificate_order).where(certificate_order.c.id == order.id))

    def orders(self) -> tuple[Order, ...]:
        with self._transaction() as connection:
            return tuple(_order(row) for row in connection.execute(select(certificate_order)))

    def claim_order(self, order_id: str, *, at: datetime, busy_until: datetime) -> bool:
        """False while somebody works on it."""
        with self._transaction() as connection:
            claimed = connection.execute(
                update(certificate_order)
                .where(certificate_order.c.id == order_id, certificate_order.c.busy_until <= _seconds(at))
                .values(busy_until=_seconds(busy_until))
            )
            return bool(claimed.rowcount)

    def release_order(self, order_id: str) -> None:
        with self._transaction() as connection:
            connection.execute(
                update(certificate_order).where(certificate_order.c.id == order_id).values(busy_until=0)
            )

    # -- challenges

    def add_challenge(self, token: str, content: str, *, at: datetime, until: datetime) -> None:
        with self._transaction() as connection:
            connection.execute(
                delete(challenge_answer).where(
                    (challenge_answer.c.token == token) | (challenge_answer.c.until < _seconds(at))
                )
            )
            connection.execute(
                insert(challenge_answer), {"token": token, "content": content, "until": _seconds(until)}
            )

    def challenge(self, token: str, *, at: datetime) -> str | None:
        query = select(challenge_answer.c.content).where(
            challenge_answer.c.token == token, challenge_answer.c.until >= _seconds(at)
        )
        with self._transaction() as connection:
            return connection.execute(query).scalar_one_or_none()

    def delete_challenge(self, token: str) -> None:
        with self._transaction() as connection:
            connection.execute(delete(challenge_answer).where(challenge_answer.c.token == token))

    # -- renewals

    def renewals(self) -> dict[str, RenewalRow]:
        with self._transaction() as connection:
            return {row.sha1: _renewal(row) for row in connection.execute(select(certificate_renewal))}

    def set_renewal(self, row: RenewalRow) -> None:
        values = {
            name: _seconds(value) if isinstance(value, datetime) else value
            for name, value in asdict(row).items()
        }
        with self._transaction() as connection:
            connection.execute(delete(certificate_renewal).where(certificate_renewal.c.sha1 == row.sha1))
            connection.execute(insert(certificate_renewal), values)

    def delete_renewal(self, sha1: str) -> None:
        with self._transaction() as connection:
            connection.execute(delete(certificate_renewal).where(certificate_renewal.c.sha1 == sha1))


def _order(row: Any) -> Order:  # SQLAlchemy's rows are typed by query, not by table
    return Order(
        id=row.id,
        authority=row.authority,
        usage=KeyUsage(row.usage),
        member=ClientId.decode(row.member),
        token_id=row.token_id,
        algorithm=KeyAlgorithm(row.algorithm),
        subject=tuple((oid, value) for oid, value in json.loads(row.subject)),
        dns_name=row.dns_name,
        activate=bool(row.activate),
        replaces=row.replaces,
        key_id=row.key_id,
        request=None if row.request is None else bytes(row.request),
        order_url=row.order_url,
    )


def _renewal(row: Any) -> RenewalRow:
    return RenewalRow(
        sha1=row.sha1,
        next_at=_time(row.next_at),
        ask_again_at=_time(row.ask_again_at),
        retry_at=_time(row.retry_at),
        failures=row.failures,
        error=row.error,
        renewed_by=row.renewed_by,
        switch_at=_time(row.switch_at),
    )


def _seconds(at: datetime) -> int:
    return int(at.timestamp())


def _time(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
