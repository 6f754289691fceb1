"""SOAP messages through two servers, nothing wrong with them: the bytes the service and the information system get (WIRE 3)."""

from __future__ import annotations

import io
import re
import zipfile
from base64 import b64decode
from hashlib import sha512

import pytest
from soap_world import (
    CONSUMER,
    CONSUMER_SUBSYSTEM,
    GET_STATE,
    MULTIPART,
    PRODUCER_SUBSYSTEM,
    TEXT_XML,
    SoapWorld,
    client_header,
    envelope,
    fault_of_answer,
    multipart,
    records,
)
from world import World

from sild.http1 import Fetched, Header, Request, Responder, fetch, open_connection
from sild.signatures import read_asice
from sild.xroad.evidence import verify_container
from sild.xroad.faults import Fault
from sild.xroad.identifiers import ServiceId
from sild.xroad.soap import SHA512, SoapMessage, parse_soap

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def soap(module_soap: SoapWorld) -> SoapWorld:
    module_soap.service.begin()
    module_soap.service.answer = (envelope(response=True), TEXT_XML)
    return module_soap


def parsed(data: bytes) -> SoapMessage:
    message = parse_soap(data)
    assert not isinstance(message, Fault)
    return message


def with_hash(answer: bytes, request: bytes, prefix: str = "xroad:") -> bytes:
    """What the client gets when the service answered `answer` (of `envelope`) to `request`."""
    from base64 import b64encode

    value = b64encode(sha512(request).digest()).decode()
    inserted = f'<{prefix}requestHash algorithmId="{SHA512}">{value}</{prefix}requestHash>'
    declared = answer.replace(b'encoding="UTF-8"?>', b'encoding="UTF-8"?>\n', 1)
    return declared.replace(b"</xroad:id>", b"</xroad:id>" + inserted.encode(), 1)


# --- a plain message


async def test_bytes_of_a_plain_message(soap: SoapWorld) -> None:
    request = envelope()
    answer = await soap.post(request, headers=[(b"SOAPAction", b'"urn:do"'), (b"X-Own", b"stays here")])
    (seen,) = soap.service.seen
    assert seen.body == request
    assert seen.header(b"content-type") == TEXT_XML.encode()
    assert seen.header(b"soapaction") == b'"urn:do"'
    assert seen.header(b"x-own") is None
    assert seen.header(b"content-length") == str(len(request)).encode()
    assert answer.status == 200
    assert answer.header(b"content-type") == TEXT_XML.encode()
    assert answer.body == with_hash(soap.service.answer[0], request)
    assert sum(name.lower() == b"date" for name, _ in answer.headers) == 1


@pytest.mark.parametrize("path", ["/", "/any/path?with=query", "/consumer-proxy", "/asic/x", "/listClients"])
async def test_any_path(soap: SoapWorld, path: str) -> None:
    answer = await soap.post(envelope(), path=path)
    assert b"getStateResponse" in answer.body
    assert soap.service.seen[0].target == b"/"


async def test_absolute_form(soap: SoapWorld) -> None:
    """One client in use sends by an HTTP proxy setting (COMPAT I1)."""
    host, port = soap.consumer.server.addresses["client_http"]
    connection = await open_connection(host, port)
    headers: list[Header] = [(b"Content-Type", TEXT_XML.encode()), (b"Host", b"any.host")]
    response = await connection.request(
        "POST", b"http://any.host/any/path", headers, envelope(), read_timeout=10
    )
    assert b"getStateResponse" in await response.read(65536)
    connection.close()


@pytest.mark.parametrize(
    ("sent", "seen"),
    [
        ("text/xml; charset=UTF-8", "text/xml; charset=UTF-8"),
        ('text/xml;charset="utf-8"', 'text/xml;charset="utf-8"'),
        ("TEXT/XML; charset=utf-8; action=x", "TEXT/XML; charset=utf-8; action=x"),
        ("text/xml", "text/xml; charset=UTF-8"),
        (
            'application/xop+xml; charset=UTF-8; type="text/xml"',
            'application/xop+xml; charset=UTF-8; type="text/xml"',
        ),
    ],
)
async def test_content_types(soap: SoapWorld, sent: str, seen: str) -> None:
    answer = await soap.post(envelope(), sent)
    assert b"getStateResponse" in answer.body
    assert soap.service.seen[0].header(b"content-type") == seen.encode()


@pytest.mark.parametrize("action", [b"", b'""', b'"http://x/y#z"', b'"urn:\xc3\xb5"'])
async def test_soap_actions(soap: SoapWorld, action: bytes) -> None:
    await soap.post(envelope(), headers=[(b"SOAPAction", action)])
    assert soap.service.seen[0].header(b"soapaction") == action


@pytest.mark.parametrize(
    ("declaration", "encoding"),
    [
        ("", "utf-8"),
        ("", "utf-8-sig"),
        ('<?xml version="1.0" encoding="ISO-8859-1"?>', "iso-8859-1"),
        ('<?xml version="1.0" encoding="windows-1257"?>', "cp1257"),
        ('<?xml version="1.0" encoding="UTF-16"?>', "utf-16"),
        ("", "utf-16"),
    ],
)
async def test_encodings(soap: SoapWorld, declaration: str, encoding: str) -> None:
    """A request keeps its bytes; an answer is signed in UTF-8, nothing of its text lost."""
    request = envelope(declaration=declaration, encoding=encoding)
    soap.service.answer = (envelope(response=True, declaration=declaration, encoding=encoding), "text/xml")
    answer = await soap.post(request, "text/xml")
    assert soap.service.seen[0].body == request
    plain = envelope(response=True)
    assert answer.body == with_hash(plain, request)


async def test_charset_of_an_answer_that_does_not_name_its_own(soap: SoapWorld) -> None:
    data = envelope(response=True, declaration='<?xml version="1.0"?>', encoding="iso-8859-1")
    soap.service.answer = (data, "text/xml; charset=ISO-8859-1")
    answer = await soap.post(envelope())
    assert "õ".encode() in answer.body
    assert answer.header(b"content-type") == TEXT_XML.encode()


async def test_answer_keeps_its_spelling(soap: SoapWorld) -> None:
    """Comments, CDATA, entities, attributes and white space of the service's answer stay; requestHash joins them."""
    request = envelope()
    answer = envelope(response=True, body="<a b='1'><![CDATA[<&>]]>&#245;&amp;<!-- c --><?pi x?>\r\n</a>")
    answer = answer.replace(b"<xroad:id>", b"\n\t<xroad:id xmlns:z='urn:z' z:k=\"'>'\">")
    answer = answer.replace(b"</xroad:id>", b"</xroad:id>\n\t<xroad:requestHash>stale</xroad:requestHash>")
    soap.service.answer = (answer, TEXT_XML)
    told = await soap.post(request)
    expected = with_hash(answer, request).replace(b"\n\t<xroad:requestHash>stale</xroad:requestHash>", b"")
    expected = expected.replace(
        b"<xroad:requestHash ", b"\n\t<xroad:requestHash xmlns:z='urn:z' z:k=\"'>'\" "
    )
    assert told.body == expected
    stated = parsed(told.body).request_hash
    assert stated is not None
    assert b64decode(stated.value) == sha512(request).digest()


async def test_service_versions_and_subsystems(soap: SoapWorld) -> None:
    conf = soap.provider.server.serverconf
    versioned = conf.add_soap_service(
        PRODUCER_SUBSYSTEM, "getState", "v2", "http://wsdl/v2", soap.url + "/v2?x=1"
    )
    request = envelope(client=CONSUMER_SUBSYSTEM, service=versioned)
    soap.service.answer = (
        envelope(client=CONSUMER_SUBSYSTEM, service=versioned, response=True),
        TEXT_XML,
    )
    assert b"getStateResponse" in (await soap.post(request)).body, "rights are on the service code"
    assert soap.service.seen[0].target == b"/v2?x=1"


# --- extensions


async def test_represented_party_and_security_token(soap: SoapWorld) -> None:
    """Known to X-Road or not, a header element travels; the represented party is compared (PR-THIRD-PARTY, PR-SECTOKEN)."""
    party = (
        '<r:representedParty xmlns:r="http://x-road.eu/xsd/representation.xsd">'
        "<r:partyClass>COM</r:partyClass><r:partyCode>7</r:partyCode></r:representedParty>"
    )
    token = (
        '<t:securityToken xmlns:t="http://x-road.eu/xsd/security-token.xsd" tokenType="urn:ietf:params:oauth:token-type:jwt">'
        "aa.bb.cc</t:securityToken>"
    )
    request = envelope(header=party + token)
    soap.service.answer = (envelope(header=party, response=True), TEXT_XML)
    assert b"getStateResponse" in (await soap.post(request)).body
    assert soap.service.seen[0].body == request
    soap.service.answer = (envelope(response=True), TEXT_XML)
    fault = fault_of_answer(await soap.post(request))
    assert fault.code == "server.clientproxy.service_failed.inconsistent_response"


async def test_targeting_a_security_server(soap: SoapWorld) -> None:
    target = client_header(soap.provider.owner, "securityServer", serverCode="ss2")
    assert b"getStateResponse" in (await soap.post(envelope(header=target))).body
    other = client_header(soap.provider.owner, "securityServer", serverCode="ss9")
    fault = fault_of_answer(await soap.post(envelope(header=other)))
    assert fault.code == "server.clientproxy.invalid_security_server"


async def test_rpc_encoding_passes(soap: SoapWorld) -> None:
    """As in the reference, which notes the encoding style and does nothing about it."""
    style = b' SOAP-ENV:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"'
    request = envelope().replace(b"<SOAP-ENV:Envelope", b"<SOAP-ENV:Envelope" + style, 1)
    assert parsed(request).is_rpc_encoded
    assert b"getStateResponse" in (await soap.post(request)).body


# --- attachments


async def test_multipart_both_ways(soap: SoapWorld) -> None:
    """Parts, their headers and boundaries as the senders wrote them; nothing is decoded on the way."""
    request = multipart(
        ("Content-Type: text/xml; charset=UTF-8\r\nContent-ID: <root>", envelope()),
        (
            'Content-Type: image/png; name="\u00f5"\r\nContent-ID: <a1>\r\nContent-Transfer-Encoding: base64',
            b"aGVsbG8=\r\n",
        ),
        ("Content-Type: multipart/mixed; boundary=inner", b"--inner\r\n\r\nx\r\n--inner--\r\n"),
        ("Content-Type: application/octet-stream", b""),
    )
    answered = multipart(
        ("Content-Type: text/xml", envelope(response=True)),
        ("Content-Type: application/octet-stream\r\nContent-ID: <b1>", bytes(range(256))),
        boundary="--=_other",
    )
    soap.service.answer = (answered, 'multipart/related; type="text/xml"; boundary="--=_other"')
    answer = await soap.post(request, MULTIPART)
    (seen,) = soap.service.seen
    assert seen.header(b"content-type") == MULTIPART.encode()
    assert seen.body == re.sub(rb"\r\nContent-Type: ", b"\r\ncontent-type:", request)
    assert answer.header(b"content-type") == b'multipart/related; type="text/xml"; boundary="--=_other"'
    expected = answered.replace(envelope(response=True), with_hash(envelope(response=True), envelope()))
    assert answer.body == re.sub(rb"\r\nContent-Type: ", b"\r\ncontent-type:", expected)


async def test_mtom(soap: SoapWorld) -> None:
    content_type = 'Multipart/Related; start-info="text/xml"; type="application/xop+xml"; start="<root>"; boundary=MIME_boundary'
    include = '<xop:Include xmlns:xop="http://www.w3.org/2004/08/xop/include" href="cid:a1"/>'
    xop = 'application/xop+xml; charset=UTF-8; type="text/xml"'
    request = multipart(
        (f"Content-Type: {xop}\r\nContent-ID: <root>", envelope(body=include)),
        ("Content-Type: image/png\r\nContent-ID: <a1>", b"\x89PNG\r\n"),
    )
    soap.service.answer = (
        multipart(
            (f"Content-Type: {xop}\r\nContent-ID: <root>", envelope(body=include, response=True)),
            ("Content-Type: image/png\r\nContent-ID: <a1>", b"\x89PNG\r\n"),
        ),
        content_type,
    )
    answer = await soap.post(request, content_type)
    assert soap.service.seen[0].header(b"content-type") == content_type.encode()
    assert f"content-type:{xop}\r\nContent-ID: <root>\r\n".encode() in soap.service.seen[0].body
    assert f"content-type:{xop}\r\nContent-ID: <root>\r\n".encode() in answer.body
    assert answer.header(b"content-type") == content_type.encode()


async def test_attachment_referred_to_by_swaref(soap: SoapWorld) -> None:
    request = multipart(
        ("Content-Type: text/xml", envelope(body="<ref>cid:data=1@x</ref>")),
        ("Content-Type: text/plain\r\nContent-ID: <data=1@x>", b"attached"),
    )
    answer = await soap.post(request, MULTIPART)
    assert b"Content-ID: <data=1@x>\r\n\r\nattached\r\n--MIME_boundary--" in soap.service.seen[0].body
    assert answer.header(b"content-type") == TEXT_XML.encode(), "the answer has no attachments"


async def test_multipart_without_attachments_stays_multipart(soap: SoapWorld) -> None:
    request = multipart(("Content-Type: text/xml\r\nContent-ID: <root>", envelope()))
    soap.service.answer = (multipart(("Content-Type: text/xml", envelope(response=True))), MULTIPART)
    answer = await soap.post(request, MULTIPART)
    assert soap.service.seen[0].header(b"content-type") == MULTIPART.encode()
    assert soap.service.seen[0].body == request.replace(b"Content-Type", b"content-type")[:-2].replace(
        b"\r\n--MIME_boundary--", b"\r\n--MIME_boundary--\r\n"
    )
    assert answer.header(b"content-type") == MULTIPART.encode()
    assert answer.body.startswith(b"--MIME_boundary\r\ncontent-type: text/xml\r\n\r\n<?xml")


async def test_text_around_the_parts_is_skipped(soap: SoapWorld) -> None:
    """What a mail library writes for readers that know no MIME, padding, and a missing last boundary."""
    request = (
        b"This is a multi-part message in MIME format.\r\n\r\n--MIME_boundary \t\r\nContent-Type: text/xml\r\n\r\n"
        + envelope()
        + b"\r\n--MIME_boundary\r\nContent-Type: text/plain\r\n\r\n--MIME_boundaryless\r\nend"
    )
    answer = await soap.post(request, MULTIPART)
    assert b"getStateResponse" in answer.body
    assert soap.service.seen[0].body.endswith(b"\r\n\r\n--MIME_boundaryless\r\nend\r\n--MIME_boundary--\r\n")


# --- faults of the service


@pytest.mark.parametrize("status", [200, 500])
async def test_fault_of_the_service_is_passed_as_it_came(soap: SoapWorld, status: int) -> None:
    fault = (
        b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault><faultcode>s:Client</faultcode>'
        b"<faultstring>no such person</faultstring><detail><x>1</x></detail></s:Fault></s:Body></s:Envelope>"
    )

    async def answers(request: Request, responder: Responder) -> None:
        await request.read(65536)
        await responder.send(status, [(b"Content-Type", b"text/xml")], fault)

    soap.service.handler = answers
    before = len(records(soap.provider)), len(records(soap.consumer))
    answer = await soap.post(envelope())
    assert answer.body == fault
    assert fault_of_answer(answer).code == "s:Client"
    logged = len(records(soap.provider)) - before[0], len(records(soap.consumer)) - before[1]
    assert logged == (1, 1), "the requests; a fault is no message"


async def test_fault_in_another_encoding_becomes_utf8(soap: SoapWorld) -> None:
    fault = (
        '<?xml version="1.0" encoding="ISO-8859-1"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/">'
        "<s:Body><s:Fault><faultcode>s:Server</faultcode><faultstring>õnnetus</faultstring></s:Fault></s:Body></s:Envelope>"
    ).encode("iso-8859-1")
    soap.service.answer = (fault, "text/xml")
    answer = await soap.post(envelope())
    assert fault_of_answer(answer).message == "õnnetus"
    assert answer.body.startswith(b'<?xml version="1.0" encoding="UTF-8"?>')


# --- evidence


async def evidence(soap: SoapWorld, query_id: str) -> list[tuple[list[str], bytes]]:
    """Entries and message of the client's containers, verified: request, response."""
    await soap.consumer.server.timestamper.tick()
    path = f"/asic?queryId={query_id}&xRoadInstance=EE&memberClass=BUSINESS&memberCode=consumer"
    answer = await fetch(soap.consumer.url + path)
    assert answer.status == 200, answer.body
    globalconf = soap.consumer.server.configuration.current
    assert globalconf is not None
    found = []
    with zipfile.ZipFile(io.BytesIO(answer.body)) as archive:
        for name in sorted(archive.namelist()):
            data = archive.read(name)
            container = read_asice(io.BytesIO(data))
            verify_container(container, globalconf)
            with zipfile.ZipFile(io.BytesIO(data)) as inner:
                found.append((inner.namelist(), container.message))
    return found


async def test_evidence_of_a_plain_exchange(soap: SoapWorld) -> None:
    request = envelope(query_id="plain")
    soap.service.answer = (envelope(query_id="plain", response=True), TEXT_XML)
    answer = await soap.post(request)
    first, second = await evidence(soap, "plain")
    assert (first[1], second[1]) == (request, answer.body)
    assert "attachment1" not in first[0]
    assert [row[:2] for row in records(soap.provider)][-2:] == [("plain", False), ("plain", True)]


async def test_evidence_has_the_attachments(soap: SoapWorld) -> None:
    request = multipart(
        ("Content-Type: text/xml", envelope(query_id="att")),
        ("Content-Type: text/plain", b"one"),
        ("Content-Type: text/plain", b"two"),
    )
    soap.service.answer = (
        multipart(
            ("Content-Type: text/xml", envelope(query_id="att", response=True)),
            ("Content-Type: a/b", b"three"),
        ),
        MULTIPART,
    )
    await soap.post(request, MULTIPART)
    first, second = await evidence(soap, "att")
    assert {"attachment1", "attachment2", "sig-hashchain.xml"} <= set(first[0])
    assert {"attachment1", "sig-hashchain.xml"} <= set(second[0])


async def test_an_attachment_longer_than_the_log_takes_is_left_out(soap: SoapWorld) -> None:
    """The hash chain names its digest; the reference never logs attachments signed so."""
    long = b"\x00" * (11 * 1024 * 1024)
    request = multipart(
        ("Content-Type: text/xml", envelope(query_id="long")),
        ("Content-Type: text/plain", b"short"),
        ("Content-Type: text/plain", long),
    )
    soap.service.answer = (envelope(query_id="long", response=True), TEXT_XML)
    answer = await soap.post(request, MULTIPART)
    assert b"getStateResponse" in answer.body
    first, _ = await evidence(soap, "long")
    assert "attachment1" not in first[0]
    assert "sig-hashchain.xml" in first[0]


async def test_bodies_not_logged(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Header fields and the name of the body's element are; the signature cannot be verified then (UG-SYSPAR)."""
    async with World(tmp_path_factory.mktemp("nobody"), instance="EE", member_class="BUSINESS") as world:
        soap = SoapWorld(world)
        await soap.start(log_bodies=False)
        secret = multipart(
            ("Content-Type: text/xml", envelope(body="<secret/>")), ("Content-Type: text/plain", b"secret")
        )
        soap.service.answer = (envelope(body="<secret/>", response=True), TEXT_XML)
        answer = await soap.post(secret, MULTIPART)
        assert b"<secret/>" in answer.body
        for site in (soap.consumer, soap.provider):
            logged = records(site)
            assert [row[:2] for row in logged] == [("q1", False), ("q1", True)]
            assert not any(b"secret" in message for _, _, message in logged)
            request, response = (parsed(message) for _, _, message in logged)
            assert (request.client, request.service, request.is_response) == (CONSUMER, GET_STATE, False)
            assert response.is_response
            assert response.request_hash is not None


async def test_service_of_the_same_code_as_a_metaservice(soap: SoapWorld) -> None:
    """A metaservice's name is never passed on to a service."""
    request = envelope(service=ServiceId(GET_STATE.client_id, "listMethods"))
    answer: Fetched = await soap.post(request)
    assert b"listMethodsResponse" in answer.body
    assert soap.service.seen == []
