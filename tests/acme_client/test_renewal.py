"""Renewal: when, by what key, how the new certificate takes over, and what happens when it fails."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from ordering_world import CA, DUE_NOW, OrderingWorld, approved, client, usable
from test_certificates_change import Load
from world import CLIENT, ECHO, REGISTER, Echo, Pair, Site

from sild.acme_client import Progress
from sild.acme_client.store import RenewalRow
from sild.cluster import ClusterLock
from sild.errors import PlatformError
from sild.pki import der
from sild.signer import CertificateInfo, CertificateStatus, KeyUsage
from sild.xroad.globalconf import AcmeServer, auth_cert_hash

ON = {"renewal": True, "renewal_interval": 3600.0, "activate_sign_certificates": True,
      "activate_auth_certificates": True, "switch_delay": 0.0}  # fmt: skip


async def ordered(it: OrderingWorld, site: Site, usage: KeyUsage, *, due: bool = True) -> CertificateInfo:
    """A certificate in use whose renewal is due, or not for long."""
    it.validity(DUE_NOW if due else timedelta(days=365))
    info = await client(site).ordering.order(CA, usage, site.owner, activate=True)
    it.validity(timedelta(days=365))
    if usage is KeyUsage.AUTHENTICATION:
        await site.server.signer.keyring.set_status(info.sha1, CertificateStatus.REGISTERED)
    return site.server.signer.keyring.certificate(info.sha1)


def row(site: Site, info: CertificateInfo) -> RenewalRow:
    return client(site)._store.renewals()[info.sha1]


async def test_a_sign_certificate_is_renewed_and_takes_over(it: OrderingWorld) -> None:
    site = await it.add_server("ss1", "1", acme=ON)
    old = await ordered(it, site, KeyUsage.SIGNING)
    renewal, keyring = client(site).renewal, site.server.signer.keyring
    await renewal.round()
    new = keyring.certificates()[-1]
    assert row(site, old).renewed_by == new.sha1
    assert new.key_id != old.key_id and new.is_active and new.status is CertificateStatus.REGISTERED
    assert new.certificate.subject == old.certificate.subject
    await usable(site, new)
    await renewal.round()
    await renewal.round()
    assert not keyring.certificate(old.sha1).is_active
    assert len(keyring.certificates()) == 4  # the world's two, and these; nothing is deleted, nothing doubled
    states = {state.info.sha1: state for state in await renewal.state()}
    assert states[old.sha1].progress is Progress.IN_PROGRESS
    planned = states[new.sha1].next_at
    assert states[new.sha1].progress is Progress.PLANNED and planned is not None
    assert planned > datetime.now(UTC) + timedelta(days=200)
    assert states[keyring.certificates()[0].sha1].progress is Progress.NOT_APPLICABLE


async def test_not_before_it_is_due(it: OrderingWorld) -> None:
    """The authority's window; without one a while before the end; the hour drawn stays."""
    site = await it.add_server("ss1", "1", acme=ON)
    info = await ordered(it, site, KeyUsage.SIGNING, due=False)
    await client(site).renewal.round()
    first = row(site, info)
    life = info.certificate.not_valid_after_utc - info.certificate.not_valid_before_utc
    start = info.certificate.not_valid_before_utc + life * 2 / 3
    assert first.next_at is not None and start - timedelta(seconds=2) <= first.next_at
    assert first.next_at <= start + life / 12 + timedelta(seconds=2)
    client(site)._store.set_renewal(replace(first, ask_again_at=None))
    await client(site).renewal.round()
    assert row(site, info).next_at == first.next_at

    it.world.central.more_cas[:] = [
        approved(it.authority, acme_server=AcmeServer("http://127.0.0.1:9/acme/directory"))
    ]
    await it.world.publish()
    client(site)._store.set_renewal(RenewalRow(info.sha1))
    await client(site).renewal.round()
    planned = row(site, info).next_at
    assert planned is not None
    assert abs(planned - (info.certificate.not_valid_after_utc - timedelta(days=14))) < timedelta(seconds=2)
    assert len(site.server.signer.keyring.certificates()) == 3


async def test_a_revoked_certificate_is_renewed_at_once(it: OrderingWorld) -> None:
    site = await it.add_server("ss1", "1", acme=ON)
    info = await ordered(it, site, KeyUsage.SIGNING, due=False)
    await client(site).renewal.round()
    it.authority.services.revoke(info.certificate.serial_number)
    client(site)._store.set_renewal(replace(row(site, info), ask_again_at=None))
    await client(site).renewal.round()
    assert row(site, info).renewed_by is not None


async def test_switched_off_or_out_of_use(it: OrderingWorld) -> None:
    site = await it.add_server("ss1", "1", acme=ON | {"renewal": False})
    info = await ordered(it, site, KeyUsage.SIGNING)
    await client(site).renewal.round()
    assert len(site.server.signer.keyring.certificates()) == 3
    client(site).renewal._wiring = replace(
        client(site).renewal._wiring, settings=client(site).settings.model_copy(update={"renewal": True})
    )
    await site.server.signer.keyring.set_active(info.sha1, False)
    await client(site).renewal.round()
    assert len(site.server.signer.keyring.certificates()) == 3


async def test_without_activation_the_old_one_stays_in_use(it: OrderingWorld) -> None:
    site = await it.add_server("ss1", "1", acme=ON | {"activate_sign_certificates": False})
    old = await ordered(it, site, KeyUsage.SIGNING)
    for _ in range(3):
        await client(site).renewal.round()
    keyring = site.server.signer.keyring
    assert keyring.certificate(old.sha1).is_active and not keyring.certificates()[-1].is_active
    await keyring.delete_certificate(keyring.certificates()[-1].sha1)
    await client(site).renewal.round()  # whoever deletes the new one wants another
    assert row(site, old).renewed_by == keyring.certificates()[-1].sha1


async def test_it_is_tried_again_later_and_later(it: OrderingWorld) -> None:
    site = await it.add_server(
        "ss1", "1", acme=ON | {"activate_sign_certificates": False, "retry_first": 60.0, "retry_most": 200.0}
    )
    info = await ordered(it, site, KeyUsage.SIGNING)
    await client(site).renewal.round()  # planned, and renewed: begin again
    keyring = site.server.signer.keyring
    await keyring.delete_certificate(keyring.certificates()[-1].sha1)
    it.world.central.more_cas[:] = [
        approved(it.authority, acme_server=AcmeServer("http://127.0.0.1:9/directory"))
    ]
    await it.world.publish()
    waits = []
    for failures in range(1, 5):
        known = client(site)._store.renewals()[info.sha1]
        past = datetime.now(UTC) - timedelta(seconds=1)
        client(site)._store.set_renewal(
            replace(
                known, renewed_by=None, next_at=past, ask_again_at=past + timedelta(days=1), retry_at=None
            )
        )
        await client(site).renewal.round()
        after = row(site, info)
        assert after.failures == failures and after.error is not None and after.retry_at is not None
        waits.append((after.retry_at - datetime.now(UTC)).total_seconds())
    assert 45 < waits[0] < 75 and 90 < waits[1] < 150 and 150 < waits[2] < 245 and waits[3] < 245
    (state,) = [state for state in await client(site).renewal.state() if state.info.sha1 == info.sha1]
    assert state.progress is Progress.ERROR
    await client(site).renewal.round()  # not yet
    assert row(site, info).failures == 4
    assert len(await client(site).ordering.pending()) == 1  # one key for all the attempts


async def test_an_auth_certificate_is_registered_before_it_takes_over(
    it: OrderingWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The registration fails at first: the certificate that is there is registered, no other one ordered."""
    site = await it.add_server("ss1", "1", acme=ON | {"retry_first": 0.0})
    old = await ordered(it, site, KeyUsage.AUTHENTICATION)
    keyring, renewal = site.server.signer.keyring, client(site).renewal
    await renewal.round()  # no management service in this world
    new = keyring.certificates()[-1]
    assert new.status is CertificateStatus.SAVED and keyring.certificate(old.sha1).is_active
    await renewal.round()
    assert row(site, old).error is not None and row(site, old).renewed_by == new.sha1
    asked: list[tuple[str, str]] = []

    async def register(address: str, sha1: str) -> None:
        asked.append((address, sha1))
        await keyring.set_status(sha1, CertificateStatus.REGISTRATION_IN_PROGRESS)

    monkeypatch.setattr(renewal, "_register", register)
    await renewal.round()
    await renewal.round()
    assert asked == [("ss1.test", new.sha1)] and keyring.certificate(old.sha1).is_active
    it.world.change_server("ss1", auth_cert_hashes=tuple(
        auth_cert_hash(der(info.certificate), 6) for info in (old, new)))  # fmt: skip
    await it.world.publish()
    await keyring.set_status(new.sha1, CertificateStatus.REGISTERED)
    await usable(site, new)
    await renewal.round()
    assert not keyring.certificate(old.sha1).is_active
    assert len(keyring.certificates()) == 4


async def test_everything_renewed_under_load(it: OrderingWorld) -> None:
    """Both certificates of both servers change while messages flow; none is lost."""
    world, echo = it.world, Echo()
    consumer = await it.add_server("ss1", "1", [CLIENT], acme=ON)
    provider = await world.add_server("ss2", "2", [REGISTER])
    provider.server.serverconf.add_rest_service(REGISTER, "echo", await world.serve(echo))
    provider.server.serverconf.grant(ECHO, CLIENT)
    keyring, renewal = consumer.server.signer.keyring, client(consumer).renewal
    olds = [await ordered(it, consumer, usage) for usage in KeyUsage]
    hashes = [
        auth_cert_hash(der(info.certificate), 6) for info in olds if info.usage is KeyUsage.AUTHENTICATION
    ]
    world.change_server("ss1", auth_cert_hashes=tuple(hashes))
    await world.publish()
    await usable(consumer, *olds)
    for info in keyring.certificates()[:2]:  # the world's own
        await keyring.delete_certificate(info.sha1)

    async def register(_address: str, sha1: str) -> None:
        hashes.append(auth_cert_hash(der(keyring.certificate(sha1).certificate), 6))
        world.change_server("ss1", auth_cert_hashes=tuple(hashes))
        await world.publish()
        await keyring.set_status(sha1, CertificateStatus.REGISTERED)

    renewal._register = register
    async with Load(Pair(world, consumer, provider, echo)) as load:
        await renewal.round()
        news = keyring.certificates()[2:]
        assert {info.usage for info in news} == set(KeyUsage)
        await load.more()
        await usable(consumer, *news)
        await renewal.round()
        await load.more(100)
        assert [keyring.certificate(info.sha1).is_active for info in olds] == [False, False]
    assert load.answers.keys() == {"good"}, load.answers
    assert consumer.server.signer.sign_certificate_for(CLIENT).sha1 in {info.sha1 for info in news}
    assert consumer.server.signer.tls_credentials().info.sha1 in {info.sha1 for info in news}


async def test_one_of_several_processes_renews(it: OrderingWorld) -> None:
    site = await it.add_server("ss1", "1", acme=ON)
    first = client(site).renewal
    assert await first._lock.hold() is not None
    assert ClusterLock(client(site)._store.engine, "acme-renewal").try_hold() is None


async def test_it_runs_by_itself(it: OrderingWorld) -> None:
    site = await it.add_server("ss1", "1", acme=ON | {"renewal_interval": 0.2})
    old = await ordered(it, site, KeyUsage.SIGNING)
    keyring = site.server.signer.keyring
    async with asyncio.timeout(15):
        while keyring.certificate(old.sha1).is_active:
            await asyncio.sleep(0.05)
    assert len(keyring.certificates()) == 4


async def test_no_configuration_no_renewal(it: OrderingWorld) -> None:
    site = await it.add_server("ss1", "1", acme=ON)
    site.server._clock = lambda: datetime.now(UTC) + timedelta(days=1)
    with pytest.raises(PlatformError, match="global_conf_outdated"):
        await client(site).renewal.round()
