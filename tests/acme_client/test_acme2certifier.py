"""acme2certifier, the ACME server of X-Road's own test authority, run as it is over OpenSSL's kind of CA.

It chooses the kind of certificate by its configuration; this one issues for signing. It can fetch challenges from port 80 alone,
so its check of them is switched off here; Pebble's is not.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from ordering_world import OrderingWorld, client, ordering_world
from world import PROFILE

from sild.errors import PlatformError
from sild.http1 import fetch
from sild.nation.layout import free_ports
from sild.pki import der, is_sign_certificate
from sild.signer import CertificateStatus, KeyUsage
from sild.xroad.globalconf import AcmeServer, ApprovedCA, CaInfo
from support.pki import Pki, name

NAME = "acme2certifier"
HMAC = "96d7380f5ea8de06912a4520d0adca616848b5e70cb3d0bd748af5b33507ddde"
SERVER = """
import sys
from wsgiref.simple_server import make_server
from acme2certifier.share.acme2certifier_wsgi import application, get_handler_cls
make_server("127.0.0.1", int(sys.argv[1]), application, handler_class=get_handler_cls()).serve_forever()
"""
SETTINGS = """
[DEFAULT]
debug: False

[Nonce]
nonce_check_disable: False
[CAhandler]
handler_module: acme2certifier.cahandlers.openssl_ca_handler
issuing_ca_key: {here}/ca.key
issuing_ca_cert: {here}/ca.pem
issuing_ca_crl: {here}/ca.crl

cert_validity_days: 30
cert_save_path: {here}/certs
ca_cert_chain_list: ["{here}/ca.pem"]
openssl_conf: {here}/extensions.cnf
[EABhandler]
eab_handler_module: acme2certifier.eabhandlers.kid_profile_handler
key_file: {here}/kids.json
[DBhandler]
handler_module: acme2certifier.dbhandlers.wsgi_handler
dbfile: {here}/acme.db
[Challenge]
challenge_validation_disable: True
[Order]
header_info_list: ["HTTP_USER_AGENT"]
"""
EXTENSIONS = """
[extensions]
basicConstraints = critical, CA:FALSE
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
keyUsage = critical, nonRepudiation
"""


@pytest.fixture
async def it(tmp_path: Path) -> AsyncIterator[OrderingWorld]:
    here, pki = tmp_path / "a2c", Pki("rsa-2048")
    (here / "certs").mkdir(parents=True)
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    key = pki.ca.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (here / "ca.key").write_bytes(key)
    (here / "ca.pem").write_bytes(pki.ca.certificate.public_bytes(Encoding.PEM))
    now = datetime.now(UTC)
    crl = x509.CertificateRevocationListBuilder(pki.ca.certificate.subject, now, now + timedelta(days=1))
    (here / "ca.crl").write_bytes(crl.sign(pki.ca.key, hashes.SHA256()).public_bytes(Encoding.PEM))
    (here / "kids.json").write_text(json.dumps({"keyid_3": {"hmac": HMAC}}))
    (here / "extensions.cnf").write_text(EXTENSIONS)
    (here / "acme_srv.cfg").write_text(SETTINGS.format(here=here, url=url))
    (here / "server.py").write_text(SERVER)
    with (here / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-W", "ignore", str(here / "server.py"), str(port), cwd=here, stdout=log, stderr=log,
            env=os.environ | {"ACME_SRV_CONFIGFILE": str(here / "acme_srv.cfg"), "ACME2CERTIFIER_BASE_DIR": str(here),
                              "ACME2CERTIFIER_I_KNOW_THE_RISK": "1"},
        )  # fmt: skip
    try:
        async with asyncio.timeout(30):
            while True:
                try:
                    await fetch(f"{url}/directory")
                    break
                except PlatformError:
                    assert process.returncode is None, (here / "log").read_text()
                    await asyncio.sleep(0.1)
        async with ordering_world(tmp_path) as made:
            made.world.central.more_cas.append(
                ApprovedCA(
                    NAME, CaInfo(der(pki.ca.certificate)), PROFILE,
                    acme_server=AcmeServer(f"{url}/directory", None, "auth", "sign"),
                )
            )  # fmt: skip
            yield made
    finally:
        process.terminate()
        await process.wait()


async def test_a_sign_certificate_is_ordered(it: OrderingWorld, tmp_path: Path) -> None:
    yml = tmp_path / "acme.yml"
    yml.write_text(
        f"eab-credentials:\n  certificate-authorities:\n    {NAME}:\n      mac-key-base64-encoded: true\n"
        f"      members:\n        'DEV:COM:1':\n          sign-kid: keyid_3\n          sign-mac-key: {HMAC}\n"
    )
    mail = tmp_path / "mail.yml"
    mail.write_text("contacts:\n  'DEV:COM:1': member@example.org\n")
    settings = {"acme_file": yml, "order_timeout": 30.0}
    site = await it.add_server("ss1", "1", acme=settings | {"mail_file": mail})
    ordering = client(site).ordering
    subject = name(
        C="FI", O="Member 1", SERIALNUMBER="1"
    )  # a common name it takes for one of the order's hosts
    info = await ordering.order(NAME, KeyUsage.SIGNING, site.owner, subject=subject)
    assert is_sign_certificate(info.certificate) and info.status is CertificateStatus.REGISTERED
    again = await ordering.order(NAME, KeyUsage.SIGNING, site.owner, subject=subject, replaces=info)
    assert again.key_id != info.key_id
    with pytest.raises(PlatformError) as refused:
        await ordering.order(NAME, KeyUsage.AUTHENTICATION, site.owner)
    assert refused.value.code == "acme.eab_credentials_missing"


async def test_it_wants_a_contact(it: OrderingWorld, tmp_path: Path) -> None:
    yml = tmp_path / "acme.yml"
    yml.write_text(
        f"eab-credentials:\n  certificate-authorities:\n    {NAME}:\n      mac-key-base64-encoded: true\n"
        f"      members:\n        'DEV:COM:1':\n          kid: keyid_3\n          mac-key: {HMAC}\n"
    )
    site = await it.add_server("ss1", "1", acme={"acme_file": yml})
    with pytest.raises(PlatformError, match=r"mail\.yml"):
        await client(site).ordering.order(NAME, KeyUsage.SIGNING, site.owner)
