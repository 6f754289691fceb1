"""Signing keys of a proxy instance, and clients that follow them (UG-CP 3.4, 3.5; WIRE 13.5)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from configuration_proxy.proxy_world import PROXY, ProxyWorld
from sild.configuration_proxy import Conflict, NotFound
from sild.errors import CallerError, PlatformError
from sild.signer import PinIncorrect, TokenNotActive
from sild.xroad.globalconf import parse_anchor


def key_ids(world: ProxyWorld) -> tuple[str, ...]:
    return tuple(key.id for key in world.proxy.instance(PROXY).signing_keys)


async def test_a_client_follows_the_rotation_of_keys(world: ProxyWorld) -> None:
    """Announce, activate, delete: the client keeps its first anchor all the time."""
    await world.proxy.mediate(PROXY)
    client = world.client()
    await client.refresh()
    (old,) = key_ids(world)
    new = await world.proxy.add_signing_key(PROXY, algorithm="RSA")
    assert (new.active, key_ids(world)) == (False, (old, new.id))
    await world.pass_on()
    assert (
        len((await client.refresh()).shared("DEV", world.clock.at).sources[0].internal_verification_certs)
        == 2
    )
    world.proxy.activate_signing_key(PROXY, new.id)
    await world.pass_on()
    await client.refresh()
    await world.proxy.delete_signing_key(PROXY, old)
    await world.pass_on()
    globalconf = await client.refresh()
    assert key_ids(world) == (new.id,)
    assert globalconf.valid_until == world.clock.at + timedelta(seconds=600)
    assert globalconf.shared("DEV", world.clock.at).sources[0].internal_verification_certs == (
        new.certificate,
    )


async def test_a_client_that_missed_the_announcement_needs_the_new_anchor(world: ProxyWorld) -> None:
    await world.proxy.mediate(PROXY)
    client = world.client()
    await client.refresh()
    first_anchor = world.proxy.anchor(PROXY)
    new = await world.proxy.add_signing_key(PROXY, algorithm="EC")
    world.proxy.activate_signing_key(PROXY, new.id)
    await world.pass_on()
    with pytest.raises(PlatformError, match="global_conf_missing_verification_cert"):
        await client.refresh()
    with pytest.raises(PlatformError, match="global_conf_missing_verification_cert"):
        await world.client_of(first_anchor).refresh()
    assert len(parse_anchor(world.proxy.anchor(PROXY)).sources[0].verification_certs) == 2
    await world.client().refresh()


async def test_version_2_does_not_announce_keys(world: ProxyWorld) -> None:
    await world.proxy.mediate(PROXY)
    anchor = parse_anchor(world.proxy.anchor(PROXY))
    client = world.client()
    client._anchor = replace(
        anchor, sources=tuple(replace(s, download_url=f"{s.download_url}?version=2") for s in anchor.sources)
    )
    await client.refresh()
    new = await world.proxy.add_signing_key(PROXY, algorithm="EC")
    await world.pass_on()
    await client.refresh()
    world.proxy.activate_signing_key(PROXY, new.id)
    await world.pass_on()
    with pytest.raises(PlatformError, match="global_conf_missing_verification_cert"):
        await client.refresh()


async def test_the_proxy_follows_its_sources_rotation_of_keys(world: ProxyWorld) -> None:
    """Version 3 and later by themselves; version 2 when the new anchor is there."""
    await world.proxy.mediate(PROXY)
    server = world.source.server
    (old,) = server.signing_keys("INTERNAL")
    new = server.add_signing_key("INTERNAL", key_algorithm="RSA")
    assert await world.pass_on() == (6, 5, 4, 3, 2)
    server.activate_signing_key(new.id)
    assert await world.pass_on() == (6, 5, 4, 3)
    server.delete_signing_key(old.id)
    assert await world.pass_on() == (6, 5, 4, 3)
    world.proxy.set_source_anchor(PROXY, world.source.anchor())
    assert await world.pass_on() == (6, 5, 4, 3, 2)
    await world.client().refresh()


@pytest.mark.parametrize(
    ("algorithm", "kind"), [("RSA", rsa.RSAPublicKey), ("EC", ec.EllipticCurvePublicKey)]
)
async def test_a_keys_certificate_is_signed_by_it(world: ProxyWorld, algorithm: str, kind: type) -> None:
    key = await world.proxy.add_signing_key(PROXY, algorithm=algorithm)  # type: ignore[arg-type]
    certificate = x509.load_pem_x509_certificate(key.certificate_path.read_bytes())
    assert isinstance(certificate.public_key(), kind)
    certificate.verify_directly_issued_by(certificate)
    assert key.certificate_path.name == f"cert_{key.id}.pem"
    assert (key.active, key.certificate_problem) == (False, None)


async def test_a_key_of_the_token_is_added_by_its_name(world: ProxyWorld) -> None:
    """UG-CP 3.4: `-k`. Two instances may share a key; it lives as long as one of them has it."""
    (key_id,) = key_ids(world)
    world.proxy.create_instance("TWIN")
    world.proxy.set_source_anchor("TWIN", world.source.anchor())
    twin = await world.proxy.add_signing_key("TWIN", key_id=key_id)
    assert (twin.id, twin.active) == (key_id, True)
    with pytest.raises(Conflict):
        await world.proxy.add_signing_key("TWIN", key_id=key_id)
    other = await world.proxy.add_signing_key("TWIN", algorithm="EC")
    world.proxy.activate_signing_key("TWIN", other.id)
    await world.proxy.delete_signing_key("TWIN", key_id)
    await world.proxy.mediate(PROXY)
    await world.client().refresh()
    with pytest.raises(NotFound, match="key_not_found"):
        await world.proxy.add_signing_key("TWIN", key_id="ab" * 20)
    with pytest.raises(NotFound, match="token_not_found"):
        await world.proxy.add_signing_key("TWIN", token_id="1")


async def test_the_active_key_cannot_be_deleted(world: ProxyWorld) -> None:
    """UG-CP 3.5.2."""
    (active,) = key_ids(world)
    with pytest.raises(Conflict, match="Not allowed to delete an active signing key!"):
        await world.proxy.delete_signing_key(PROXY, active)
    for action in (world.proxy.delete_signing_key(PROXY, "nobody"),):
        with pytest.raises(NotFound, match=r"The key ID 'nobody' could not be found in 'conf.ini'"):
            await action
    with pytest.raises(NotFound):
        world.proxy.activate_signing_key(PROXY, "nobody")
    await world.proxy.mediate(PROXY)
    await world.client().refresh()


async def test_a_deleted_key_is_gone_for_good(world: ProxyWorld) -> None:
    key = await world.proxy.add_signing_key(PROXY, algorithm="EC")
    stored = list((world.directory / "cp/token").glob(f"{key.id}.*"))
    assert stored
    await world.proxy.delete_signing_key(PROXY, key.id)
    assert not any(path.exists() for path in [*stored, key.certificate_path])


async def test_a_key_added_by_another_process_is_found(world: ProxyWorld) -> None:
    """The command adds and activates, the serving process signs with it at its next round."""
    await world.proxy.mediate(PROXY)
    command = world.open_proxy()
    await command.log_in("1234")
    key = await command.add_signing_key(PROXY, algorithm="EC")
    await world.pass_on()
    client = world.client()
    await client.refresh()
    command.activate_signing_key(PROXY, key.id)
    await world.pass_on()
    await client.refresh()
    assert world.proxy.instance(PROXY).active_signing_key == replace(key, active=True)


async def test_without_the_pin_nothing_is_signed(world: ProxyWorld) -> None:
    locked = world.open_proxy()
    with pytest.raises(PinIncorrect):
        await locked.log_in("4321")
    for action in (locked.mediate(PROXY), locked.add_signing_key(PROXY)):
        with pytest.raises(TokenNotActive):
            await action
    keys = [path for path in (world.directory / "cp/token").iterdir() if path.suffix == ".p12"]
    assert len(keys) == 2  # the one that proves the PIN, and the instance's
    assert not any(b"PRIVATE KEY" in path.read_bytes() for path in keys)
    assert {path.stat().st_mode & 0o077 for path in keys} == {0}


async def test_a_key_whose_certificate_is_gone(world: ProxyWorld) -> None:
    """An inactive one is left out, the active one stops publication."""
    await world.proxy.mediate(PROXY)
    (active,) = key_ids(world)
    inactive = await world.proxy.add_signing_key(PROXY, algorithm="EC")
    inactive.certificate_path.write_text("no certificate")
    await world.pass_on()
    assert len(parse_anchor(world.proxy.anchor(PROXY)).sources[0].verification_certs) == 1
    with pytest.raises(CallerError, match="INVALID CERTIFICATE"):
        world.proxy.activate_signing_key(PROXY, inactive.id)
    before = world.signed(6)
    (world.proxy.instance(PROXY).directory / f"cert_{active}.pem").unlink()
    with pytest.raises(CallerError, match="CERTIFICATE FILE MISSING!"):
        await world.pass_on()
    assert world.signed(6) == before
