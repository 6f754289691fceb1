"""The authentication key does TLS, and nobody sees it."""

from __future__ import annotations

import ssl
from datetime import timedelta
from pathlib import Path

import pytest

from sild.errors import Unavailable
from sild.pki import der
from sild.signer import CertificateStatus, KeyAlgorithm, KeyUsage, Signer, TokenNotActive
from support.signer_world import SignerWorld


def handshake(server: ssl.SSLContext) -> bytes:
    """The certificate `server` proves itself by, in memory."""
    client_context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client_context.check_hostname = False
    client_context.verify_mode = ssl.CERT_NONE
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, to_server)
    peer = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for end in (client, peer):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                pass
    certificate = client.getpeercert(binary_form=True)
    assert certificate is not None
    return certificate


@pytest.mark.parametrize("algorithm", [KeyAlgorithm.EC_P256, KeyAlgorithm.RSA_2048])
async def test_tls_with_the_authentication_key(
    signer: Signer, world: SignerWorld, algorithm: KeyAlgorithm
) -> None:
    info = await world.certify(signer, KeyUsage.AUTHENTICATION, algorithm=algorithm)
    await signer.ocsp.refresh()
    credentials = signer.tls_credentials()
    assert credentials.ocsp_responses == (await signer.ocsp_response(info.sha1),)

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    credentials.load_into(context)

    assert handshake(context) == der(info.certificate)


async def test_no_key_on_disk(signer: Signer, world: SignerWorld, tmp_path: Path) -> None:
    await world.certify(signer, KeyUsage.AUTHENTICATION)
    await signer.ocsp.refresh()
    signer.tls_credentials().load_into(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or b"PRIVATE KEY" not in path.read_bytes()


async def test_no_authentication_certificate_to_show(signer: Signer, world: SignerWorld) -> None:
    def refusal() -> str:
        with pytest.raises(Unavailable) as caught:
            signer.tls_credentials()
        assert caught.value.code_path == "ssl_authentication_failed"
        return caught.value.message

    assert "there is no certificate" in refusal()
    info = await world.certify(signer, KeyUsage.AUTHENTICATION, status=CertificateStatus.SAVED)
    assert "not registered but saved" in refusal()
    await signer.keyring.set_status(info.sha1, CertificateStatus.REGISTERED)
    assert "no OCSP response" in refusal()
    await signer.ocsp.refresh()
    credentials = signer.tls_credentials()
    world.now += timedelta(hours=2)
    assert "too old" in refusal()
    await world.token.logout()
    with pytest.raises(TokenNotActive):
        credentials.load_into(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
