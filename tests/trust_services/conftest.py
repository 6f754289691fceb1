"""Fixtures of the trust services' tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from trust_world import OPTIONS, SettableClock

from sild.trust_services import TrustServices, keys


@pytest.fixture(autouse=True, scope="session")
def _quick_passwords() -> Iterator[None]:
    """The password's key derivation is slow on purpose; the files say how many rounds they were made with."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keys, "KDF_ROUNDS", 1_000)
        yield


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def services(tmp_path: Path, clock: SettableClock) -> Iterator[TrustServices]:
    found = TrustServices.create(tmp_path / "trust", password="secret", options=OPTIONS, clock=clock)
    yield found
    found.close()
