"""A store of decisions in each kind of database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import Engine

from sild.database import open_database, sqlite_url
from sild.decisions import DECISION_MIGRATIONS, BodyKeys, DecisionStore
from support.postgres import postgresql as postgresql

from .world import Root, SetClock


@pytest.fixture(scope="session")
def root() -> Root:
    return Root()


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    with ExitStack() as opened:
        url = sqlite_url(tmp_path / "decisions.db")
        if request.param == "postgresql":
            url = opened.enter_context(request.getfixturevalue("postgresql").schema())
        engine = open_database(url, DECISION_MIGRATIONS)
        opened.callback(engine.dispose)
        yield engine


@pytest.fixture
def keys() -> BodyKeys:
    return BodyKeys(b"k" * 32)


@pytest.fixture
def store(engine: Engine, root: Root, keys: BodyKeys, clock: SetClock) -> DecisionStore:
    return DecisionStore(engine, root.sealer(), keys, clock=clock)
