"""What a proxy passes on, in every version, and what a real configuration client makes of it."""

from __future__ import annotations

import base64
import re
import shutil
import subprocess
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from lxml import etree

from central_server.central_world import MANAGEMENT, OTHER
from configuration_proxy.proxy_world import PROXY, ProxyWorld, Source
from sild.errors import PlatformError
from sild.pki import DigestAlgorithm
from sild.xroad.globalconf import (
    MONITORING,
    PRIVATE_PARAMETERS,
    SHARED_PARAMETERS,
    ConfigurationSource,
    SharedParameters,
    parse_anchor,
    parse_shared_parameters,
    parse_signed_directory,
    render_monitoring,
    render_shared_parameters,
    replace_sources,
)
from sild.xroad.identifiers import ClientId
from support.pki import Pki

VERSIONS = (6, 5, 4, 3, 2)


def of_source(world: ProxyWorld, version: int, name: str) -> bytes:
    directory = world.source.site.get(f"/internalconf?version={version}").text
    found = re.search(rf"Content-location: (/V{version}/\d+/{name})", directory)
    assert found is not None
    return world.source.site.get(found[1]).body


def finland(world: ProxyWorld) -> tuple[Source, ClientId]:
    """Another instance that is published, and a member of it."""
    fi = world.another_source("FI")
    fi.server.add_member_class("GOV", "Government")
    member = fi.server.add_member("GOV", "1", "Suomi")
    management = ClientId("FI", "GOV", "1", "Management")
    fi.server.add_subsystem(management)
    fi.server.set_management_service_provider(management)
    for source_type in ("INTERNAL", "EXTERNAL"):
        fi.server.add_signing_key(source_type, key_algorithm="EC")
    fi.server.publish()
    return fi, member


async def test_a_client_of_the_proxy_reads_what_was_entered_at_the_central_server(world: ProxyWorld) -> None:
    assert await world.proxy.mediate(PROXY) == VERSIONS
    client = world.client()
    globalconf = await client.refresh()
    assert (globalconf.instance_identifier, globalconf.version) == ("DEV", 6)
    assert globalconf.member_name(OTHER, world.clock.at) == "Ministry & sons"
    assert [str(s.id) for s in globalconf.servers_of(MANAGEMENT, world.clock.at)] == ["DEV:COM:1234:SS0"]
    assert globalconf.timestamping_interval == timedelta(seconds=60)
    assert client.status.last_location == f"{world.site.url}/{PROXY}/conf?version=6"
    assert (
        globalconf.shared("DEV", world.clock.at).sources[0].address == f"{world.site.host}:{world.site.port}"
    )


@pytest.mark.parametrize("version", VERSIONS)
async def test_nothing_changes_but_the_source(world: ProxyWorld, version: int) -> None:
    """WIRE 13.5: version 2 and the private parameters to the byte; from 3 on another source in the shared parameters."""
    await world.proxy.mediate(PROXY)
    assert world.listed(version).version == version
    private = world.content(version, PRIVATE_PARAMETERS)
    assert private == of_source(world, version, "private-params.xml")
    shared, original = (
        world.content(version, SHARED_PARAMETERS),
        of_source(world, version, "shared-params.xml"),
    )
    if version == 2:
        assert shared == original
        return
    read, meant = (parse_shared_parameters(xml, version=version) for xml in (shared, original))
    certs = parse_anchor(world.proxy.anchor(PROXY)).sources[0].verification_certs
    source = ConfigurationSource(f"{world.site.host}:{world.site.port}", certs, certs)
    assert read == replace(meant, sources=(source,))
    assert replace_sources(shared, meant.sources) == original


async def test_a_client_of_each_version(world: ProxyWorld) -> None:
    await world.proxy.mediate(PROXY)
    anchor = parse_anchor(world.proxy.anchor(PROXY))
    for version in VERSIONS:
        (source,) = anchor.sources
        fixed = replace(
            anchor, sources=(replace(source, download_url=f"{source.download_url}?version={version}"),)
        )
        client = world.client()
        client._anchor = fixed
        globalconf = await client.refresh()
        assert globalconf.version == version
        assert globalconf.is_known_client(MANAGEMENT, world.clock.at)


async def test_the_layout_of_the_signed_directory(world: ProxyWorld) -> None:
    """WIRE 13.5, byte for byte but for keys and hashes."""
    await world.proxy.mediate(PROXY)
    signed = world.signed(6)
    outer, inner = re.findall(rb"boundary=([A-Za-z]{30})\r?\n", signed)
    generated = int(world.clock.at.timestamp() * 1000)
    text = signed.replace(outer, b"OUT").replace(inner, b"IN").decode()
    text = re.sub(r"[A-Za-z0-9+/]{64,}=*", "<base64>", text)
    text = text.replace(str(generated), "<ms>").replace(str(generated + 1), "<ms>")
    text = re.sub(r"/\d{13}/", "/<ms>/", text)
    sha512 = DigestAlgorithm.SHA512.uri
    expected = [
        'content-type: multipart/related; type="multipart/mixed"; charset=UTF-8; boundary=OUT\n',
        "\n",
        "--OUT\r\n",
        "content-type: multipart/mixed; charset=UTF-8; boundary=IN\r\n",
        "\r\n",
        "--IN\r\n",
        "expire-date: 2026-03-01T12:10:00.000Z\r\n",
        "Version: 6\r\n",
        "\r\n",
        "\r\n",
    ]
    for identifier, name in ((PRIVATE_PARAMETERS, "private"), (SHARED_PARAMETERS, "shared")):
        expected += [
            "--IN\r\n",
            "content-type: application/octet-stream\r\n",
            "content-transfer-encoding: base64\r\n",
            f'content-identifier: {identifier}; instance="DEV"\r\n',
            f"content-location: /PROXY/<ms>/DEV/V6/20260301120000000000000/{name}-params.xml\r\n",
            f"hash-algorithm-id: {sha512}\r\n",
            "\r\n",
            "<base64>\r\n",
        ]
    expected += [
        "--IN--\r\n",
        "\r\n",
        "--OUT\r\n",
        "content-type: application/octet-stream\r\n",
        "content-transfer-encoding: base64\r\n",
        "signature-algorithm-id: http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512\r\n",
        f"verification-certificate-hash: <base64>; hash-algorithm-id={sha512}\r\n",
        "\r\n",
        "<base64>\r\n",
        "--OUT--\r\n",
    ]
    parts = re.split(r"(?<=<base64>\r\n)(?=--IN\r\n)", text)
    sections = re.split(r"(?<=<base64>\r\n)(?=--IN\r\n)", "".join(expected))
    assert len(parts) == len(sections)
    # the order of files is the source's: the first section bears the head, the last the signature
    assert sorted(re.findall(r"^content-.*$", text, re.M)) == sorted(
        re.findall(r"^content-.*$", "".join(expected), re.M)
    )
    assert sorted(text.splitlines(keepends=True)) == sorted(expected)
    assert text.startswith("".join(expected[:11]))
    assert text.endswith("".join(expected[-11:]))


@pytest.mark.parametrize("algorithm", ["RSA", "EC"])
@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not on this machine")
async def test_openssl_verifies_the_signature(tmp_path: Path, pki: Pki, algorithm: str) -> None:
    """Over the bytes between the first part's blank line and the line end before the boundary, taken by hand (WIRE 13.1)."""
    async with ProxyWorld(tmp_path, pki, algorithm=algorithm) as world:
        await world.proxy.mediate(PROXY)
        body = world.signed(6)
        (outer,) = re.findall(rb"\Acontent-type: multipart/related; .*boundary=(\w+)\n\n", body)
        _, first, second, rest = body.split(b"--" + outer)
        assert rest == b"--\r\n"
        data = first.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")
        signature = base64.b64decode(second.partition(b"\r\n\r\n")[2])
        certificate = world.proxy.instance(PROXY).signing_keys[0].certificate_path
        (tmp_path / "data").write_bytes(data)
        (tmp_path / "signature").write_bytes(signature)
        key = subprocess.run(
            ["openssl", "x509", "-in", certificate, "-noout", "-pubkey"], check=True, capture_output=True
        )
        (tmp_path / "key.pem").write_bytes(key.stdout)
        arguments = ["-sha512", "-verify", "key.pem", "-signature", "signature", "data"]
        subprocess.run(["openssl", "dgst", *arguments], cwd=tmp_path, check=True, capture_output=True)


async def test_the_algorithms_of_the_settings(tmp_path: Path, pki: Pki) -> None:
    settings = {
        "signature_digest_algorithm_id": "SHA-256",
        "hash_algorithm_uri": DigestAlgorithm.SHA256.uri,
        "minimum_global_configuration_version": 5,
    }
    async with ProxyWorld(tmp_path, pki, algorithm="RSA", **settings) as world:
        assert await world.proxy.mediate(PROXY) == (6, 5)
        signed = parse_signed_directory(world.signed(5))
        assert signed.signature_algorithm.java_name == "SHA256withRSA"
        assert signed.certificate_hash_algorithm is DigestAlgorithm.SHA256
        assert {f.hash_algorithm for f in world.listed(5).files} == {DigestAlgorithm.SHA256}
        assert world.site.get(f"/{PROXY}/conf?version=4").status == 404
        assert (await world.client().refresh()).version == 6


async def test_what_says_the_same_is_not_downloaded_again(world: ProxyWorld) -> None:
    await world.proxy.mediate(PROXY)
    client = world.client()
    first = await client.refresh()
    before = {f.content_location for f in world.listed(6).files}
    world.wire.targets.clear()
    world.source.wire.targets.clear()
    await world.pass_on()
    second = await client.refresh()
    assert second.valid_until == first.valid_until + timedelta(seconds=60)
    assert {f.content_location for f in world.listed(6).files} == before
    assert set(world.wire.targets) == {f"/{PROXY}/conf?version=6"}
    assert sorted(world.source.wire.targets) == [f"/internalconf?version={v}" for v in range(2, 7)]


async def test_a_change_arrives(world: ProxyWorld) -> None:
    await world.proxy.mediate(PROXY)
    client = world.client()
    await client.refresh()
    world.source.server.rename_member(OTHER, "Ministry of bridges")
    await world.pass_on()
    assert (await client.refresh()).member_name(OTHER, world.clock.at) == "Ministry of bridges"


async def test_optional_parts_are_passed_on(world: ProxyWorld) -> None:
    part = render_monitoring(MANAGEMENT)
    world.source.server.upload_configuration_part(MONITORING, part)
    await world.pass_on()
    assert world.content(6, MONITORING) == part
    assert (await world.client().refresh()).monitoring_client == MANAGEMENT


async def test_an_external_source_is_passed_on_without_private_parameters(world: ProxyWorld) -> None:
    await world.add_instance("OUT", world.source.anchor("EXTERNAL"))
    assert await world.proxy.mediate("OUT") == VERSIONS
    assert [f.content_identifier for f in world.listed(6, "OUT").files] == [SHARED_PARAMETERS]
    assert (await world.client("OUT").refresh()).is_known_client(OTHER, world.clock.at)


async def test_several_proxy_instances_have_nothing_in_common(world: ProxyWorld) -> None:
    fi, member = finland(world)
    await world.add_instance("SECOND", fi.anchor())
    world.proxy.set_validity_interval("SECOND", 60)
    assert world.proxy.instance_names() == (PROXY, "SECOND")
    assert await world.proxy.mediate(PROXY) == await world.proxy.mediate("SECOND") == VERSIONS
    dev, other = await world.client().refresh(), await world.client("SECOND").refresh()
    assert (dev.instance_identifier, other.instance_identifier) == ("DEV", "FI")
    assert other.member_name(member, world.clock.at) == "Suomi"
    assert other.valid_until - world.clock.at == timedelta(seconds=60)
    assert dev.valid_until - world.clock.at == timedelta(seconds=600)
    first, second = (parse_anchor(world.proxy.anchor(name)).sources[0] for name in (PROXY, "SECOND"))
    assert not set(first.verification_certs) & set(second.verification_certs)


async def test_a_proxy_of_a_proxy(world: ProxyWorld) -> None:
    """ARC-CP 5: one on the provider's side and one on the client's."""
    await world.proxy.mediate(PROXY)
    await world.add_instance("NEAR", world.proxy.anchor(PROXY))
    assert await world.proxy.mediate("NEAR") == VERSIONS
    assert re.fullmatch(
        r"/NEAR/\d{13}/DEV/PROXY/\d{13}/DEV/V6/\d{23}/shared-params.xml",
        next(
            f for f in world.listed(6, "NEAR").files if f.content_identifier == SHARED_PARAMETERS
        ).content_location,
    )
    client = world.client("NEAR")
    assert (await client.refresh()).member_name(OTHER, world.clock.at) == "Ministry & sons"
    assert client.status.last_location == f"{world.site.url}/NEAR/conf?version=6"


async def test_partners_are_passed_on_when_they_are_allowed(tmp_path: Path, pki: Pki) -> None:
    async with ProxyWorld(tmp_path, pki, allowed_federations=["fi"]) as world:
        fi, member = finland(world)
        world.source.server.add_trusted_anchor(fi.anchor("EXTERNAL"))
        await world.pass_on(seconds=1)
        fi.wire.down = True  # the client cannot reach it: that is what the proxy is for
        globalconf = await world.client(allowed_federations="all").refresh()
        assert globalconf.member_name(member, world.clock.at) == "Suomi"
        alone = await world.client().refresh()
        assert alone.member_name(member, world.clock.at) is None
        instances = {v: {f.instance_identifier for f in world.listed(v).files} for v in VERSIONS}
        assert instances == {6: {"DEV", "FI"}, 5: {"DEV"}, 4: {"DEV"}, 3: {"DEV"}, 2: {"DEV"}}


async def test_before_it_is_configured_nothing_is_published(world: ProxyWorld) -> None:
    """UG-CP 3.4: source anchor and key come first."""
    world.proxy.create_instance("EMPTY")
    for code in ("no_configuration_signing_keys_configured", "anchor_file_not_found"):
        with pytest.raises(PlatformError) as error:
            await world.proxy.mediate("EMPTY")
        assert error.value.code == code
        await world.proxy.add_signing_key("EMPTY", algorithm="EC")
    assert world.site.get("/EMPTY/conf?version=6").status == 404


def test_another_source_keeps_what_is_not_known_here() -> None:
    """The schemas are open at the end: an element of a later X-Road goes through; names, ids and text stay."""
    told = SharedParameters("D & V", sources=(ConfigurationSource("old", (b"1",), (b"2", b"3")),), version=6)
    original = render_shared_parameters(told).replace(
        b"</ns3:conf>", b"    <later kind='x'>a &amp; \xc3\xb5</later>\n</ns3:conf>"
    )
    changed = replace_sources(original, [ConfigurationSource("new:80", (b"4",), (b"4",))])
    assert b'<later kind="x">a &amp; \xc3\xb5</later>' in changed
    assert b"old" not in changed
    assert parse_shared_parameters(changed, version=6).sources == (
        ConfigurationSource("new:80", (b"4",), (b"4",)),
    )
    back = replace_sources(changed, told.sources)
    assert etree.tostring(etree.fromstring(back), method="c14n") == etree.tostring(
        etree.fromstring(original), method="c14n"
    )
