"""The SOAP cases X-Road's own proxy test-suite checks (shared/xroad/soap/soap-cases.json), through two servers.

Each case runs once: as its files say (`test_case`), or, where it needs a world of its own (a peer that does wrong, TLS, keys), in
a test named after it here or in `test_soap_cases_tls.py`. `test_every_case_is_run` holds us to that.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import pytest
from forger import FalseProvider, Forger, fault_in
from soap_world import (
    CONSUMER,
    GET_STATE,
    PRODUCER,
    SHARED,
    TEXT_XML,
    SoapWorld,
    fault_of_answer,
    query,
    with_id,
)
from test_soap_cases_tls import TLS_CASES

from sild.http1 import Fetched, Header, Request, Responder
from sild.xroad.faults import render_soap_fault
from sild.xroad.globalconf import MaintenanceMode
from sild.xroad.soap import SoapMessage, ensure_consistent, parse_soap
from sild.xroad.soap_stream import SoapStreamReader
from sild.xroad.transport import MessagePart, TransportLimits

FILE = SHARED / "soap-cases.json"
CASES: dict[str, dict[str, Any]] = (
    {case["name"]: case for case in json.loads(FILE.read_bytes())["cases"]} if FILE.exists() else {}
)
needs_cases = pytest.mark.skipif(not CASES, reason="shared/xroad is not beside this checkout")
pytestmark = needs_cases
in_module = pytest.mark.asyncio(loop_scope="module")

BOM = b"\xef\xbb\xbf"


@pytest.fixture
def soap(module_soap: SoapWorld) -> SoapWorld:
    module_soap.service.begin()
    return module_soap


# --- what a case says, done

Act = Callable[[SoapWorld, dict[str, Any]], Awaitable[Fetched]]


def prepared(case: dict[str, Any], query_id: str, role: str) -> bytes:
    name = case[role]
    data = with_id(query(name), query_id) if name else b""
    return BOM + data if case.get(f"utf8_bom_before_{'request' if role == 'request' else 'answer'}") else data


async def as_it_says(soap: SoapWorld, case: dict[str, Any]) -> Fetched:
    query_id = str(uuid4())
    soap.service.answer = (prepared(case, query_id, "service_answer"), case["service_answer_content_type"])
    return await soap.post(
        prepared(case, query_id, "request"),
        case["request_content_type"],
        headers=case.get("headers", []),
        method=case.get("method", "POST"),
    )


async def with_soap_action(soap: SoapWorld, case: dict[str, Any], value: bytes) -> Fetched:
    answer = await as_it_says(soap, case | {"headers": [(b"SOAPAction", value)]})
    if soap.service.seen:
        assert soap.service.seen[0].header(b"soapaction") == value
    return answer


def handled(handler: Callable[[Request, Responder], Awaitable[None]]) -> Act:
    async def act(soap: SoapWorld, case: dict[str, Any]) -> Fetched:
        soap.service.handler = handler
        return await as_it_says(soap, case)

    return act


async def promises(request: Request, responder: Responder) -> None:
    await responder.start(200, [], length=1000)
    raise ConnectionError("gone")


async def bad_gateway(request: Request, responder: Responder) -> None:
    await responder.send(502, [(b"Content-Type", b"text/xml")], b"")


async def its_own_fault(request: Request, responder: Responder) -> None:
    await responder.send(500, [(b"Content-Type", b"text/xml")], query("fault.query"))


async def unknown_host(soap: SoapWorld, case: dict[str, Any]) -> Fetched:
    conf = soap.provider.server.serverconf
    for service in [service for service in conf.snapshot.services if service.client_id == PRODUCER]:
        conf.update_service(service, url="http://nowhere.invalid/")
    try:
        return await as_it_says(soap, case)
    finally:
        for service in conf.snapshot.services:
            conf.update_service(service, url=soap.url)


async def unknown_service(soap: SoapWorld, case: dict[str, Any]) -> Fetched:
    return await soap.post(query(case["request"]).replace(b"getState", b"getNothing"))


async def not_allowed(soap: SoapWorld, case: dict[str, Any]) -> Fetched:
    conf = soap.provider.server.serverconf
    service = next(
        one for one in conf.snapshot.services if one.client_id == PRODUCER and one.service_code == "test"
    )
    conf.revoke(service, CONSUMER)
    try:
        return await as_it_says(soap, case)
    finally:
        conf.grant(service, CONSUMER)


async def disabled(soap: SoapWorld, case: dict[str, Any]) -> Fetched:
    conf = soap.provider.server.serverconf
    conf.disable_service(GET_STATE, "out for lunch")
    try:
        answer = await as_it_says(soap, case)
    finally:
        conf.enable_service(GET_STATE)
    assert b"out for lunch" in answer.body
    return answer


async def no_address(soap: SoapWorld, case: dict[str, Any]) -> Fetched:
    return await soap.post(
        query(case["request"]).replace(b">producer<", b">nobody<"), case["request_content_type"]
    )


async def maintenance(soap: SoapWorld, case: dict[str, Any]) -> Fetched:
    soap.world.change_server("ss2", maintenance=MaintenanceMode("back at noon"))
    await soap.world.publish()
    try:
        return await as_it_says(soap, case)
    finally:
        soap.world.change_server("ss2", maintenance=None)
        await soap.world.publish()


async def with_big_attachment(soap: SoapWorld, case: dict[str, Any]) -> Fetched:
    attachment = b"0123456789abcdef" * (10 * 1024 * 1024 // 16)
    boundary = b"bigbigbig"
    query_id = str(uuid4())
    body = (
        b"--bigbigbig\r\nContent-Type: text/xml\r\n\r\n"
        + with_id(query("getstate.query"), query_id)
        + b"\r\n--bigbigbig\r\nContent-Type: application/octet-stream\r\n\r\n"
        + attachment
        + b"\r\n--bigbigbig--\r\n"
    )
    soap.service.answer = (with_id(query("getstate.answer"), query_id), TEXT_XML)
    answer = await soap.post(body, f"multipart/related; boundary={boundary.decode()}")
    assert attachment in soap.service.seen[0].body
    return answer


def directly(method: str = "POST") -> Act:
    """To port 5500, over TLS as a security server does."""

    async def act(soap: SoapWorld, case: dict[str, Any]) -> Fetched:
        forger = Forger(soap.world, soap.consumer, soap.provider, "consumer")
        headers: list[Header] = [
            (b"x-hash-algorithm", b"SHA-512"),
            (b"Content-Type", case["request_content_type"].encode()),
        ]
        body = query(case["request"])
        if case["name"] in NEED_OCSP:
            body = with_ocsp(body, case["request_content_type"], forger)
        response = await forger.post(body if method == "POST" else b"", headers, method)
        told = fault_in(await response.read(65536))
        return Fetched(
            200,
            ((b"Content-Type", b"text/xml;charset=utf-8"), (b"SOAPAction", b"")),
            render_soap_fault(told),
        )

    return act


NEED_OCSP = ("NoSignatureToServerProxy", "UnsignedMessageFromClientProxy", "NoSoapToServerProxy")


def with_ocsp(body: bytes, content_type: str, forger: Forger) -> bytes:
    """The reference runs these without TLS; here the peer's certificate needs its OCSP response in front."""
    boundary = content_type.partition("boundary=")[2].partition(";")[0].encode()
    kind, der = forger.tls_ocsp()
    return b"--%s\r\ncontent-type: %s\r\n\r\n%s\r\n" % (boundary, kind.encode(), der) + body


ACTS: dict[str, Act] = {
    "AttachmentBig": with_big_attachment,
    "InvalidProviderAddress3": no_address,
    "InvalidServiceAddress": unknown_host,
    "InvalidServiceAddress2": unknown_host,
    "NotAllowed": not_allowed,
    "ServerProxyMaintenanceMode": maintenance,
    "ServiceConnectionAborted": handled(promises),
    "ServiceDisabled": disabled,
    "ServiceHttpError": handled(bad_gateway),
    "ServiceReturnsFault": handled(its_own_fault),
    "SoapActionEmptyHeader": lambda soap, case: with_soap_action(soap, case, b""),
    "SoapActionHeader": lambda soap, case: with_soap_action(soap, case, b'"http://xroad.eu/service#do"'),
    "SoapActionMalformedHeader": lambda soap, case: with_soap_action(soap, case, b"http://xroad.eu/service"),
    "UnknownService": unknown_service,
    "WrongHttpMethod": lambda soap, case: as_it_says(soap, case | {"method": "GET", "request": None}),
    "InvalidContentTypeFromClientProxy": directly(),
    "NoSignatureToServerProxy": directly(),
    "NoSoapToServerProxy": directly(),
    "ServerProxyProcessingError": directly(),
    "UnsignedMessageFromClientProxy": directly(),
    "WrongHttpMethodServerProxy": directly("GET"),
}

PEERS = {name for name, case in CASES.items() if "peer" in case or name == "ServerProxyConnectionAborted"}
KEYS = {"SigningFailsInClientProxy", "SigningFailsInServerProxy"}
TLS = {name for name, case in CASES.items() if case.get("tls")}


def test_every_case_is_run() -> None:
    assert len(CASES) == 101
    assert set(PEER_ANSWERS) == PEERS
    assert set(TLS_CASES) == TLS


@in_module
@pytest.mark.parametrize("name", sorted(set(CASES) - PEERS - KEYS - TLS))
async def test_case(soap: SoapWorld, name: str) -> None:
    case = CASES[name]
    answer = await ACTS.get(name, as_it_says)(soap, case)
    judge(soap, case, answer)


def judge(soap: SoapWorld, case: dict[str, Any], answer: Fetched) -> None:
    expected = case["expect"]
    if isinstance(expected, dict):
        assert fault_of_answer(answer).code.lower() == expected["fault"].lower()
        return
    if expected.startswith("fault"):
        assert fault_of_answer(answer).code == "soap:Server"
        return
    assert answer.status == 200
    told = first_part(answer)
    asked = first_part_of(soap.service.seen[0].body, soap.service.seen[0].header(b"content-type") or b"")
    request, response = parse_soap(asked), parse_soap(told)
    assert isinstance(request, SoapMessage)
    assert isinstance(response, SoapMessage), told
    ensure_consistent(request, response)
    if case["name"] == "Attachment":
        assert b"Client-Header: FooBar" in soap.service.seen[0].body


def first_part(answer: Fetched) -> bytes:
    return first_part_of(answer.body, answer.header(b"content-type") or b"")


def first_part_of(body: bytes, content_type: bytes) -> bytes:
    reader = SoapStreamReader(content_type.decode(), TransportLimits())
    events = [*reader.feed(body), *reader.finish()]
    first = events[0]
    assert isinstance(first, MessagePart)
    return first.data


# --- a provider's server that does wrong


def raw(case: dict[str, Any]) -> Callable[[FalseProvider, Request, Responder], Awaitable[None]]:
    """The answer file as it is, under its content type."""

    async def answer(false: FalseProvider, request: Request, responder: Responder) -> None:
        await request.read(1024 * 1024)
        name = case["service_answer"]
        headers = [
            (b"content-type", case["service_answer_content_type"].encode()),
            (b"x-hash-algorithm", b"SHA-512"),
        ]
        await responder.send(200, headers, query(name) if name else b"")

    return answer


def closes_during(
    content_type: bytes, begun: bytes
) -> Callable[[FalseProvider, Request, Responder], Awaitable[None]]:
    async def answer(false: FalseProvider, request: Request, responder: Responder) -> None:
        await request.read(1024 * 1024)
        await responder.start(200, [(b"content-type", content_type), (b"x-hash-algorithm", b"SHA-512")])
        await responder.write(begun)
        await asyncio.sleep(0.05)
        raise ConnectionError("gone")

    return answer


async def closes_at_once(false: FalseProvider, request: Request, responder: Responder) -> None:
    """A reset, as the reference's aborting server does it: SO_LINGER of nothing."""
    transport = responder._outlet._transport  # type: ignore[attr-defined]
    transport.get_extra_info("socket").setsockopt(
        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
    )
    raise asyncio.CancelledError


async def peer_bad_gateway(false: FalseProvider, request: Request, responder: Responder) -> None:
    await request.read(1024 * 1024)
    await responder.send(502, [])


async def no_boundary(false: FalseProvider, request: Request, responder: Responder) -> None:
    await request.read(1024 * 1024)
    await responder.send(200, [(b"content-type", b"multipart/mixed")], b"--x\r\n")


PEER_ANSWERS = {
    "InvalidContentTypeFromServerProxy": None,
    "ServerProxyConnectionAborted": closes_at_once,
    "ServerProxyConnectionAborted2": closes_during(b"text/xml", b"<?xml"),
    "ServerProxyConnectionAborted3": closes_during(b"multipart/mixed; boundary=foo", b"--foo\r\n"),
    "ServerProxyEmptyFault": None,
    "ServerProxyFaultyAttachment": None,
    "ServerProxyHttpError": peer_bad_gateway,
    "ServerProxyInvalidFault": None,
    "ServerProxyMissingBody": None,
    "ServerProxyNoBoundary": no_boundary,
    "UnsignedMessageFromServerProxy": None,
}


@in_module
@pytest.mark.parametrize("name", sorted(PEER_ANSWERS) if CASES else [])
async def test_peer(module_false_soap: tuple[SoapWorld, FalseProvider], name: str) -> None:
    soap, false = module_false_soap
    case = CASES[name]
    false.begin()
    false.answer = PEER_ANSWERS[name] or raw(case)
    answer = await as_it_says(soap, case)
    assert fault_of_answer(answer).code == case["expect"]["fault"]


# --- keys


@in_module
@pytest.mark.parametrize(
    ("name", "side"), [("SigningFailsInClientProxy", "consumer"), ("SigningFailsInServerProxy", "provider")]
)
async def test_signing_fails(soap: SoapWorld, name: str, side: str) -> None:
    token = getattr(soap, side).server.token

    async def logs_out(request: Request, responder: Responder) -> None:
        """While the exchange is under way: before, the provider's server would notice it sooner."""
        await token.logout()
        await responder.send(200, [(b"Content-Type", b"text/xml")], soap.service.answer[0])

    judge(soap, CASES["NormalMessage"], await as_it_says(soap, CASES["NormalMessage"]))  # TLS has its keys
    if side == "consumer":
        await token.logout()
    else:
        soap.service.handler = logs_out
    try:
        answer = await as_it_says(soap, CASES[name])
    finally:
        await token.login("1234")
    expected = CASES[name]["expect"]["fault"]
    assert fault_of_answer(answer).code == expected
