"""Transactions of the signing service, and secrets of which only the digest is kept."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine, insert
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from sild.clock import Clock
from sild.errors import Unavailable
from sild.remote_signing.tables import signing_audit

__all__ = ["Change", "Store", "hashed", "new_secret"]


@dataclass(frozen=True, slots=True)
class Change:
    """One transaction, and the time it counts by."""

    connection: Connection
    at: datetime

    def audit(
        self, action: str, subject: str | None, client_id: str | None, **detail: str | int | None
    ) -> None:
        """detail: plain values, no secrets, nothing of the document."""
        values = {"action": action, "subject": subject, "client_id": client_id}
        self.connection.execute(
            insert(signing_audit).values(**values, at=self.at, detail=json.dumps(_present(detail)))
        )


class Store:
    """Call from a thread; raises Unavailable (`database_error`)."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self.engine = engine
        self.clock = clock

    @contextmanager
    def change(self) -> Iterator[Change]:
        try:
            with self.engine.begin() as connection:
                yield Change(connection, self.clock())
        except SQLAlchemyError as error:
            reason = str(error.orig) if isinstance(error, DBAPIError) else type(error).__name__
            raise Unavailable(
                f"the signing service's database fails: {reason}", code="database_error"
            ) from error


def hashed(secret: str) -> str:
    """SHA-256, hexadecimal, of 256 random bits."""
    return hashlib.sha256(secret.encode()).hexdigest()


def new_secret() -> str:
    """256 random bits, base64url."""
    return secrets.token_urlsafe(32)


def _present(detail: Mapping[str, str | int | None]) -> dict[str, str | int]:
    return {name: value for name, value in detail.items() if value is not None}
