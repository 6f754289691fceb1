"""Samples of the reference implementation, taken apart."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from support.signed_messages import Recorded, read_sample


@pytest.fixture
def sample(shared: Path) -> Callable[[str], Recorded]:
    """`sample("wire/01.req")`."""
    return lambda name: read_sample(shared / name)
