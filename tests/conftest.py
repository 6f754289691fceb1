"""Fixtures every room's tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared" / "xroad"


@pytest.fixture(scope="session")
def shared() -> Path:
    """X-Road's own schemas, vectors and recorded exchanges. They are not part of this repository."""
    if not SHARED.is_dir():
        pytest.skip(f"X-Road's sample data is not on this machine (looked in {SHARED})")
    return SHARED
