"""A professional signs a notice: asked for, said yes to at the signing service, made whole, and only then on its way.

    ask ─▶ (the signing service, where she says yes) ─▶ finish: code ─▶ token ─▶ container ─▶ the Bundle bears it ─▶ sent

What each step gave is kept before the next begins: killed anywhere, the address she came back to goes on, or she signs again.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Row, delete, insert, select, update

from sild.errors import CallerError
from sild.identity_client import Pen, hashed, new_secret
from sild.registries.fhir import AUTHORS_SIGNATURE, DEATH_NAME, FHIR_JSON, SIGNED_NAME, canonical_bundle
from sild.registries.hospital.register import HospitalRegister, Notice
from sild.registries.hospital.tables import signings

__all__ = ["NoticeText", "Signing"]

FORGOTTEN = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class NoticeText:
    """A Bundle as it is signed (`sild.identity_client.Signable`)."""

    content: bytes
    language: str
    name: str
    media_type: str = FHIR_JSON
    commitment: str | None = AUTHORS_SIGNATURE


class Signing:
    """pen None: nobody signs here (`no_signatures`)."""

    def __init__(self, register: HospitalRegister, pen: Pen | None) -> None:
        self._register = register
        self._engine = register.kernel.engine
        self._offered = pen

    @property
    def _pen(self) -> Pen:
        if self._offered is None:
            raise CallerError("nobody signs here", code="no_signatures")
        return self._offered

    async def ask(self, notice: Notice, author: str, subject: str, language: str) -> str:
        """Where the author signs. subject: the same, with the country. Raises CallerError (`not_to_be_signed`), PenRefused, Unavailable."""
        await asyncio.to_thread(self._register.ensure_to_be_signed, notice.id, author)
        state, verifier = new_secret(), new_secret() + new_secret()
        text = _text(notice, language)
        asked = await self._pen.ask(subject, text, state=state, code_verifier=verifier)
        now = self._register.kernel.now
        await asyncio.to_thread(self._do, delete(signings).where(signings.c.asked_at < now - FORGOTTEN))
        row = {
            "state_hash": hashed(state),
            "notice": notice.id,
            "author": notice.author,
            "language": language,
            "kept": dict(asked.kept),
            "code_verifier": verifier,
            "asked_at": now,
        }
        await asyncio.to_thread(self._do, insert(signings).values(**row))
        return asked.address

    async def finish(self, state: str, code: str, author: str) -> Notice:
        """What she brought back. The same again changes nothing. Raises CallerError (`not_found`, `signature_refused`), Unavailable."""
        row = await asyncio.to_thread(self._find, state, author)
        if row is None:
            raise CallerError("no such signature was asked for", code="not_found")
        notice = await asyncio.to_thread(self._register.notice, row.notice)
        if notice.state not in ("unsigned", "refused"):
            return notice
        token = row.token
        if token is None:
            token = await self._pen.redeem(code, row.code_verifier)
            changed = update(signings).where(signings.c.state_hash == row.state_hash).values(token=token)
            await asyncio.to_thread(self._do, changed)
        text = _text(notice, row.language)
        container = await self._pen.sign(text, row.kept, token)
        return await asyncio.to_thread(self._register.signed, notice.id, author, container)

    def _find(self, state: str, author: str) -> Row[Any] | None:
        where = (signings.c.state_hash == hashed(state)) & (signings.c.author == author)
        with self._engine.connect() as connection:
            return connection.execute(select(signings).where(where)).one_or_none()

    def _do(self, statement: Any) -> None:  # an SQL statement
        with self._engine.begin() as connection:
            connection.execute(statement)


def _text(notice: Notice, language: str) -> NoticeText:
    name = DEATH_NAME if notice.kind == "death" else SIGNED_NAME
    return NoticeText(canonical_bundle(notice.content), language, name)
