"""The schema on both engines, audit rows in the change's transaction, changes from many sides at once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from central_world import INSTANCE, MEMBER, PIN
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from sild.central_server import CentralServer, Conflict
from sild.central_server.tables import metadata
from sild.errors import CallerError, PlatformError, Unavailable


def test_the_migrations_make_the_schema_the_code_believes_in(either_server: CentralServer) -> None:
    with either_server._engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": "central_server_revision"})
        assert compare_metadata(context, metadata) == []


def test_audit_rows_say_who_changed_what(either_server: CentralServer) -> None:
    last = either_server.audit_log()[-1].id
    with either_server.transaction("api-key 7"):
        either_server.rename_member(MEMBER, "Other name")
        either_server.add_member_class("NGO", "Others")
    rename, added = either_server.audit_log(after_id=last)
    assert (rename.actor, rename.event) == ("api-key 7", "edit_member_name")
    assert rename.detail == {"member": "DEV:COM:1234", "name": "Other name"}
    assert rename.revision == added.revision == either_server.revision


def test_a_refused_change_leaves_no_trace(either_server: CentralServer) -> None:
    rows, revision = either_server.audit_log(), either_server.revision
    with pytest.raises(Conflict):
        either_server.add_member_class("COM", "again")
    assert (either_server.audit_log(), either_server.revision) == (rows, revision)


def test_a_transaction_is_all_or_nothing(either_server: CentralServer) -> None:
    rows = either_server.audit_log()
    with pytest.raises(Conflict), either_server.transaction():
        either_server.add_member("COM", "1", "One")
        either_server.add_member("COM", "1234", "Exists")
    assert either_server.find_clients("One").total_items == 0
    assert either_server.audit_log() == rows


def test_a_refusal_inside_a_transaction_may_be_survived(either_server: CentralServer) -> None:
    with either_server.transaction():
        either_server.add_member("COM", "1", "One")
        with pytest.raises(CallerError):
            either_server.register_security_server(MEMBER, "SS5", "ss5", b"nonsense")
        either_server.add_member("COM", "2", "Two")
    assert either_server.find_clients("One").total_items == 1
    assert either_server.find_security_servers("SS5").total_items == 0


@pytest.mark.parametrize("statement", ["DELETE FROM audit_rows", "UPDATE audit_rows SET actor = 'nobody'"])
def test_audit_rows_cannot_be_changed(either_server: CentralServer, statement: str) -> None:
    with pytest.raises(DBAPIError, match="append-only"), either_server._engine.begin() as connection:
        connection.execute(text(statement))


def test_many_sides_enter_the_same_at_once(either_server: CentralServer) -> None:
    barrier = threading.Barrier(8)

    def enter(number: int) -> list[str]:
        barrier.wait()
        codes = []
        for code in range(10):
            try:
                either_server.add_member("COM", f"shared-{code}", f"by {number}")
                codes.append("added")
            except PlatformError as error:
                codes.append(error.code)
        return codes

    with ThreadPoolExecutor(8) as pool:
        results = [code for codes in pool.map(enter, range(8)) for code in codes]
    assert results.count("added") == 10
    assert set(results) == {"added", "member_exists"}
    revisions = [row.revision for row in either_server.audit_log() if row.event == "add_member"][-10:]
    assert sorted(set(revisions)) == revisions


def test_a_publication_sees_whole_transactions_only(either_server: CentralServer) -> None:
    """A writer adds members in pairs; no published configuration may hold half a pair."""
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            with either_server.transaction():
                either_server.add_member("COM", f"a{number}", "Half")
                either_server.add_member("COM", f"b{number}", "Half")
            number += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(10):
            generation = either_server.publish()
            path = either_server.public_directory / "V6" / generation.name / "shared-params.xml"
            if path.exists():
                assert path.read_bytes().count(b"Half") % 2 == 0
    finally:
        stop.set()
        writer.join()


def test_a_database_that_is_locked_is_unavailable(central_server: CentralServer, tmp_path: Path) -> None:
    other = create_engine(f"sqlite:///{tmp_path}/cs/central-server.db")
    with central_server._engine.connect() as mine:
        mine.exec_driver_sql("PRAGMA busy_timeout=50")  # the pool gives this connection out again
    with other.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable, match="database_error"):
            central_server.add_member_class("NGO", "Others")
    other.dispose()
    central_server.add_member_class("NGO", "Others")


def test_a_database_that_cannot_be_reached(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="database_error"):
        CentralServer.create(
            tmp_path,
            instance_identifier=INSTANCE,
            address="cs",
            pin=PIN,
            database_url=f"postgresql://nobody@/nothing?host={tmp_path}",
        )
