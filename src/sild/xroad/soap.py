"""SOAP messages: what X-Road reads in them (WIRE 3; PR-MESS 2, 3; representation and securityServer extensions).

The bytes stay as they came: they are what is hashed, signed and logged. Only header fields and the name of the body's one
element are read. The order in which faults are found is the reference's, which reads in document order: what is wrong
with an element is found at the element, what is missing at the end.
"""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import dataclass, replace
from hashlib import sha512

from sild.errors import PeerError
from sild.xroad.envelope import (
    SOAP_ENVELOPE,
    XML_DECLARATION,
    Element,
    EnvelopeEvents,
    Name,
    read_envelope,
    utf8_document,
)
from sild.xroad.faults import Fault, fault_of_element
from sild.xroad.identifiers import ClientId, SecurityServerId, ServiceId
from sild.xroad.rest import RepresentedParty

__all__ = [
    "RequestHash",
    "SoapMessage",
    "answer_with_request_hash",
    "body_parameters",
    "ensure_consistent",
    "ensure_request_hash",
    "ensure_same_fields",
    "parse_soap",
    "soap_request_hash",
]

XROAD = "http://x-road.eu/xsd/xroad.xsd"
IDENTIFIERS = "http://x-road.eu/xsd/identifiers"
REPRESENTATION = "http://x-road.eu/xsd/representation.xsd"
SHA512 = "http://www.w3.org/2001/04/xmlenc#sha512"
_ENCODING = "http://schemas.xmlsoap.org/soap/encoding/"
_START_TAG = re.compile(rb"<([^\s/>:]+:)?[^\s/>]+((?:[^>\"'/]|\"[^\"]*\"|'[^']*')*)/?>")
_ALGORITHM_ID = re.compile(rb"\s+algorithmId\s*=\s*(?:\"[^\"]*\"|'[^']*')")
_INDENTATION = re.compile(rb">(\s+)<")


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
    reading = _Reading()
    read_envelope(utf8_document(data), reading)
    return reading.result(data)


def answer_with_request_hash(
    data: bytes, request_digest: bytes, charset: str | None = None
) -> SoapMessage | Fault:
    """A service's answer as it is signed: requestHash behind the id, UTF-8, a declaration in front (WIRE 3).

    request_digest: `soap_request_hash` of the request.  charset: the answer's content type's, for a document that does not
    name its encoding. A requestHash the service wrote is dropped; every other byte of the document stays.
    Raises what `parse_soap` raises.
    """
    document = utf8_document(data, charset).lstrip()
    reading = _Reading()
    read_envelope(document, reading)
    result = reading.result(data)
    if isinstance(result, Fault):
        return result
    value = b64encode(request_digest)
    rewritten = XML_DECLARATION + _spliced(document, reading.header_fields, value)
    return replace(result, data=rewritten, request_hash=RequestHash(SHA512, value.decode()))


def _spliced(document: bytes, header: _Header, value: bytes) -> bytes:
    """The document with requestHash where it belongs: id's prefix and attributes, indented as the header's first field."""
    start, end = header.places["id"]
    tag = _START_TAG.match(document, start)
    if tag is None:  # expat has read it: cannot be
        raise PeerError("the id has no start tag", code="invalid_soap")
    prefix, attributes = tag.group(1) or b"", _ALGORITHM_ID.sub(b"", tag.group(2).rstrip())
    name = prefix + b"requestHash"
    indentation = _INDENTATION.search(document, header.begins, start + 1)
    spaces = indentation.group(1) if indentation else b""
    inserted = b'%s<%s%s algorithmId="%s">%s</%s>' % (spaces, name, attributes, SHA512.encode(), value, name)
    kept = document[:end] + inserted + document[end:]
    if "requestHash" not in header.places:
        return kept
    old_start, old_end = header.places["requestHash"]
    while document[old_start - 1 : old_start].isspace():
        old_start -= 1
    shift = len(inserted) if old_start >= end else 0
    return kept[: old_start + shift] + kept[old_end + shift :]


def body_parameters(message: SoapMessage, namespace: str) -> dict[str, str]:
    """Local name and text of the children of the Body's element that are in `namespace`; the first of a name counts."""
    found = _Parameters()
    read_envelope(utf8_document(message.data), found)
    parameters: dict[str, str] = {}
    for child in found.element.children if found.element is not None else ():
        where, name = child.name
        if where == namespace:
            parameters.setdefault(name, child.text.strip())
    return parameters


class _Parameters(EnvelopeEvents):
    def __init__(self) -> None:
        self.element: Element | None = None

    def body_child(self, name: Name) -> bool:
        return self.element is None

    def body_element(self, element: Element) -> None:
        self.element = element


def soap_request_hash(data: bytes) -> bytes:
    """The value of requestHash in the answer, raw: SHA-512 of the request's SOAP bytes, attachments not included."""
    return sha512(data).digest()


def ensure_consistent(request: SoapMessage, response: SoapMessage) -> None:
    """The answer is the answer to this request. Raises PeerError `inconsistent_response` (WIRE 3)."""
    ensure_same_fields(request, response)
    ensure_request_hash(request, response)


def ensure_same_fields(request: SoapMessage, response: SoapMessage) -> None:
    """Raises PeerError `inconsistent_response`: the service answered with other header fields."""
    for field in ("client", "service", "query_id", "user_id", "issue", "represented_party"):
        if getattr(request, field) != getattr(response, field):
            raise PeerError(
                f"Field '{field}' does not match in request and response", code="inconsistent_response"
            )


def ensure_request_hash(request: SoapMessage, response: SoapMessage) -> None:
    """Raises PeerError `inconsistent_response`: the provider's server answered another request, or none."""
    stated = response.request_hash
    if stated is None or "".join(stated.value.split()) != b64encode(soap_request_hash(request.data)).decode():
        raise PeerError("Request message hash does not match request message", code="inconsistent_response")


def _invalid_body() -> PeerError:
    return PeerError("Malformed SOAP message: body must have exactly one child element", code="invalid_body")


class _Reading(EnvelopeEvents):
    """Collects what `SoapMessage` has."""

    def __init__(self) -> None:
        self.header_fields = _Header()
        self._bodies = 0
        self._service_name: str | None = None
        self._fault: Element | None = None
        self._rpc = False

    def envelope(self, attributes: dict[Name, str]) -> None:
        self._rpc = attributes.get((SOAP_ENVELOPE, "encodingStyle")) == _ENCODING

    def header(self, start: int) -> None:
        self.header_fields.begin(start)

    def wants_field(self, name: Name) -> bool:
        return self.header_fields.wants(name)

    def field(self, element: Element) -> None:
        self.header_fields.take(element)

    def body(self) -> None:
        self._bodies += 1

    def body_child(self, name: Name) -> bool:
        if self._service_name is not None:
            raise _invalid_body()
        self._service_name = name[1]
        return False

    def fault(self, element: Element) -> None:
        self._fault = self._fault or element

    def result(self, data: bytes) -> SoapMessage | Fault:
        if self._fault is not None:
            return fault_of_element(self._fault, data)
        fields = self.header_fields.finish()
        if not self._bodies:
            raise PeerError("Malformed SOAP message: body missing", code="missing_body")
        service_name = self._service_name
        if self._bodies > 1 or service_name is None:
            raise _invalid_body()
        if not service_name.startswith(fields.service.service_code):
            raise PeerError(
                "Malformed SOAP message: service code does not match in header and body",
                code="inconsistent_headers",
            )
        return fields.message(data, service_name, self._rpc)


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
        self.begins = 0
        self.seen: set[Name] = set()
        self.texts: dict[str, str] = {}
        self.places: dict[str, tuple[int, int]] = {}
        """Where `id` and `requestHash` stand in the document."""
        self.client: ClientId | None = None
        self.service: ServiceId | None = None
        self.security_server: SecurityServerId | None = None
        self.represented_party: RepresentedParty | None = None
        self.request_hash: RequestHash | None = None

    def begin(self, start: int) -> None:
        if not self.present:
            self.begins = start
        self.present = True

    def wants(self, name: Name) -> bool:
        if name not in _FIELDS:
            return False
        if name in self.seen:
            raise PeerError(
                f"SOAP header contains duplicate field '{name[1]}'", code="duplicate_header_field"
            )
        self.seen.add(name)
        return True

    def take(self, element: Element) -> None:
        name = element.name[1]
        if name in ("id", "requestHash"):
            self.places[name] = (element.start, element.end)
        self._field(name, element)

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
            self.request_hash = RequestHash(element.attributes.get(("", "algorithmId")), element.text)
        else:
            value = element.text
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
    object_type = element.attributes.get((IDENTIFIERS, "objectType"))
    if object_type not in types:
        raise PeerError(f"missing or unexpected objectType: {object_type!r}", code="invalid_xml")
    return _children(element, IDENTIFIERS, names)


def _children(element: Element, namespace: str, names: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for child in element.children:
        where, name = child.name
        if where != namespace or name not in names:
            continue
        if name in found:
            raise PeerError(f"SOAP header contains duplicate field '{name}'", code="duplicate_header_field")
        found[name] = child.text
    return found


def _required(parts: dict[str, str], name: str) -> str:
    value = parts.get(name)
    if not value:
        raise PeerError(f"an identifier has no {name}", code="invalid_xml")
    return value


def _client(parts: dict[str, str]) -> ClientId:
    instance, member_class, member_code = (_required(parts, name) for name in _CLIENT_PARTS[:3])
    return ClientId(instance, member_class, member_code, parts.get("subsystemCode"))
