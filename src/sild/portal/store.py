"""The portal's database behind one class: transactions in threads, and keys."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

from sild.clock import Clock
from sild.database import open_database, sqlite_url
from sild.errors import Unavailable
from sild.openid import SigningKey, load_signing_key, new_signing_key
from sild.portal.settings import PortalSettings
from sild.portal.tables import key

__all__ = ["Store"]

MIGRATIONS = Path(__file__).parent / "migrations"
Result = TypeVar("Result")


class Store:
    """Raises Unavailable (`database_error`) when the database fails."""

    def __init__(self, settings: PortalSettings, clock: Clock) -> None:
        self.clock = clock
        url = settings.database or sqlite_url(settings.directory / "portal.db")
        self.engine = open_database(url, MIGRATIONS)
        self._password = settings.key_password.get_secret_value()

    def close(self) -> None:
        self.engine.dispose()

    async def change(self, work: Callable[[Connection, datetime], Result]) -> Result:
        """`work(connection, at)` as one transaction, in a thread."""
        return await asyncio.to_thread(self._change, work)

    def _change(self, work: Callable[[Connection, datetime], Result]) -> Result:
        try:
            with self.engine.begin() as connection:
                return work(connection, self.clock())
        except SQLAlchemyError as error:
            reason = str(error.orig) if isinstance(error, DBAPIError) else type(error).__name__
            raise Unavailable(f"the portal's database fails: {reason}", code="database_error") from error

    def signing_key(self, name: str) -> SigningKey:
        """ES256; made the first time. Raises TrustError (`key_unreadable`) with another password."""
        found = self._change(lambda c, _at: c.scalar(select(key.c.pem).where(key.c.name == name)))
        if found is None:
            made = new_signing_key("ES256").to_pem(self._password)
            try:
                with self.engine.begin() as connection:
                    connection.execute(insert(key).values(name=name, pem=made))
            except IntegrityError:  # another process, at the same moment
                pass
            found = self._change(lambda c, _at: c.scalar(select(key.c.pem).where(key.c.name == name)))
            assert found is not None
        return load_signing_key(found, "ES256", self._password)

    def secret(self, name: str) -> bytes:
        """256 bits that only this portal knows, the same for ever: made of a key that is kept as the others are. Raises as `signing_key`."""
        private = str(self.signing_key(name).key.as_dict(private=True)["d"])
        return HKDF(SHA256(), 32, salt=None, info=f"sild portal {name}".encode()).derive(private.encode())
