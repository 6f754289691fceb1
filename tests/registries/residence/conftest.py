from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sild.registries import ResidenceRegister, residence_app
from support.acting import serving

from ..asking import Asker
from ..conftest import SetClock

SYSTEM = "/SILD/GOV/70000006/residence"


@pytest.fixture
def homes(tmp_path: Path, hand_clock: SetClock, either_url: str | None) -> Iterator[ResidenceRegister]:
    """The residence register in a database of each kind."""
    register = ResidenceRegister.open(tmp_path, either_url, system=SYSTEM, people=400, clock=hand_clock)
    yield register
    register.close()


@pytest.fixture
def residence(homes: ResidenceRegister) -> Iterator[Asker]:
    """The register over HTTP."""
    with serving(residence_app(homes)) as site:
        yield Asker(site)
