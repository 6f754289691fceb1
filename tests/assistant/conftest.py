from __future__ import annotations

from datetime import date

import pytest

from sild.assistant import Assistant, load_passages
from sild.cases import Packs, load_packs

DAY = date(2026, 11, 23)


@pytest.fixture(scope="session")
def packs() -> Packs:
    return load_packs("EE")


@pytest.fixture(scope="session")
def assistant(packs: Packs) -> Assistant:
    return Assistant(load_passages(packs.profile, tuple(packs.services.values()), packs.screens, at=DAY))


@pytest.fixture(scope="session")
def vietnamese() -> Assistant:
    packs = load_packs("VN")
    return Assistant(load_passages(packs.profile, tuple(packs.services.values()), packs.screens, at=DAY))
