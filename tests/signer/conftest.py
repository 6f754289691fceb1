"""A signer with a software token, a member's certificate and real OCSP over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio

from sild.signer import Signer, SoftwareToken, software_token
from support.signer_world import PIN, SignerWorld
from support.trust import TrustServices


@pytest.fixture(autouse=True)
def _quick_pin(monkeypatch: pytest.MonkeyPatch) -> None:
    """Deriving a key from a PIN is slow on purpose; tests need not wait for it."""
    monkeypatch.setattr(software_token, "KDF_ROUNDS", 1_000)


@pytest_asyncio.fixture
async def world(tmp_path: Path) -> AsyncIterator[SignerWorld]:
    token = SoftwareToken(tmp_path / "token")
    await token.initialize(PIN)
    await token.login(PIN)
    async with TrustServices.running() as trust:
        world = SignerWorld(tmp_path, trust, token, datetime.now(UTC), None)
        trust.clock = world.clock
        world.globalconf = trust.globalconf(("1234", "5678"))
        yield world


@pytest_asyncio.fixture
async def signer(world: SignerWorld) -> AsyncIterator[Signer]:
    """With a registered sign certificate of MEMBER and its OCSP response."""
    signer = world.open_signer()
    await world.certify(signer)
    assert await signer.ocsp.refresh()
    yield signer
    signer.close()
