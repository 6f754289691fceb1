"""Wrong, expired, revoked, unknown certificates and missing, stale or foreign OCSP responses, as the provider's server sees them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from secrets import randbits
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from faults import error_of
from forger import HEADERS, OCSP, STALE, Forger, Part, Sealer, fault_in, render, sign_key
from world import Issuing, Pair, World, make_pair

from sild.errors import PlatformError
from sild.http1 import open_connection, peer_client_context
from sild.pki import CertificateProfile, der, issue_certificate
from sild.signer import CertificateStatus, KeyUsage
from sild.xroad.globalconf import auth_cert_hash
from support.pki import Pki

pytestmark = pytest.mark.asyncio(loop_scope="module")

SSL = "server.serverproxy.service_failed.ssl_authentication_failed"


@pytest.fixture
def forger(shared_pair: Pair) -> Forger:
    return Forger(shared_pair.world, shared_pair.consumer, shared_pair.provider)


def nothing_happened(pair: Pair) -> None:
    assert pair.echo.requests == []
    assert pair.records(pair.provider) == []


TLS_OCSP: dict[str, Callable[[Forger], list[Part]]] = {
    "missing": lambda f: [],
    "stale": lambda f: [f.tls_ocsp(at=datetime.now(UTC) - STALE, validity=timedelta(hours=9))],
    "nextUpdate passed": lambda f: [
        f.tls_ocsp(at=datetime.now(UTC) - timedelta(minutes=9), validity=timedelta(minutes=1))
    ],
    "revoked": lambda f: [f.tls_ocsp(status="revoked")],
    "unknown": lambda f: [f.tls_ocsp(status="unknown")],
    "for another certificate": lambda f: [
        (OCSP, f.world.pki.ocsp_response(f.site.sign_certificates["1"], at=datetime.now(UTC)))
    ],
    "by a stranger": lambda f: [f.tls_ocsp(responder=Pki("ec-p256", common_name="Stranger").ocsp)],
    "by a certificate without the right": lambda f: [
        f.tls_ocsp(
            responder=f.world.pki.issue(
                CertificateProfile.TLS, f.world.pki.tls_credential().certificate.subject
            )
        )
    ],
    "garbage": lambda f: [(OCSP, b"garbage")],
    "empty": lambda f: [(OCSP, b"")],
}


@pytest.mark.parametrize("how", TLS_OCSP)
async def test_ocsp_response_of_the_tls_certificate(forger: Forger, shared_pair: Pair, how: str) -> None:
    parts = [*TLS_OCSP[how](forger), *forger.message()[1:]]
    unreadable = how in ("garbage", "empty")
    expected = SSL.replace("ssl_authentication_failed", "io_error") if unreadable else SSL
    assert (await forger.fault(parts)).code == expected
    nothing_happened(shared_pair)


SIGNATURE_OCSP: dict[str, dict[str, object]] = {
    "stale": {"at": datetime.now(UTC) - STALE, "validity": timedelta(hours=9)},
    "nextUpdate passed": {"at": datetime.now(UTC) - timedelta(minutes=9), "validity": timedelta(minutes=1)},
    "revoked": {"status": "revoked"},
    "unknown": {"status": "unknown"},
    "by a stranger": {"responder": Pki("ec-p256", common_name="Stranger").ocsp},
}


@pytest.mark.parametrize("how", SIGNATURE_OCSP)
async def test_ocsp_response_in_the_signature(forger: Forger, shared_pair: Pair, how: str) -> None:
    forger.sealer = Sealer.of(forger.world, forger.site, "1", **SIGNATURE_OCSP[how])
    fault = await forger.fault(forger.message())
    expected = "cert_validation" if how in ("revoked", "unknown") else "incorrect_validation_info"
    assert fault.code == f"server.serverproxy.signature_verification.invalid_cert_path.{expected}", fault
    nothing_happened(shared_pair)


async def test_no_ocsp_response_in_the_signature(forger: Forger, shared_pair: Pair) -> None:
    forger.sealer.ocsp_responses = []
    fault = await forger.fault(forger.message())
    assert fault.code == "server.serverproxy.signature_verification.malformed_signature"
    nothing_happened(shared_pair)


async def test_ocsp_response_of_another_certificate_in_the_signature(
    forger: Forger, shared_pair: Pair
) -> None:
    other = forger.world.pki.ocsp_response(forger.site.auth_certificate, at=datetime.now(UTC))
    forger.sealer.ocsp_responses = [other]
    fault = await forger.fault(forger.message())
    assert fault.code == "server.serverproxy.signature_verification.invalid_cert_path.cert_validation"
    nothing_happened(shared_pair)


def resealed(forger: Forger, pki: Pki, **issuing: object) -> Sealer:
    """The client's sign key with another certificate, and that one's OCSP response."""
    now = datetime.now(UTC)
    subject = forger.site.sign_certificates["1"].subject
    key = sign_key(forger.site, "1")
    given = {"not_before": now - timedelta(days=9), "not_after": now + timedelta(days=9)} | issuing
    profile = given.pop("profile", CertificateProfile.SIGN)
    credential = pki.issue(profile, given.pop("subject", subject), key=key, **given)  # type: ignore[arg-type]
    return Sealer(credential.certificate, key, [pki.ocsp_response(credential.certificate, at=now)])


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("expired", "cannot_create_cert_path.internal_error"),
        ("not yet valid", "cannot_create_cert_path.internal_error"),
        ("unknown authority", "internal_error"),
        ("same name, other authority", "cannot_create_cert_path.internal_error"),
        ("authentication certificate", "malformed_signature"),
        ("another member", "incorrect_certificate"),
    ],
)
async def test_sign_certificate(forger: Forger, shared_pair: Pair, how: str, expected: str) -> None:
    now, pki = datetime.now(UTC), forger.world.pki
    other = forger.world.sites["ss2"].sign_certificates["2"].subject
    forger.sealer = {
        "expired": lambda: resealed(forger, pki, not_after=now - timedelta(days=1)),
        "not yet valid": lambda: resealed(forger, pki, not_before=now + timedelta(days=1)),
        "unknown authority": lambda: resealed(forger, Pki("ec-p256", common_name="Stranger")),
        "same name, other authority": lambda: resealed(forger, Pki("ec-p384")),
        "authentication certificate": lambda: resealed(forger, pki, profile=CertificateProfile.AUTH),
        "another member": lambda: resealed(forger, pki, subject=other),
    }[how]()
    fault = await forger.fault(forger.message())
    assert fault.code == f"server.serverproxy.signature_verification.{expected}"
    nothing_happened(shared_pair)


async def test_honest_again(forger: Forger, shared_pair: Pair) -> None:
    assert b"rest-response" in await forger.send(forger.message())


async def test_auth_certificate_the_configuration_does_not_know(forger: Forger, shared_pair: Pair) -> None:
    world = forger.world
    world.change_server("ss1", auth_cert_hashes=())
    await world.publish()
    server = forger.site.server
    await server.registration_follower.follow()
    (info,) = server.signer.keyring.certificates(usage=KeyUsage.AUTHENTICATION)
    assert info.status is CertificateStatus.GLOBAL_ERROR, "an honest server would not even try"
    await server.signer.keyring.set_status(info.sha1, CertificateStatus.REGISTERED)
    assert (await forger.fault(forger.message())).code == SSL
    world.change_server("ss1", auth_cert_hashes=forger.site.shared.auth_cert_hashes)
    await world.publish()
    nothing_happened(shared_pair)


async def test_no_client_certificate(forger: Forger) -> None:
    host, port = forger.target.server.addresses["server_proxy"]
    with pytest.raises(PlatformError):
        connection = await open_connection(host, port, tls=peer_client_context())
        await connection.request("POST", b"/", [], b"", read_timeout=5)


@pytest.mark.parametrize("whose", ["auth", "sign"])
async def test_own_certificate_from_an_unknown_authority(
    tmp_path_factory: pytest.TempPathFactory, whose: str
) -> None:
    """An honest server with such a certificate does not even try: it has nothing to speak with."""
    async with World(tmp_path_factory.mktemp("unknown")) as world:
        stranger = Issuing(pki=Pki("ec-p256", common_name="Stranger"))
        pair = await make_pair(world, consumer={whose: stranger})
        cause = "ssl_authentication_failed" if whose == "auth" else "cannot_create_signature"
        assert error_of(await pair.call()) == (500, f"server.clientproxy.{cause}")
        nothing_happened(pair)


@pytest.mark.parametrize(
    ("whose", "code"),
    [
        ("auth", "server.clientproxy.ssl_authentication_failed"),  # it has no key to show
        ("sign", "server.serverproxy.service_failed.cannot_create_signature"),
    ],
)
async def test_providers_certificate_expired(
    tmp_path_factory: pytest.TempPathFactory, whose: str, code: str
) -> None:
    async with World(tmp_path_factory.mktemp("expired")) as world:
        pair = await make_pair(world, provider={whose: Issuing(not_after=timedelta(days=-1))})
        assert error_of(await pair.call()) == (500, code)
        nothing_happened(pair)


@pytest.mark.parametrize(
    ("whose", "code"), [("auth", "ssl_authentication_failed"), ("sign", "cannot_create_signature")]
)
async def test_clients_certificate_expired(
    tmp_path_factory: pytest.TempPathFactory, whose: str, code: str
) -> None:
    async with World(tmp_path_factory.mktemp("expired")) as world:
        pair = await make_pair(world, consumer={whose: Issuing(not_after=timedelta(days=-1))})
        assert error_of(await pair.call()) == (500, f"server.clientproxy.{code}")
        nothing_happened(pair)


TLS_CERTIFICATES: dict[str, dict[str, Any]] = {
    "expired": {"not_after": timedelta(days=-1)},
    "not yet valid": {"not_before": timedelta(days=1)},
    "by an unknown authority": {"pki": Pki("ec-p256", common_name="Stranger")},
    "by an authority of the same name": {"pki": Pki("ec-p384")},
    "for signing": {"profile": CertificateProfile.SIGN},
    "not registered": {"registered": False},
    "of another member's server": {"owner": "2"},
}


@pytest.mark.parametrize("how", TLS_CERTIFICATES)
async def test_tls_certificate_of_the_clients_server(forger: Forger, shared_pair: Pair, how: str) -> None:
    """With its hash in the configuration or without, with a good OCSP response: it comes through TLS, and is refused."""
    given = dict(TLS_CERTIFICATES[how])
    world, now = forger.world, datetime.now(UTC)
    pki: Pki = given.get("pki", world.pki)
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = issue_certificate(
        given.get("profile", CertificateProfile.AUTH),
        subject=forger.site.auth_certificate.subject,
        public_key=key.public_key(),
        issuer=pki.ca.certificate.subject,
        issuer_key=pki.ca.key,
        issuer_public_key=pki.ca.key.public_key(),
        serial_number=randbits(64) | 1,
        not_before=now + given.get("not_before", timedelta(days=-30)),
        not_after=now + given.get("not_after", timedelta(days=300)),
    )
    server = "ss2" if "owner" in given else "ss1"
    before = next(one for one in world.central.servers if one.id.server_code == server).auth_cert_hashes
    if given.get("registered", True):
        world.change_server(server, auth_cert_hashes=(*before, auth_cert_hash(der(certificate), 6)))
        await world.publish()
    context = peer_client_context()
    context.use_key(key, [certificate])
    host, port = forger.target.server.addresses["server_proxy"]
    connection = await open_connection(host, port, tls=context)
    parts = [(OCSP, pki.ocsp_response(certificate, at=now)), *forger.message()[1:]]
    response = await connection.request("POST", b"/", HEADERS, render(parts), read_timeout=20.0)
    assert fault_in(await response.read(65536)).code == SSL
    connection.abort()
    world.change_server(server, auth_cert_hashes=before)
    await world.publish()
    nothing_happened(shared_pair)
