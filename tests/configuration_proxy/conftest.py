from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from configuration_proxy.proxy_world import ProxyWorld
from support.pki import Pki


@pytest.fixture(scope="session")
def pki() -> Pki:
    return Pki()


@pytest.fixture
async def world(tmp_path: Path, pki: Pki) -> AsyncIterator[ProxyWorld]:
    async with ProxyWorld(tmp_path, pki) as world:
        yield world
