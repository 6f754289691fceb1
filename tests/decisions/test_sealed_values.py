"""Values that a record does not show: not to be guessed, opened by the body alone, destroyed for good."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import select, text

from sild.database import open_database, sqlite_url
from sild.decisions import (
    DECISION_MIGRATIONS,
    BodyKeys,
    DecisionStore,
    Sealed,
    bundle_of,
    ensure_same_keys,
    expired_values,
    open_values,
    render_bundle,
    sha256_of,
    shred,
    tables,
    verify_bundle,
)
from sild.decisions.values import commitment
from sild.errors import CallerError, TrustError
from support.kept_files import kept_in

from .world import Root, SetClock, draft


def test_a_value_of_two_possible_ones_cannot_be_guessed(store: DecisionStore) -> None:
    with store.engine.begin() as connection:
        record = store.decide(connection, draft(store))
        again = store.decide(connection, draft(store, case="other"))
    mine, theirs = record.inputs[0], again.inputs[0]
    assert isinstance(mine.value, Sealed)
    assert mine.sha256 != theirs.sha256  # though the value is the same
    everything = record.canonical().decode()
    for guess in ("1200.00", "1200.01"):
        assert sha256_of(guess) not in everything
        assert commitment(b"\0" * 32, guess) not in everything


def test_the_body_opens_what_it_sealed(store: DecisionStore) -> None:
    with store.engine.begin() as connection:
        record = store.decide(connection, draft(store))
        opened = open_values(store, connection, record.id)
    value = record.inputs[0].value
    assert isinstance(value, Sealed) and record.trace is not None
    assert opened[value.sealed].value == "1200.00"
    assert commitment(opened[value.sealed].salt, "1200.00") == value.sha256
    assert opened[record.trace.blob].value["nodes"] == [{"id": "n1", "value": "80.00"}]


def test_another_secret_opens_nothing(store: DecisionStore) -> None:
    with store.engine.begin() as connection:
        record = store.decide(connection, draft(store))
    store.keys = BodyKeys(b"j" * 32)
    with store.engine.connect() as connection, pytest.raises(TrustError) as refused:
        open_values(store, connection, record.id)
    assert refused.value.code == "sealed_value_altered"
    with pytest.raises(ValueError):
        BodyKeys(b"short")


def test_a_process_with_another_secret_is_refused_before_it_does_anything(
    store: DecisionStore, keys: BodyKeys
) -> None:
    other = BodyKeys(b"j" * 32)
    with store.engine.begin() as connection:
        store.decide(connection, draft(store))
    for _ in range(2):  # in a database older than the fingerprint: by what is sealed there
        with pytest.raises(CallerError) as refused:
            ensure_same_keys(store.engine, other, clock=store.clock)
        assert refused.value.code == "other_keys"
    for _ in range(2):
        ensure_same_keys(store.engine, keys, clock=store.clock)
    with pytest.raises(CallerError):
        ensure_same_keys(store.engine, other, clock=store.clock)


def test_of_two_that_begin_an_empty_database_at_once_one_is_refused(store: DecisionStore) -> None:
    barrier = threading.Barrier(2)

    def begin(secret: bytes) -> bool:
        barrier.wait()
        try:
            ensure_same_keys(store.engine, BodyKeys(secret), clock=store.clock)
        except CallerError:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(begin, (b"j" * 32, b"k" * 32))) == [False, True]


def test_a_shredded_value_is_gone_and_all_else_holds(store: DecisionStore, root: Root) -> None:
    with store.engine.begin() as connection:
        record = store.decide(connection, draft(store))
        store.decide(connection, draft(store))
    value = record.inputs[0].value
    assert isinstance(value, Sealed)
    assert shred(store, [value.sealed], ground="GDPR 17") == 1
    assert shred(store, [value.sealed], ground="GDPR 17") == 0  # a second time there is nothing to destroy
    with store.engine.connect() as connection:
        assert value.sealed not in open_values(store, connection, record.id)
        bundle = bundle_of(store, connection, record.id, open_refs=None)
    findings = verify_bundle(render_bundle(bundle), [root.certificate.public_bytes(_der())])
    assert not [finding for finding in findings if finding.verdict == "broken"]
    assert value.sealed not in bundle["values"]
    assert [entry["content"]["ground"] for entry in bundle["entries"]] == ["GDPR 17"]


def _der() -> object:
    from cryptography.hazmat.primitives.serialization import Encoding

    return Encoding.DER


def test_its_key_is_in_no_file_any_more(tmp_path: Path, root: Root, keys: BodyKeys, clock: SetClock) -> None:
    engine = open_database(sqlite_url(tmp_path / "decisions.db"), DECISION_MIGRATIONS)
    store = DecisionStore(engine, root.sealer(), keys, clock=clock)
    with engine.begin() as connection:
        record = store.decide(connection, draft(store))
        wrapped = connection.scalars(select(tables.value_keys.c.content)).all()
    assert any(one in _files(tmp_path) for one in wrapped)
    with engine.connect() as connection:
        refs = list(open_values(store, connection, record.id))
    shred(store, refs, ground="retention ended")
    content = _files(tmp_path)
    assert not [one for one in wrapped if one in content]
    engine.dispose()


def test_a_reader_is_waited_for(tmp_path: Path, root: Root, keys: BodyKeys, clock: SetClock) -> None:
    engine = open_database(sqlite_url(tmp_path / "decisions.db"), DECISION_MIGRATIONS)
    store = DecisionStore(engine, root.sealer(), keys, clock=clock)
    with engine.begin() as connection:
        record = store.decide(connection, draft(store))
        wrapped = connection.scalars(select(tables.value_keys.c.content)).all()
    with engine.connect() as connection:
        refs = list(open_values(store, connection, record.id))
    reader = engine.raw_connection()
    cursor = reader.cursor()
    cursor.execute("BEGIN")
    cursor.execute("SELECT count(*) FROM decision_value_keys")
    cursor.fetchall()
    threading.Timer(0.5, reader.rollback).start()  # the reader goes on for a while
    shred(store, refs, ground="retention ended")
    assert not [one for one in wrapped if one in _files(tmp_path)]
    reader.close()
    engine.dispose()


def _files(directory: Path) -> bytes:
    return kept_in(directory)


def test_what_need_not_be_retained_any_more(store: DecisionStore) -> None:
    with store.engine.begin() as connection:
        store.decide(connection, draft(store))
        store.decide(connection, draft(store, case="kept", retention={"until": None, "ground": "archive"}))
        assert expired_values(connection, date(2033, 3, 2)) == []
        found = expired_values(connection, date(2033, 3, 3))
    assert len(found) == 2  # one input and the trace, of one decision
    assert shred(store, found, ground="retention ended") == 2


def test_a_value_that_is_not_there_stops_a_shred(store: DecisionStore) -> None:
    with store.engine.begin() as connection:
        record = store.decide(connection, draft(store))
    value = record.inputs[0].value
    assert isinstance(value, Sealed)
    with pytest.raises(CallerError) as refused:
        shred(store, [value.sealed, "unheard-of"], ground="x")
    assert refused.value.code == "unknown_value"
    with store.engine.connect() as connection:
        assert value.sealed in open_values(store, connection, record.id)


def test_a_value_moved_to_another_place_is_not_opened(store: DecisionStore) -> None:
    """Two rows exchanged in a copy of the database: bound to reference and record, neither opens."""
    with store.engine.begin() as connection:
        record = store.decide(connection, draft(store))
        rows = connection.execute(select(tables.values).order_by(tables.values.c.ref)).all()
        connection.execute(text("DROP TRIGGER decision_values_no_update") if connection.dialect.name == "sqlite" else text("DROP TRIGGER decision_values_append_only ON decision_values"))  # fmt: skip
        change = tables.values.update().where(tables.values.c.ref == rows[0].ref)
        connection.execute(change.values(nonce=rows[1].nonce, content=rows[1].content))
        with pytest.raises(TrustError):
            open_values(store, connection, record.id)
