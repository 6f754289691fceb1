"""SOAP messages: what X-Road reads in them (WIRE 3; PR-MESS 2, 3; representation and securityServer extensions).

The bytes stay as they came: they are what is hashed, signed and logged. Only header fields and the name of the body's one
element are read. The order in which faults are found is the reference's, which reads in document order: what is wrong
with an element is found at the element, what is missing at the end.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha512

from sild.errors import PeerError
from sild.xroad._xml import Element, local_name, parse_xml
from sild.xroad.faults import SOAP_ENVELOPE, Fault, fault_of_element
from sild.xroad.identifiers import ClientId, SecurityServerId, ServiceId
from sild.xroad.rest import RepresentedParty

__all__ = ["RequestHash", "SoapMessage", "ensure_consistent", "parse_soap", "soap_request_hash"]

XROAD = "http://x-road.eu/xsd/xroad.xsd"
IDENTIFIERS = "http://x-road.eu/xsd/identifiers"
REPRESENTATION = "http://x-road.eu/xsd/representation.xsd"
_ENCODING = "http://schemas.xmlsoap.org/soap/encoding/"


@dataclass(frozen=True, slots=True)
class RequestHash:
    """algorithm_id: digest URI.  value: base64 of the digest of the request's SOAP bytes. Both as written, unchecked."""

    algorithm_id: str | None
    value: str


@dataclass(frozen=True, slots=True)
class SoapMessage:
    """A SOAP request or response. data: the bytes as received, a byte order mark included."""

    data: bytes
    client: ClientId
    service: ServiceId
    query_id: str
    protocol_version: str
    service_name: str
    """Local name of the element in the body: the service code and whatever follows it."""
    user_id: str | None = None
    issue: str | None = None
    security_server: SecurityServerId | None = None
    represented_party: RepresentedParty | None = None
    request_hash: RequestHash | None = None
    is_rpc_encoded: bool = False

    @property
    def is_response(self) -> bool:
        return self.service_name.endswith("Response")

    @property
    def signer(self) -> ClientId:
        """Whose signature the message needs: the client's under a request, the provider's under a response."""
        return self.service.client_id if self.is_response else self.client


def parse_soap(data: bytes) -> SoapMessage | Fault:
    """Read a SOAP message, or the fault that stands in its place.

    Raises PeerError: `invalid_soap` (not XML, a DTD, no envelope), `missing_header`, `missing_header_field`,
    `duplicate_header_field`, `invalid_xml` (identifiers), `invalid_protocol_version`, `missing_body`, `invalid_body`,
    `inconsistent_headers`.
    """
    if not data.strip():
        raise PeerError("an empty SOAP message", code="invalid_soap")
    envelope = parse_xml(data, code="invalid_soap")
    if local_name(envelope) != (SOAP_ENVELOPE, "Envelope"):
        raise PeerError("Malformed SOAP message: envelope missing", code="invalid_soap")
    header = _Header()
    service_name: str | None = None
    bodies = 0
    for child in envelope:
        name = local_name(child)
        if name == (SOAP_ENVELOPE, "Header"):
            header.read(child)
        elif name == (SOAP_ENVELOPE, "Body"):
            bodies += 1
            fault = child.find(f"{{{SOAP_ENVELOPE}}}Fault")
            if fault is not None:
                return fault_of_element(fault, data)
            service_name = _service_name(child, service_name)
    fields = header.finish()
    if not bodies:
        raise PeerError("Malformed SOAP message: body missing", code="missing_body")
    if bodies > 1 or service_name is None:
        raise _invalid_body()
    if not service_name.startswith(fields.service.service_code):
        raise PeerError(
            "Malformed SOAP message: service code does not match in header and body",
            code="inconsistent_headers",
        )
    rpc = envelope.get(f"{{{SOAP_ENVELOPE}}}encodingStyle") == _ENCODING
    return fields.message(data, service_name, rpc)


def soap_request_hash(data: bytes) -> bytes:
    """The value of requestHash in the answer, raw: SHA-512 of the request's SOAP bytes, attachments not included."""
    return sha512(data).digest()


def ensure_consistent(request: SoapMessage, response: SoapMessage) -> None:
    """The answer is the answer to this request. Raises PeerError `inconsistent_response` (WIRE 3)."""
    for field in ("client", "service", "query_id", "user_id", "issue", "represented_party"):
        if getattr(request, field) != getattr(response, field):
            raise PeerError(
                f"Field '{field}' does not match in request and response", code="inconsistent_response"
            )
    stated = response.request_hash
    if stated is None or "".join(stated.value.split()) != b64encode(soap_request_hash(request.data)).decode():
        raise PeerError("Request message hash does not match request message", code="inconsistent_response")


def _invalid_body() -> PeerError:
    return PeerError("Malformed SOAP message: body must have exactly one child element", code="invalid_body")


def _service_name(body: Element, found: str | None) -> str | None:
    for child in _elements(body):
        if found is not None:
            raise _invalid_body()
        found = local_name(child)[1]
    return found


def _elements(parent: Element) -> Iterator[Element]:
    return (child for child in parent if isinstance(child.tag, str))


def _value(element: Element) -> str:
    """The element's own text: entities and CDATA resolved, comments and children left out."""
    return (element.text or "") + "".join(child.tail or "" for child in element)


@dataclass(frozen=True, slots=True)
class _Fields:
    """Header fields after the required ones have been found."""

    client: ClientId
    service: ServiceId
    query_id: str
    protocol_version: str
    optional: _Header

    def message(self, data: bytes, service_name: str, rpc: bool) -> SoapMessage:
        header = self.optional
        return SoapMessage(
            data=data,
            client=self.client,
            service=self.service,
            query_id=self.query_id,
            protocol_version=self.protocol_version,
            service_name=service_name,
            user_id=header.texts.get("userId"),
            issue=header.texts.get("issue"),
            security_server=header.security_server,
            represented_party=header.represented_party,
            request_hash=header.request_hash,
            is_rpc_encoded=rpc,
        )


class _Header:
    """Collects the fields of the Header (a message may have it in several pieces, as the reference reads it)."""

    def __init__(self) -> None:
        self.present = False
        self.seen: set[tuple[str, str]] = set()
        self.texts: dict[str, str] = {}
        self.client: ClientId | None = None
        self.service: ServiceId | None = None
        self.security_server: SecurityServerId | None = None
        self.represented_party: RepresentedParty | None = None
        self.request_hash: RequestHash | None = None

    def read(self, header: Element) -> None:
        self.present = True
        for element in _elements(header):
            name = local_name(element)
            if name not in _FIELDS:
                continue
            if name in self.seen:
                raise PeerError(
                    f"SOAP header contains duplicate field '{name[1]}'", code="duplicate_header_field"
                )
            self.seen.add(name)
            self._field(name[1], element)

    def _field(self, name: str, element: Element) -> None:
        if name == "client":
            self.client = _client(_identifier(element, ("MEMBER", "SUBSYSTEM"), _CLIENT_PARTS))
        elif name == "service":
            parts = _identifier(element, ("SERVICE",), _SERVICE_PARTS)
            service_code = _required(parts, "serviceCode")
            self.service = ServiceId(_client(parts), service_code, parts.get("serviceVersion"))
        elif name == "securityServer":
            parts = _identifier(element, ("SERVER",), _SERVER_PARTS)
            self.security_server = SecurityServerId(_client(parts), _required(parts, "serverCode"))
        elif name == "representedParty":
            parts = _children(element, REPRESENTATION, ("partyClass", "partyCode"))
            self.represented_party = RepresentedParty(parts.get("partyClass"), _required(parts, "partyCode"))
        elif name == "requestHash":
            self.request_hash = RequestHash(element.get("algorithmId"), _value(element))
        else:
            value = _value(element)
            if name == "protocolVersion" and not value.startswith("4."):
                raise PeerError(
                    f"Invalid protocol version (supported: 4.x, provided: {value[:20]})",
                    code="invalid_protocol_version",
                )
            self.texts[name] = value

    def finish(self) -> _Fields:
        if not self.present:
            raise PeerError("Malformed SOAP message: header missing", code="missing_header")
        protocol_version = self.texts.get("protocolVersion")
        if protocol_version is None:
            raise _missing("protocolVersion")
        if self.client is None:
            raise _missing("client")
        query_id = self.texts.get("id")
        if query_id is None:
            raise _missing("id")
        if self.service is None:
            raise PeerError("Message header must contain service id", code="missing_header_field")
        return _Fields(self.client, self.service, query_id, protocol_version, self)


_FIELDS = frozenset(
    (XROAD, name)
    for name in (
        "client",
        "service",
        "id",
        "userId",
        "issue",
        "protocolVersion",
        "securityServer",
        "requestHash",
    )
) | {(REPRESENTATION, "representedParty")}
_CLIENT_PARTS = ("xRoadInstance", "memberClass", "memberCode", "subsystemCode")
_SERVICE_PARTS = (*_CLIENT_PARTS, "serviceCode", "serviceVersion")
_SERVER_PARTS = ("xRoadInstance", "memberClass", "memberCode", "serverCode")


def _missing(name: str) -> PeerError:
    return PeerError(f"Required field '{name}' is missing", code="missing_header_field")


def _identifier(element: Element, types: tuple[str, ...], names: tuple[str, ...]) -> dict[str, str]:
    object_type = element.get(f"{{{IDENTIFIERS}}}objectType")
    if object_type not in types:
        raise PeerError(f"missing or unexpected objectType: {object_type!r}", code="invalid_xml")
    return _children(element, IDENTIFIERS, names)


def _children(element: Element, namespace: str, names: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for child in _elements(element):
        where, name = local_name(child)
        if where != namespace or name not in names:
            continue
        if name in found:
            raise PeerError(f"SOAP header contains duplicate field '{name}'", code="duplicate_header_field")
        found[name] = _value(child)
    return found


def _required(parts: dict[str, str], name: str) -> str:
    value = parts.get(name)
    if not value:
        raise PeerError(f"an identifier has no {name}", code="invalid_xml")
    return value


def _client(parts: dict[str, str]) -> ClientId:
    instance, member_class, member_code = (_required(parts, name) for name in _CLIENT_PARTS[:3])
    return ClientId(instance, member_class, member_code, parts.get("subsystemCode"))
