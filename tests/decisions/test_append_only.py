"""The database itself refuses to change or forget what was decided."""

from __future__ import annotations

import pytest
from sqlalchemy import insert, text
from sqlalchemy.exc import DBAPIError

from sild.decisions import (
    Checkpointer,
    DecisionStore,
    ReplayReport,
    answer_release,
    ask_release,
    end_finding,
    end_ripple,
    ensure_same_keys,
    keep_finding,
    keep_replay,
    open_ripple,
    open_values,
    publish_sample,
    shred,
    uphold_finding,
)
from sild.decisions.tables import APPEND_ONLY, recomputes

from .world import START, LocalStamps, Root, SetClock, draft


async def test_no_row_is_changed_or_removed(store: DecisionStore, root: Root, clock: SetClock) -> None:
    with store.engine.begin() as connection:
        first = store.decide(connection, draft(store))
        store.keep_package(connection, "a" * 64, {"package.yaml": b"name: x"})
        store.contested(connection, "contest-1", first.id, line="fact")
        store.contest_decided(connection, "contest-1", overturned=True)
        ask_release(
            store, connection, "r", str(first.id), classes=["income"], by="EE1", mandate="m", reason="x"
        )
        answer_release(store, connection, "r", granted=True, by="EE2", mandate="n")
        keep_finding(store, connection, "finding-1", str(first.id), about="decision")
        end_finding(store, connection, "finding-1", str(first.id), upheld=True)
        uphold_finding(store, connection, "finding-1", answer=1, number="S-1", official="o")
        ripple = open_ripple(
            connection, cause="e", decision=str(first.id), concept="c", source="s", fact="1", at=START
        )
        end_ripple(connection, str(ripple), "unchanged", at=START)
        connection.execute(
            insert(recomputes).values(
                package="b" * 64, record=str(first.id), found="same", names=[], at=START
            )
        )
    ensure_same_keys(store.engine, store.keys, clock=clock)
    store.delivered(first.id, channel="portal", language="et")
    publish_sample(store, "s", begins=START, ends=START, size=1)
    keep_replay(store, ReplayReport(str(first.id), "match", ()), sample="s")
    with store.engine.connect() as connection:
        refs = list(open_values(store, connection, first.id))
    shred(store, refs[:1], ground="x")
    await Checkpointer(store, LocalStamps(root.time_stamper(), clock), origin="x").tick()
    for table in APPEND_ONLY:
        with store.engine.connect() as connection:
            columns = list(connection.execute(text(f"SELECT * FROM {table}")).keys())
            assert connection.execute(text(f"SELECT count(*) FROM {table}")).scalar(), f"nothing in {table}"
        for statement in (f'UPDATE {table} SET "{columns[0]}" = "{columns[0]}"', f"DELETE FROM {table}"):
            with pytest.raises(DBAPIError, match="append-only"), store.engine.begin() as connection:
                connection.execute(text(statement))
        if store.engine.dialect.name == "postgresql":
            with pytest.raises(DBAPIError, match="append-only"), store.engine.begin() as connection:
                connection.execute(text(f"TRUNCATE {table} CASCADE"))


def test_a_key_of_a_value_is_deleted_but_never_changed(store: DecisionStore) -> None:
    with store.engine.begin() as connection:
        store.decide(connection, draft(store))
    with pytest.raises(DBAPIError, match="append-only"), store.engine.begin() as connection:
        connection.execute(text("UPDATE decision_value_keys SET ref = ref"))
