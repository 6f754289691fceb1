"""A peer that sends what is no transport message: parts missing, doubled, reordered, oversized; bytes changed (WIRE 4, 18)."""

from __future__ import annotations

import pytest
from forger import BODY, CHAIN, HEADERS, REQUEST, RESULT, SIGNATURE, Forger, fault_in, render, request_part
from world import Pair

from sild.security_server import SecurityServer

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def forger(shared_pair: Pair) -> Forger:
    return Forger(shared_pair.world, shared_pair.consumer, shared_pair.provider)


def code(cause: str) -> str:
    return f"server.serverproxy.{cause}"


async def test_an_honest_message_passes(forger: Forger, shared_pair: Pair) -> None:
    answer = await forger.send(forger.message(body=b"hello"))
    assert b"application/x-road-rest-response" in answer
    assert b"hello" in answer
    assert len(shared_pair.echo.requests) == 1


@pytest.mark.parametrize(
    ("left_out", "expected"),
    [
        (0, "service_failed.ssl_authentication_failed"),
        (1, "service_failed.invalid_content_type"),
        (2, "signature_verification.malformed_signature.invalid_reference"),
        (3, "service_failed.invalid_content_type"),
        (4, "service_failed.invalid_content_type"),
        (5, "missing_signature"),
    ],
)
async def test_a_part_is_missing(forger: Forger, shared_pair: Pair, left_out: int, expected: str) -> None:
    parts = forger.message(body=b"hello")
    del parts[left_out]
    fault = await forger.fault(parts)
    assert fault.code == code(expected)
    assert shared_pair.echo.requests == []
    assert shared_pair.records(shared_pair.provider) == []


@pytest.mark.parametrize("doubled", [1, 2, 3, 4, 5])
async def test_a_part_comes_twice(forger: Forger, shared_pair: Pair, doubled: int) -> None:
    parts = forger.message(body=b"hello")
    parts.insert(doubled, parts[doubled])
    fault = await forger.fault(parts)
    after_the_end = code("service_failed.invalid_message")
    assert fault.code == (after_the_end if doubled == 5 else code("service_failed.invalid_content_type"))
    assert shared_pair.echo.requests == []


@pytest.mark.parametrize("place", [1, 2, 3, 4])
async def test_two_parts_change_places(forger: Forger, shared_pair: Pair, place: int) -> None:
    parts = forger.message(body=b"hello")
    parts[place], parts[place + 1] = parts[place + 1], parts[place]
    fault = await forger.fault(parts)
    assert fault.code == code("service_failed.invalid_content_type")
    assert shared_pair.echo.requests == []


async def test_a_body_the_signature_does_not_cover(forger: Forger, shared_pair: Pair) -> None:
    """The attack WIRE 18 names: a plain signature over the message alone, and a body nobody signed beside it."""
    part = request_part(method="POST")
    parts = [forger.tls_ocsp(), (REQUEST, part), (BODY, b"unsigned"), *forger.sealer.seal(part)]
    fault = await forger.fault(parts)
    assert fault.code == code("signature_verification.malformed_signature")
    assert shared_pair.echo.requests == []


async def test_a_chain_beside_a_plain_signature(forger: Forger, shared_pair: Pair) -> None:
    part = request_part(method="POST")
    other = forger.sealer.seal(part, b"hello")
    parts = [forger.tls_ocsp(), (REQUEST, part), (BODY, b"hello"), *other[:2], *forger.sealer.seal(part)]
    fault = await forger.fault(parts)
    assert fault.code == code("signature_verification.malformed_signature")
    assert shared_pair.echo.requests == []


@pytest.mark.parametrize("kind", [REQUEST, BODY, RESULT])
async def test_changed_byte_of_a_signed_part(forger: Forger, shared_pair: Pair, kind: str) -> None:
    """A bit flipped at places all over the part: never accepted, never logged, never acted on."""
    for fault in await faults_of_changes(forger, kind):
        assert fault is not None
    assert shared_pair.echo.requests == []
    assert shared_pair.records(shared_pair.provider) == []


@pytest.mark.parametrize("kind", [CHAIN, SIGNATURE])
async def test_changed_byte_of_the_signature(forger: Forger, shared_pair: Pair, kind: str) -> None:
    """Not every byte of these means something (a namespace nobody uses, an unsigned Id): what passes is the same message."""
    faults = await faults_of_changes(forger, kind)
    assert len([fault for fault in faults if fault]) > len(faults) / 2
    assert all(body == b"hello world" for _, _, _, body in shared_pair.echo.requests)


async def faults_of_changes(forger: Forger, kind: str) -> list[str | None]:
    honest = forger.message(body=b"hello world")
    index = [name for name, _ in honest].index(kind)
    data = honest[index][1]
    found: list[str | None] = []
    for at in range(0, len(data), max(1, len(data) // 12)):
        parts = list(honest)
        parts[index] = (kind, data[:at] + bytes([data[at] ^ 0x01]) + data[at + 1 :])
        answer = await forger.send(parts)
        if b"rest-response" in answer:
            found.append(None)
            continue
        fault = fault_in(answer)
        assert fault.code.startswith("server.serverproxy."), (at, fault)
        assert not fault.code.endswith("internal_error"), (at, fault)
        found.append(fault.code)
    return found


async def test_signature_of_another_member(forger: Forger, shared_pair: Pair) -> None:
    """Bytes are right, the signer is not the client."""
    from forger import Sealer

    other = Sealer.of(shared_pair.world, shared_pair.provider, "2")
    part = request_part()
    fault = await forger.fault([forger.tls_ocsp(), (REQUEST, part), *other.seal(part)])
    assert fault.code == code("signature_verification.incorrect_certificate")


async def test_oversized_message_part(forger: Forger) -> None:
    part = request_part(headers=[("X-Long", "x" * 300_000)])
    fault = await forger.fault([forger.tls_ocsp(), (REQUEST, part), *forger.sealer.seal(part)])
    assert fault.code == code("service_failed.invalid_message")


async def test_body_over_the_limit(shared_pair: Pair) -> None:
    parts = shared_pair.provider.server._parts
    settings = parts.settings
    parts.settings = settings.model_copy(update={"max_body_size": 1000})
    forger = Forger(shared_pair.world, shared_pair.consumer, shared_pair.provider)
    fault = await forger.fault(forger.message(body=b"x" * 1001))
    parts.settings = settings
    assert fault.code == code("service_failed.invalid_request")
    assert shared_pair.echo.requests == []


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        (b"text/plain", "service_failed.invalid_content_type"),
        (b"multipart/mixed", "service_failed.invalid_content_type"),
        (b"text/xml", "service_failed.invalid_content_type"),
        (b"", "service_failed.invalid_content_type"),
    ],
)
async def test_wrong_content_type(forger: Forger, content_type: bytes, expected: str) -> None:
    headers = [(name, value) for name, value in HEADERS if name != b"Content-Type"]
    response = await forger.post(render(forger.message()), [*headers, (b"Content-Type", content_type)])
    assert fault_in(await response.read(65536)).code == code(expected)


async def test_a_fault_in_a_request(forger: Forger) -> None:
    fault_xml = b'<SOAP-ENV:Envelope xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/envelope/"><SOAP-ENV:Body><SOAP-ENV:Fault><faultcode>x</faultcode><faultstring>y</faultstring></SOAP-ENV:Fault></SOAP-ENV:Body></SOAP-ENV:Envelope>'
    fault = await forger.fault([forger.tls_ocsp(), ("text/xml", fault_xml)])
    assert fault.code == code("missing_rest")


async def test_without_a_hash_algorithm(forger: Forger) -> None:
    headers = [(name, value) for name, value in HEADERS if name != b"x-hash-algorithm"]
    response = await forger.post(render(forger.message()), headers)
    assert fault_in(await response.read(65536)).code == code("internal_error")


async def test_wrong_method(forger: Forger) -> None:
    response = await forger.post(b"", HEADERS, method="PUT")
    assert response.status == 200
    assert response.header(b"content-type") == b"text/xml;charset=utf-8"
    assert response.header(b"soapaction") == b""
    assert fault_in(await response.read(65536)).code == code("invalid_http_method")


async def test_peer_version_too_old(forger: Forger, shared_pair: Pair) -> None:
    server: SecurityServer = shared_pair.provider.server
    server.serverconf.set_minimum_client_version("7.9.0")
    assert (await forger.fault(forger.message())).code == code("client_proxy_version_not_supported")
    server.serverconf.set_minimum_client_version("7.8.0")
    assert b"x-road-rest-response" in await forger.send(forger.message())
    server.serverconf.set_minimum_client_version(None)


async def test_soap_message(forger: Forger) -> None:
    headers = [(name, value) for name, value in HEADERS if name != b"x-road-message-type"]
    response = await forger.post(render([forger.tls_ocsp(), ("text/xml", b"<x/>")]), headers)
    assert fault_in(await response.read(65536)).code == code("service_failed.invalid_soap")


async def test_rest_message_that_does_not_say_so(forger: Forger) -> None:
    headers = [(name, value) for name, value in HEADERS if name != b"x-road-message-type"]
    response = await forger.post(render(forger.message()), headers)
    assert fault_in(await response.read(65536)).code == code("missing_soap")
