"""Two instances that trust one another's external anchors exchange messages; what is not allowed stays unknown (UC-FED, W 13.3 (4), (5))."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import pytest
import pytest_asyncio

from federation.federated_nations import FederatedNation, Federation
from sild.configuration_client import ConfigurationClient, load_globalconf
from sild.errors import PlatformError
from sild.http1 import Fetched, fetch
from sild.signatures import read_asice
from sild.xroad.evidence import verify_container
from sild.xroad.globalconf import parse_anchor

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def federation(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Federation]:
    async with Federation(tmp_path_factory.mktemp("federation")) as federation:
        await federation.trust_one_another()
        yield federation


def error_of(answer: Fetched) -> str:
    return (answer.header(b"x-road-error") or b"").decode()


def client_of(
    nation: FederatedNation, directory: Path, allowed: str | tuple[str, ...]
) -> ConfigurationClient:
    return ConfigurationClient(
        parse_anchor(nation.central.anchor("INTERNAL").file),
        directory,
        clock=nation.clock,
        allowed_federations=allowed,
    )


async def test_a_desk_asks_a_register_of_another_instance(federation: Federation) -> None:
    for of, at in ((federation.ee, federation.fi), (federation.fi, federation.ee)):
        answer = await federation.call(of, at)
        assert answer.status == 200, answer.body
        assert json.loads(answer.body)["code"] == at.person
        assert (answer.header(b"x-road-service") or b"").decode() == at.register_service.encode()


async def test_a_right_alone_takes_nobodys_data_abroad(federation: Federation) -> None:
    """The register's own law stands behind the security server's right."""
    kernel = federation.fi.register.kernel
    assessed, kernel.transfers = kernel.transfers, ()
    try:
        answer = await federation.call(federation.ee, federation.fi)
        assert answer.status == 403 and b"transfer_not_assessed" in answer.body
    finally:
        kernel.transfers = assessed
    assert (await federation.call(federation.ee, federation.fi)).status == 200


async def test_both_sides_hold_evidence_that_verifies(federation: Federation) -> None:
    """Each side's own configuration judges the other instance's certificates, by the other instance's authorities."""
    ee, fi = federation.ee, federation.fi
    answer = await federation.call(ee, fi)
    query_id = (answer.header(b"x-road-id") or b"").decode()
    provider = fi.plan.subsystem_id(fi.plan.provider)
    for nation, port, client in (
        (ee, ee.ports.consumer.client_http, ee.desk),
        (fi, fi.ports.provider.client_http, provider),
    ):
        names = ("xRoadInstance", "memberClass", "memberCode", "subsystemCode")
        who = "&".join(f"{name}={quote(value)}" for name, value in zip(names, client.parts, strict=True))
        for part, signer in (("request", ee.desk.member), ("response", provider.member)):
            url = f"http://127.0.0.1:{port}/asic?unique&{part}Only&force&queryId={quote(query_id)}&{who}"
            got = await fetch(url, headers=[(b"X-Road-Client", client.encode().encode())])
            assert got.status == 200, got.body
            server = nation.consumer if nation is ee else nation.provider
            report = verify_container(
                read_asice(io.BytesIO(got.body)), load_globalconf(server.configuration.directory)
            )
            assert report.signer is not None and report.signer.member == signer


async def test_calls_inside_go_on(federation: Federation) -> None:
    for nation in (federation.ee, federation.fi):
        assert (await federation.call(nation, nation)).status == 200


async def test_a_right_is_granted_to_one_instances_member(federation: Federation) -> None:
    """Same member class, code and subsystem in another instance is another client."""
    fi = federation.fi
    fi.provider.serverconf.revoke(fi.register_service, federation.ee.desk, method="GET", path="/persons/*")
    try:
        answer = await federation.call(federation.ee, fi)
        assert error_of(answer) == "server.serverproxy.access_denied"
    finally:
        fi.provider.serverconf.grant(fi.register_service, federation.ee.desk, method="GET", path="/persons/*")
    assert (await federation.call(federation.ee, fi)).status == 200


@pytest.mark.parametrize(
    ("allowed", "known"),
    [("none", False), ("all", True), ("FI", True), ("fi", True), (("SE", "FI"), True), (("SE",), False)],
)
async def test_a_client_knows_the_partners_it_is_allowed(
    federation: Federation, tmp_path: Path, allowed: str | tuple[str, ...], known: bool
) -> None:
    """WIRE 13.3 (4)."""
    ee, fi = federation.ee, federation.fi
    globalconf = await client_of(ee, tmp_path / "globalconf", allowed).refresh()
    at = ee.clock()
    provider = fi.plan.subsystem_id(fi.plan.provider)
    assert globalconf.is_known_client(ee.desk, at)
    assert globalconf.is_known_client(provider, at) is known
    assert [server.id for server in globalconf.servers_of(provider, at)] == (
        [fi.plan.server_id(fi.plan.provider)] if known else []
    )
    assert (tmp_path / "globalconf" / "FI").exists() is known
    if known:
        names = {path.name for path in (tmp_path / "globalconf" / "FI").iterdir()}
        assert names == {"shared-params.xml", "shared-params.xml.metadata"}, "of a partner nothing private"


async def test_a_partner_whose_anchor_is_taken_back_is_gone(federation: Federation, tmp_path: Path) -> None:
    ee, fi = federation.ee, federation.fi
    client = client_of(ee, tmp_path / "globalconf", "all")
    assert (await client.refresh()).is_known_client(fi.desk, ee.clock())
    (trusted,) = ee.central.trusted_anchors()
    ee.central.delete_trusted_anchor(trusted.hash)
    try:
        await ee.publish()
        assert not (await client.refresh()).is_known_client(fi.desk, ee.clock())
        assert not (tmp_path / "globalconf" / "FI").exists()
        await ee.follow()
        assert error_of(await federation.call(ee, fi)) == "server.clientproxy.unknown_member"
    finally:
        ee.central.add_trusted_anchor(trusted.file)
        await federation.publish()
    assert (await federation.call(ee, fi)).status == 200


async def test_a_partner_that_does_not_follow_its_anchor(federation: Federation, tmp_path: Path) -> None:
    """FI signs with a key its anchor at EE does not name, and did not announce: EE goes without FI, not without itself."""
    ee, fi = federation.ee, federation.fi
    (old,) = fi.central.signing_keys("EXTERNAL")
    new = fi.central.add_signing_key("EXTERNAL", key_algorithm="EC")
    fi.central.activate_signing_key(new.id)
    await fi.publish()
    fresh = client_of(ee, tmp_path / "fresh", "all")
    globalconf = await fresh.refresh()
    globalconf.ensure_valid(ee.clock())
    assert not globalconf.is_known_client(fi.desk, ee.clock())
    ee.central.add_trusted_anchor(fi.central.anchor("EXTERNAL").file)
    await federation.publish()
    assert (await fresh.refresh()).is_known_client(fi.desk, ee.clock())
    assert old.id != new.id
    assert (await federation.call(ee, fi)).status == 200
    with pytest.raises(PlatformError):
        ee.central.add_trusted_anchor(b"<html/>")
