"""Pebble, Let's Encrypt's test server and stricter than most, run as it is: our client orders from it over https."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from ordering_world import OrderingWorld, client, ordering_world
from world import PROFILE

from sild.errors import PlatformError
from sild.http1 import fetch
from sild.nation.layout import free_ports
from sild.pki import CertificateProfile, der, is_auth_certificate, issue_certificate, read_certificate
from sild.signer import CertificateStatus, KeyUsage
from sild.xroad.globalconf import AcmeServer, ApprovedCA, CaInfo
from support.pki import name, private_key

pytestmark = pytest.mark.skipif(shutil.which("pebble") is None, reason="pebble is not installed")

NAME = "Pebble"
KID, MAC_KEY = "kid-1", "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"  # of its examples


@dataclass
class Pebble:
    it: OrderingWorld
    trust: Path
    acme_yml: Path


@pytest.fixture
async def pebble(tmp_path: Path) -> AsyncIterator[Pebble]:
    async with ordering_world(tmp_path) as it:
        port, management = free_ports(2)
        certificate, key = tmp_path / "pebble.pem", tmp_path / "pebble.key"
        own, now = private_key("ec-p256", "pebble"), datetime.now(UTC)
        issued = issue_certificate(
            CertificateProfile.TLS, subject=name(CN="localhost"), public_key=own.public_key(),
            issuer=it.world.pki.ca.certificate.subject, issuer_key=it.world.pki.ca.key,
            issuer_public_key=it.world.pki.ca.key.public_key(), serial_number=77,
            not_before=now - timedelta(hours=1), not_after=now + timedelta(days=1), dns_names=("localhost",),
        )  # fmt: skip
        certificate.write_bytes(issued.public_bytes(Encoding.PEM))
        key.write_bytes(own.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        trust = tmp_path / "authorities.pem"
        trust.write_bytes(it.world.pki.ca.certificate.public_bytes(Encoding.PEM))
        config = tmp_path / "pebble.json"
        config.write_text(json.dumps({"pebble": {
            "listenAddress": f"127.0.0.1:{port}", "managementListenAddress": f"127.0.0.1:{management}",
            "certificate": str(certificate), "privateKey": str(key), "httpPort": it.challenge_port, "tlsPort": 5001,
            "externalAccountBindingRequired": True, "externalAccountMACKeys": {KID: MAC_KEY},
        }}))  # fmt: skip
        process = await asyncio.create_subprocess_exec(
            "pebble", "-strict", "-config", str(config),
            env=os.environ | {"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0"},
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        try:
            root, intermediate = await authorities(management, trust)
            it.world.central.more_cas.append(
                ApprovedCA(
                    NAME, CaInfo(root), PROFILE, (CaInfo(intermediate),),
                    acme_server=AcmeServer(f"https://localhost:{port}/dir"),
                )
            )  # fmt: skip
            yml = tmp_path / "pebble-acme.yml"
            yml.write_text(
                f"eab-credentials:\n  certificate-authorities:\n    {NAME}:\n      mac-key-base64-encoded: true\n"
                f"      members:\n        'DEV:COM:1':\n          kid: {KID}\n          mac-key: {MAC_KEY}\n"
            )
            yield Pebble(it, trust, yml)
        finally:
            process.terminate()
            await process.wait()


async def authorities(management: int, trust: Path) -> tuple[bytes, bytes]:
    """Root and intermediate, DER; Pebble makes new ones at every start."""
    context = ssl.create_default_context(cafile=trust)
    found = []
    async with asyncio.timeout(20):
        for kind in ("roots", "intermediates"):
            while True:
                try:
                    answer = await fetch(f"https://localhost:{management}/{kind}/0", tls=context)
                    break
                except PlatformError:
                    await asyncio.sleep(0.05)
            found.append(der(read_certificate(answer.body)))
    return found[0], found[1]


async def test_a_certificate_is_ordered(pebble: Pebble) -> None:
    settings = {"acme_file": pebble.acme_yml, "ca_certificates": pebble.trust}
    site = await pebble.it.add_server("ss1", "1", acme=settings)
    ordering = client(site).ordering
    info = await ordering.order(NAME, KeyUsage.AUTHENTICATION, site.owner)
    assert is_auth_certificate(info.certificate) and info.status is CertificateStatus.SAVED
    names = info.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    again = await ordering.order(NAME, KeyUsage.AUTHENTICATION, site.owner)  # the same account
    assert again.key_id != info.key_id

    keys = len(site.server.token.public_keys)
    with pytest.raises(PlatformError, match="not for signing"):
        await ordering.order(NAME, KeyUsage.SIGNING, site.owner)
    assert len(site.server.token.public_keys) == keys
    assert await ordering.pending() == ()


async def test_its_https_is_not_trusted_blindly(pebble: Pebble) -> None:
    site = await pebble.it.add_server("ss1", "1", acme={"acme_file": pebble.acme_yml})
    with pytest.raises(PlatformError, match="cannot be read: SSLError"):
        await client(site).ordering.order(NAME, KeyUsage.AUTHENTICATION, site.owner)


async def test_it_refuses_a_challenge_nobody_answers(pebble: Pebble) -> None:
    settings = {"acme_file": pebble.acme_yml, "ca_certificates": pebble.trust, "challenge_port": None}
    site = await pebble.it.add_server("ss1", "1", acme=settings)
    with pytest.raises(PlatformError, match="see that the name leads here") as refused:
        await client(site).ordering.order(NAME, KeyUsage.AUTHENTICATION, site.owner)
    assert refused.value.code == "acme.authorization_failure"
    assert await client(site).ordering.pending() == ()
