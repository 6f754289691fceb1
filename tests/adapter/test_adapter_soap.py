"""SOAP requests built and answers read: round trips, X-Road's own samples and recorded pairs, schemas; nothing on the wire here."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from sild.adapter import (
    CallContext,
    CallerError,
    ClientId,
    PeerError,
    RepresentedParty,
    SecurityServerId,
    ServiceError,
    ServiceId,
    XRoadFault,
    security_token,
)
from sild.adapter.metaservices import read_soap_services
from sild.adapter.multipart import SoapReader
from sild.adapter.soap import (
    body_of,
    build_envelope,
    build_response,
    fault_error,
    read_answer,
    soap_action_header,
)
from sild.xroad.fault_codes import Spelling
from sild.xroad.faults import Fault, render_soap_fault
from sild.xroad.soap import SoapMessage, answer_with_request_hash, parse_soap, soap_request_hash

CLIENT = ClientId("EE", "BUSINESS", "consumer", "sub")
SERVICE = ServiceId(ClientId("EE", "BUSINESS", "producer"), "getState", "v1")
BODY = '<p:getState xmlns:p="urn:p"><name>Õun &amp; pirn</name></p:getState>'


def request(body: bytes | str = BODY, **changed: Any) -> SoapMessage:
    options: dict[str, Any] = {
        "client": CLIENT,
        "service": SERVICE,
        "query_id": "q-1",
        "context": CallContext(),
    }
    read = parse_soap(build_envelope(body, **(options | changed)))
    assert isinstance(read, SoapMessage)
    return read


def answer_to(
    asked: SoapMessage, body: str = '<p:getStateResponse xmlns:p="urn:p">õ</p:getStateResponse>'
) -> bytes:
    """As the provider's security server signs it."""
    answered = answer_with_request_hash(build_response(asked, body), soap_request_hash(asked.data))
    assert isinstance(answered, SoapMessage)
    return answered.data


FULL = CallContext(
    user_id="EE38001085718",
    issue="juhtum <17> & õ",
    represented_party=RepresentedParty("COM", "1"),
    security_server=SecurityServerId(SERVICE.client_id, "ss1"),
    legal_ground="RT I, 2024, 1 § 5",
)


def test_every_header_field() -> None:
    token = security_token('a"<b>&', "urn:ietf:params:oauth:token-type:jwt")
    asked = request(context=FULL, extensions=[token])
    assert (asked.client, asked.service, asked.query_id, asked.protocol_version) == (
        CLIENT,
        SERVICE,
        "q-1",
        "4.0",
    )
    assert (asked.user_id, asked.issue) == (FULL.user_id, FULL.issue)
    assert (asked.represented_party, asked.security_server) == (FULL.represented_party, FULL.security_server)
    assert not asked.is_response
    assert not asked.is_rpc_encoded
    header = etree.fromstring(asked.data)[0]
    assert header.findtext("{urn:sild:xsd:legal-ground}legalGround") == FULL.legal_ground
    found = header.find("{http://x-road.eu/xsd/security-token.xsd}securityToken")
    assert found is not None
    assert (found.text, found.get("tokenType")) == ('a"<b>&', "urn:ietf:params:oauth:token-type:jwt")


@pytest.mark.parametrize(
    ("client", "service"),
    [
        (CLIENT.member, SERVICE),
        (CLIENT, ServiceId(CLIENT, "getState")),
        (CLIENT, ServiceId(CLIENT.member, "get", "1")),
    ],
)
def test_members_subsystems_and_versions(client: ClientId, service: ServiceId) -> None:
    asked = request(client=client, service=service)
    assert (asked.client, asked.service) == (client, service)


def test_the_envelope_fits_the_soap_schema(shared: Path) -> None:
    schema = etree.XMLSchema(etree.parse(str(shared / "schema/soap/soap-schema.xsd")))
    schema.assertValid(etree.fromstring(request(context=FULL).data))


texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=15).filter(
    lambda text: text.isprintable() and text == text.strip()
)
names = st.from_regex(r"[A-Za-z][A-Za-z0-9.\-]{0,10}", fullmatch=True)


@given(st.lists(texts, min_size=5, max_size=5), names, st.none() | texts, st.none() | texts)
def test_what_is_built_is_what_is_read(
    parts: list[str], service_code: str, user_id: str | None, version: str | None
) -> None:
    client = ClientId(*parts[:4])
    service = ServiceId(client, service_code, version)
    asked = request(
        f"<{service_code}/>",
        client=client,
        service=service,
        query_id=parts[4],
        context=CallContext(user_id=user_id),
    )
    assert (asked.client, asked.service, asked.query_id, asked.user_id) == (
        client,
        service,
        parts[4],
        user_id,
    )
    answered = read_answer(answer_to(asked, f"<{service_code}Response/>"), asked)
    assert etree.fromstring(body_of(answered)).tag == f"{service_code}Response"


def test_bodies_keep_their_content() -> None:
    """Namespaces of the element itself, CDATA, comments inside, mixed text; whatever encoding they came in."""
    body = '<?xml version="1.0" encoding="ISO-8859-1"?><!-- before --><getState a="õ">x<b>y</b><![CDATA[<z>]]></getState>'
    asked = request(body.replace("õ", "\xf5").encode("latin-1"))
    inner = etree.fromstring(body_of(asked))
    assert (inner.tag, inner.get("a")) == ("getState", "õ")
    assert "".join(str(text) for text in inner.itertext()) == "xy<z>"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("", "invalid_body"),
        ("text", "invalid_body"),
        ("<getState/><getState/>", "invalid_body"),
        ("<getState>", "invalid_body"),
        ('<!DOCTYPE a [<!ENTITY e "x">]><getState>&e;</getState>', "invalid_body"),
        ("<another/>", "inconsistent_headers"),
        ("<getStateResponse/>", "inconsistent_headers"),
    ],
)
def test_bodies_the_server_would_refuse(body: str, code: str) -> None:
    with pytest.raises(CallerError) as error:
        request(body)
    assert error.value.code == code


@pytest.mark.parametrize("value", ["", " x", "a\nb", "a\0b", "\ufffe", "a\u0085b"])
def test_values_no_header_holds(value: str) -> None:
    for changed in (
        {"query_id": value},
        {"context": CallContext(user_id=value)},
        {"client": ClientId("EE", "BUSINESS", value or "\n")},
        {"extensions": ["<a>"]},
    ):
        with pytest.raises(CallerError):
            request(**changed)


def test_soap_actions() -> None:
    assert soap_action_header(None) == b'""'
    assert soap_action_header("urn:getState") == b'"urn:getState"'
    for wrong in ('a"b', "õ", "a\r\nb"):
        with pytest.raises(CallerError) as error:
            soap_action_header(wrong)
        assert error.value.code == "invalid_soap_action"


# --- answers


def test_an_answer() -> None:
    asked = request(context=FULL)
    answered = read_answer(answer_to(asked), asked)
    assert answered.is_response
    assert etree.fromstring(body_of(answered)).text == "õ"


def test_the_answer_to_another_request() -> None:
    asked = request()
    for other in (
        request(query_id="q-2"),
        request(client=CLIENT.member),
        request(context=CallContext(issue="other")),
        request('<getState xmlns=""><another/></getState>'),
    ):
        with pytest.raises(PeerError) as error:
            read_answer(answer_to(other), asked)
        assert error.value.code == "inconsistent_response"
    with pytest.raises(PeerError):
        read_answer(build_response(asked, "<getStateResponse/>"), asked)


def test_a_provider_answers_with_the_callers_fields() -> None:
    asked = request(context=FULL)
    for wrong in ("<getState/>", "<otherResponse/>", "<getStateResponse>"):
        with pytest.raises(CallerError):
            build_response(asked, wrong)


@pytest.mark.parametrize("spelling", Spelling)
def test_x_roads_faults(spelling: Spelling) -> None:
    fault = Fault("server.serverproxy.service_failed.http_error", "why & õ", "a-uuid")
    with pytest.raises(XRoadFault) as error:
        read_answer(render_soap_fault(fault, spelling), request())
    assert isinstance(error.value, PeerError)
    assert (error.value.code_path, error.value.origin) == ("service_failed.http_error", "server.serverproxy")
    assert (error.value.message, error.value.fault_detail, error.value.query_id) == (
        "why & õ",
        "a-uuid",
        "q-1",
    )


# --- X-Road's samples


def cases(shared: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((shared / "soap/soap-cases.json").read_text())["cases"]
    return found


def read_sample(path: Path, content_type: str) -> tuple[bytes, int]:
    reader = SoapReader(content_type, max_bytes=10_000_000)
    reader.feed(path.read_bytes())
    received = reader.finish()
    return received.envelope, len(received.attachments)


def test_answers_of_x_roads_test_services(shared: Path) -> None:
    """Each normal case: its answer, made the answer to its request, is read with its attachments."""
    queries, read = shared / "soap/queries", 0
    for case in cases(shared):
        if case["expect"] != "normal" or not case["request"] or not case["service_answer"]:
            continue
        sent, _ = read_sample(queries / case["request"], case["request_content_type"])
        came, attachments = read_sample(queries / case["service_answer"], case["service_answer_content_type"])
        new_id = rb"<xroad:id>the-test-s-own</xroad:id>"
        sent, came = (re.sub(rb"<xroad:id>[^<]*</xroad:id>", new_id, data) for data in (sent, came))
        asked = parse_soap(sent)
        assert isinstance(asked, SoapMessage)
        answered = answer_with_request_hash(came, soap_request_hash(sent))
        assert isinstance(answered, SoapMessage), case["name"]
        assert read_answer(answered.data, asked).service == asked.service, case["name"]
        assert body_of(answered)
        assert attachments == {"SeveralAttachmentsResponse": 3}.get(case["name"], attachments)
        read += 1
    assert read > 20


@pytest.mark.parametrize(
    ("file", "code", "message"),
    [
        ("customfault.answer", "foo:FOOCODE", "STRING"),
        ("fault.query", "CODE", "STRING"),
        ("faulty-fault.answer", "soap:Server", "Intentional SOAP-Fault"),
    ],
)
def test_a_services_own_faults(shared: Path, file: str, code: str, message: str) -> None:
    data = (shared / "soap/queries" / file).read_bytes()
    with pytest.raises(ServiceError) as error:
        read_answer(data, request())
    assert not isinstance(error.value, XRoadFault)
    assert error.value.code == code
    assert error.value.message.startswith(message)
    assert error.value.body == data, "detail elements are the service's language"


def test_a_services_fault_among_attachments(shared: Path) -> None:
    case = next(case for case in cases(shared) if case["name"] == "SoapFaultInMultipartResponse")
    content = (shared / "soap/queries" / case["service_answer"]).read_bytes() + b"--\r\n"
    reader = SoapReader(case["service_answer_content_type"], max_bytes=100_000)
    reader.feed(content)
    fault = parse_soap(reader.finish().envelope)
    assert isinstance(fault, Fault)
    assert fault_error(fault, query_id="q").code == "soap:Server"


def test_samples_that_are_no_answers(shared: Path) -> None:
    for file, content_type in (
        ("attachm-no-soap.query", "multipart/related; boundary=jetty771207119h3h10dty"),
        ("faulty-multipart.query", "multipart/related; boundary=jetty771207119h3h10dty"),
        ("missing-body.query", "text/xml"),
        ("malformed-body2.query", "text/xml"),
        ("empty.query", "text/xml"),
        ("getstate.answer", "blah"),
    ):
        with pytest.raises(PeerError):
            envelope, _ = read_sample(shared / "soap/queries" / file, content_type)
            read_answer(envelope, request())


def test_recorded_exchanges(shared: Path) -> None:
    """Signed pairs of an X-Road server: the second is the answer to the first and to nothing else."""
    pairs = json.loads((shared / "soap/pairs/expected.json").read_text())["pairs"]
    read = []
    for pair in pairs:
        sent, came = ((shared / "soap/pairs" / pair[side]).read_bytes() for side in ("request", "response"))
        asked = parse_soap(sent)
        assert isinstance(asked, SoapMessage)
        assert read_answer(came, asked).service == asked.service
        read.append((asked, came))
    with pytest.raises(PeerError):
        read_answer(read[0][1], read[1][0])


@pytest.mark.parametrize("name", ["operational-data.request", "health-data.request"])
def test_we_build_what_x_roads_users_send(shared: Path, name: str) -> None:
    """The same request from its parts has the same fields as the recorded one."""
    theirs = parse_soap((shared / "soap/requests" / name).read_bytes())
    assert isinstance(theirs, SoapMessage)
    ours = request(
        body_of(theirs),
        client=theirs.client,
        service=theirs.service,
        query_id=theirs.query_id,
        context=CallContext(security_server=theirs.security_server),
    )
    for field in ("client", "service", "query_id", "protocol_version", "service_name", "security_server"):
        assert getattr(ours, field) == getattr(theirs, field)
    canonical = [
        etree.tostring(etree.fromstring(body_of(message)), method="c14n") for message in (ours, theirs)
    ]
    assert canonical[0] == canonical[1]


@given(st.data())
def test_any_cut_answer_is_the_peers_fault(data: st.DataObject) -> None:
    asked = request()
    whole = answer_to(asked)
    cut = data.draw(st.integers(0, len(whole.rstrip()) - 1))
    with pytest.raises(PeerError):
        read_answer(whole[:cut], asked)


def test_bombs() -> None:
    asked = request()
    for data in (
        b'<!DOCTYPE a [<!ENTITY e "xxxxxxxxxx">]>' + answer_to(asked).replace("õ".encode(), b"&e;"),
        b"<a>" * 100_000,
        answer_to(asked).replace(b'encoding="UTF-8"', b'encoding="nonsense"'),
    ):
        with pytest.raises(PeerError):
            read_answer(data, asked)


def test_listed_soap_services() -> None:
    service = (
        '<x:service i:objectType="SERVICE"><i:xRoadInstance>EE</i:xRoadInstance><i:memberClass>GOV</i:memberClass>'
        "<i:memberCode>1</i:memberCode><i:subsystemCode>s</i:subsystemCode><i:serviceCode>{}</i:serviceCode>{}</x:service>"
    )
    body = (
        '<x:listMethodsResponse xmlns:x="http://x-road.eu/xsd/xroad.xsd" xmlns:i="http://x-road.eu/xsd/identifiers">'
        + service.format("a", "<i:serviceVersion>v1</i:serviceVersion>")
        + service.format("b", "")
        + "</x:listMethodsResponse>"
    )
    owner = ClientId("EE", "GOV", "1", "s")
    assert [listed.id for listed in read_soap_services(body.encode())] == [
        ServiceId(owner, "a", "v1"),
        ServiceId(owner, "b"),
    ]
    for wrong in (b"<a", body.replace("<i:memberClass>GOV</i:memberClass>", "").encode()):
        with pytest.raises(PeerError):
            read_soap_services(wrong)
