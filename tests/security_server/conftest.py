"""Worlds for the tests of this room: one of its own for each test that asks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from world import Pair, World, make_pair


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World(tmp_path) as made:
        yield made


@pytest.fixture
async def pair(world: World) -> Pair:
    return await make_pair(world)
