"""Who may speak as a client (WIRE 11.4): connection types, certificates, port 8443; and what the other ports say."""

from __future__ import annotations

import json
import logging
from datetime import timedelta

import pytest
from faults import UUID, detail_of, error_of
from world import CLIENT, ECHO, Pair, World, make_pair

from sild.http1 import Fetched, TlsContext, fetch, open_connection, service_client_context
from sild.pki import CertificateProfile, certificate_sha1, der
from sild.security_server import ConnectionType

DENIED = (500, "server.clientproxy.ssl_authentication_failed")


async def call_tls(
    pair: Pair, context: TlsContext | None = None, path: str = "/r1/DEV/COM/2/Register/echo"
) -> Fetched:
    host, port = pair.consumer.server.addresses["client_https"]
    connection = await open_connection(host, port, tls=context or service_client_context())
    headers = [(b"X-Road-Client", CLIENT.encode().encode())]
    response = await connection.request("GET", path.encode(), headers, read_timeout=10)
    body = await response.read(1_000_000)
    connection.close()
    return Fetched(response.status, tuple(response.headers), body)


def information_system(pair: Pair, **issued: object) -> tuple[bytes, TlsContext]:
    """A certificate and a context that shows it."""
    credential = pair.world.pki.tls_credential()
    context = service_client_context()
    context.use_key(credential.key, [credential.certificate])
    return der(credential.certificate), context


async def test_plain_http_when_anything_goes(pair: Pair) -> None:
    assert (await pair.call()).status == 200
    assert (await call_tls(pair)).status == 200


async def test_https_without_authentication(pair: Pair) -> None:
    pair.consumer.server.serverconf.set_connection_type(CLIENT, ConnectionType.HTTPS_NO_AUTH)
    assert error_of(await pair.call()) == DENIED
    assert (await call_tls(pair)).status == 200
    assert pair.echo.requests[0][0] == "GET"
    assert len(pair.echo.requests) == 1


async def test_https_with_a_stored_certificate(pair: Pair) -> None:
    conf = pair.consumer.server.serverconf
    conf.set_connection_type(CLIENT, ConnectionType.HTTPS)
    certificate, context = information_system(pair)
    assert error_of(await pair.call()) == DENIED
    assert error_of(await call_tls(pair)) == DENIED, "no certificate shown"
    assert error_of(await call_tls(pair, context)) == DENIED, "none stored"
    other, _ = information_system(pair)
    conf.add_certificate(CLIENT, other)
    assert error_of(await call_tls(pair, context)) == DENIED, "another one stored"
    conf.add_certificate(CLIENT, certificate)
    assert (await call_tls(pair, context)).status == 200
    conf.remove_certificate(CLIENT, certificate)
    assert error_of(await call_tls(pair, context)) == DENIED, "taken back"


async def test_the_servers_own_internal_certificate_is_always_good(pair: Pair) -> None:
    pair.consumer.server.serverconf.set_connection_type(CLIENT, ConnectionType.HTTPS)
    internal = pair.consumer.server.internal_tls
    context = service_client_context()
    context.use_key(internal.key, [internal.certificate])
    assert (await call_tls(pair, context)).status == 200


@pytest.mark.parametrize("enforced", [False, True])
async def test_expired_certificate(world: World, enforced: bool) -> None:
    pair = await make_pair(world, consumer={"enforce_client_certificate_validity": enforced})
    now = pair.consumer.server._clock()
    credential = world.pki.issue(
        CertificateProfile.TLS,
        world.pki.tls_credential().certificate.subject,
        not_before=now - timedelta(days=9),
        not_after=now - timedelta(days=1),
    )
    context = service_client_context()
    context.use_key(credential.key, [credential.certificate])
    conf = pair.consumer.server.serverconf
    conf.set_connection_type(CLIENT, ConnectionType.HTTPS)
    conf.add_certificate(CLIENT, der(credential.certificate))
    answer = await call_tls(pair, context)
    if enforced:
        assert error_of(answer) == DENIED
    else:
        assert answer.status == 200


@pytest.mark.parametrize(
    ("target", "client", "code"),
    [
        ("/r1/invalid", "DEV/COM/1/Client", "bad_request"),
        ("/r1/DEV/COM/2/Register", "DEV/COM/1/Client", "bad_request"),
        ("/r1/DEV/COM/2/Reg%ZZister/echo", "DEV/COM/1/Client", "bad_request"),
        ("/r1/DEV/COM/2/Register/echo", None, "invalid_client_identifier"),
        ("/r1/DEV/COM/2/Register/echo", "DEV", "invalid_client_identifier"),
        ("/r1/DEV/COM/2/Register/echo", "DEV/COM/1/Client/more", "invalid_client_identifier"),
        ("/r1/DEV/COM/2/Register/echo", "DEV/C|M/1/Client", "invalid_client_identifier"),
    ],
)
async def test_unreadable_requests(pair: Pair, target: str, client: str | None, code: str) -> None:
    headers = [] if client is None else [(b"X-Road-Client", client.encode())]
    answer = await fetch(pair.consumer.url + target, headers=headers)
    assert error_of(answer) == (500, f"server.clientproxy.{code}")


@pytest.mark.parametrize(
    ("method", "code"), [("GET", "client.invalid_http_method"), ("POST", "client.invalid_request")]
)
async def test_what_is_no_soap(pair: Pair, method: str, code: str) -> None:
    answer = await fetch(pair.consumer.url + "/", method=method, body=b"<x/>" if method == "POST" else None)
    assert answer.status == 200
    assert answer.header(b"content-type") == b"text/xml;charset=utf-8"
    assert f"<faultcode>{code}</faultcode>".encode() in answer.body


async def test_camel_case_spelling(world: World) -> None:
    pair = await make_pair(
        world, consumer={"fault_spelling": "CamelCase"}, provider={"fault_spelling": "CamelCase"}
    )
    from world import subsystem

    assert error_of(await pair.call(client=subsystem("1", "No"))) == (500, "Server.ClientProxy.UnknownMember")
    pair.provider.server.serverconf.revoke(ECHO, CLIENT)
    assert error_of(await pair.call()) == (500, "Server.ServerProxy.AccessDenied")


async def test_detail_stands_in_both_logs(pair: Pair, caplog: pytest.LogCaptureFixture) -> None:
    """Whose fault it is, and one uuid to find it by, in the client's answer and in both servers' log lines."""
    pair.provider.server.serverconf.revoke(ECHO, CLIENT)
    with caplog.at_level(logging.WARNING, "sild.security_server"):
        detail = detail_of(await pair.call())
    assert UUID.fullmatch(detail)
    lines = {record.getMessage(): record.values for record in caplog.records}  # type: ignore[attr-defined]
    assert lines["provider.refused"]["fault_detail"] == detail == lines["client.refused"]["fault_detail"]
    assert lines["provider.refused"]["fault"] == "CallerError"
    assert lines["provider.refused"]["code"] == "access_denied"
    assert lines["provider.refused"]["request_id"]


async def test_port_5577(pair: Pair) -> None:
    host, port = pair.provider.server.addresses["ocsp_responder"]
    own = certificate_sha1(der(pair.provider.auth_certificate)).hex()
    url = f"http://{host}:{port}/"
    answer = await fetch(f"{url}?cert={own}&cert={own.upper()}&cert_hash=ab")
    assert answer.status == 200
    content_type = answer.header(b"content-type") or b""
    assert content_type.startswith(
        b'multipart/related; type="application/ocsp-response"; charset=UTF-8; boundary='
    )
    assert answer.body.count(b"content-type: application/ocsp-response") == 2
    assert (await fetch(url, method="HEAD")).status == 200
    assert (await fetch(f"{url}?cert={'00' * 20}")).status == 500
    assert (await fetch(url)).status == 500


async def test_error_report_is_plain_json(pair: Pair) -> None:
    answer = await fetch(pair.consumer.url + "/r1/x")
    assert list(json.loads(answer.body)) == ["type", "message", "detail"]
