"""A fresh portal for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.portal_world import PortalWorld
from support.postgres import postgresql

__all__ = ["postgresql", "world"]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[PortalWorld]:
    with PortalWorld(tmp_path).running() as world:
        yield world
