"""Responses are fetched ahead of need, believed by a peer's rules, kept over a restart, and never used when stale."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from sild.errors import Unavailable
from sild.pki import Revoked, parse_ocsp_response
from sild.signer import CertificateStatus, KeyUsage, Signer, ocsp
from support.signer_world import MEMBER, MESSAGE, SignerWorld, verify


async def refused(signer: Signer, text: str) -> None:
    with pytest.raises(Unavailable, match=text) as caught:
        await signer.sign_message(MEMBER, [MESSAGE])
    assert caught.value.code_path == "cannot_create_signature"


async def test_without_a_response_nothing_is_signed(world: SignerWorld) -> None:
    signer = world.open_signer()
    await world.certify(signer)
    await refused(signer, "there is no OCSP response")
    signer.close()


async def test_a_stale_response_is_not_used(signer: Signer, world: SignerWorld) -> None:
    await signer.sign_message(MEMBER, [MESSAGE])
    world.now += timedelta(seconds=3601)
    await refused(signer, "too old")
    assert await signer.ocsp.refresh()
    verify(await signer.sign_message(MEMBER, [MESSAGE]), MESSAGE)


async def test_a_response_past_its_next_update_is_not_used(signer: Signer, world: SignerWorld) -> None:
    world.trust.ocsp_validity = timedelta(minutes=5)
    await signer.ocsp.refresh()
    await signer.sign_message(MEMBER, [MESSAGE])
    world.now += timedelta(minutes=6)
    await refused(signer, "nextUpdate")


async def test_a_revoked_certificate_signs_no_more(signer: Signer, world: SignerWorld) -> None:
    """The answer is kept although it is bad news: it takes the good one's place."""
    info = signer.sign_certificate_for(MEMBER)
    world.trust.certificate_status[info.certificate.serial_number] = Revoked(datetime(2026, 1, 1, tzinfo=UTC))
    assert await signer.ocsp.refresh()
    await refused(signer, "REVOKED")


async def test_an_answer_that_comes_late_does_not_hide_a_newer_one(
    signer: Signer, world: SignerWorld
) -> None:
    info = signer.sign_certificate_for(MEMBER)
    held = world.trust.ocsp_held = asyncio.Event()
    late = asyncio.create_task(signer.ocsp.refresh())
    while world.trust.ocsp_held is not None:
        await asyncio.sleep(0)
    world.trust.certificate_status[info.certificate.serial_number] = Revoked(datetime(2026, 1, 1, tzinfo=UTC))
    assert await signer.ocsp.refresh()
    held.set()
    assert await late
    await refused(signer, "REVOKED")
    again = world.open_signer()
    await refused(again, "REVOKED")
    again.close()


async def test_an_unbelievable_answer_does_not_replace_a_good_one(signer: Signer, world: SignerWorld) -> None:
    stranger = type(world.trust.pki)(common_name="Stranger")
    info = signer.sign_certificate_for(MEMBER)
    good = await signer.ocsp_response(info.sha1)
    for answer in (
        b"garbage",
        world.trust.pki.ocsp_response(info.certificate, at=world.now, responder=stranger.ocsp),
        world.trust.pki.ocsp_response(world.trust.pki.ca.certificate, at=world.now),
        world.trust.pki.ocsp_response(info.certificate, at=world.now - timedelta(days=2)),
    ):
        world.trust.ocsp_answer = answer
        assert not await signer.ocsp.refresh()
        assert await signer.ocsp_response(info.sha1) == good
    verify(await signer.sign_message(MEMBER, [MESSAGE]), MESSAGE)


async def test_the_responder_is_down(signer: Signer, world: SignerWorld) -> None:
    world.trust.ocsp_up = False
    assert not await signer.ocsp.refresh()
    verify(await signer.sign_message(MEMBER, [MESSAGE]), MESSAGE)


async def test_responses_survive_a_restart(signer: Signer, world: SignerWorld) -> None:
    world.trust.ocsp_up = False
    again = world.open_signer()
    verify(await again.sign_message(MEMBER, [MESSAGE]), MESSAGE)
    again.close()


async def test_only_certificates_in_use_are_asked_about(signer: Signer, world: SignerWorld) -> None:
    await world.certify(signer, KeyUsage.AUTHENTICATION, status=CertificateStatus.SAVED)
    await world.certify(signer, is_active=False)
    before = world.trust.ocsp_requests
    await signer.ocsp.refresh()
    assert world.trust.ocsp_requests == before + 1


async def test_port_5577_gets_a_response_that_is_not_there_yet(signer: Signer, world: SignerWorld) -> None:
    info = await world.certify(signer, KeyUsage.AUTHENTICATION)
    response = await signer.ocsp_response(info.sha1.upper())
    assert response is not None
    assert parse_ocsp_response(response).single_for(info.certificate, world.trust.pki.ca.certificate)
    assert await signer.ocsp_response("00" * 20) is None
    world.trust.ocsp_up = False
    other = await world.certify(signer, KeyUsage.AUTHENTICATION)
    assert await signer.ocsp_response(other.sha1) is None


async def test_after_a_failure_it_asks_again_soon(
    signer: Signer, world: SignerWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ocsp, "FIRST_RETRY_SECONDS", 0.01)
    world.trust.ocsp_up = False
    before = world.trust.ocsp_requests
    running = asyncio.create_task(signer.run())
    while world.trust.ocsp_requests < before + 3:
        await asyncio.sleep(0.005)
    world.trust.ocsp_up = True
    world.now += timedelta(seconds=3601)
    signer.ocsp.wake()
    while (await _good(signer)) is False:
        await asyncio.sleep(0.005)
    asked = world.trust.ocsp_requests
    await asyncio.sleep(0.1)
    assert world.trust.ocsp_requests == asked  # and then only as often as the configuration says
    running.cancel()


async def _good(signer: Signer) -> bool:
    try:
        await signer.sign_message(MEMBER, [MESSAGE])
    except Unavailable:
        return False
    return True
