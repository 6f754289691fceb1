"""Certificates come into use and go out of use while messages flow; no message fails for it."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta

import pytest
from cryptography import x509
from world import Issuing, Pair, Site, World

from sild.http1 import open_connection
from sild.pki import certificate_sha1, der
from sild.signer import KeyAlgorithm, KeyUsage, Validity
from sild.xroad.globalconf import auth_cert_hash


class Load:
    """Eight information systems that call one after another, until told to stop."""

    def __init__(self, pair: Pair) -> None:
        self._pair = pair
        self._stop = False
        self.answers: Counter[str] = Counter()

    async def __aenter__(self) -> Load:
        self._tasks = [asyncio.create_task(self._call(number)) for number in range(8)]
        await self.more()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stop = True
        await asyncio.gather(*self._tasks)

    async def more(self, count: int = 40) -> None:
        """Wait for so many answers from now on."""
        wanted = self.answers.total() + count
        while self.answers.total() < wanted:
            assert not any(task.done() for task in self._tasks)
            await asyncio.sleep(0.01)

    async def _call(self, number: int) -> None:
        body = b"%d" % number * (1 if number % 2 else 3000)
        while not self._stop:
            answer = await self._pair.call("POST", "/x", body=body)
            good = answer.status == 200 and answer.body == body
            self.answers["good" if good else answer.body.decode(errors="replace")] += 1


def register_auth(world: World, site: Site, *certificates: bytes) -> None:
    hashes = tuple(auth_cert_hash(certificate, 6) for certificate in certificates)
    world.change_server(site.name, auth_cert_hashes=hashes)


async def shown_at_5500(site: Site) -> bytes | None:
    host, port = site.server.addresses["server_proxy"]
    context = site.server._parts.tls.peer_identity().context
    connection = await open_connection(host, port, tls=context)
    assert connection.tls is not None
    certificate = connection.tls.certificate
    connection.close()
    return certificate


async def usable(site: Site, *certificates: x509.Certificate) -> None:
    """Its status is asked for by itself; an administrator sees when it is known."""
    async with asyncio.timeout(10):
        while not all(
            state.is_usable
            for state in site.server.signer.certificate_states()
            if state.info.certificate in certificates
        ):
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("kind", list(KeyAlgorithm)[::3])
async def test_new_certificates_under_load(world: World, pair: Pair, kind: KeyAlgorithm) -> None:
    """As an administrator does it: new ones in, new hash registered, old ones off, old hash gone, old ones deleted."""
    async with Load(pair) as load:
        for site, code in ((pair.consumer, "1"), (pair.provider, "2")):
            keyring = site.server.signer.keyring
            old_auth, old_sign = site.auth_certificate, site.sign_certificates[code]
            issuing = Issuing(algorithm=kind)
            new_auth = await world.certify(site.server, KeyUsage.AUTHENTICATION, world.member(code), issuing)
            new_sign = await world.certify(site.server, KeyUsage.SIGNING, world.member(code), issuing)
            register_auth(world, site, der(old_auth), der(new_auth))
            await world.publish()
            await usable(site, new_auth, new_sign)
            await load.more()
            for old in (old_auth, old_sign):
                await keyring.set_active(certificate_sha1(der(old)).hex(), False)
            await load.more()
            assert await shown_at_5500(site) == der(new_auth)
            register_auth(world, site, der(new_auth))
            await world.publish()
            await load.more()
            for old in (old_auth, old_sign):
                await keyring.delete_certificate(certificate_sha1(der(old)).hex())
            await load.more()
            site.auth_certificate, site.sign_certificates[code] = new_auth, new_sign
    assert load.answers.keys() == {"good"}, load.answers
    for site, code in ((pair.consumer, "1"), (pair.provider, "2")):
        in_use = site.server.signer.sign_certificate_for(world.member(code)).certificate
        assert in_use == site.sign_certificates[code]


async def test_the_configuration_and_authorities_change_under_load(world: World, pair: Pair) -> None:
    async with Load(pair) as load:
        for _ in range(3):
            await world.publish()
            await load.more()
    assert load.answers.keys() == {"good"}, load.answers


async def test_certificates_that_end_are_warned_of(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("WARNING")
    site = await world.add_server("ss1", "1", sign=Issuing(not_after=timedelta(days=20, minutes=1)))
    warnings = [r for r in caplog.records if r.message == "certificate.expires_soon"]
    while not warnings:
        await asyncio.sleep(0.01)
        warnings = [r for r in caplog.records if r.message == "certificate.expires_soon"]
    (warning,) = warnings
    assert (warning.values["usage"], warning.values["days"]) == ("signing", 20)  # type: ignore[attr-defined]
    states = {state.info.usage: state for state in site.server.signer.certificate_states()}
    assert states[KeyUsage.AUTHENTICATION].validity is Validity.VALID
    assert states[KeyUsage.SIGNING].validity is Validity.EXPIRES_SOON
    assert all(state.is_usable and state.token_id == "softToken-0" for state in states.values())
    later = states[KeyUsage.SIGNING].info.certificate.not_valid_after_utc + timedelta(seconds=1)
    ended = site.server.signer.certificate_states(at=later)[1]
    assert (ended.validity, ended.is_usable, ended.left) == (Validity.EXPIRED, False, timedelta(seconds=-1))
    await site.server.token.logout()
    assert not any(state.is_usable for state in site.server.signer.certificate_states())
