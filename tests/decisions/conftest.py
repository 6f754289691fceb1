"""A store of decisions in each kind of database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from sild.database import open_database
from sild.decisions import DECISION_MIGRATIONS, BodyKeys, DecisionStore
from support.postgres import either_url as either_url
from support.postgres import postgresql as postgresql

from .world import Root, SetClock


@pytest.fixture(scope="session")
def root() -> Root:
    return Root()


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def engine(either_url: str) -> Iterator[Engine]:
    engine = open_database(either_url, DECISION_MIGRATIONS)
    yield engine
    engine.dispose()


@pytest.fixture
def keys() -> BodyKeys:
    return BodyKeys(b"k" * 32)


@pytest.fixture
def store(engine: Engine, root: Root, keys: BodyKeys, clock: SetClock) -> DecisionStore:
    return DecisionStore(engine, root.sealer(), keys, clock=clock)
