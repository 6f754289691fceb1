"""What the signer signs verifies: one part, several parts, every kind of key, many at once."""

from __future__ import annotations

import asyncio

import pytest

from sild.pki import SignatureAlgorithm
from sild.signatures import parse_signature
from sild.signer import KeyAlgorithm, Signer
from sild.xroad.identifiers import ClientId
from support.signer_world import BODY, MEMBER, MESSAGE, SignerWorld, part, verify
from support.trust import member


async def test_one_part_is_signed_directly(signer: Signer, world: SignerWorld) -> None:
    signed = await signer.sign_message(MEMBER, [MESSAGE])

    assert signed.hash_chain_result is None and signed.hash_chain is None
    verify(signed, MESSAGE)
    signature = parse_signature(signed.signature)
    info = signer.sign_certificate_for(MEMBER)
    assert signature.signing_certificate == info.certificate
    assert signature.ocsp_responses == (await signer.ocsp_response(info.sha1),)
    assert signature.signing_time == world.now.replace(microsecond=world.now.microsecond // 1000 * 1000)


async def test_a_body_is_signed_through_a_hash_chain(signer: Signer) -> None:
    signed = await signer.sign_message(MEMBER, [MESSAGE, BODY])

    assert signed.hash_chain_result is not None
    verify(signed, MESSAGE, BODY)


async def test_a_subsystem_signs_as_its_member(signer: Signer) -> None:
    subsystem = ClientId("DEV", "COM", "1234", "Sub")
    signed = await signer.sign_message(subsystem, [MESSAGE])
    verify(signed, MESSAGE)
    assert signer.sign_certificate_for(subsystem) == signer.sign_certificate_for(MEMBER)


@pytest.mark.parametrize("algorithm", [KeyAlgorithm.RSA_2048, KeyAlgorithm.RSA_4096, KeyAlgorithm.EC_P384])
async def test_every_kind_of_key(world: SignerWorld, algorithm: KeyAlgorithm) -> None:
    signer = world.open_signer()
    await world.certify(signer, algorithm=algorithm)
    await signer.ocsp.refresh()
    verify(await signer.sign_message(MEMBER, [MESSAGE]), MESSAGE)
    signer.close()


async def test_rsa_pss_where_it_is_chosen(world: SignerWorld) -> None:
    signer = world.open_signer(pss=True)
    await world.certify(signer, algorithm=KeyAlgorithm.RSA_2048)
    await signer.ocsp.refresh()
    signed = await signer.sign_message(MEMBER, [MESSAGE])
    verify(signed, MESSAGE)
    assert parse_signature(signed.signature).algorithm is SignatureAlgorithm.RSA_PSS_SHA512
    signer.close()


async def test_each_member_signs_with_its_own_certificate(signer: Signer, world: SignerWorld) -> None:
    other = await world.certify(signer, code="5678")
    await signer.ocsp.refresh()
    signed = await signer.sign_message(member("5678"), [MESSAGE])
    assert parse_signature(signed.signature).signing_certificate == other.certificate


async def test_many_messages_at_once(signer: Signer) -> None:
    messages = [part("/message.xml", b"%d" % number) for number in range(50)]
    signed = await asyncio.gather(*(signer.sign_message(MEMBER, [message]) for message in messages))
    for one, message in zip(signed, messages, strict=True):
        verify(one, message)
