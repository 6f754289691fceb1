"""The machine was suspended, or somebody set its clock: OCSP responses are asked for anew, whatever the timers say."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from sild.errors import Unavailable
from sild.signer import Signer, ocsp
from support.signer_world import MEMBER, MESSAGE, SignerWorld, verify


@pytest.mark.parametrize("hours", [9, -9])
async def test_after_a_jump_of_the_clock_it_signs_again_soon(
    signer: Signer, world: SignerWorld, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    monkeypatch.setattr(ocsp, "CLOCK_CHECK_SECONDS", 0.02)
    running = asyncio.create_task(signer.run())
    await asyncio.sleep(0.05)
    asked = world.trust.ocsp_requests
    world.now += timedelta(hours=hours)
    async with asyncio.timeout(5):
        while world.trust.ocsp_requests == asked:
            await asyncio.sleep(0.01)
        while True:
            try:
                verify(await signer.sign_message(MEMBER, [MESSAGE]), MESSAGE)
                break
            except Unavailable:
                await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)
    assert world.trust.ocsp_requests == asked + 1  # one jump, one round
    running.cancel()
