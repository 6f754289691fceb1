"""The reference's SOAP cases about TLS: between servers, with information systems, with services. One test a case."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from forger import STALE
from soap_world import CONSUMER, GET_STATE, PRODUCER, TEXT_XML, SoapWorld, fault_of_answer, query

from sild.http1 import (
    Fetched,
    TlsContext,
    information_system_server_context,
    open_connection,
    peer_server_context,
    serve,
    service_client_context,
)
from sild.nation.layout import free_ports
from sild.pki import CertificateProfile, Revoked, der
from sild.security_server import ConnectionType, PeerRoute
from sild.security_server.tls_contexts import TlsContexts
from sild.xroad.identifiers import SecurityServerId
from support.pki import Credential, Pki

pytestmark = pytest.mark.asyncio(loop_scope="module")

TLS_CASES = {
    "SslAuthCertNotMatchesOrg": "test_certificate_of_another_server",
    "SslAuthTrustManagerError": "test_certificate_nobody_knows",
    "SslClientAuth": "test_information_system_with_its_certificate",
    "SslClientAuthExpiredISCert": "test_information_system_with_an_expired_certificate",
    "SslClientAuthNoISCert": "test_information_system_without_a_certificate",
    "SslClientAuthWrongISCert": "test_information_system_with_another_certificate",
    "SslClientCertVerificationError": "test_revoked_certificate",
    "SslClientCipherSuiteSetupError": "test_no_common_cipher_suite",
    "SslNormalMessage": "test_normal_message",
    "SslSelectFastestProxy": "test_one_of_several_addresses_answers",
    "SslSelectFastestProxyNoConnections": "test_no_address_answers",
    "SslToServiceAuth": "test_service_that_asks_for_a_certificate",
    "SslToServiceNoAuth": "test_service_over_tls",
    "SslToServiceNoISCerts": "test_service_without_a_stored_certificate",
    "SslToServiceWrongISCert": "test_service_with_another_certificate",
}
SSL = "server.clientproxy.ssl_authentication_failed"


@pytest.fixture
def soap(module_soap: SoapWorld) -> SoapWorld:
    module_soap.service.begin()
    forget_the_provider(module_soap)
    return module_soap


def forget_the_provider(soap: SoapWorld) -> None:
    """The consumer's server meets it for the first time."""
    soap.consumer.server._parts.authentication._ocsp._kept.clear()
    soap.consumer.forget_connections()


async def ask(soap: SoapWorld) -> Fetched:
    return await soap.ask("getstate.query", "getstate.answer")


async def code(soap: SoapWorld) -> str:
    return fault_of_answer(await ask(soap)).code


def is_normal(answer: Fetched) -> bool:
    return answer.status == 200 and b"getStateResponse" in answer.body


# --- between servers


async def test_normal_message(soap: SoapWorld) -> None:
    assert is_normal(await ask(soap))


async def test_certificate_of_another_server(soap: SoapWorld) -> None:
    world = soap.world
    world.change_server("ss2", auth_cert_hashes=())
    await world.publish()
    try:
        assert await code(soap) == SSL
    finally:
        world.change_server("ss2", auth_cert_hashes=soap.provider.shared.auth_cert_hashes)
        await world.publish()


@pytest.mark.parametrize("connected", ["before", "never"])
async def test_revoked_certificate(soap: SoapWorld, monkeypatch: pytest.MonkeyPatch, connected: str) -> None:
    """never: as after a start, when the provider has no certificate to show, and says so in the handshake."""
    if connected == "before":
        assert is_normal(await ask(soap))
    else:
        server = soap.provider.server
        contexts = server._parts.tls
        fresh = TlsContexts(server.signer, contexts._globalconf, server._clock, server.internal_tls)
        for made in ("_server", "_server_made_of", "_credentials"):
            monkeypatch.setattr(contexts, made, getattr(fresh, made))
    forget_the_provider(soap)
    serial = soap.provider.auth_certificate.serial_number
    status = soap.world.trust.certificate_status
    status[serial] = Revoked(soap.provider.server._clock() - STALE)
    await soap.provider.server.signer.ocsp.refresh()
    try:
        assert await code(soap) == SSL
    finally:
        del status[serial]
        await soap.provider.server.signer.ocsp.refresh()


async def rerouted(soap: SoapWorld, context: TlsContext | None) -> str:
    """The code when somebody else stands at the provider's address."""

    async def nobody(*_: object) -> None: ...

    routes = soap.consumer.server.settings.peer_routes
    honest = routes["ss2.test"]
    if context is None:
        (port,), listener = free_ports(1), None
    else:
        listener = await serve(nobody, "127.0.0.1", 0, tls=lambda: context)
        port = listener.port
    routes["ss2.test"] = PeerRoute(host="127.0.0.1", port=port, ocsp_port=honest.ocsp_port)
    try:
        return await code(soap)
    finally:
        routes["ss2.test"] = honest
        if listener is not None:
            await listener.close(0.2)


async def test_certificate_nobody_knows(soap: SoapWorld) -> None:
    stranger = Pki("ec-p256", common_name="Stranger").tls_credential()
    context = peer_server_context()
    context.use_key(stranger.key, [stranger.certificate])
    assert await rerouted(soap, context) == SSL


async def test_no_common_cipher_suite(soap: SoapWorld) -> None:
    """Whoever has no key at all has no suite in common with anybody."""
    assert await rerouted(soap, peer_server_context()) == SSL


async def test_no_address_answers(soap: SoapWorld) -> None:
    assert await rerouted(soap, None) == "server.clientproxy.network_error"


async def test_one_of_several_addresses_answers(soap: SoapWorld) -> None:
    world, shared = soap.world, soap.provider.shared
    for number in range(3):
        address = f"silent{number}.test"
        (port,) = free_ports(1)
        soap.consumer.server.settings.peer_routes[address] = PeerRoute(
            host="127.0.0.1", port=port, ocsp_port=port
        )
        world.central.servers.append(
            replace(
                shared, id=SecurityServerId(PRODUCER, f"silent{number}"), address=address, auth_cert_hashes=()
            )
        )
    await world.publish()
    try:
        assert is_normal(await ask(soap))
    finally:
        del world.central.servers[-3:]
        await world.publish()


# --- information systems


async def https(soap: SoapWorld, credential: Credential | None) -> Fetched:
    """One request over port 8443, showing a certificate or none."""
    context = service_client_context()
    if credential is not None:
        context.use_key(credential.key, [credential.certificate])
    soap.service.answer = (query("getstate.answer"), TEXT_XML)
    host, port = soap.consumer.server.addresses["client_https"]
    connection = await open_connection(host, port, tls=context)
    headers = [(b"Content-Type", TEXT_XML.encode())]
    response = await connection.request("POST", b"/", headers, query("getstate.query"), read_timeout=10)
    body = await response.read(1_000_000)
    connection.close()
    return Fetched(response.status, tuple(response.headers), body)


@pytest.fixture
def https_client(soap: SoapWorld) -> Iterator[Credential]:
    """The consumer's information system must show its certificate."""
    credential = soap.world.pki.tls_credential()
    conf = soap.consumer.server.serverconf
    conf.set_connection_type(CONSUMER, ConnectionType.HTTPS)
    conf.add_certificate(CONSUMER, der(credential.certificate))
    yield credential
    conf.remove_certificate(CONSUMER, der(credential.certificate))
    conf.set_connection_type(CONSUMER, ConnectionType.HTTP)


async def test_information_system_with_its_certificate(soap: SoapWorld, https_client: Credential) -> None:
    assert is_normal(await https(soap, https_client))


async def test_information_system_without_a_certificate(soap: SoapWorld, https_client: Credential) -> None:
    assert fault_of_answer(await https(soap, None)).code == SSL
    assert await code(soap) == SSL, "nor over plain HTTP"


async def test_information_system_with_another_certificate(soap: SoapWorld, https_client: Credential) -> None:
    assert fault_of_answer(await https(soap, soap.world.pki.tls_credential())).code == SSL


@pytest.mark.parametrize("enforced", [False, True])
async def test_information_system_with_an_expired_certificate(
    soap: SoapWorld, https_client: Credential, monkeypatch: pytest.MonkeyPatch, enforced: bool
) -> None:
    now = soap.consumer.server._clock()
    expired = soap.world.pki.issue(
        CertificateProfile.TLS,
        https_client.certificate.subject,
        not_before=now - timedelta(days=9),
        not_after=now - timedelta(days=1),
    )
    soap.consumer.server.serverconf.add_certificate(CONSUMER, der(expired.certificate))
    parts = soap.consumer.server._parts
    changed = parts.settings.model_copy(update={"enforce_client_certificate_validity": enforced})
    monkeypatch.setattr(parts, "settings", changed)
    answer = await https(soap, expired)
    assert fault_of_answer(answer).code == SSL if enforced else is_normal(answer)


# --- services


async def service_over_tls(soap: SoapWorld, *, verified: bool, stored: bytes | None = None) -> Fetched:
    """`stored`: the certificate the service may show; its own when None is given and `verified`."""
    credential = soap.world.pki.tls_credential()
    context = service_client_context_for(credential)
    url = await soap.world.serve(soap.service, tls=lambda: context)  # type: ignore[arg-type,return-value]
    conf = soap.provider.server.serverconf
    conf.update_service(GET_STATE, url=url, verify_tls=verified)
    kept = der(credential.certificate) if stored is None else stored
    if kept:
        conf.add_certificate(PRODUCER, kept)
    try:
        return await ask(soap)
    finally:
        conf.update_service(GET_STATE, url=soap.url, verify_tls=False)
        if kept:
            conf.remove_certificate(PRODUCER, kept)


def service_client_context_for(credential: Credential) -> TlsContext:
    context = information_system_server_context()
    context.use_key(credential.key, [credential.certificate])
    return context


REFUSED = "server.serverproxy.service_failed.ssl_authentication_failed"


async def test_service_that_asks_for_a_certificate(soap: SoapWorld) -> None:
    assert is_normal(await service_over_tls(soap, verified=True))


async def test_service_over_tls(soap: SoapWorld) -> None:
    assert is_normal(await service_over_tls(soap, verified=False))


async def test_service_without_a_stored_certificate(soap: SoapWorld) -> None:
    assert fault_of_answer(await service_over_tls(soap, verified=True, stored=b"")).code == REFUSED


async def test_service_with_another_certificate(soap: SoapWorld) -> None:
    other = der(soap.world.pki.ca.certificate)
    assert fault_of_answer(await service_over_tls(soap, verified=True, stored=other)).code == REFUSED
