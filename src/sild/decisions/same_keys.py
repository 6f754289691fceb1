"""One database of decisions, one secret: a process that was given another directory of keys is refused before it does anything.

With another secret the same person would have a second pseudonym, and nobody could open what the other processes sealed.
"""

from __future__ import annotations

from sqlalchemy import Connection, Engine, insert, select
from sqlalchemy.exc import IntegrityError

from sild.clock import Clock
from sild.decisions.tables import body_keys, value_keys, values
from sild.decisions.values import BodyKeys, can_unwrap
from sild.errors import CallerError

__all__ = ["ensure_same_keys"]

ONE = 1


def ensure_same_keys(engine: Engine, keys: BodyKeys, *, clock: Clock) -> None:
    """engine: opened with `DECISION_MIGRATIONS`. The first to come says whose the database is, if what is sealed there opens with its keys.

    Blocks. Raises CallerError (`other_keys`).
    """
    with engine.begin() as connection:
        known = connection.scalar(select(body_keys.c.fingerprint))
        if known is None and not _opens(connection, keys):
            raise _other()
    if known is None:
        known = _claim(engine, keys, clock)
    if known != keys.fingerprint:
        raise _other()


def _opens(connection: Connection, keys: BodyKeys) -> bool:
    """Of a database older than the fingerprint: whether the newest value that still has its key can be opened."""
    query = (
        select(values.c.record, values.c.ref, value_keys.c.content)
        .join_from(values, value_keys)
        .order_by(values.c.ref.desc())
    )
    newest = connection.execute(query.limit(1)).one_or_none()
    return newest is None or can_unwrap(
        bytes(newest.content), record=newest.record, ref=newest.ref, keys=keys
    )


def _claim(engine: Engine, keys: BodyKeys, clock: Clock) -> str:
    """Whose it is now: another process may be faster."""
    row = {"one": ONE, "fingerprint": keys.fingerprint, "since": clock()}
    try:
        with engine.begin() as connection:
            connection.execute(insert(body_keys).values(row))
    except IntegrityError:
        pass
    with engine.connect() as connection:
        return str(connection.scalar(select(body_keys.c.fingerprint)))


def _other() -> CallerError:
    return CallerError(
        "the decisions in this database were made with other keys than those in the directory: "
        "give every process the same directory, or a copy of decisions.keys and the seals of the one that was first",
        code="other_keys",
    )
