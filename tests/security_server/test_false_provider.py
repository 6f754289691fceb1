"""A provider's server that answers wrongly: what the client is told, and that nothing reaches it unverified (WIRE 5)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio
from faults import error_of
from forger import (
    BODY,
    CHAIN,
    REQUEST,
    RESPONSE,
    RESULT,
    SIGNATURE,
    FalseProvider,
    Sealer,
    render,
)
from world import CLIENT, REGISTER, Echo, Pair, World, subsystem

from sild.http1 import Request, Responder, open_connection

Answer = Callable[[FalseProvider, Request, Responder], Awaitable[None]]


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def module_false(module_world: World) -> AsyncIterator[FalseProvider]:
    world = module_world
    consumer = await world.add_server("ss1", "1", [CLIENT], keep_peer_connections=False)
    provider = await world.add_server("ss2", "2", [REGISTER], start=False)
    forged = FalseProvider(world, provider)
    await forged.start()
    await world.publish()
    forged.pair = Pair(world, consumer, provider, Echo())  # type: ignore[attr-defined]
    yield forged
    await forged.stop()


@pytest.fixture
def false(module_false: FalseProvider) -> FalseProvider:
    forged = module_false
    forged.pair.begin()  # type: ignore[attr-defined]
    forged.begin()
    forged.pair.consumer.server._parts.authentication._ocsp._kept.clear()  # type: ignore[attr-defined]
    return forged


async def told(false: FalseProvider, answer: Answer) -> str:
    """The code the client gets; the answer must not have been logged as received."""
    false.answer = answer
    pair: Pair = false.pair  # type: ignore[attr-defined]
    status, code = error_of(await pair.call("POST", body=b"question", headers=[(b"X-Road-Id", b"q1")]))
    assert status == 500
    assert pair.records(pair.consumer) in ([("q1", False)], []), "a refused answer is not logged"
    return code


async def test_honest(false: FalseProvider) -> None:
    pair: Pair = false.pair  # type: ignore[attr-defined]
    answer = await pair.call("POST", body=b"question")
    assert (answer.status, answer.body) == (200, b"hello")
    assert [is_response for _, is_response in pair.records(pair.consumer)] == [False, True]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x_road_id", "another"),
        ("x_road_client", "DEV/COM/1/Other"),
        ("x_road_service", "DEV/COM/2/Register/other"),
        ("x_road_request_id", "another"),
        ("x_road_request_hash", "AAAA"),
    ],
)
async def test_answer_to_another_request(false: FalseProvider, name: str, value: str) -> None:
    async def answer(self: FalseProvider, request: Request, responder: Responder) -> None:
        await self.send(responder, self.message(await self.read(request), **{name: value}))

    assert await told(false, answer) == "server.clientproxy.inconsistent_response"


@pytest.mark.parametrize(
    ("left_out", "expected"),
    [
        (RESPONSE, "service_failed.invalid_content_type"),
        (BODY, "signature_verification.malformed_signature.invalid_reference"),
        (RESULT, "service_failed.invalid_content_type"),
        (CHAIN, "service_failed.invalid_content_type"),
        (SIGNATURE, "missing_signature"),
    ],
)
async def test_part_missing(false: FalseProvider, left_out: str, expected: str) -> None:
    async def answer(self: FalseProvider, request: Request, responder: Responder) -> None:
        parts = self.message(await self.read(request))
        await self.send(responder, [part for part in parts if part[0] != left_out])

    assert await told(false, answer) == "server.clientproxy." + expected


@pytest.mark.parametrize("changed", [RESPONSE, BODY, RESULT, CHAIN, SIGNATURE])
async def test_changed_byte(false: FalseProvider, changed: str) -> None:
    async def answer(self: FalseProvider, request: Request, responder: Responder) -> None:
        parts = [
            (
                kind,
                data[:-20] + bytes([data[-20] ^ 1]) + data[-19:]
                if kind == changed and len(data) > 20
                else data,
            )
            for kind, data in self.message(await self.read(request), b"x" * 30)
        ]
        await self.send(responder, parts)

    code = await told(false, answer)
    assert code.startswith(
        ("server.clientproxy.signature_verification.", "server.clientproxy.service_failed.")
    )


async def test_signed_by_another_member(false: FalseProvider) -> None:
    pair: Pair = false.pair  # type: ignore[attr-defined]
    false.sealer = Sealer.of(false.world, pair.consumer, "1")
    code = await told(false, FalseProvider.honest)
    assert code == "server.clientproxy.signature_verification.incorrect_certificate"


async def test_http_error(false: FalseProvider) -> None:
    async def answer(self: FalseProvider, request: Request, responder: Responder) -> None:
        await request.read(65536)
        await responder.send(404, [], b"nothing here")

    assert await told(false, answer) == "server.clientproxy.http_error"


async def test_no_content_type(false: FalseProvider) -> None:
    false.response_headers = []
    assert await told(false, FalseProvider.honest) == "server.clientproxy.service_failed.invalid_content_type"


async def test_no_multipart(false: FalseProvider) -> None:
    async def answer(self: FalseProvider, request: Request, responder: Responder) -> None:
        await request.read(65536)
        await responder.send(200, [(b"Content-Type", b"application/json")], b"{}")

    assert await told(false, answer) == "server.clientproxy.service_failed.invalid_content_type"


async def test_text_that_is_no_fault(false: FalseProvider) -> None:
    async def answer(self: FalseProvider, request: Request, responder: Responder) -> None:
        await request.read(65536)
        await responder.send(200, [(b"Content-Type", b"text/xml")], b"<hello/>")

    assert await told(false, answer) == "server.clientproxy.service_failed.invalid_soap"


async def test_cut_off_in_the_middle(false: FalseProvider) -> None:
    async def answer(self: FalseProvider, request: Request, responder: Responder) -> None:
        whole = render(self.message(await self.read(request)))
        await responder.start(200, self.response_headers, length=len(whole))
        await responder.write(whole[: len(whole) // 2])
        await asyncio.sleep(0.2)
        raise ConnectionResetError

    assert await told(false, answer) == "server.clientproxy.service_failed.io_error"


async def test_ends_before_the_closing_boundary(false: FalseProvider) -> None:
    async def answer(self: FalseProvider, request: Request, responder: Responder) -> None:
        whole = render(self.message(await self.read(request)))
        await responder.send(200, self.response_headers, whole[:-30])

    assert await told(false, answer) == "server.clientproxy.service_failed.io_error"


async def test_closes_without_an_answer(false: FalseProvider) -> None:
    async def answer(self: FalseProvider, request: Request, responder: Responder) -> None:
        await self.read(request)
        raise ConnectionResetError

    false.answer = answer
    pair: Pair = false.pair  # type: ignore[attr-defined]
    status, code = error_of(await pair.call())
    assert (status, code.rpartition(".")[0]) == (500, "server.clientproxy")


async def test_a_fault_is_passed_on_as_it_came(false: FalseProvider) -> None:
    """A 7.7 provider: CamelCase, and then the status is 400 (WIRE 5.3)."""
    xml = (
        b'<?xml version="1.0" encoding="UTF-8"?><SOAP-ENV:Envelope xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/envelope/">'
        b"<SOAP-ENV:Body><SOAP-ENV:Fault><faultcode>Server.ServerProxy.AccessDenied</faultcode>"
        b"<faultstring>Request is not allowed</faultstring><faultactor></faultactor>"
        b'<detail><faultDetail xmlns="">7f</faultDetail></detail></SOAP-ENV:Fault></SOAP-ENV:Body></SOAP-ENV:Envelope>'
    )

    async def answer(self: FalseProvider, request: Request, responder: Responder) -> None:
        await request.read(65536)
        await responder.send(200, [(b"Content-Type", b"text/xml;charset=utf-8")], xml)

    false.answer = answer
    pair: Pair = false.pair  # type: ignore[attr-defined]
    told = await pair.call()
    assert error_of(told) == (400, "Server.ServerProxy.AccessDenied")
    assert b'"detail":"7f"' in told.body


async def test_a_fault_in_place_of_the_signature(false: FalseProvider) -> None:
    xml = (
        b'<SOAP-ENV:Envelope xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/envelope/"><SOAP-ENV:Body><SOAP-ENV:Fault>'
        b"<faultcode>server.serverproxy.logging_failed</faultcode><faultstring>no</faultstring>"
        b"</SOAP-ENV:Fault></SOAP-ENV:Body></SOAP-ENV:Envelope>"
    )

    async def answer(self: FalseProvider, request: Request, responder: Responder) -> None:
        parts = self.message(await self.read(request))
        await self.send(responder, [*parts[:2], ("text/xml; charset=UTF-8", xml)])

    assert await told(false, answer) == "server.serverproxy.logging_failed"


async def test_ocsp_of_its_tls_certificate_missing(false: FalseProvider) -> None:
    false.ocsp = []
    assert await told(false, FalseProvider.honest) == "server.clientproxy.ssl_authentication_failed"
    assert false.requests == 0, "nothing was sent to a server that is not trusted"


@pytest.mark.parametrize("how", ["stale", "revoked", "another certificate", "another responder", "garbage"])
async def test_ocsp_of_its_tls_certificate_wrong(false: FalseProvider, how: str) -> None:
    from datetime import UTC, datetime

    from forger import STALE

    from support.pki import Pki

    now, pki = datetime.now(UTC), false.world.pki
    own = false.site.auth_certificate
    pair: Pair = false.pair  # type: ignore[attr-defined]
    false.ocsp = [
        {
            "stale": lambda: pki.ocsp_response(own, at=now - STALE),
            "revoked": lambda: pki.ocsp_response(own, at=now, status="revoked"),
            "another certificate": lambda: pki.ocsp_response(pair.consumer.auth_certificate, at=now),
            "another responder": lambda: pki.ocsp_response(
                own, at=now, responder=Pki("ec-p256", common_name="Stranger").ocsp
            ),
            "garbage": lambda: b"garbage",
        }[how]()
    ]
    assert await told(false, FalseProvider.honest) == "server.clientproxy.ssl_authentication_failed"
    assert false.requests == 0


async def test_a_server_that_does_not_host_the_provider(false: FalseProvider) -> None:
    false.world.central.members["2"].add("Other")
    false.world.change_server("ss2", clients=(subsystem("2", "Other"), REGISTER))
    await false.world.publish()
    pair: Pair = false.pair  # type: ignore[attr-defined]
    assert (await pair.call()).status == 200
    false.world.change_server("ss2", auth_cert_hashes=())
    await false.world.publish()
    assert error_of(await pair.call()) == (500, "server.clientproxy.ssl_authentication_failed")
    assert false.requests == 1
    false.world.change_server("ss2", auth_cert_hashes=false.site.shared.auth_cert_hashes)
    await false.world.publish()


async def test_answers_before_it_has_the_whole_request(false: FalseProvider) -> None:
    """Half a request was neither signed nor logged, so nothing can be an answer to it, however well it is made."""

    async def answer(self: FalseProvider, request: Request, responder: Responder) -> None:
        data = b""
        while BODY.encode() not in data:
            data += await request.read_some()
        part = data.partition(REQUEST.encode() + b"\r\n\r\n")[2].partition(b"\r\n--")[0]
        parts = {REQUEST: part, "request-id": request.header(b"x-road-request-id") or b""}
        await self.send(responder, self.message(parts))

    false.answer = answer
    pair: Pair = false.pair  # type: ignore[attr-defined]

    async def body() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b"x" * 65536
            await asyncio.sleep(0.02)

    host, port = pair.consumer.server.addresses["client_http"]
    connection = await open_connection(host, port)
    headers = [(b"X-Road-Client", CLIENT.encode().encode())]
    response = await connection.request("POST", b"/r1/DEV/COM/2/Register/echo", headers, body())
    connection.abort()
    assert (response.status, response.header(b"x-road-error")) == (
        500,
        b"server.clientproxy.inconsistent_response",
    )
    assert pair.records(pair.consumer) == []


@pytest.mark.parametrize(
    "lines",
    [
        [b"100", b"Continue"],
        [b"101", b"Switching Protocols"],
        [b"199", b""],
        [b"000", b""],
        [b"200", b"OK", b"a b:c"],
        [b"200", b"OK", b"X :c"],
        [b"200", b"OK", b"X\xc3\xa4:c"],
        [b"200", b"OK", b"X:a\0b"],
        [b"200", b"OK", b"Content-Length:1"],
        [b"200", b"OK", b"Connection:close"],
        [b"200", b"OK", b"X:a\rb"],
        [b"200", b"OK", b"X:a", b" folded"],
    ],
)
async def test_a_signed_answer_that_cannot_be_handed_over(false: FalseProvider, lines: list[bytes]) -> None:
    async def answer(self: FalseProvider, request: Request, responder: Responder) -> None:
        part = self.response_part(await self.read(request))
        part = b"".join(line + b"\r\n" for line in lines) + part.partition(b"\r\n")[2].partition(b"\r\n")[2]
        await self.send(responder, [(RESPONSE, part), (BODY, b"x"), *self.sealer.seal(part, b"x")])

    assert await told(false, answer) == "server.clientproxy.service_failed.invalid_message"


@pytest.mark.parametrize("status", [b"204", b"304", b"200"])
async def test_a_body_where_there_can_be_none(false: FalseProvider, status: bytes) -> None:
    """A body signed with 204, or as the answer to HEAD, is verified and logged, and not sent on."""

    async def answer(self: FalseProvider, request: Request, responder: Responder) -> None:
        part = self.response_part(await self.read(request)).replace(b"200\r\n", status + b"\r\n", 1)
        await self.send(responder, [(RESPONSE, part), (BODY, b"x"), *self.sealer.seal(part, b"x")])

    false.answer = answer
    pair: Pair = false.pair  # type: ignore[attr-defined]
    host, port = pair.consumer.server.addresses["client_http"]
    connection = await open_connection(host, port)
    for method in ("HEAD", "HEAD") if status == b"200" else ("GET", "HEAD", "GET"):
        headers = [(b"X-Road-Client", CLIENT.encode().encode())]
        response = await connection.request(method, b"/r1/DEV/COM/2/Register/echo", headers)
        assert (response.status, await response.read(100)) == (int(status), b"")
    connection.close()


@pytest.mark.parametrize("code", ["x" * 100_000, "", "client.x\r\nX-Evil: 1", "\u0100\u009b31m", "a\x00b"])
async def test_a_fault_with_a_hostile_code(false: FalseProvider, code: str) -> None:
    xml = (
        '<SOAP-ENV:Envelope xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/envelope/"><SOAP-ENV:Body><SOAP-ENV:Fault>'
        f"<faultcode>{code}</faultcode><faultstring>no</faultstring></SOAP-ENV:Fault></SOAP-ENV:Body></SOAP-ENV:Envelope>"
    ).encode()

    async def answer(self: FalseProvider, request: Request, responder: Responder) -> None:
        await request.read(65536)
        await responder.send(200, [(b"Content-Type", b"text/xml")], xml)

    false.answer = answer
    pair: Pair = false.pair  # type: ignore[attr-defined]
    told = await pair.call()
    assert told.status in (400, 500)
    assert told.header(b"x-evil") is None
    header = told.header(b"x-road-error") or b""
    assert 0 < len(header) <= 300
    assert all(0x20 <= byte < 0x7F for byte in header)
