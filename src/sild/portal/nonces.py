"""Challenges that anybody may ask for: made without writing anything down, good for a time, used once.

A challenge says when it ends and is authenticated with a secret of the portal, so that asking for millions of them fills no database;
only one that was used is written down, until it would have ended.
"""

from __future__ import annotations

import base64
import hmac
import secrets
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, delete
from sqlalchemy.dialects import postgresql, sqlite

from sild.identity_client import hashed
from sild.portal.store import Store
from sild.portal.tables import wallet_spent

__all__ = ["Nonces"]

GOOD_FOR = timedelta(minutes=5)
_TIME, _RANDOM, _TAG = 8, 16, 16


class Nonces:
    """secret: the same in all processes of the portal."""

    def __init__(self, store: Store, secret: bytes) -> None:
        self._store = store
        self._secret = secret

    def new(self) -> str:
        """43 to 54 signs, base64url."""
        ends = int((self._store.clock() + GOOD_FOR).timestamp())
        said = ends.to_bytes(_TIME, "big") + secrets.token_bytes(_RANDOM)
        return base64.urlsafe_b64encode(said + self._tag(said)).rstrip(b"=").decode()

    def is_ours(self, nonce: str) -> bool:
        """And not over; whether it was used says `spend`."""
        try:
            content = base64.b64decode(nonce + "=" * (-len(nonce) % 4), altchars=b"-_", validate=True)
        except ValueError:
            return False
        if base64.urlsafe_b64encode(content).rstrip(b"=").decode() != nonce:
            return False  # one challenge, one text: by it its first use is known
        said, tag = content[: _TIME + _RANDOM], content[_TIME + _RANDOM :]
        if len(said) != _TIME + _RANDOM or not hmac.compare_digest(tag, self._tag(said)):
            return False
        return self._store.clock().timestamp() < int.from_bytes(said[:_TIME], "big")

    async def spend(self, once: str, *, until: datetime | None = None) -> bool:
        """Whether it is the first use: of a challenge, or of what else counts once and ends by itself (`until`)."""
        ends = until or self._store.clock().astimezone(UTC) + GOOD_FOR

        def take(connection: Connection, _at: datetime) -> bool:
            insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
            row = insert(wallet_spent).values(once_hash=hashed(once), until=ends)
            first = row.on_conflict_do_nothing().returning(wallet_spent.c.once_hash)
            return connection.execute(first).one_or_none() is not None

        return await self._store.change(take)

    async def clear(self) -> None:
        """What has ended by itself need not be known any longer."""

        def forget(connection: Connection, at: datetime) -> None:
            connection.execute(delete(wallet_spent).where(wallet_spent.c.until < at))

        await self._store.change(forget)

    def _tag(self, said: bytes) -> bytes:
        return hmac.digest(self._secret, said, "sha256")[:_TAG]
