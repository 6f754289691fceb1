"""Transactions, audit rows and secrets kept as hashes: what every part of this room that touches the database shares."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from sqlalchemy import Connection, Engine, insert
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from sild.clock import Clock
from sild.errors import Unavailable
from sild.identity_provider.tables import audit_row

__all__ = ["Change", "Store", "hashed", "new_id", "new_secret"]

Detail = str | int | bool | None


@dataclass(frozen=True, slots=True)
class Change:
    """One transaction, the time it counts by and the audit rows written in it."""

    connection: Connection
    at: datetime

    def audit(
        self,
        action: str,
        *,
        actor: str,
        subject: str | None = None,
        client_id: str | None = None,
        detail: Mapping[str, Detail] | None = None,
    ) -> None:
        """actor: a subject, a client, or `administrator`. detail: plain values, no secrets."""
        self.connection.execute(
            insert(audit_row).values(
                at=self.at,
                actor=actor,
                action=action,
                subject=subject,
                client_id=client_id,
                detail=json.dumps(detail or {}, ensure_ascii=False),
            )
        )


class Store:
    """The database behind every part. Call from a thread; raises Unavailable (`database_error`)."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self.engine = engine
        self.clock = clock

    @contextmanager
    def change(self) -> Iterator[Change]:
        """One transaction. What must stay after a refusal is written in a transaction of its own before it is raised."""
        try:
            with self.engine.begin() as connection:
                yield Change(connection, self.clock())
        except SQLAlchemyError as error:
            reason = str(error.orig) if isinstance(error, DBAPIError) else type(error).__name__
            raise Unavailable(
                f"the identity provider's database fails: {reason}", code="database_error"
            ) from error


def hashed(secret: str) -> str:
    """SHA-256, hexadecimal: enough for secrets of 256 random bits; nothing people choose is kept here."""
    return hashlib.sha256(secret.encode()).hexdigest()


def new_secret() -> str:
    """256 random bits, base64url."""
    return secrets.token_urlsafe(32)


def new_id() -> str:
    return str(uuid4())
