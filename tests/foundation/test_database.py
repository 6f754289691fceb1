"""Opening a database brings its schema to the newest revision, once."""

import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect, make_url, text

import sild
from sild.database import open_database, sqlite_url
from sild.errors import Unavailable
from support.postgres import PostgreSQL
from support.postgres import postgresql as postgresql  # a fixture

FIRST = """
import sqlalchemy as sa
from alembic import op
revision, down_revision = "0001", None
def upgrade(): op.create_table("fact", sa.Column("id", sa.Integer, primary_key=True))
"""
SECOND = """
import sqlalchemy as sa
from alembic import op
revision, down_revision = "0002", "0001"
def upgrade(): op.add_column("fact", sa.Column("source", sa.Text))
"""


def test_migrates_a_new_and_an_old_database(tmp_path: Path) -> None:
    migrations = tmp_path / "migrations"
    migrations.mkdir()
    (migrations / "r0001.py").write_text(FIRST)
    url = sqlite_url(tmp_path / "deep" / "room.db")
    engine = open_database(url, migrations)
    with engine.begin() as connection:
        connection.execute(text("insert into fact (id) values (1)"))
        assert connection.execute(text("pragma journal_mode")).scalar() == "wal"
        assert connection.execute(text("pragma synchronous")).scalar() == 2
    engine.dispose()
    (migrations / "r0002.py").write_text(SECOND)
    engine = open_database(url, migrations, durable=False)
    assert [column["name"] for column in inspect(engine).get_columns("fact")] == ["id", "source"]
    with engine.begin() as connection:
        assert connection.execute(text("select count(*) from fact")).scalar() == 1
        assert connection.execute(text("pragma synchronous")).scalar() == 1
    engine.dispose()


def test_an_unreachable_database_is_unavailable_and_keeps_its_password(tmp_path: Path) -> None:
    with pytest.raises(Unavailable) as caught:
        open_database("postgresql://user:secret@127.0.0.1:9/none", tmp_path)
    assert caught.value.code == "database_error"
    assert "secret" not in str(caught.value)


def test_a_new_database_is_its_owners_alone(tmp_path: Path) -> None:
    migrations = tmp_path / "room" / "migrations"
    migrations.mkdir(parents=True)
    (migrations / "r0001.py").write_text(FIRST)
    engine = open_database(sqlite_url(tmp_path / "room.db"), migrations)
    with engine.connect() as connection:
        connection.execute(text("select * from fact"))
        modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.glob("room.db*")}
    engine.dispose()
    assert modes == {"room.db": 0o600, "room.db-wal": 0o600, "room.db-shm": 0o600}


def test_a_second_of_a_kind_is_as_new_as_the_first(tmp_path: Path) -> None:
    """It is copied; a row in the first is not in it, and a newer revision of the room is."""
    migrations = tmp_path / "room" / "migrations"
    migrations.mkdir(parents=True)
    (migrations / "r0001.py").write_text(FIRST)
    columns, rows = [], []
    for name in ("first", "second", "third"):
        if name == "third":
            (migrations / "r0002.py").write_text(SECOND)
        engine = open_database(sqlite_url(tmp_path / name), migrations)
        columns.append([column["name"] for column in inspect(engine).get_columns("fact")])
        with engine.begin() as connection:
            rows.append(connection.execute(text("select count(*) from fact")).scalar())
            connection.execute(text("insert into fact (id) values (1)"))
        engine.dispose()
    assert columns == [["id"], ["id"], ["id", "source"]]
    assert rows == [0, 0, 0]
    assert not list(tmp_path.glob(".*"))


def test_a_directory_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Unavailable, match="File exists"):
        open_database(sqlite_url(tmp_path / "file" / "room.db"), tmp_path)


# Rooms of a process or of a small instance may share one PostgreSQL database. The signer always has SQLite.
ROOMS = ("central_server", "security_server", "message_log", "trust_services", "registries/kernel")


def test_rooms_share_a_postgresql_database(postgresql: PostgreSQL) -> None:
    with postgresql.database() as url:
        tables: dict[str, set[str]] = {}
        for room in ROOMS * 2:  # the second time each finds its own revision and changes nothing
            before = _tables(url)
            open_database(url, Path(sild.__path__[0]) / room / "migrations").dispose()
            tables[room] = tables.get(room, set()) | (_tables(url) - before)
        assert {f"{Path(room).name}_revision" for room in ROOMS} <= _tables(url)
        assert all(len(made) >= 2 for made in tables.values())


def test_processes_that_start_together_migrate_once(postgresql: PostgreSQL) -> None:
    migrations = Path(sild.__path__[0]) / "message_log" / "migrations"
    program = "import sys, pathlib, sild.database as d; d.open_database(sys.argv[1], pathlib.Path(sys.argv[2])).dispose()"
    with postgresql.database() as url:
        command = [sys.executable, "-c", program, url, str(migrations)]
        processes = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(3)]
        assert [(each.communicate()[1], each.returncode) for each in processes] == [(b"", 0)] * 3


def test_threads_may_open_databases_at_once(tmp_path: Path) -> None:
    def open_one(name: str) -> None:
        migrations = Path(sild.__path__[0]) / "message_log" / "migrations"
        open_database(sqlite_url(tmp_path / name), migrations).dispose()

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(open_one, "abcd")) == [None] * 4


def _tables(url: str) -> set[str]:
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"))
    try:
        return set(inspect(engine).get_table_names())
    finally:
        engine.dispose()


def test_two_deployments_share_a_postgresql_database_in_schemas_of_their_own(postgresql: PostgreSQL) -> None:
    """As docs/processes.md says: the schema is chosen in the address."""
    migrations = Path(sild.__path__[0]) / "message_log" / "migrations"
    with postgresql.database() as url:
        admin = create_engine(make_url(url).set(drivername="postgresql+psycopg"))
        for name in ("ss1", "ss2"):
            with admin.begin() as connection:
                connection.execute(text(f"CREATE SCHEMA {name}"))
            chosen = make_url(url).update_query_dict({"options": f"-csearch_path={name}"})
            for _ in range(2):
                open_database(chosen.render_as_string(hide_password=False), migrations).dispose()
            assert "message_record" in inspect(admin).get_table_names(schema=name)
        assert inspect(admin).get_table_names(schema="public") == []
        admin.dispose()


def test_a_database_of_something_else_is_refused_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "room.db"
    with sqlite3.connect(file) as other:
        other.execute("CREATE TABLE message_record (theirs)")
    other.close()
    with pytest.raises(Unavailable) as caught:
        open_database(sqlite_url(file), Path(sild.__path__[0]) / "message_log" / "migrations")
    assert caught.value.message == f"database sqlite:///{file}: table message_record already exists"


@pytest.mark.parametrize("late", [True, False])
def test_what_a_thread_still_held_is_closed_when_it_comes_back(postgresql: PostgreSQL, late: bool) -> None:
    """A worker that ends after its room was closed leaves no connection at the server."""
    with postgresql.database() as url:
        engine = open_database(url)
        with engine.connect() as connection:
            held = connection.connection.driver_connection
            assert held is not None
            if late:
                engine.dispose()
        assert held.closed is late
        engine.dispose()
        assert held.closed
