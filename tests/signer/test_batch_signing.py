"""One signature for many messages that wait for the same key."""

from __future__ import annotations

import asyncio

import pytest

from sild.errors import Unavailable
from sild.pki import SignatureAlgorithm
from sild.signer import BatchSigning, Signer, SoftwareToken
from support.signer_world import BODY, MEMBER, MESSAGE, PIN, SignerWorld, part, verify


class SlowToken(SoftwareToken):
    """Signs one thing at a time, as hardware does; `answering` holds its answers back."""

    def __init__(self, world: SignerWorld, batch_signing: BatchSigning) -> None:
        super().__init__(world.directory / "token", batch_signing=batch_signing)
        self.answering = asyncio.Event()
        self.signatures = 0
        self.broken = False

    async def sign(self, key_id: str, algorithm: SignatureAlgorithm, data: bytes) -> bytes:
        self.signatures += 1
        await self.answering.wait()
        if self.broken:
            raise Unavailable("the device was pulled out", code="cannot_sign")
        return await super().sign(key_id, algorithm, data)


async def slow_signer(world: SignerWorld, batch_signing: BatchSigning) -> tuple[Signer, SlowToken]:
    first = world.open_signer()
    await world.certify(first)
    await first.ocsp.refresh()
    first.close()
    token = SlowToken(world, batch_signing)
    await token.login(PIN)
    return world.open_signer(token), token


MESSAGES = [[part("/message.xml", b"%d" % number)] for number in range(5)] + [[MESSAGE, BODY]]


async def test_who_waits_for_a_slow_token_is_signed_for_at_once(world: SignerWorld) -> None:
    signer, token = await slow_signer(world, "automatic")
    signing = [asyncio.create_task(signer.sign_message(MEMBER, parts)) for parts in MESSAGES]
    await asyncio.sleep(0.01)
    token.answering.set()
    first, *others = await asyncio.gather(*signing)

    assert token.signatures == 2  # the first alone, the rest together
    assert first.hash_chain is None
    assert len({other.signature for other in others}) == 1
    for signed, parts in zip((first, *others), MESSAGES, strict=True):
        verify(signed, *parts)
    signer.close()


async def test_never_means_one_signature_each(world: SignerWorld) -> None:
    signer, token = await slow_signer(world, "never")
    token.answering.set()
    signed = await asyncio.gather(*(signer.sign_message(MEMBER, parts) for parts in MESSAGES))
    assert token.signatures == len(MESSAGES)
    assert len({one.signature for one in signed}) == len(MESSAGES)
    signer.close()


async def test_always_gathers_what_comes_together(world: SignerWorld) -> None:
    signer, token = await slow_signer(world, "always")
    token.answering.set()
    signed = await asyncio.gather(*(signer.sign_message(MEMBER, parts) for parts in MESSAGES))
    assert token.signatures == 1
    for one, parts in zip(signed, MESSAGES, strict=True):
        verify(one, *parts)
    alone = await signer.sign_message(MEMBER, [MESSAGE])
    assert alone.hash_chain is None
    verify(alone, MESSAGE)
    signer.close()


async def test_a_broken_token_fails_everyone_who_waits(world: SignerWorld) -> None:
    signer, token = await slow_signer(world, "automatic")
    token.broken = True
    signing = [asyncio.create_task(signer.sign_message(MEMBER, parts)) for parts in MESSAGES]
    await asyncio.sleep(0.01)
    token.answering.set()
    outcomes = await asyncio.gather(*signing, return_exceptions=True)

    assert [o.code_path for o in outcomes if isinstance(o, Unavailable)] == [
        "cannot_create_signature.cannot_sign"
    ] * len(MESSAGES)
    token.broken = False
    verify(await signer.sign_message(MEMBER, [MESSAGE]), MESSAGE)
    signer.close()


async def test_who_gives_up_is_not_signed_for(world: SignerWorld) -> None:
    signer, token = await slow_signer(world, "automatic")
    signing = [asyncio.create_task(signer.sign_message(MEMBER, parts)) for parts in MESSAGES]
    await asyncio.sleep(0.01)
    for task in signing[1:]:
        task.cancel()
    token.answering.set()
    verify(await signing[0], *MESSAGES[0])
    await asyncio.gather(*signing[1:], return_exceptions=True)
    assert token.signatures == 1
    signer.close()


async def test_nobody_waits_longer_than_a_minute(world: SignerWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sild.signer.signing.SIGNING_TIMEOUT_SECONDS", 0.02)
    signer, token = await slow_signer(world, "automatic")
    outcomes = await asyncio.gather(
        *(signer.sign_message(MEMBER, parts) for parts in MESSAGES[:3]), return_exceptions=True
    )
    assert [o.code_path for o in outcomes if isinstance(o, Unavailable)] == [
        "cannot_create_signature.internal_error"
    ] * 3
    token.answering.set()
    verify(await signer.sign_message(MEMBER, [MESSAGE]), MESSAGE)
    signer.close()


class QuickToken(SoftwareToken):
    """Signs in its own time, which is short: less than a message's two more files are worth."""

    def __init__(self, world: SignerWorld, seconds: float) -> None:
        super().__init__(world.directory / "token", batch_signing="automatic")
        self.seconds = seconds
        self.signatures = 0

    async def sign(self, key_id: str, algorithm: SignatureAlgorithm, data: bytes) -> bytes:
        self.signatures += 1
        await asyncio.sleep(self.seconds)
        return await super().sign(key_id, algorithm, data)


@pytest.mark.parametrize(("seconds", "shared"), [(0.0, False), (0.02, True)])
async def test_whether_a_batch_is_worth_it_is_measured(
    world: SignerWorld, monkeypatch: pytest.MonkeyPatch, seconds: float, shared: bool
) -> None:
    monkeypatch.setattr("sild.signer.signing.WORTHWHILE_SECONDS", 0.05)  # room for a busy machine
    first = world.open_signer()
    await world.certify(first)
    await first.ocsp.refresh()
    first.close()
    token = QuickToken(world, seconds)
    await token.login(PIN)
    signer = world.open_signer(token)
    await signer.sign_message(MEMBER, [MESSAGE])  # measures
    messages = [[part("/message.xml", b"%d" % number)] for number in range(8)]
    signed = await asyncio.gather(*(signer.sign_message(MEMBER, parts) for parts in messages))
    for one, parts in zip(signed, messages, strict=True):
        verify(one, *parts)
    assert token.signatures == (3 if shared else 9)
    signer.close()
