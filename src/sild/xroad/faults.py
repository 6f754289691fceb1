"""Faults: how a refusal looks to a peer and to an information system (WIRE 4.3, 5.1-5.3; PR-MESS 3, PR-REST 4.6).

`fault_of` turns any exception into a `Fault`; the two renderers write it for SOAP (between servers too) and for REST.
A fault that came from a peer travels on as it came: no origin is put in front, nothing is respelled.
"""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from sild.errors import PeerError, PlatformError
from sild.xroad.envelope import (
    SOAP_ENVELOPE,
    XML_DECLARATION,
    Element,
    EnvelopeEvents,
    read_envelope,
    utf8_document,
)
from sild.xroad.fault_codes import CODES, Spelling, respell

__all__ = [
    "Fault",
    "PeerFault",
    "fault_of",
    "parse_soap_fault",
    "render_rest_fault",
    "render_soap_fault",
]


@dataclass(frozen=True, slots=True)
class Fault:
    """What the other side is told.

    code: the whole dotted path, in snake_case if it is ours, as received if it is a peer's (`foreign`).
    detail: a uuid that stands in the log too.  xml: the received SOAP Fault, to be passed on unchanged.
    """

    code: str
    message: str
    detail: str
    actor: str = ""
    foreign: bool = False
    xml: bytes | None = None

    def code_in(self, spelling: Spelling) -> str:
        return self.code if self.foreign else respell(self.code, spelling)


class PeerFault(PlatformError):
    """The other side answered with a fault: the provider's security server, or a SOAP service behind it."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message, code=fault.code, peer_detail=fault.detail)
        self.fault = fault


def fault_of(error: BaseException, *, origin: str, detail: str) -> Fault:
    """The fault to answer with.

    origin: `server.clientproxy`, `server.serverproxy`, `client`..., put in front unless it stands there already. What was
    raised `with stage("client")`, bad input of an information system, has an origin of its own.
    Errors that are none of ours get the code X-Road has for their kind (WIRE 5.1) and a text that tells nothing.
    """
    if isinstance(error, PeerFault):
        return error.fault
    if isinstance(error, PlatformError):
        path, message = error.code_path, error.message
    else:
        path = _foreign_code(error)
        message = CODES[path].meaning
    if not path.startswith((origin + ".", "client.")):
        path = f"{origin}.{path}"
    return Fault(code=path, message=message, detail=detail)


def _foreign_code(error: BaseException) -> str:
    if isinstance(error, socket.gaierror):
        return "unknown_host"
    if isinstance(error, ConnectionError | TimeoutError | ssl.SSLError):
        return "network_error"
    if isinstance(error, OSError):
        return "io_error"
    return "internal_error"


# --- SOAP ---------------------------------------------------------------------------------------------------------

_SOAP_FAULT = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    f'<SOAP-ENV:Envelope xmlns:SOAP-ENV="{SOAP_ENVELOPE}"><SOAP-ENV:Body><SOAP-ENV:Fault>'
    "<faultcode>{code}</faultcode><faultstring>{message}</faultstring><faultactor>{actor}</faultactor>"
    '<detail><faultDetail xmlns="">{detail}</faultDetail></detail>'
    "</SOAP-ENV:Fault></SOAP-ENV:Body></SOAP-ENV:Envelope>"
)
# What XML 1.0 cannot hold (2.2 Char) becomes U+FFFD: the text may quote a peer's bytes.
_NOT_XML = dict.fromkeys((*range(9), 11, 12, *range(14, 32), *range(55296, 57344), 65534, 65535), "�")


def _text(value: str) -> str:
    return escape(value.translate(_NOT_XML))


def render_soap_fault(fault: Fault, spelling: Spelling = Spelling.SNAKE_CASE) -> bytes:
    """The SOAP Fault document, UTF-8. A received fault is given back byte for byte. Prefix SOAP-ENV: clients match it."""
    if fault.xml is not None:
        return fault.xml
    return _SOAP_FAULT.format(
        code=_text(fault.code_in(spelling)),
        message=_text(fault.message),
        actor=_text(fault.actor),
        detail=_text(fault.detail),
    ).encode()


def parse_soap_fault(data: bytes) -> Fault | None:
    """The fault in a SOAP document, or None if it is a SOAP message without one.

    Raises PeerError: `invalid_soap` (not XML, a DTD, no SOAP envelope), `missing_body`.
    """
    found = _FaultSearch()
    read_envelope(utf8_document(data), found)
    if not found.bodies:
        raise PeerError("the SOAP message has no Body", code="missing_body")
    return None if found.element is None else fault_of_element(found.element, data)


class _FaultSearch(EnvelopeEvents):
    def __init__(self) -> None:
        self.bodies = 0
        self.element: Element | None = None

    def body(self) -> None:
        self.bodies += 1

    def fault(self, element: Element) -> None:
        self.element = self.element or element


def fault_of_element(element: Element, data: bytes) -> Fault:
    """The fields of a SOAP-ENV:Fault element; its children carry no namespace (tolerated when they do)."""
    fields = {child.name[1]: child.content.strip() for child in element.children}
    document = utf8_document(data)  # a fault travels on as UTF-8
    return Fault(
        code=fields.get("faultcode", ""),
        message=fields.get("faultstring", ""),
        actor=fields.get("faultactor", ""),
        detail=fields.get("detail", ""),
        foreign=True,
        xml=data if data.endswith(document) else XML_DECLARATION + document,
    )


# --- REST ---------------------------------------------------------------------------------------------------------

_XML_TYPES = {"text/xml": "text/xml", "application/xml": "application/xml", "text/*": "text/xml"}
_MAX_CODE = 300  # of a peer's code: a header has to be read by whoever asked
_SERVER_PREFIX = {Spelling.SNAKE_CASE: "server.", Spelling.CAMEL_CASE: "Server."}


def render_rest_fault(
    fault: Fault, accept: Sequence[str] | str | None, spelling: Spelling = Spelling.SNAKE_CASE
) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """Status, headers and body for a REST client (WIRE 5.3).

    accept: the value or values of its Accept headers. The first of text/xml, application/xml, text/* from the left
    makes the body XML, whatever `q` says; everything else gets JSON.
    """
    code = fault.code_in(spelling)[:_MAX_CODE] or respell("internal_error", spelling)
    status = 500 if code.startswith(_SERVER_PREFIX[spelling]) else 400
    xml_type = _accepted_xml([accept] if isinstance(accept, str) else accept or ())
    if xml_type is None:
        content_type = "application/json"
        fields = {"type": code, "message": fault.message, "detail": fault.detail}
        body = json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")
    else:
        content_type = f"{xml_type};charset=utf-8"
        body = (
            '<?xml version="1.0" encoding="UTF-8"?><error>'
            f"<type>{_text(code)}</type><message>{_text(fault.message)}</message>"
            f"<detail>{_text(fault.detail)}</detail></error>"
        ).encode()
    headers = [(b"Content-Type", content_type.encode()), (b"X-Road-Error", _header_value(code))]
    return status, headers, body


def _accepted_xml(accept: Sequence[str]) -> str | None:
    for value in accept:
        for choice in value.split(","):
            media_type = choice.split(";", 1)[0].strip().lower()
            if media_type in _XML_TYPES:
                return _XML_TYPES[media_type]
    return None


def _header_value(code: str) -> bytes:
    """A code may have come from a peer: nothing but printable ASCII goes into a header."""
    return bytes(byte if 0x20 <= byte < 0x7F else 0x3F for byte in code.encode("ascii", "replace"))
