"""Port 8443: the server known by its own certificate, the client by one stored for it (WIRE 11.4)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from world import CLIENT, ECHO, Pair

from sild.adapter import AsyncXRoadClient, CallerError, SecurityServerTls, TrustError, XRoadClient, XRoadFault
from sild.pki import der
from sild.security_server import ConnectionType

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def server_certificate(pair: Pair, tmp_path: Path) -> Path:
    """What the administrator exports."""
    path = tmp_path / "server.pem"
    path.write_bytes(pair.consumer.server.internal_tls.certificate.public_bytes(Encoding.PEM))
    return path


@pytest.fixture
def restored(pair: Pair) -> Iterator[None]:
    yield
    pair.consumer.server.serverconf.set_connection_type(CLIENT, ConnectionType.HTTP)


async def test_a_pinned_server(pair: Pair, server_certificate: Path) -> None:
    tls = SecurityServerTls(server_certificate=server_certificate)
    async with AsyncXRoadClient(pair.consumer.https_url, CLIENT, tls=tls) as xroad:
        for _ in range(3):
            assert (await xroad.get(ECHO)).ok


async def test_another_server_gets_no_byte(pair: Pair, tmp_path: Path) -> None:
    path = tmp_path / "other.pem"
    path.write_bytes(pair.world.pki.tls_credential().certificate.public_bytes(Encoding.PEM))
    tls = SecurityServerTls(server_certificate=path)
    async with AsyncXRoadClient(pair.consumer.https_url, CLIENT, tls=tls) as xroad:
        with pytest.raises(TrustError) as error:
            await xroad.get(ECHO)
        assert error.value.code == "ssl_authentication_failed"
        assert not isinstance(error.value, XRoadFault)
    assert pair.records(pair.consumer) == []


async def test_without_a_certificate_the_systems_authorities_decide(pair: Pair) -> None:
    async with AsyncXRoadClient(pair.consumer.https_url, CLIENT) as xroad:
        with pytest.raises(TrustError):
            await xroad.get(ECHO)


async def test_two_certificates_while_one_replaces_the_other(
    pair: Pair, server_certificate: Path, tmp_path: Path
) -> None:
    other = pair.world.pki.tls_credential().certificate.public_bytes(Encoding.PEM)
    both = tmp_path / "both.pem"
    both.write_bytes(other + server_certificate.read_bytes())
    tls = SecurityServerTls(server_certificate=both)
    async with AsyncXRoadClient(pair.consumer.https_url, CLIENT, tls=tls) as xroad:
        assert (await xroad.get(ECHO)).ok


@pytest.mark.usefixtures("restored")
@pytest.mark.parametrize("password", [None, "secret"])
@pytest.mark.parametrize("one_file", [False, True])
async def test_a_client_known_by_its_certificate(
    pair: Pair, server_certificate: Path, tmp_path: Path, password: str | None, one_file: bool
) -> None:
    credential = pair.world.pki.tls_credential()
    encryption = BestAvailableEncryption(password.encode()) if password else NoEncryption()
    key = credential.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)
    certificate = credential.certificate.public_bytes(Encoding.PEM)
    paths = tmp_path / "client.pem", tmp_path / "client.key"
    paths[0].write_bytes(certificate + key if one_file else certificate)
    paths[1].write_bytes(key)
    tls = SecurityServerTls(
        server_certificate=server_certificate,
        certificate=paths[0],
        key=None if one_file else paths[1],
        password=password,
    )
    conf = pair.consumer.server.serverconf
    conf.set_connection_type(CLIENT, ConnectionType.HTTPS)
    async with AsyncXRoadClient(pair.consumer.https_url, CLIENT, tls=tls) as xroad:
        with pytest.raises(TrustError) as refused:
            await xroad.get(ECHO)
        assert isinstance(refused.value, XRoadFault), "it is the server that does not know it yet"
        conf.add_certificate(CLIENT, der(credential.certificate))
        assert (await xroad.get(ECHO)).ok
    async with AsyncXRoadClient(pair.consumer.url, CLIENT) as xroad:
        with pytest.raises(TrustError):
            await xroad.get(ECHO)
    conf.remove_certificate(CLIENT, der(credential.certificate))


async def test_files_that_do_not_fit(pair: Pair, server_certificate: Path, tmp_path: Path) -> None:
    junk = tmp_path / "junk.pem"
    junk.write_bytes(b"junk")
    for tls in (
        SecurityServerTls(server_certificate=junk),
        SecurityServerTls(server_certificate=tmp_path / "absent.pem"),
        SecurityServerTls(server_certificate=server_certificate, certificate=junk),
        SecurityServerTls(server_certificate=server_certificate, certificate=server_certificate),
        SecurityServerTls(certificate=junk),
    ):
        with pytest.raises(CallerError):
            AsyncXRoadClient(pair.consumer.https_url, CLIENT, tls=tls)
        with pytest.raises(CallerError):
            XRoadClient(pair.consumer.https_url, CLIENT, tls=tls)
    with pytest.raises(CallerError, match="http address"):
        AsyncXRoadClient(pair.consumer.url, CLIENT, tls=SecurityServerTls())
