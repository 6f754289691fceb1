"""A member without a usable certificate cannot sign, and the error says what is wrong with the one it has."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from sild.errors import Unavailable
from sild.signer import CertificateStatus, Signer
from support.signer_world import MEMBER, MESSAGE, SignerWorld, verify
from support.trust import member


async def refused(signer: Signer, text: str) -> None:
    with pytest.raises(Unavailable, match=text) as caught:
        await signer.sign_message(MEMBER, [MESSAGE])
    assert caught.value.code_path == "cannot_create_signature"
    with pytest.raises(Unavailable, match=text):
        signer.sign_certificate_for(MEMBER)


async def test_a_member_without_certificate(signer: Signer) -> None:
    with pytest.raises(Unavailable, match="signing info for member 'DEV:COM:5678'") as caught:
        await signer.sign_message(member("5678"), [MESSAGE])
    assert caught.value.code_path == "cannot_create_signature"


async def test_token_not_logged_in(signer: Signer, world: SignerWorld) -> None:
    verify(await signer.sign_message(MEMBER, [MESSAGE]), MESSAGE)
    await world.token.logout()
    await refused(signer, "token softToken-0 is not logged in")


async def test_no_global_configuration(signer: Signer, world: SignerWorld) -> None:
    world.globalconf = None
    await refused(signer, "no global configuration")


async def test_an_issuer_nobody_trusts_any_more(signer: Signer, world: SignerWorld) -> None:
    """The choice made before the configuration changed must not outlive it."""
    await signer.sign_message(MEMBER, [MESSAGE])
    other = type(world.trust)(type(world.trust.pki)(common_name="Another CA"), world.clock)
    world.globalconf = other.globalconf()
    await refused(signer, "not issued by approved")


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda signer, sha1: signer.keyring.set_active(sha1, False), "not active"),
        (
            lambda signer, sha1: signer.keyring.set_status(sha1, CertificateStatus.DELETION_IN_PROGRESS),
            "not registered but deletion in progress",
        ),
        (lambda signer, sha1: signer.keyring.delete_certificate(sha1), "there is no certificate"),
    ],
)
async def test_taken_out_of_use(
    signer: Signer, change: Callable[[Signer, str], Awaitable[None]], text: str
) -> None:
    await signer.sign_message(MEMBER, [MESSAGE])
    await change(signer, signer.sign_certificate_for(MEMBER).sha1)
    await refused(signer, text)


async def test_expired_certificate(signer: Signer, world: SignerWorld) -> None:
    world.now += timedelta(days=366)
    await signer.ocsp.refresh()
    await refused(signer, "not valid now")


async def test_the_next_usable_certificate_is_taken(signer: Signer, world: SignerWorld) -> None:
    """A member may have several: the first active registered one with a good response signs (WIRE 6.1)."""
    first = signer.sign_certificate_for(MEMBER)
    second = await world.certify(signer)
    await signer.ocsp.refresh()
    assert signer.sign_certificate_for(MEMBER) == first
    await signer.keyring.set_active(first.sha1, False)
    assert signer.sign_certificate_for(MEMBER) == second
