"""Which of several faults a peer is told: everything is wrong at once, then put right one by one, in X-Road's order (WIRE 5)."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from faults import error_of
from forger import (
    HEADERS,
    OCSP,
    REQUEST,
    SIGNATURE,
    FalseProvider,
    Forger,
    Part,
    Sealer,
    fault_in,
    render,
    request_part,
)
from world import CLIENT, ECHO, REGISTER, Echo, Pair, Site, World, subsystem

from sild.http1 import Header, Request, Responder
from sild.security_server import ClientStatus, ConnectionType
from sild.xroad.identifiers import ServiceId


@contextmanager
def locked_log(site: Site) -> Iterator[None]:
    lock = sqlite3.connect(site.server.settings.directory / "messagelog.db", isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        lock.execute("ROLLBACK")
        lock.close()


async def outdate(world: World, site: Site) -> None:
    world.central.publish(lifetime=timedelta(seconds=1))
    await site.server.configuration.refresh()
    await asyncio.sleep(1.2)


class Wrong:
    """A message to the provider's server with everything wrong; each attribute put to True makes one thing right."""

    def __init__(self, forger: Forger, stranger: Sealer) -> None:
        self.forger = forger
        self.stranger = stranger
        self.method = "PUT"
        self.headers: list[Header] = [
            (name, b"6.26.0" if name == b"x-proxy-version" else value)
            for name, value in HEADERS
            if name not in (b"x-hash-algorithm", b"Content-Type")
        ]
        self.content_type = b"text/plain"
        self.part = b"GET\r\n/r1/x\r\n"
        self.ocsp: list[Part] = []
        self.signed = False
        self.sealer = stranger
        self.extra: list[Part] = [(OCSP, b"\x30\x00")]

    async def code(self) -> str:
        tail = self.sealer.seal(self.part) if self.signed else []
        body = render([*self.ocsp, (REQUEST, self.part), *tail, *self.extra])
        headers = [*self.headers, (b"Content-Type", self.content_type)]
        response = await self.forger.post(body, headers, self.method)
        answer = await response.read(1024 * 1024)
        if b"rest-response" in answer:
            return "answered"
        return fault_in(answer).code.removeprefix("server.serverproxy.")


async def test_at_the_providers_server(pair: Pair) -> None:
    conf, world = pair.provider.server.serverconf, pair.world
    soap = ServiceId(REGISTER, "soap")
    conf.set_minimum_client_version("7.8.0")
    conf.set_client_status(
        REGISTER, ClientStatus.DISABLED
    )  # of those not registered, what a configuration does not change
    conf.add_soap_service(REGISTER, "soap", None, "http://127.0.0.1:1/wsdl", "http://127.0.0.1:1/")
    conf.revoke(ECHO, CLIENT)
    conf.disable_service(ECHO, "closed")
    conf.update_service(ECHO, url="http://service.invalid/")
    await outdate(world, pair.provider)
    forger = Forger(world, pair.consumer, pair.provider)
    wrong = Wrong(forger, Sealer.of(world, pair.provider, "2"))

    assert await wrong.code() == "invalid_http_method"
    wrong.method = "POST"
    assert await wrong.code() == "global_conf_outdated"
    await world.publish()
    assert await wrong.code() == "client_proxy_version_not_supported"
    wrong.headers = [one for one in wrong.headers if one[0] != b"x-proxy-version"] + [
        (b"x-proxy-version", b"7.8.0")
    ]
    assert await wrong.code() == "internal_error", "no x-hash-algorithm"
    wrong.headers.append((b"x-hash-algorithm", b"SHA-512"))
    assert await wrong.code() == "service_failed.invalid_content_type"
    wrong.content_type = b"multipart/mixed; charset=UTF-8; boundary=xtopABCDEFGHIJKLMNOPQRSTUVWXYZabcd"
    assert await wrong.code() == "service_failed.invalid_message", "an unreadable message part"
    wrong.part = request_part(CLIENT, ServiceId(REGISTER, "nothing"))
    assert await wrong.code() == "service_failed.unknown_member"
    conf.set_client_status(REGISTER, ClientStatus.REGISTERED)
    await pair.provider.server.token.logout()
    assert (await wrong.code()).startswith("service_failed.cannot_create_signature")
    await pair.provider.server.token.login("1234")
    assert await wrong.code() == "service_failed.ssl_authentication_failed"
    wrong.ocsp = [forger.tls_ocsp()]
    assert await wrong.code() == "service_failed.invalid_content_type", "a part that may not come there"
    wrong.extra = []
    assert await wrong.code() == "missing_signature"
    wrong.signed = True
    assert await wrong.code() == "unknown_service"
    wrong.part = request_part(CLIENT, soap)
    assert await wrong.code() == "service_type"
    wrong.part = request_part(CLIENT, ECHO)
    assert await wrong.code() == "access_denied"
    conf.grant(ECHO, CLIENT)
    assert await wrong.code() == "service_disabled"
    conf.enable_service(ECHO)
    with locked_log(pair.provider):
        assert await wrong.code() == "signature_verification.incorrect_certificate"
        wrong.sealer = forger.sealer
        assert await wrong.code() == "logging_failed.database_error"
    assert pair.records(pair.provider) == []
    assert await wrong.code() == "unknown_host"
    conf.update_service(ECHO, url=await world.serve(pair.echo))
    assert await wrong.code() == "answered"
    assert len(pair.echo.requests) == 1


async def test_in_a_signature(pair: Pair) -> None:
    """WIRE 6.2, each step wrong with all after it: not XML, no sign certificate, another member's, other bytes, its status."""
    forger = Forger(pair.world, pair.consumer, pair.provider)
    part, other = request_part(), request_part(path="/other")

    async def code(sealer: Sealer, signed: bytes, change: tuple[bytes, bytes] = (b"", b"")) -> str:
        ((_, xml),) = sealer.seal(signed)
        changed = xml.replace(*change, 1) if change[0] else xml
        fault = await forger.fault([forger.tls_ocsp(), (REQUEST, part), (SIGNATURE, changed)])
        return fault.code.removeprefix("server.serverproxy.signature_verification.")

    stranger = Sealer.of(pair.world, pair.provider, "2", status="revoked")
    own = Sealer.of(pair.world, pair.consumer, "1", status="revoked")
    assert await code(stranger, other, (b"</", b"<")) == "invalid_xml"
    assert await code(stranger, other, (b"ds:KeyInfo>", b"ds:KeyInf>")) in (
        "invalid_xml",
        "malformed_signature",
    )
    assert await code(stranger, other) == "incorrect_certificate"
    assert await code(own, other) == "invalid_signature_value"
    assert await code(own, part) == "invalid_cert_path.cert_validation"


async def test_at_the_clients_server(world: World) -> None:
    consumer = await world.add_server("ss1", "1", [CLIENT])
    site = await world.add_server("ss2", "2", [REGISTER], start=False)
    false = FalseProvider(world, site)
    pair = Pair(world, consumer, site, Echo())
    conf = consumer.server.serverconf
    conf.set_client_status(CLIENT, ClientStatus.DISABLED)
    conf.set_connection_type(CLIENT, ConnectionType.HTTPS)
    await outdate(world, consumer)
    headers: list[Header] = [(b"X-Road-Security-Server", b"DEV/COM/1/ss1")]
    answer: dict[str, str] = {"kind": "status"}

    async def code(service: ServiceId = ECHO, client: bool = True, path: str = "") -> str:
        told = await pair.call(
            "POST", path, body=b"x", service=service, headers=headers, client=CLIENT if client else None
        )
        if told.status == 200:
            return "answered"
        status, found = error_of(told)
        assert status == 500
        return found.removeprefix("server.clientproxy.")

    async def wrongly(self: FalseProvider, request: Request, responder: Responder) -> None:
        parts = self.message(await self.read(request), b"answer", **changed)
        if answer["kind"] == "status":
            await responder.send(404, [(b"content-type", b"text/plain")], b"")
            return
        if answer["kind"] == "type":
            await responder.send(200, [(b"content-type", b"text/plain")], b"")
            return
        await self.send(responder, parts[:2] if answer["kind"] == "unsigned" else parts)

    changed = {"x_road_id": "another"}
    false.answer = wrongly
    assert await code(client=False, path="/{") == "global_conf_outdated"
    await world.publish()
    assert await code(client=False, path="/{") == "bad_request"
    assert await code(client=False) == "invalid_client_identifier"
    assert await code() == "unknown_member"
    conf.set_client_status(CLIENT, ClientStatus.REGISTERED)
    assert await code() == "ssl_authentication_failed"
    conf.set_connection_type(CLIENT, ConnectionType.HTTP)
    assert await code(ServiceId(subsystem("9", "Nowhere"), "x")) == "unknown_member"
    assert await code() == "invalid_security_server"
    headers.clear()
    assert await code() == "network_error"
    await false.start()
    await world.publish()
    false.ocsp = []
    with locked_log(consumer):
        assert await code() == "ssl_authentication_failed"
        false.ocsp = None
        assert await code() == "logging_failed.database_error"
    assert false.requests == 0
    false.sealer = Sealer.of(world, consumer, "1")
    assert await code() == "http_error"
    answer["kind"] = "type"
    assert await code() == "service_failed.invalid_content_type"
    answer["kind"] = "unsigned"
    assert await code() == "missing_signature"
    answer["kind"] = "whole"
    assert await code() == "signature_verification.incorrect_certificate"
    false.sealer = Sealer.of(world, site, "2")
    assert await code() == "inconsistent_response"
    changed.clear()
    assert await code() == "answered"
    await false.stop()
