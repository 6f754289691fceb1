"""Fixtures of the ACME client's tests."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from ordering_world import OrderingWorld, ordering_world

from sild.acme_client import accounts
from sild.trust_services import keys


@pytest.fixture(autouse=True, scope="session")
def _quick_passwords() -> Iterator[None]:
    """The password's key derivation is slow on purpose; the files say how many rounds they were made with."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keys, "KDF_ROUNDS", 1_000)
        patch.setattr(accounts, "KDF_ROUNDS", 1_000)
        yield


@pytest.fixture
async def it(tmp_path: Path) -> AsyncIterator[OrderingWorld]:
    async with ordering_world(tmp_path) as made:
        yield made
