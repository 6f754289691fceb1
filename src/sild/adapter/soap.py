"""SOAP messages as an information system writes and reads them: document/literal, PR-MESS 2 and 3 (WIRE 3, 5.2). Pure.

The body is the caller's: one XML element, named after the service. Header, identifiers and extensions are written here. What
comes back is the answer to what was sent, or an error: X-Road's fault, or the service's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape, quoteattr

from sild.adapter.context import CallContext
from sild.adapter.faults import ServiceError, XRoadFault, service_error, split_code, xroad_fault
from sild.adapter.xml import parse_xml
from sild.errors import CallerError, PeerError
from sild.xroad import ClientId, SecurityServerId, ServiceId
from sild.xroad.envelope import SOAP_ENVELOPE
from sild.xroad.faults import Fault
from sild.xroad.rest import RepresentedParty
from sild.xroad.soap import (
    IDENTIFIERS,
    REPRESENTATION,
    XROAD,
    SoapMessage,
    ensure_consistent,
    parse_soap,
)

__all__ = [
    "LEGAL_GROUND",
    "body_of",
    "build_envelope",
    "build_response",
    "fault_error",
    "header_text",
    "legal_ground_of",
    "read_answer",
    "security_token",
    "soap_action_header",
]

LEGAL_GROUND = "urn:sild:xsd:legal-ground"
PROTOCOL_VERSION = "4.0"

_ENVELOPE = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    f'<SOAP-ENV:Envelope xmlns:SOAP-ENV="{SOAP_ENVELOPE}" xmlns:xroad="{XROAD}" xmlns:id="{IDENTIFIERS}">\n'
    "  <SOAP-ENV:Header>\n{header}  </SOAP-ENV:Header>\n  <SOAP-ENV:Body>{body}</SOAP-ENV:Body>\n</SOAP-ENV:Envelope>\n"
)


def build_envelope(
    body: bytes | str,
    *,
    client: ClientId,
    service: ServiceId,
    query_id: str,
    context: CallContext,
    extensions: Sequence[bytes | str] = (),
) -> bytes:
    """A SOAP request, UTF-8.

    body: one element, document/literal; its local name begins with the service code.  extensions: further header elements.
    Raises CallerError with X-Road's code for what the server would refuse: `invalid_body`, `inconsistent_headers`, `bad_request`.
    """
    name, element = _element(body, "invalid_body")
    if not name.startswith(service.service_code) or name.endswith("Response"):
        raise CallerError(
            f"the body's element {name!r} is not of the service {service.service_code!r}",
            code="inconsistent_headers",
        )
    lines = [
        _client(client),
        _service(service),
        _server(context.security_server),
        _party(context.represented_party),
        _field("userId", context.user_id),
        _field("issue", context.issue),
        _field("id", query_id),
        _field("protocolVersion", PROTOCOL_VERSION),
        _legal_ground(context.legal_ground),
        *(_element(extension, "bad_request")[1] for extension in extensions),
    ]
    return _ENVELOPE.format(header=_lines(lines), body=element).encode()


def build_response(request: SoapMessage, body: bytes | str) -> bytes:
    """The provider's answer to `request`: its header fields, as X-Road compares them (WIRE 3), over another body.

    The requestHash is the security server's to put in. Raises CallerError (`invalid_body`, `inconsistent_headers`).
    """
    name, element = _element(body, "invalid_body")
    if not name.startswith(request.service.service_code) or not name.endswith("Response"):
        raise CallerError(
            f"the body's element {name!r} is not the service's response", code="inconsistent_headers"
        )
    lines = [
        _client(request.client),
        _service(request.service),
        _party(request.represented_party),
        _field("userId", request.user_id),
        _field("issue", request.issue),
        _field("id", request.query_id),
        _field("protocolVersion", request.protocol_version),
    ]
    return _ENVELOPE.format(header=_lines(lines), body=element).encode()


def security_token(token: str, token_type: str) -> str:
    """The security token extension's header element (PR-SECTOKEN). token_type: a URI, as of a JWT."""
    namespace = "http://x-road.eu/xsd/security-token.xsd"
    return f'<securityToken xmlns="{namespace}" tokenType={quoteattr(token_type)}>{escape(token)}</securityToken>'


def soap_action_header(action: str | None) -> bytes:
    """Quoted, as X-Road demands; `""` when there is none (WIRE 3). Raises CallerError (`invalid_soap_action`)."""
    text = action or ""
    if '"' in text or not text.isascii() or not text.isprintable():
        raise CallerError("a SOAPAction is a URI", code="invalid_soap_action")
    return f'"{text}"'.encode()


def _element(data: bytes | str, code: str) -> tuple[str, str]:
    """Local name and text of one element, without declaration, comments and blanks around it."""
    from lxml import etree

    try:
        root = parse_xml(data.encode() if isinstance(data, str) else data)
    except PeerError as error:
        raise CallerError(error.message, code=code) from None
    return etree.QName(root).localname, etree.tostring(root, encoding="unicode", with_tail=False)


def _lines(lines: Sequence[str]) -> str:
    return "".join(f"    {line}\n" for line in lines if line)


def header_text(name: str, value: str) -> str:
    """Raises CallerError for what XML 1.0 cannot hold or a header should not."""
    if not value or not value.isprintable() or value != value.strip():
        raise CallerError(f"this {name} cannot stand in a SOAP header", code="bad_request")
    return escape(value)


def _field(name: str, value: str | None) -> str:
    return "" if value is None else f"<xroad:{name}>{header_text(name, value)}</xroad:{name}>"


def _parts(names: Sequence[str], values: Sequence[str | None]) -> str:
    return "".join(
        f"<id:{name}>{header_text(name, value)}</id:{name}>"
        for name, value in zip(names, values, strict=True)
        if value is not None
    )


_MEMBER = ("xRoadInstance", "memberClass", "memberCode")


def _client(client: ClientId) -> str:
    kind = "MEMBER" if client.subsystem_code is None else "SUBSYSTEM"
    inner = _parts(_MEMBER, client.parts[:3]) + _parts(("subsystemCode",), (client.subsystem_code,))
    return f'<xroad:client id:objectType="{kind}">{inner}</xroad:client>'


def _service(service: ServiceId) -> str:
    owner = service.client_id
    inner = _parts(_MEMBER, owner.parts[:3]) + _parts(
        ("subsystemCode", "serviceCode", "serviceVersion"),
        (owner.subsystem_code, service.service_code, service.service_version),
    )
    return f'<xroad:service id:objectType="SERVICE">{inner}</xroad:service>'


def _server(server: SecurityServerId | None) -> str:
    if server is None:
        return ""
    inner = _parts((*_MEMBER, "serverCode"), server.parts)
    return f'<xroad:securityServer id:objectType="SERVER">{inner}</xroad:securityServer>'


def _party(party: RepresentedParty | None) -> str:
    if party is None:
        return ""
    inner = "".join(
        f"<repr:{name}>{header_text(name, value)}</repr:{name}>"
        for name, value in (("partyClass", party.member_class), ("partyCode", party.member_code))
        if value is not None
    )
    return f'<repr:representedParty xmlns:repr="{REPRESENTATION}">{inner}</repr:representedParty>'


def _legal_ground(value: str | None) -> str:
    """Ours, as X-Road passes header elements it does not know."""
    if value is None:
        return ""
    return f'<legalGround xmlns="{LEGAL_GROUND}">{header_text("legalGround", value)}</legalGround>'


def legal_ground_of(message: SoapMessage) -> str | None:
    """The text of our header element, None when it is absent or empty."""
    if LEGAL_GROUND.encode() not in message.data:
        return None
    header = parse_xml(message.data).find(f"{{{SOAP_ENVELOPE}}}Header")
    return None if header is None else header.findtext(f"{{{LEGAL_GROUND}}}legalGround") or None


# --- the answer -----------------------------------------------------------------------------------------------------


def read_answer(data: bytes, request: SoapMessage) -> SoapMessage:
    """The answer to `request`. Raises XRoadFault, ServiceError (the service's fault), PeerError (`inconsistent_response`...)."""
    read = parse_soap(data)
    if isinstance(read, Fault):
        raise fault_error(read, query_id=request.query_id)
    ensure_consistent(request, read)
    return read


def fault_error(fault: Fault, *, query_id: str) -> XRoadFault | ServiceError:
    """X-Road's fault by its code, else the service's own, with the whole document as its body."""
    if split_code(fault.code) is not None:
        return xroad_fault(fault.code, fault.message, detail=fault.detail, query_id=query_id)
    return service_error(
        fault.message or fault.code,
        code=fault.code,
        body=fault.xml or b"",
        content_type="text/xml",
        query_id=query_id,
    )


def body_of(message: SoapMessage) -> bytes:
    """The one element of the Body as a document of its own, UTF-8, namespaces declared."""
    from lxml import etree

    body = parse_xml(message.data).find(f"{{{SOAP_ENVELOPE}}}Body")
    for child in () if body is None else body:
        if isinstance(child.tag, str):
            return etree.tostring(child, encoding="UTF-8", with_tail=False)
    raise PeerError("the SOAP Body is empty", code="invalid_body")
