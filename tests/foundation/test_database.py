"""Opening a database brings its schema to the newest revision, once."""

from pathlib import Path

import pytest
from sqlalchemy import inspect, text

from sild.database import open_database, sqlite_url
from sild.errors import Unavailable

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
