"""For SOAP services: a request read, its caller, and the answer that X-Road takes for it (PR-MESS 3; WIRE 3, 3.1). Pure.

call = read_soap_request(request.headers["content-type"], await request.body())
content_type, body = soap_answer(call, f"<p:getStateResponse xmlns:p='urn:p'>{state_of(call.caller)}</p:getStateResponse>")
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from secrets import token_hex

from sild.adapter.caller import XRoadCaller, soap_caller
from sild.adapter.multipart import MultipartBody, ReceivedAttachment, ReceivedSoap, SoapAttachment, SoapReader
from sild.adapter.soap import body_of, build_response
from sild.errors import CallerError
from sild.xroad.faults import Fault, render_soap_fault
from sild.xroad.soap import SoapMessage, parse_soap

__all__ = ["SOAP_CLIENT", "SOAP_SERVER", "SoapRequest", "read_soap_request", "soap_answer", "soap_fault"]

TEXT_XML = "text/xml; charset=UTF-8"
MAX_REQUEST_BYTES = 64 * 1024 * 1024
SOAP_CLIENT, SOAP_SERVER = "SOAP-ENV:Client", "SOAP-ENV:Server"
"""Fault codes of SOAP 1.1 (4.4.1): the request is wrong; the service failed."""


@dataclass(frozen=True, slots=True)
class SoapRequest:
    """A request as the security server handed it over."""

    caller: XRoadCaller
    message: SoapMessage
    received: ReceivedSoap

    @property
    def body(self) -> bytes:
        """The element in the Body, as a document of its own."""
        return body_of(self.message)

    @property
    def attachments(self) -> tuple[ReceivedAttachment, ...]:
        return self.received.attachments

    def attachment(self, href: str) -> ReceivedAttachment:
        """The attachment that the body refers to by `cid:...`. Raises PeerError (`invalid_reference`)."""
        return self.received.attachment(href)


def read_soap_request(content_type: str, body: bytes, *, max_bytes: int = MAX_REQUEST_BYTES) -> SoapRequest:
    """Raises PeerError with X-Road's codes for what is no request."""
    reader = SoapReader(content_type, max_bytes=max_bytes)
    reader.feed(body)
    received = reader.finish()
    message = parse_soap(received.envelope)
    if isinstance(message, Fault):
        raise CallerError("a fault is no request", code="invalid_message")
    return SoapRequest(soap_caller(message), message, received)


def soap_answer(
    request: SoapRequest,
    body: bytes | str,
    *,
    attachments: Sequence[SoapAttachment] = (),
    mtom: bool = False,
) -> tuple[str, bytes]:
    """Content type and bytes of the answer; attachments are bytes here. Raises CallerError (`inconsistent_headers`...)."""
    envelope = build_response(request.message, body)
    if not attachments and not mtom:
        return TEXT_XML, envelope
    made = MultipartBody(envelope, attachments, f"sild{token_hex(16)}", mtom=mtom)
    sent = made.send()
    if not isinstance(sent, bytes):
        raise CallerError("the attachments of an answer are bytes", code="bad_request")
    return made.content_type, sent


def soap_fault(message: str, *, code: str = SOAP_SERVER, detail: str = "") -> tuple[str, bytes]:
    """Content type and bytes of the service's own fault, to be sent with status 500; X-Road passes it on unchanged."""
    return TEXT_XML, render_soap_fault(Fault(code=code, message=message, detail=detail, foreign=True))
