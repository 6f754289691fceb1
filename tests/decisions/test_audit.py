"""Somebody who controls the database drops the triggers and writes what he likes: the audit names it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import Connection, Engine, text

from sild.decisions import Checkpointer, DecisionStore, audit_log, shred, tables
from sild.decisions.record import DecisionRecord

from .world import LocalStamps, Root, SetClock, draft


@pytest.fixture
async def logged(store: DecisionStore, root: Root, clock: SetClock) -> DecisionStore:
    checkpointer = Checkpointer(store, LocalStamps(root.time_stamper(), clock), origin="SILD/GOV/1/x")
    for _ in range(3):
        with store.engine.begin() as connection:
            record = store.decide(connection, draft(store))
            store.decide(connection, draft(store, case="other"))
        await checkpointer.tick()
        clock.forward(seconds=1)
    store.delivered(record.id, channel="portal", language="et")
    shred(store, [record.trace.blob], ground="GDPR 17")  # type: ignore[union-attr]
    return store


def faults(store: DecisionStore) -> list[str]:
    with store.engine.connect() as connection:
        return list(audit_log(connection))


def drop_triggers(engine: Engine) -> None:
    with engine.begin() as connection:
        for name in tables.APPEND_ONLY:
            if engine.dialect.name == "sqlite":
                connection.execute(text(f"DROP TRIGGER {name}_no_update"))
                connection.execute(text(f"DROP TRIGGER {name}_no_delete"))
            else:
                connection.execute(text(f"DROP TRIGGER {name}_append_only ON {name}"))


def test_what_nobody_touched_holds(logged: DecisionStore) -> None:
    assert faults(logged) == []


def alter(connection: Connection, **more: str) -> None:
    row = connection.execute(tables.records.select().limit(1)).one()
    content = bytes(row.content).replace(b'"80.00"', b'"90.00"')
    change = tables.records.update().where(tables.records.c.id == row.id)
    connection.execute(change.values(content=content, **more))


def alter_with_its_hash(connection: Connection) -> None:
    row = connection.execute(tables.records.select().limit(1)).one()
    content = bytes(row.content).replace(b'"80.00"', b'"90.00"')
    alter(connection, sha256=DecisionRecord.model_validate_json(content).sha256)


def reorder(connection: Connection) -> None:
    first, second = connection.execute(
        tables.records.select().where(tables.records.c.case == "other").order_by("position").limit(2)
    )
    for row, position in ((first, 99), (second, 0), (first, 1)):
        connection.execute(
            tables.records.update().where(tables.records.c.id == row.id).values(position=position)
        )


def cut_off(connection: Connection) -> None:
    connection.execute(tables.leaves.delete().where(tables.leaves.c.number >= 4))


def second_head(connection: Connection) -> None:
    connection.execute(
        tables.checkpoints.update().where(tables.checkpoints.c.size == 4).values(root=b"\0" * 32)
    )


def forged_head(connection: Connection) -> None:
    heads = tables.checkpoints
    note = bytes(connection.execute(heads.select().where(heads.c.size == 4)).one().note)
    text_of_it = note.rsplit(b" ", 1)[0]
    other = bytes(connection.execute(heads.select().where(heads.c.size == 2)).one().note).rsplit(b" ", 1)[1]
    connection.execute(heads.update().where(heads.c.size == 4).values(note=text_of_it + b" " + other))


def other_token(connection: Connection) -> None:
    token = connection.execute(tables.timestamps.select().where(tables.timestamps.c.size == 2)).one().token
    connection.execute(tables.timestamps.update().where(tables.timestamps.c.size == 4).values(token=token))


def counted_wrongly(connection: Connection) -> None:
    connection.execute(tables.records.update().values(automation=0))


def forgotten(connection: Connection) -> None:
    connection.execute(tables.waiting.delete())


@pytest.mark.parametrize(
    ("deed", "word"),
    [
        (alter, "was altered"),
        (alter_with_its_hash, "chain of the case"),
        (reorder, "chain of the case"),
        (cut_off, "cut off"),
        (second_head, "root is not"),
        (forged_head, "forged"),
        (other_token, "time-stamp covers something else"),
        (counted_wrongly, "what is counted"),
        (forgotten, "neither in the log nor waits"),
    ],
)
def test_what_was_done_to_the_database_is_named(
    logged: DecisionStore, deed: Callable[[Connection], None], word: str
) -> None:
    drop_triggers(logged.engine)
    with logged.engine.begin() as connection:
        deed(connection)
    assert any(word in fault for fault in faults(logged)), faults(logged)
