"""Two signers on one database, as two processes have it: keys, certificates and OCSP responses of one are the other's too."""

from __future__ import annotations

import asyncio

import pytest

from sild.errors import CallerError, Unavailable
from sild.http1 import fetch
from sild.signer import KeyAlgorithm, PinIncorrect, Signer, SignerStore, SoftwareToken
from support.pki import name
from support.postgres import either_url as either_url
from support.postgres import postgresql as postgresql
from support.signer_world import BODY, MEMBER, MESSAGE, PIN, SignerWorld, verify

SUBJECT = name(C="FI", O="Member 1234", CN="1234", SERIALNUMBER="DEV/SS0/COM")


@pytest.fixture
def url(either_url: str) -> str:
    return either_url


def token_in(store: SignerStore) -> SoftwareToken:
    return SoftwareToken(store.token_files("softToken-0"))


def signer_of(world: SignerWorld, store: SignerStore, token: SoftwareToken) -> Signer:
    return Signer([token], store, globalconf=lambda: world.globalconf, fetch=fetch, clock=world.clock)


async def test_a_token_in_the_database(url: str) -> None:
    one, other = SignerStore(url), SignerStore(url)
    token, twin = token_in(one), token_in(other)
    assert not twin.is_initialized
    await token.initialize(PIN)
    assert twin.is_initialized
    with pytest.raises(CallerError) as caught:
        await twin.initialize("another")
    assert caught.value.code == "bad_request"
    with pytest.raises(PinIncorrect):
        await twin.login("another")
    await token.login(PIN)
    await twin.login(PIN)
    key = await token.generate_key(KeyAlgorithm.EC_P256, "sign")
    assert twin.public_keys == ()
    await twin.reload()
    assert [each.key_id for each in twin.public_keys] == [key.key_id]
    assert await twin.certificate_request(key.key_id, SUBJECT)
    await token.delete_key(key.key_id)
    await twin.reload()
    assert twin.public_keys == ()
    with pytest.raises(Unavailable) as gone:
        one.token_files("softToken-0").read("none.p12")
    assert gone.value.code == "token_not_available"
    one.close()
    other.close()


async def test_who_starts_first_initialises(url: str) -> None:
    stores = [SignerStore(url) for _ in range(2)]
    outcomes = await asyncio.gather(
        *(token_in(store).initialize(PIN) for store in stores), return_exceptions=True
    )
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["CallerError", "NoneType"]
    for store in stores:
        store.close()


async def test_what_one_changes_the_other_takes_up(url: str, world: SignerWorld) -> None:
    """Also when the old certificate is put out of use before the other process knows the status of the new one."""
    stores = [SignerStore(url) for _ in range(2)]
    await token_in(stores[0]).initialize(PIN)
    tokens = [token_in(store) for store in stores]
    for token in tokens:
        await token.login(PIN)
    one, other = (signer_of(world, store, token) for store, token in zip(stores, tokens, strict=True))
    world.token = tokens[0]
    old = await world.certify(one)
    assert await one.ocsp.refresh()
    assert await other.reload_if_changed()
    assert not await other.reload_if_changed()
    verify(await other.sign_message(MEMBER, [MESSAGE, BODY]), MESSAGE, BODY)

    new = await world.certify(one)
    await one.keyring.set_active(old.sha1, is_active=False)
    assert other.sign_certificate_for(MEMBER).sha1 == old.sha1
    assert await other.reload_if_changed()
    assert other.sign_certificate_for(MEMBER).sha1 == new.sha1
    verify(await other.sign_message(MEMBER, [MESSAGE, BODY]), MESSAGE, BODY)
    one.close()
    other.close()


async def test_one_asks_for_ocsp_responses(url: str, world: SignerWorld) -> None:
    stores = [SignerStore(url) for _ in range(2)]
    tokens = [token_in(store) for store in stores]
    await tokens[0].initialize(PIN)
    await tokens[0].login(PIN)
    world.token = tokens[0]
    one, other = (signer_of(world, store, token) for store, token in zip(stores, tokens, strict=True))
    assert await one.ocsp.asks()
    assert not await other.ocsp.asks()
    info = await world.certify(one)
    await one.ocsp.refresh()
    await other.reload_if_changed()
    assert other.ocsp.get(info.sha1) == one.ocsp.get(info.sha1) is not None
    one.close()
    async with asyncio.timeout(5):
        while not await other.ocsp.asks():
            await asyncio.sleep(0.02)
    other.close()


async def test_both_import_a_certificate_at_once(url: str, world: SignerWorld) -> None:
    stores = [SignerStore(url) for _ in range(2)]
    tokens = [token_in(store) for store in stores]
    await tokens[0].initialize(PIN)
    for token in tokens:
        await token.login(PIN)
    world.token = tokens[0]
    one, other = (signer_of(world, store, token) for store, token in zip(stores, tokens, strict=True))
    info = await world.certify(one)
    await tokens[1].reload()
    assert other.keyring.certificates() == ()  # it has not heard of it yet
    with pytest.raises(CallerError) as caught:
        await other.keyring.import_certificate(info.certificate, member=MEMBER)
    assert caught.value.code == "cert_exists"
    assert len(stores[0].certificates()) == 1
    one.close()
    other.close()
