"""Certificates ordered from our own ACME server by a security server, and used."""

from __future__ import annotations

import asyncio
import stat
import time
from datetime import datetime, timedelta

import pytest
from cryptography.hazmat.primitives.serialization import pkcs12
from ordering_world import CA, OrderingWorld, approved, client, sha1, usable
from sqlalchemy import text
from world import CLIENT, ECHO, REGISTER, Echo

from sild.acme_client import AcmeRefusal, AcmeUnavailable
from sild.acme_client.responder import AT_ONCE
from sild.errors import PlatformError
from sild.http1 import fetch
from sild.pki import der, is_auth_certificate, is_sign_certificate
from sild.signer import CertificateStatus, KeyUsage
from sild.xroad.globalconf import AcmeServer, auth_cert_hash


async def test_both_kinds_are_ordered_and_used(it: OrderingWorld) -> None:
    world, echo = it.world, Echo()
    consumer = await it.add_server("ss1", "1", [CLIENT])
    provider = await world.add_server("ss2", "2", [REGISTER])
    provider.server.serverconf.add_rest_service(REGISTER, "echo", await world.serve(echo))
    provider.server.serverconf.grant(ECHO, CLIENT)
    ordering = client(consumer).ordering
    assert [ca.name for ca in ordering.authorities()] == [CA]
    sign = await ordering.order(CA, KeyUsage.SIGNING, consumer.owner, activate=True)
    auth = await ordering.order(CA, KeyUsage.AUTHENTICATION, consumer.owner, activate=True)
    assert is_sign_certificate(sign.certificate) and is_auth_certificate(auth.certificate)
    assert (sign.status, sign.member) == (CertificateStatus.REGISTERED, consumer.owner)
    assert auth.status is CertificateStatus.SAVED
    assert await ordering.pending() == () and consumer.server.signer.keyring.requests() == ()

    world.change_server("ss1", auth_cert_hashes=(auth_cert_hash(der(auth.certificate), 6),))
    await consumer.server.signer.keyring.set_status(auth.sha1, CertificateStatus.REGISTERED)
    for old in (consumer.auth_certificate, consumer.sign_certificates["1"]):
        await consumer.server.signer.keyring.set_active(sha1(old), False)
    await world.publish()
    await usable(consumer, sign, auth)
    assert consumer.server.signer.sign_certificate_for(CLIENT).sha1 == sign.sha1
    assert (await world.call(consumer, "POST", ECHO, "", client=CLIENT, body=b"signed")).body == b"signed"


async def test_an_account_serves_again_and_its_key_lies_encrypted(it: OrderingWorld) -> None:
    site = await it.add_server("ss1", "1")
    ordering = client(site).ordering
    for _ in range(2):
        await ordering.order(CA, KeyUsage.SIGNING, site.owner)
    await ordering.order(CA, KeyUsage.AUTHENTICATION, site.owner)
    file = site.server.settings.directory / "acme.db"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with client(site)._store.engine.connect() as connection:
        rows = connection.execute(text("SELECT alias, key, url FROM ordering_account ORDER BY alias")).all()
    assert [row.alias for row in rows] == ["auth_DEV:COM:1", "sign_DEV:COM:1"]
    assert all(row.url.startswith(it.authority.url) for row in rows)
    with pytest.raises(ValueError, match="password"):
        pkcs12.load_pkcs12(bytes(rows[0].key), b"guess")
    assert pkcs12.load_pkcs12(bytes(rows[0].key), b"sesame").key is not None


async def test_not_in_use_before_somebody_says_so(it: OrderingWorld) -> None:
    site = await it.add_server("ss1", "1")
    info = await client(site).ordering.order(CA, KeyUsage.SIGNING, site.owner)
    assert not info.is_active


async def test_the_challenge_port_shows_nothing_else(it: OrderingWorld) -> None:
    site = await it.add_server("ss1", "1")
    url = f"http://127.0.0.1:{it.challenge_port}"
    store, clock = client(site)._store, site.server._clock
    store.add_challenge("t" * 43, "content", at=clock(), until=clock() + timedelta(seconds=60))
    store.add_challenge("u" * 43, "old", at=clock(), until=clock() - timedelta(seconds=2))
    assert (await fetch(f"{url}/.well-known/acme-challenge/{'t' * 43}")).body == b"content"
    for target in ("u" * 43, "x" * 43, "../" + "t" * 43, "t" * 43 + "/", ""):
        assert (await fetch(f"{url}/.well-known/acme-challenge/{target}")).status == 404
    for target in ("/", "/acme.db", "/.well-known/acme-challenge"):
        assert (await fetch(url + target)).status == 404
    posted = await fetch(f"{url}/.well-known/acme-challenge/{'t' * 43}", method="POST", body=b"x")
    assert posted.status == 404


async def test_a_flood_of_made_up_tokens_takes_no_threads(it: OrderingWorld) -> None:
    """Whoever reaches the port may ask; the threads are the messages', too."""
    site = await it.add_server("ss1", "1")
    store, clock = client(site)._store, site.server._clock
    store.add_challenge("t" * 43, "content", at=clock(), until=clock() + timedelta(seconds=60))
    url, side_by_side, most = f"http://127.0.0.1:{it.challenge_port}/.well-known/acme-challenge/", 0, 0

    class Counting:
        def challenge(self, token: str, *, at: datetime) -> str | None:
            nonlocal side_by_side, most
            side_by_side += 1
            most = max(most, side_by_side)
            time.sleep(0.02)
            side_by_side -= 1
            return store.challenge(token, at=at)

    client(site).challenge._store = Counting()  # type: ignore[assignment] # the same store, looked at from outside
    answers = await asyncio.gather(*(fetch(f"{url}{'x' * 40}{number:03}") for number in range(40)))
    assert {answer.status for answer in answers} == {404} and most <= AT_ONCE
    assert (await fetch(f"{url}{'t' * 43}")).body == b"content"


async def test_without_settings_there_is_none(it: OrderingWorld) -> None:
    site = await it.world.add_server("ss1", "1")
    assert site.server.acme is None and "acme_challenge" not in site.server.addresses
    assert not (site.server.settings.directory / "acme.db").exists()


# -- refusals: what is said, and that nothing is left


async def refused(site: object, usage: KeyUsage = KeyUsage.SIGNING, authority: str = CA) -> PlatformError:
    server = site.server  # type: ignore[attr-defined]
    keys = {key.key_id for key in server.token.public_keys}
    with pytest.raises(PlatformError) as error:
        await server.acme.ordering.order(authority, usage, server.server_id.owner)
    if not isinstance(error.value, AcmeUnavailable):
        assert {key.key_id for key in server.token.public_keys} == keys
        assert server.signer.keyring.requests() == ()
        assert await server.acme.ordering.pending() == ()
    return error.value


async def test_an_authority_without_acme(it: OrderingWorld) -> None:
    site = await it.add_server("ss1", "1")
    for name in ("Test CA", "nobody"):
        error = await refused(site, authority=name)
        assert "has no ACME server in the global configuration" in error.message
    assert it.issued() == 3


async def test_no_key_of_an_external_account(it: OrderingWorld) -> None:
    error = await refused(await it.add_server("ss1", "1", bound=False))
    assert (error.code, type(error)) == ("acme.eab_credentials_missing", AcmeRefusal)
    assert "acme.yml" in error.message


async def test_a_key_the_authority_does_not_know(it: OrderingWorld) -> None:
    path = it.directory / "removed.yml"
    path.write_text(it.acme_yml(it.world.member("1")))
    for line in path.read_text().splitlines():
        if "-kid" in line:
            it.authority.acme.remove_external_account(line.split()[-1])
    error = await refused(await it.add_server("ss1", "1", acme={"acme_file": path}))
    assert error.code == "acme.account_creation_failure" and "unknown" in error.message


async def test_the_challenge_is_not_reached(it: OrderingWorld) -> None:
    site = await it.add_server("ss1", "1", acme={"challenge_port": None})
    error = await refused(site)
    assert error.code == "acme.authorization_failure"
    assert (
        "port 80" in error.message and "acme.challenge_port" in error.message and "localhost" in error.message
    )


async def test_a_certificate_of_the_wrong_kind(it: OrderingWorld) -> None:
    """An external account for authentication alone, used for a sign certificate."""
    path = it.directory / "swapped.yml"
    path.write_text(it.acme_yml(it.world.member("1"), ("sign", "auth")))
    error = await refused(await it.add_server("ss1", "1", acme={"acme_file": path}))
    assert error.code == "acme.certificate_failure" and "auth-kid, sign-kid" in error.message


async def test_an_authority_for_authentication_alone(it: OrderingWorld) -> None:
    it.world.central.more_cas[:] = [approved(it.authority, authentication_only=True)]
    error = await refused(await it.add_server("ss1", "1"))
    assert "approved for authentication certificates only" in error.message


async def test_an_authority_that_is_down(it: OrderingWorld) -> None:
    it.world.central.more_cas[:] = [
        approved(it.authority, acme_server=AcmeServer("http://127.0.0.1:9/acme/directory"))
    ]
    site = await it.add_server("ss1", "1")
    error = await refused(site)
    assert isinstance(error, AcmeUnavailable) and error.code == "acme.fetching_metadata_error"
    (waiting,) = await client(site).ordering.pending()
    it.world.central.more_cas[:] = [approved(it.authority)]
    await it.world.publish()
    await client(site).ordering.resume()
    (info,) = [info for info in site.server.signer.keyring.certificates() if info.key_id == waiting.key_id]
    assert is_sign_certificate(info.certificate)


async def test_something_that_is_no_acme_server(it: OrderingWorld) -> None:
    it.world.central.more_cas[:] = [
        approved(it.authority, acme_server=AcmeServer(f"{it.authority.url}/services/ca.pem"))
    ]
    error = await refused(await it.add_server("ss1", "1"))
    assert "ACME" in error.message


async def test_another_keystore_password(it: OrderingWorld) -> None:
    site = await it.add_server("ss1", "1")
    await client(site).ordering.order(CA, KeyUsage.SIGNING, site.owner)
    client(site).ordering._wiring.keys._password = "another"
    assert (await refused(site)).code == "acme.account_key_pair_error"


async def test_an_address_is_no_host_name(it: OrderingWorld) -> None:
    error = await refused(await it.add_server("ss1", "1", acme={"dns_name": "127.0.0.1"}))
    assert "is an address" in error.message and "dns_name" in error.message


async def test_two_at_once(it: OrderingWorld) -> None:
    site = await it.add_server("ss1", "1")
    ordering = client(site).ordering
    both = await asyncio.gather(
        ordering.order(CA, KeyUsage.SIGNING, site.owner),
        ordering.order(CA, KeyUsage.AUTHENTICATION, site.owner),
    )
    assert {info.usage for info in both} == set(KeyUsage)
