"""Two real security servers and an echo service behind them, made once a module: tests say loop_scope="module"."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from world import CLIENT, Pair, World, make_pair

from sild.adapter import AsyncXRoadClient


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def module_pair(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pair]:
    async with World(tmp_path_factory.mktemp("world")) as world:
        yield await make_pair(world)


@pytest.fixture
def pair(module_pair: Pair) -> Pair:
    return module_pair.begin()


@pytest_asyncio.fixture(loop_scope="module")
async def xroad(pair: Pair) -> AsyncIterator[AsyncXRoadClient]:
    async with AsyncXRoadClient(pair.consumer.url, CLIENT) as client:
        yield client
