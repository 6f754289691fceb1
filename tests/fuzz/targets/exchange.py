"""The message path: HTTP heads, REST parts, SOAP with headers, attachments and MTOM, the message between two servers."""

from __future__ import annotations

import asyncio
from itertools import pairwise

from fuzz.target import Target, content_type_first
from sild.errors import PeerError
from sild.http1 import Connection, Limits, Request, Responder, run
from sild.http1.server import ServerConnection
from sild.security_server.downloads import _asic_query, _Refused
from sild.xroad.faults import Fault, parse_soap_fault
from sild.xroad.mime import parse_content_type
from sild.xroad.recorded import read_recorded_message
from sild.xroad.rest import loggable_part, parse_rest_request, parse_rest_response
from sild.xroad.soap import answer_with_request_hash, parse_soap
from sild.xroad.soap_stream import SoapStreamReader, ensure_soap_action
from sild.xroad.soap_writing import loggable_message
from sild.xroad.transport import TransportLimits, TransportMessageReader
from support.http_pipe import Pipe

REQUEST = (
    b"POST\r\n/r1/DEV/COM/2/Register/echo/a%2Fb?x=1&y=%20\r\nAccept:*/*\r\nX-Road-Client:DEV/COM/1/Client\r\n"
    b"X-Road-UserId:EE1\r\nx-road-request-id:5bff3c7c-4d6f-4bb6-a02f-6d5d3f4b1c3d\r\nx-road-id:query-1\r\n"
)
RESPONSE = (
    b"200\r\nOK\r\nContent-Type:text/plain\r\nx-road-id:query-1\r\nx-road-client:DEV/COM/1/Client\r\n"
    b"x-road-service:DEV/COM/2/Register/echo\r\nx-road-request-id:5bff3c7c-4d6f-4bb6-a02f-6d5d3f4b1c3d\r\n"
    b"x-road-request-hash:nZ4=\r\n"
)
SOAP = (
    b'<?xml version="1.0" encoding="UTF-8"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"'
    b' xmlns:x="http://x-road.eu/xsd/xroad.xsd" xmlns:i="http://x-road.eu/xsd/identifiers"><s:Header>'
    b'<x:client i:objectType="SUBSYSTEM"><i:xRoadInstance>DEV</i:xRoadInstance><i:memberClass>COM</i:memberClass>'
    b"<i:memberCode>1</i:memberCode><i:subsystemCode>Client</i:subsystemCode></x:client>"
    b'<x:service i:objectType="SERVICE"><i:xRoadInstance>DEV</i:xRoadInstance><i:memberClass>COM</i:memberClass>'
    b"<i:memberCode>2</i:memberCode><i:serviceCode>get</i:serviceCode><i:serviceVersion>v1</i:serviceVersion></x:service>"
    b"<x:userId>EE1</x:userId><x:id>q1</x:id><x:protocolVersion>4.0</x:protocolVersion></s:Header>"
    b'<s:Body><p:get xmlns:p="urn:p"><a href="cid:1">\xc3\xb5</a></p:get></s:Body></s:Envelope>'
)
FAULT = (
    b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault><faultcode>server.x</faultcode>'
    b"<faultstring>y</faultstring><faultactor>z</faultactor><detail><faultDetail>d</faultDetail></detail></s:Fault>"
    b"</s:Body></s:Envelope>"
)
ATTACHED = (
    b'multipart/related; type="text/xml"; boundary=b0und\n--b0und\r\nContent-Type: text/xml; charset=UTF-8\r\n'
    b"Content-ID: <r>\r\n\r\n"
    + SOAP
    + b"\r\n--b0und\r\nContent-Type: a/b\r\nContent-Transfer-Encoding: binary\r\n"
    b"Content-ID: <1>\r\n\r\n\x00\r\n--b0undless\r\n--b0und--\r\nepilogue"
)
MTOM = (
    b'multipart/related; type="application/xop+xml"; start="<r>"; start-info="text/xml"; boundary="b 0"\n--b 0\r\n'
    b'Content-Type: application/xop+xml; charset=UTF-8; type="text/xml"\r\nContent-ID: <r>\r\n\r\n'
    + SOAP.replace(
        b"\xc3\xb5", b'<xop:Include xmlns:xop="http://www.w3.org/2004/08/xop/include" href="cid:1"/>'
    )
    + b"\r\n--b 0\r\nContent-Type: image/png\r\nContent-ID: <1>\r\n\r\n\x89PNG\r\n--b 0--\r\n"
)
TRANSPORT_TYPE = b"multipart/mixed; charset=UTF-8; boundary=xtopABCDEFGHIJKLMNOPQRSTUVWXYZabcd\n"


def _transport(*parts: tuple[bytes, bytes]) -> bytes:
    mark = b"\r\n--xtopABCDEFGHIJKLMNOPQRSTUVWXYZabcd"
    body = b"".join(mark + b"\r\ncontent-type: " + kind + b"\r\n\r\n" + data for kind, data in parts)
    return TRANSPORT_TYPE + body[2:] + mark + b"--\r\n"


CHAINED = (
    (b"application/hash-chain-result", b"<result/>"),
    (b"application/hash-chain", b"<chain/>"),
    (b"signature/bdoc-1.0/ts", b"<signature/>"),
)
INNER = b"\r\n--xatt\r\ncontent-type: text/plain\r\nContent-ID: <a>\r\n\r\n0123\r\n--xatt\r\ncontent-type: a/b\r\n\r\n\r\n--xatt--\r\n"
TRANSPORT = (
    _transport(
        (b"application/ocsp-response", b"0\x03\n\x01\x00"),
        (b"application/x-road-rest-request", REQUEST),
        (b"application/x-road-rest-body", b"body\r\n--xtop no boundary\r\n"),
        *CHAINED,
    ),
    _transport(
        (b"text/xml", SOAP), (b'multipart/mixed; boundary="xatt"', INNER), *CHAINED
    ),
    _transport((b"application/x-road-rest-response", RESPONSE), (b"text/xml", FAULT)),
    b"text/xml; charset=utf-8\n" + FAULT,
)  # fmt: skip
HTTP_REQUESTS = (
    b"GET /a%2Fb?x=1 HTTP/1.1\r\nHost: h\r\nx-Lower:  v \r\n\r\nPOST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc",
    b"POST /s HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\nT: x\r\n\r\nHEAD / HTTP/1.0\r\n\r\n",
    b"POST /u HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc",
)
HTTP_RESPONSES = (
    b"HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Length: 3\r\n\r\nabc",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 500 Oops\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    b"HTTP/1.0 200 OK\r\nConnection: close\r\n\r\nto the end",
)
LIMITS = TransportLimits(max_body_bytes=1024 * 1024)


def _cuts(data: bytes) -> list[bytes]:
    """Pieces of a size that depends on the input, so that the same input is cut the same way."""
    size = (1, 7, 100, 4096, 1 << 30)[len(data) % 5] if len(data) < 20_000 else 4096
    edges = [*range(0, len(data), size), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


def _rest_request(data: bytes) -> None:
    message = parse_rest_request(data)
    loggable_part(message)
    repr((message.query_id, message.service, message.method, message.service_path, message.headers))


def _rest_response(data: bytes) -> None:
    loggable_part(parse_rest_response(data))


def _soap(data: bytes) -> None:
    message = parse_soap(data)
    if isinstance(message, Fault):
        return
    loggable_message(message)
    answer_with_request_hash(data, b"\x01" * 64, None)


def _soap_stream(data: bytes) -> None:
    content_type, body = content_type_first(data)
    reader = SoapStreamReader(content_type, LIMITS)
    for piece in _cuts(body):
        reader.feed(piece)
    reader.finish()


def _transport_message(data: bytes) -> None:
    content_type, body = content_type_first(data)
    reader = TransportMessageReader(content_type, LIMITS, bare_fault=len(data) % 2 == 0)
    for piece in _cuts(body):
        reader.feed(piece)
    reader.finish()


def _words(data: bytes) -> None:
    """What is read from single header fields and queries."""
    text = data.decode("latin-1")
    for read in (ensure_soap_action, parse_content_type, _asic):
        try:
            read(text)
        except PeerError:
            pass


def _asic(text: str) -> None:
    try:
        _asic_query(text)
    except _Refused:
        pass


def _recorded(data: bytes) -> None:
    _, body = read_recorded_message(_cuts(data))
    for _ in body:
        pass


async def _respond(request: Request, responder: Responder) -> None:
    body = await request.read(1_000_000)
    await responder.send(200, [(b"date", b"x")], request.target + body)


async def _serve(data: bytes) -> None:
    gone = asyncio.Event()
    limits = Limits(max_header_bytes=4096)
    connection = ServerConnection(asyncio.get_running_loop(), _respond, limits, lambda _: gone.set())
    pipe = Pipe(connection)
    connection.connection_made(pipe)
    for piece in _cuts(data):
        if not pipe.closed:
            connection.data_received(piece)
            await asyncio.sleep(0)
    for _ in range(10):
        await asyncio.sleep(0)
    if not pipe.closed:
        connection.eof_received() or pipe.close()
    async with asyncio.timeout(5):
        await gone.wait()


async def _ask(data: bytes) -> None:
    connection = Connection(asyncio.get_running_loop(), Limits(max_header_bytes=4096), b"h")
    pipe = Pipe(connection)
    connection.connection_made(pipe)

    async def answer() -> None:
        for piece in _cuts(data):
            await asyncio.sleep(0)
            if not pipe.closed:
                connection.data_received(piece)
        if not pipe.closed:
            connection.eof_received() or pipe.close()

    answering = asyncio.create_task(answer())
    try:
        response = await connection.request("GET", b"/", [], None, read_timeout=5)
        await response.read(1_000_000)
    finally:
        await answering
        pipe.close()
        await asyncio.sleep(0)


TARGETS = (
    Target("rest_request", "lines", _rest_request, lambda: [REQUEST], ["rest/*.bin"]),
    Target("rest_response", "lines", _rest_response, lambda: [RESPONSE], ["rest/*.bin"]),
    Target("soap", "xml", _soap, lambda: [SOAP, FAULT], ["soap/queries/*", "soap/requests/*"]),
    Target("soap_fault", "xml", lambda data: parse_soap_fault(data), lambda: [FAULT]),
    Target(
        "soap_stream",
        "mime",
        _soap_stream,
        lambda: [ATTACHED, MTOM],
        ["soap/queries/*ttachment*"],
        lambda data: b"multipart/related; boundary=jetty771207119h3h10dty\n" + data,
    ),
    Target(
        "transport",
        "mime",
        _transport_message,
        lambda: TRANSPORT,
        ["proxymessages/*"],
        lambda data: b"multipart/mixed; boundary=xtop1357783211hcn1yiro\n" + data,
    ),
    Target("recorded", "mime", _recorded, lambda: [*HTTP_REQUESTS, *HTTP_RESPONSES], ["wire/*.req", "wire/*.resp"]),
    Target(
        "words",
        "bytes",
        _words,
        lambda: [
            b'"http://x/%20"',
            b'multipart/related; type="text/xml"; boundary="b"; charset=utf-8',
            b"xRoadInstance=EE&memberClass=BUSINESS&memberCode=c&queryId=q&unique&requestOnly",
        ],
    ),
    Target("http_request", "lines", lambda data: run(_serve(data), uvloop=False), lambda: HTTP_REQUESTS, max_bytes=16_384),
    Target("http_response", "lines", lambda data: run(_ask(data), uvloop=False), lambda: HTTP_RESPONSES, max_bytes=16_384),
)  # fmt: skip
