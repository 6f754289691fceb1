"""SOAP through two real security servers, to a service written with the provider's half of this room."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import pytest_asyncio
from lxml import etree
from world import CLIENT, REGISTER, Pair

from sild.adapter import (
    AsyncXRoadClient,
    CallContext,
    CallerError,
    PeerError,
    ServiceError,
    ServiceId,
    SoapAttachment,
    TrustError,
    XRoadClient,
    XRoadFault,
    security_token,
)
from sild.adapter.provider import SOAP_CLIENT, SoapRequest, read_soap_request, soap_answer, soap_fault
from sild.configuration_client import load_globalconf
from sild.http1 import Request, Responder

pytestmark = pytest.mark.asyncio(loop_scope="module")

STATE = ServiceId(REGISTER, "getState", "v1")
ASK = '<p:getState xmlns:p="urn:p"><name>Mari Õun</name></p:getState>'
ANSWER = '<p:getStateResponse xmlns:p="urn:p">{}</p:getStateResponse>'


@dataclass
class StateService:
    """Answers with the text it was asked and with the attachments it got; `fault` makes it refuse."""

    calls: list[SoapRequest] = field(default_factory=list)
    actions: list[bytes | None] = field(default_factory=list)
    fault: tuple[str, bytes] | None = None
    another: bytes | None = None

    async def __call__(self, request: Request, responder: Responder) -> None:
        content_type = (request.header(b"content-type") or b"").decode()
        call = read_soap_request(content_type, await request.read(64 * 1024 * 1024))
        self.calls.append(call)
        self.actions.append(request.header(b"soapaction"))
        status, (answer_type, body) = 200, self._answer(call)
        if self.fault is not None:
            status, (answer_type, body) = 500, self.fault
        await responder.send(status, [(b"Content-Type", answer_type.encode())], self.another or body)

    def _answer(self, call: SoapRequest) -> tuple[str, bytes]:
        text = "".join(str(piece) for piece in etree.fromstring(call.body).itertext())
        back = [
            SoapAttachment(attachment.raw, attachment.content_type or "text/plain", attachment.content_id)
            for attachment in call.attachments
        ]
        return soap_answer(call, ANSWER.format(text), attachments=back, mtom=b"xop" in call.body)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def module_service(module_pair: Pair) -> StateService:
    service = StateService()
    url = await module_pair.world.serve(service)
    conf = module_pair.provider.server.serverconf
    conf.add_soap_service(REGISTER, "getState", "v1", "http://wsdl.test", url)
    conf.grant(STATE, CLIENT)
    return service


@pytest.fixture
def service(pair: Pair, module_service: StateService) -> StateService:
    module_service.calls.clear()
    module_service.actions.clear()
    module_service.fault = module_service.another = None
    return module_service


async def test_a_call(pair: Pair, xroad: AsyncXRoadClient, service: StateService) -> None:
    context = CallContext(user_id="EE38001085718", issue="case 17", legal_ground="§ 5")
    token = security_token("a.b.c", "urn:ietf:params:oauth:token-type:jwt")
    answer = await xroad.soap(STATE, ASK, context=context, extensions=[token], soap_action="urn:getState")
    assert etree.fromstring(answer.body).text == "Mari Õun"
    assert answer.attempts == 1
    assert answer.attachments == ()
    caller = service.calls[0].caller
    assert (caller.client, caller.service, caller.query_id) == (CLIENT, STATE, answer.message.query_id)
    assert (caller.user_id, caller.issue, caller.legal_ground) == ("EE38001085718", "case 17", "§ 5")
    assert service.actions == [b'"urn:getState"']
    assert service.calls[0].message.data == answer.request.data, "byte for byte"
    assert b"a.b.c" in service.calls[0].message.data
    assert pair.records(pair.consumer) == [(caller.query_id, False), (caller.query_id, True)]


async def test_attachments_both_ways(xroad: AsyncXRoadClient, service: StateService, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(bytes(range(256)) * 2_000)

    async def pieces() -> AsyncIterator[bytes]:
        yield b"one "
        yield b"two"

    with file.open("rb") as opened:
        sent = [
            SoapAttachment(b"\r\n--not a boundary", "text/plain", "a@x"),
            SoapAttachment(opened, "image/png", "b@x"),
            SoapAttachment(pieces),
        ]
        answer = await xroad.soap(STATE, ASK, attachments=sent)
    assert [attachment.content for attachment in answer.attachments] == [
        b"\r\n--not a boundary",
        file.read_bytes(),
        b"one two",
    ]
    assert answer.attachment("cid:b@x").content_type == "image/png"
    assert [attachment.raw for attachment in service.calls[0].attachments] == [
        attachment.raw for attachment in answer.attachments
    ]


async def test_mtom(xroad: AsyncXRoadClient, service: StateService) -> None:
    photo = SoapAttachment(b"\x89PNG", "image/png", "photo@x")
    body = (
        '<p:getState xmlns:p="urn:p"><xop:Include xmlns:xop="http://www.w3.org/2004/08/xop/include" '
        f'href="{photo.href}"/></p:getState>'
    )
    answer = await xroad.soap(STATE, body, attachments=[photo], mtom=True)
    assert service.calls[0].received.content_type.startswith("application/xop+xml")
    assert service.calls[0].attachment(photo.href).raw == b"\x89PNG"
    assert answer.received.content_type.startswith("application/xop+xml")


async def test_large_attachments_go_to_a_file(xroad: AsyncXRoadClient, service: StateService) -> None:
    file = io.BytesIO()
    sent = SoapAttachment(b"x" * 3_000_000, "application/zip")
    answer = await xroad.soap(STATE, ASK, attachments=[sent], into=lambda _headers: file)
    assert len(file.getvalue()) == 3_000_000
    assert answer.attachments[0].raw == b""


async def test_faults_of_the_exchange(pair: Pair, xroad: AsyncXRoadClient, service: StateService) -> None:
    with pytest.raises(XRoadFault) as unknown:
        await xroad.soap(ServiceId(REGISTER, "getNothing"), "<getNothing/>")
    assert isinstance(unknown.value, CallerError)
    assert (unknown.value.code, unknown.value.origin) == ("unknown_service", "server.serverproxy")
    pair.provider.server.serverconf.revoke(STATE, CLIENT)
    try:
        with pytest.raises(CallerError) as denied:
            await xroad.soap(STATE, ASK)
        assert denied.value.code == "access_denied"
    finally:
        pair.provider.server.serverconf.grant(STATE, CLIENT)
    service.another = b"not XML"
    with pytest.raises(XRoadFault) as broken:
        await xroad.soap(STATE, ASK)
    assert isinstance(broken.value, PeerError)
    assert broken.value.stages == ("service_failed",)


async def test_faults_of_the_service(xroad: AsyncXRoadClient, service: StateService) -> None:
    service.fault = soap_fault("no such name", code=SOAP_CLIENT, detail="Õun")
    with pytest.raises(ServiceError, match="no such name") as error:
        await xroad.soap(STATE, ASK)
    assert isinstance(error.value, CallerError)
    assert error.value.code == SOAP_CLIENT
    assert error.value.body == service.fault[1], "unchanged on its way"
    service.fault = soap_fault("out of order")
    with pytest.raises(PeerError):
        await xroad.soap(STATE, ASK)
    service.fault = None
    assert (await xroad.soap(STATE, ASK)).body


async def test_what_is_wrong_is_said_before_it_is_sent(
    xroad: AsyncXRoadClient, service: StateService
) -> None:
    for wrong in (
        xroad.soap(STATE, "<another/>"),
        xroad.soap(STATE, "<getState>"),
        xroad.soap(STATE, ASK, soap_action='a"b'),
        xroad.soap(STATE, ASK, attachments=[SoapAttachment(b"", "a\r\nb")]),
    ):
        with pytest.raises(CallerError):
            await wrong
    assert service.calls == []


@pytest.mark.parametrize("attachments", [[], [SoapAttachment(b"one"), SoapAttachment(b"two")]])
async def test_evidence(
    pair: Pair, xroad: AsyncXRoadClient, service: StateService, attachments: list[SoapAttachment]
) -> None:
    globalconf = load_globalconf(pair.provider.server.settings.directory / "globalconf")
    answers = [await xroad.soap(STATE, ASK, attachments=attachments) for _ in range(2)]
    evidence = await answers[0].evidence(stamp_now=True)
    verified = evidence.verify(globalconf)
    assert (verified.request.signer, verified.response.signer) == (CLIENT, REGISTER)
    assert evidence.request.read().message == answers[0].request.data
    assert evidence.response.read().message == answers[0].message.data
    other = await answers[1].evidence(stamp_now=True)
    for mixed in (
        replace(evidence, handle=other.handle),
        replace(evidence, response=other.response),
        replace(evidence, request=other.request),
        replace(evidence, handle=replace(evidence.handle, answer_digest=b"x" * 64)),
        replace(evidence, handle=replace(evidence.handle, request_id="of a REST call")),
    ):
        with pytest.raises(TrustError):
            mixed.verify(globalconf)


async def test_the_blocking_client_too(pair: Pair, service: StateService) -> None:
    import asyncio

    def work() -> None:
        with XRoadClient(pair.consumer.url, CLIENT) as xroad:
            answer = xroad.soap(STATE, ASK, attachments=[SoapAttachment(b"a", content_id="a")])
            assert answer.attachment("cid:a").content == b"a"
            assert answer.evidence(stamp_now=True).request.read().message == answer.request.data

    await asyncio.to_thread(work)


WSDL = (
    b'<definitions xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:s="http://schemas.xmlsoap.org/wsdl/soap/">'
    b'<service name="x"><port name="p" binding="b"><s:address location="http://inside.test/"/></port></service></definitions>'
)


async def test_soap_metaservices(pair: Pair, xroad: AsyncXRoadClient, service: StateService) -> None:
    async def description(_request: Request, responder: Responder) -> None:
        await responder.send(200, [(b"Content-Type", b"text/xml")], WSDL)

    conf = pair.provider.server.serverconf
    described = conf.add_soap_service(
        REGISTER, "describe", None, f"{await pair.world.serve(description)}/wsdl", "http://inside.test/"
    )
    listed = {method.id for method in await xroad.list_soap_methods(REGISTER)}
    assert {STATE, described} <= listed
    allowed = {method.id for method in await xroad.list_soap_methods(REGISTER, allowed_only=True)}
    assert STATE in allowed
    assert described not in allowed
    wsdl = await xroad.get_wsdl(described)
    assert b"definitions" in wsdl
    assert b"inside.test" not in wsdl
    with pytest.raises(XRoadFault):
        await xroad.get_wsdl(ServiceId(REGISTER, "absent"))
