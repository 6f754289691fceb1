"""A configuration client follows a central server over loopback: changes, key rotation, expiry, partners, an outage."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from central_world import INSTANCE, MANAGEMENT, OTHER, SetClock, empty_central_server, fill

from sild.central_server import CentralServer, configuration_app
from sild.configuration_client import ConfigurationClient
from sild.errors import PlatformError
from sild.xroad.globalconf import parse_anchor
from support.asgi import serving
from support.pki import Pki


class World:
    """A central server that serves on a free port, and clients of it."""

    def __init__(self, server: CentralServer, directory: Path, clock: SetClock) -> None:
        self.server = server
        self.clock = clock
        self._directory = directory
        self._clients = 0

    def client(self, **options: object) -> ConfigurationClient:
        """A new client with the anchor of now."""
        self._clients += 1
        return ConfigurationClient(
            parse_anchor(self.server.anchor("INTERNAL").file),
            self._directory / f"client{self._clients}",
            clock=self.clock,
            **options,  # type: ignore[arg-type]
        )


@pytest.fixture
def world(tmp_path: Path, pki: Pki, clock: SetClock) -> Iterator[World]:
    server = empty_central_server(tmp_path / "cs", clock=clock)
    with serving(configuration_app(server.public_directory)) as site:
        server.set_address(f"{site.host}:{site.port}")
        server.set_system_parameter("confDownloadProtocols", "http")
        fill(server, pki)
        server.publish()
        yield World(server, tmp_path, clock)
    server.close()


async def test_a_client_reads_what_was_entered(world: World) -> None:
    globalconf = await world.client().refresh()
    assert globalconf.instance_identifier == INSTANCE
    assert globalconf.version == 6
    assert globalconf.member_name(OTHER, world.clock.at) == "Ministry & sons"
    assert [str(server.id) for server in globalconf.servers_of(MANAGEMENT, world.clock.at)] == [
        "DEV:COM:1234:SS0"
    ]


async def test_a_change_arrives_and_an_unchanged_configuration_lives_on(world: World) -> None:
    client = world.client()
    await client.refresh()
    world.clock.advance(60)
    world.server.publish()
    assert (await client.refresh()).valid_until == world.clock.at + timedelta(seconds=600)
    world.server.rename_member(OTHER, "Ministry of bridges")
    world.clock.advance(60)
    world.server.publish()
    assert (await client.refresh()).member_name(OTHER, world.clock.at) == "Ministry of bridges"


async def test_a_client_follows_the_rotation_of_keys(world: World) -> None:
    """Announce, activate, delete: the client keeps its first anchor all the time."""
    client = world.client()
    await client.refresh()
    (old,) = world.server.signing_keys("INTERNAL")
    new = world.server.add_signing_key("INTERNAL", key_algorithm="RSA")
    for change in (
        lambda: None,
        lambda: world.server.activate_signing_key(new.id),
        lambda: world.server.delete_signing_key(old.id),
    ):
        change()
        world.clock.advance(60)
        world.server.publish()
        assert (await client.refresh()).valid_until > world.clock.at
    assert [key.id for key in world.server.signing_keys("INTERNAL")] == [new.id]


async def test_a_client_that_missed_the_announcement_stops(world: World) -> None:
    client = world.client()
    await client.refresh()
    new = world.server.add_signing_key("INTERNAL", key_algorithm="EC")
    world.server.activate_signing_key(new.id)
    world.clock.advance(60)
    world.server.publish()
    held = client.current
    with pytest.raises(PlatformError):
        await client.refresh()
    assert client.current is held  # it lives until it expires
    await world.client().refresh()  # the new anchor names both keys


async def test_a_client_keeps_the_last_configuration_until_it_expires(world: World) -> None:
    client = world.client()
    globalconf = await client.refresh()
    world.clock.advance(599)
    globalconf.ensure_valid(world.clock.at)
    world.clock.advance(2)
    with pytest.raises(PlatformError, match="global_conf_outdated"):
        globalconf.ensure_valid(world.clock.at)
    with pytest.raises(PlatformError):
        await client.refresh()
    world.server.publish()
    (await client.refresh()).ensure_valid(world.clock.at)


async def test_partners_trust_by_the_external_anchor(world: World, tmp_path: Path, pki: Pki) -> None:
    partner = CentralServer.create(
        tmp_path / "partner", instance_identifier="FI", address="fi", pin="1", clock=world.clock
    )
    with serving(configuration_app(partner.public_directory)) as site:
        partner.set_address(f"{site.host}:{site.port}")
        partner.add_member_class("GOV", "Government")
        member = partner.add_member("GOV", "1", "Suomi")
        management = type(member)("FI", "GOV", "1", "Management")
        partner.add_subsystem(management)
        partner.set_management_service_provider(management)
        partner.add_signing_key("INTERNAL", key_algorithm="EC")
        partner.add_signing_key("EXTERNAL", key_algorithm="EC")
        partner.publish()
        world.server.add_trusted_anchor(partner.anchor("EXTERNAL").file)
        world.clock.advance(1)
        world.server.publish()
        globalconf = await world.client(allowed_federations="all").refresh()
        assert globalconf.member_name(member, world.clock.at) == "Suomi"
        alone = await world.client().refresh()
        assert alone.member_name(member, world.clock.at) is None
    partner.close()
