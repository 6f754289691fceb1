"""Fixtures every room's tests share."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

# A shared machine is slow at times; how long one example takes says nothing. `make properties` runs the second profile.
settings.register_profile("default", deadline=None)
settings.register_profile("long", deadline=None, max_examples=20_000)

SHARED = Path(__file__).resolve().parents[2] / "shared" / "xroad"


@pytest.fixture(scope="session")
def shared() -> Path:
    """X-Road's own schemas, vectors and recorded exchanges. They are not part of this repository."""
    if not SHARED.is_dir():
        pytest.skip(f"X-Road's sample data is not on this machine (looked in {SHARED})")
    return SHARED
