"""Signatures of people in the database: asked for, brought back, kept with the action they were for. What was acted on stays.

A row lives from the moment a person is sent to sign: text, form and key are its own, so that whatever dies between two steps, the next
one finds all it needs. What leads nowhere goes after a day.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from sild.cases.actor import Actor
from sild.cases.case import Case
from sild.cases.refusals import Refused
from sild.cases.statement import Statement
from sild.cases.store import Store
from sild.cases.tables import signatures
from sild.cases.views import SignedFile

__all__ = ["Pending", "Signatures", "Signed"]

KEPT = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Signed:
    """That a person's signature over what they do here was verified: made by `Signing.verified` alone.

    digest: of the form, so that it is for these answers.
    """

    id: str
    case: str
    action: str
    person: str
    digest: str


@dataclass(frozen=True, slots=True)
class Pending:
    """A signature that was asked for. seq: of the action, once it was done."""

    id: str
    case: str
    action: str
    actor: Actor
    given: Mapping[str, Sequence[str]]
    key: str
    statement: Statement
    screen: str
    kept: Mapping[str, Any]
    code_verifier: str
    token: str | None
    container: bytes | None
    seq: int | None
    at: datetime


class Signatures:
    """Blocks."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def ask(
        self,
        pending: Pending,
        *,
        state: str,
    ) -> None:
        statement, actor = pending.statement, pending.actor
        row = {
            "id": pending.id,
            "state_hash": _hashed(state),
            "case": pending.case,
            "action": pending.action,
            "screen": pending.screen,
            "person": actor.person,
            "actor": _as_json(actor),
            "given": {name: [*values] for name, values in pending.given.items()},
            "key": pending.key,
            "name": statement.name,
            "document": statement.text,
            "sha256": statement.sha256,
            "language": statement.language,
            "kept": dict(pending.kept),
            "code_verifier": pending.code_verifier,
            "at": pending.at,
        }
        self._store.write(lambda connection: connection.execute(insert(signatures).values(row)))

    def by_state(self, state: str, person: str) -> Pending:
        """The person's own. Raises Refused (`not_found`)."""
        mine = (signatures.c.state_hash == _hashed(state)) & (signatures.c.person == person)
        with self._store.reading() as connection:
            row = connection.execute(select(signatures).where(mine)).one_or_none()
        if row is None:
            raise Refused("nothing like it was asked to be signed", code="not_found")
        return _pending(row)

    def by_id(self, signature: str) -> Pending:
        with self._store.reading() as connection:
            return _pending(connection.execute(select(signatures).where(signatures.c.id == signature)).one())

    def keep_token(self, signature: str, token: str) -> None:
        self._keep(signature, token=token)

    def keep_container(self, signature: str, container: bytes) -> None:
        """Before anybody acts on it."""
        self._keep(signature, container=container)

    def _keep(self, signature: str, **values: object) -> None:
        (name,) = values
        open_still = (signatures.c.id == signature) & signatures.c[name].is_(None)
        self._store.write(lambda c: c.execute(update(signatures).where(open_still).values(**values)))

    def acted(self, connection: Connection, signed: Signed, seq: int) -> None:
        """In the action's transaction: from now on it stays, and what led to it goes."""
        done = update(signatures).where(signatures.c.id == signed.id, signatures.c.seq.is_(None))
        connection.execute(done.values(seq=seq, token=None, code_verifier="", given={}, actor={}))

    def left_off(self, before: datetime) -> tuple[Pending, ...]:
        """Whom the person gave their word for, and something died since."""
        waits = signatures.c.seq.is_(None) & (signatures.c.at < before)
        begun = signatures.c.token.is_not(None) & signatures.c.refusal.is_(None)
        with self._store.reading() as connection:
            return tuple(map(_pending, connection.execute(select(signatures).where(waits, begun)).all()))

    def refused(self, signature: str, code: str) -> None:
        """It will come to nothing: nobody tries again by themselves."""
        self._keep(signature, refusal=code[:100])

    def of_case(self, case: Case) -> tuple[SignedFile, ...]:
        query = (
            select(
                signatures.c.id, signatures.c.name, signatures.c.action, signatures.c.person, signatures.c.at
            )
            .where(signatures.c.case == case.id, signatures.c.seq.is_not(None))
            .order_by(signatures.c.seq)
        )
        with self._store.reading() as connection:
            return tuple(SignedFile(*row) for row in connection.execute(query))

    def container(self, case: str, signature: str) -> tuple[str, bytes]:
        """Its file name and the container. Raises Refused (`not_found`)."""
        query = select(signatures.c.name, signatures.c.container).where(
            signatures.c.id == signature, signatures.c.case == case, signatures.c.seq.is_not(None)
        )
        with self._store.reading() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            raise Refused("there is no such signature", code="not_found")
        return row.name.removesuffix(".txt") + ".asice", row.container

    def expire(self, at: datetime) -> int:
        old = (signatures.c.at < at - KEPT) & signatures.c.seq.is_(None)
        return self._store.write(lambda c: c.execute(delete(signatures).where(old)).rowcount)


def _pending(row: Row[Any]) -> Pending:
    return Pending(
        id=row.id,
        case=row.case,
        action=row.action,
        actor=_actor(row),
        given=row.given,
        key=row.key,
        statement=Statement(row.name, row.document, row.language),
        screen=row.screen,
        kept=row.kept,
        code_verifier=row.code_verifier,
        token=row.token,
        container=row.container,
        seq=row.seq,
        at=row.at,
    )


def _as_json(actor: Actor) -> dict[str, Any]:
    """A person for themselves, or for whom they have a mandate: nobody signs for an office here."""
    return {
        "name": actor.name,
        "acr": actor.acr,
        "amr": sorted(actor.amr),
        "representee": actor.representee,
        "mandate_id": actor.mandate_id,
        "posture": actor.posture,
        "language": actor.language,
    }


def _actor(row: Row[Any]) -> Actor:
    said = dict(row.actor)
    said["amr"] = frozenset(said.get("amr", ()))
    return Actor(person=row.person, **said)


def _hashed(state: str) -> str:
    return hashlib.sha256(state.encode()).hexdigest()
