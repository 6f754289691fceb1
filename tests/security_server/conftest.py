"""Worlds for the tests of this room: `pair` is a test's own; `shared_pair` is made once a module, for tests that change nothing.

A module that uses the shared one says `pytestmark = pytest.mark.asyncio(loop_scope="module")`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from forger import FalseProvider
from soap_world import SoapWorld
from world import Pair, World, make_pair


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World(tmp_path) as made:
        yield made


@pytest.fixture
async def pair(world: World) -> Pair:
    return await make_pair(world)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def module_world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with World(tmp_path_factory.mktemp("world")) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def module_pair(module_world: World) -> Pair:
    return await make_pair(module_world)


@pytest.fixture
def shared_pair(module_pair: Pair) -> Pair:
    return module_pair.begin()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def module_soap(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SoapWorld]:
    """Under X-Road's own names, as its test cases have them; each message meets the certificates as they are then."""
    async with World(tmp_path_factory.mktemp("soap"), instance="EE", member_class="BUSINESS") as world:
        made = SoapWorld(world)
        await made.start(keep_peer_connections=False)
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def module_false_soap(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[tuple[SoapWorld, FalseProvider]]:
    """The same; the producer's server is one that does wrong."""
    async with World(tmp_path_factory.mktemp("false"), instance="EE", member_class="BUSINESS") as world:
        made = SoapWorld(world)
        await made.start(provider_starts=False, keep_peer_connections=False)
        false = FalseProvider(world, made.provider, "producer")
        await false.start()
        yield made, false
        await false.stop()
