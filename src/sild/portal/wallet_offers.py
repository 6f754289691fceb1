"""Offers to a wallet, kept: of whom, until when, how often their number was tried, and what came of them.

What is needed to issue lies sealed with the pre-authorized code, and once that was used with the access token, of which the database has
hashes: the database alone puts nobody's paper in a wallet. What the person's own page shows is sealed with their session's cookie.
A code works once, a token works once, three numbers may be tried, and everything ends with the person's session and within minutes.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from sild.errors import CallerError
from sild.identity_client import hashed, new_secret, seal, unseal
from sild.openid import OpenIDError
from sild.portal.store import Store
from sild.portal.tables import wallet_offer

__all__ = ["Offered", "Redeemed", "Token", "WalletOffers"]

GOOD_FOR = timedelta(minutes=5)
MARGIN = timedelta(seconds=5)
"""The offer ends so much before the log-in's own token, which vouches for the person when the card is issued."""
TOLD_FOR = timedelta(hours=1)
"""How long the person's page says what came of it."""
MOST_AN_HOUR = 10
MOST_TRIES = 3
DIGITS = 6


@dataclass(frozen=True, slots=True)
class Offered:
    """For the person's page. code, number: of one that can still be used from this session.  is_taken: a wallet has a token for it."""

    paper: str
    until: datetime
    code: str | None
    number: str | None
    issued_at: datetime | None
    event: str | None
    is_locked: bool
    is_taken: bool


@dataclass(frozen=True, slots=True)
class Redeemed:
    token: str
    seconds: int


@dataclass(frozen=True, slots=True)
class Token:
    """What an access token opens. session: hash of the cookie with which it ends.  content: as the offer was made with."""

    offer: str
    session: str
    key: str | None
    with_details: bool
    is_used: bool
    content: Mapping[str, Any] | None
    secret: str


class WalletOffers:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def make(
        self,
        *,
        subject: str,
        acting_for: str,
        paper: str,
        cookie: str,
        content: Mapping[str, Any],
        seconds: int,
    ) -> str:
        """Its id. seconds: how long the log-in's token vouches for the person. Earlier ones for the same paper end.

        Raises CallerError (`too_many_offers`).
        """
        id_, code, number = new_secret(), new_secret(), f"{secrets.randbelow(10**DIGITS):0{DIGITS}}"
        life = min(GOOD_FOR, timedelta(seconds=seconds)) - MARGIN

        def keep(connection: Connection, at: datetime) -> None:
            mine = wallet_offer.c.subject == subject
            recent = select(func.count()).where(mine, wallet_offer.c.made_at > at - TOLD_FOR)
            if connection.execute(recent).scalar_one() >= MOST_AN_HOUR:
                raise CallerError("too many offers within an hour", code="too_many_offers")
            _end(connection, mine, wallet_offer.c.paper == paper)
            connection.execute(
                insert(wallet_offer).values(
                    id=id_,
                    subject=subject,
                    acting_for=acting_for,
                    paper=paper,
                    session_hash=hashed(cookie),
                    shown=seal(cookie, {"code": code, "number": number}),
                    code_hash=hashed(code),
                    content=seal(code, {**content, "number": number}),
                    tries=0,
                    made_at=at,
                    until=at + life,
                    with_details=False,
                )
            )

        await self._store.change(keep)
        return id_

    async def shown(self, id_: str, *, subject: str, paper: str, cookie: str) -> Offered | None:
        """None: another's, or long over."""

        def read(connection: Connection, at: datetime) -> Offered | None:
            mine = (wallet_offer.c.subject == subject, wallet_offer.c.paper == paper)
            row = connection.execute(
                select(wallet_offer).where(wallet_offer.c.id == id_, *mine)
            ).one_or_none()
            if row is None:
                return None
            lives = row.content is not None and row.until > at
            is_open, is_taken = lives and row.token_hash is None, lives and row.token_hash is not None
            said = unseal(cookie, row.shown) if is_open and row.shown is not None else None
            code, number = (said["code"], said["number"]) if said is not None else (None, None)
            is_locked = row.tries >= MOST_TRIES and row.token_hash is None
            return Offered(row.paper, row.until, code, number, row.issued_at, row.event, is_locked, is_taken)

        return await self._store.change(read)

    async def redeem(
        self, paper: str, code: str, number: str, *, key: str | None, with_details: bool
    ) -> Redeemed:
        """key: thumbprint to which the token is bound. Raises OpenIDError (`invalid_grant`)."""
        token = new_secret()

        def take(connection: Connection, at: datetime) -> Redeemed | str:
            """Or why not: what is written down of a wrong try must stay."""
            its = wallet_offer.c.code_hash == hashed(code)
            tried = (
                update(wallet_offer)
                .where(its, wallet_offer.c.paper == paper, wallet_offer.c.tries < MOST_TRIES)
                .where(wallet_offer.c.token_hash.is_(None), wallet_offer.c.until > at)
                .where(wallet_offer.c.content.is_not(None))
                .values(tries=wallet_offer.c.tries + 1)
                .returning(wallet_offer.c.tries, wallet_offer.c.content, wallet_offer.c.until)
            )
            row = connection.execute(tried).one_or_none()
            if (
                row is None
            ):  # never, over, locked; or used before, and one of the two who used it is a thief (RFC 6749 4.1.2)
                _end(connection, its, wallet_offer.c.token_hash.is_not(None))
                return "the pre-authorized code is not good, or no longer"
            said = unseal(code, row.content)
            if not hmac.compare_digest(said.pop("number").encode(), number.encode()):
                if row.tries == MOST_TRIES:
                    _end(connection, its)
                return "the transaction code is wrong"
            connection.execute(
                update(wallet_offer)
                .where(its)
                .values(
                    token_hash=hashed(token),
                    token_key=key,
                    with_details=with_details,
                    content=seal(token, said),
                    shown=None,
                )
            )
            return Redeemed(token, int((row.until - at).total_seconds()))

        found = await self._store.change(take)
        if isinstance(found, str):
            raise OpenIDError(found, code="invalid_grant")
        return found

    async def token(self, paper: str, token: str) -> Token | None:
        """None: never, or over."""

        def read(connection: Connection, at: datetime) -> Row[Any] | None:
            its = (wallet_offer.c.token_hash == hashed(token), wallet_offer.c.paper == paper)
            return connection.execute(
                select(wallet_offer).where(*its, wallet_offer.c.until > at)
            ).one_or_none()

        row = await self._store.change(read)
        if row is None:
            return None
        content = None if row.content is None else unseal(token, row.content)
        return Token(
            row.id, row.session_hash, row.token_key, row.with_details, row.used_at is not None, content, token
        )

    async def claim(self, token: Token) -> bool:
        """Of two that use a token at once one may."""

        def take(connection: Connection, at: datetime) -> bool:
            free = (wallet_offer.c.used_at.is_(None), wallet_offer.c.content.is_not(None))
            taken = update(wallet_offer).where(wallet_offer.c.id == token.offer, *free).values(used_at=at)
            return connection.execute(taken).rowcount == 1

        return await self._store.change(take)

    async def release(self, token: Token) -> None:
        """Nothing was issued, and it may be tried again."""

        def free(connection: Connection, _at: datetime) -> None:
            connection.execute(
                update(wallet_offer).where(wallet_offer.c.id == token.offer).values(used_at=None)
            )

        await self._store.change(free)

    async def done(self, token: Token, *, issued: bool) -> None:
        """Nothing of what was needed is left."""

        def keep(connection: Connection, at: datetime) -> None:
            values = {"content": None, "issued_at": at if issued else None}
            connection.execute(update(wallet_offer).where(wallet_offer.c.id == token.offer).values(**values))

        await self._store.change(keep)

    async def told(self, token: Token, event: str) -> None:
        def keep(connection: Connection, _at: datetime) -> None:
            connection.execute(
                update(wallet_offer).where(wallet_offer.c.id == token.offer).values(event=event)
            )

        await self._store.change(keep)

    async def clear(self) -> None:
        """What is over opens nothing, and an hour later nothing of it is left."""

        def forget(connection: Connection, at: datetime) -> None:
            connection.execute(delete(wallet_offer).where(wallet_offer.c.until < at - TOLD_FOR))
            _end(connection, wallet_offer.c.until < at, wallet_offer.c.content.is_not(None))

        await self._store.change(forget)


def _end(connection: Connection, *which: Any) -> None:  # SQL conditions
    connection.execute(update(wallet_offer).where(*which).values(content=None, shown=None))
