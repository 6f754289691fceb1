"""A management request read from its SOAP message (request.xsd).

Elements of another name are passed over, as JAXB does: a later version may have more. One that stands twice is refused.
Read with expat, as every message of a stranger (docs/adr/0007); what `envelope` keeps is one level less than is needed here.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass, field
from xml.parsers import expat

from sild.errors import PeerError
from sild.xroad.envelope import SOAP_ENVELOPE, Name, utf8_document
from sild.xroad.faults import Fault
from sild.xroad.identifiers import ClientId, SecurityServerId
from sild.xroad.management.requests import (
    MAX_REQUEST_BYTES,
    SERVICE_CODES,
    AddressChange,
    AuthCertDeletion,
    AuthCertRegistration,
    ClientDeletion,
    ClientDisabling,
    ClientEnabling,
    ClientRegistration,
    ClientRenaming,
    MaintenanceModeDisabling,
    MaintenanceModeEnabling,
    ManagementRequest,
    OwnerChange,
)
from sild.xroad.soap import IDENTIFIERS, XROAD, SoapMessage, parse_soap

__all__ = ["parse_management_request", "parse_management_response"]

_BODY = (SOAP_ENVELOPE, "Body")
_BODY_DEPTH = 2
_DEEPEST = 5
"""Envelope, Body, the request, `server`, `memberCode`: nothing below has a meaning."""

_MEMBER = ("xRoadInstance", "memberClass", "memberCode")


def parse_management_request(soap: bytes) -> tuple[SoapMessage, ManagementRequest]:
    """Read a request. soap: the bytes that are signed.

    Raises PeerError: `invalid_request` (too long, an unknown service code, a field missing, twice or unreadable), `invalid_soap`
    (the Body holds something else), and what `parse_soap` raises.
    """
    message = _message(soap)
    code = message.service.service_code
    kind = SERVICE_CODES.get(code)
    if kind is None:
        raise _invalid(f"Unknown service code '{code[:20]}'")
    return message, _request(kind, _body_of(message, code))


def parse_management_response(soap: bytes) -> tuple[SoapMessage, int]:
    """Read an answer: the message, and the request's number in the central server's database (0: a dry run).

    Raises PeerError: `invalid_request` (no number), `invalid_soap`, and what `parse_soap` raises; for a SOAP Fault see
    `sild.xroad.faults.parse_soap_fault`.
    """
    message = _message(soap)
    number = _body_of(message, f"{message.service.service_code}Response").text_of("requestId")
    digits = (number or "").strip()
    if not (digits.isascii() and digits.isdigit() and len(digits) < 19):
        raise _invalid("the answer has no request number")
    return message, int(digits)


def _message(soap: bytes) -> SoapMessage:
    if len(soap) > MAX_REQUEST_BYTES:
        raise _invalid(f"a management request has at most {MAX_REQUEST_BYTES} bytes")
    message = parse_soap(soap)
    if isinstance(message, Fault):
        raise _invalid("a SOAP Fault stands in place of the message")
    return message


def _body_of(message: SoapMessage, name: str) -> _Element:
    found = _read_body(message.data)
    if found is None or found.name != (XROAD, name):
        raise PeerError(f"Unexpected content: {message.service_name[:50]}", code="invalid_soap")
    return found


def _request(kind: type[ManagementRequest], body: _Element) -> ManagementRequest:
    server = _server(body)
    if kind is AuthCertRegistration:
        return AuthCertRegistration(
            server, body.text_of("address") or "", _certificate(body), _boolean(body, "dryRun")
        )
    if kind is AuthCertDeletion:
        return AuthCertDeletion(server, _certificate(body))
    if kind is AddressChange:
        return AddressChange(server, _required(body, "address"))
    if kind is MaintenanceModeEnabling:
        return MaintenanceModeEnabling(server, body.text_of("message"))
    if kind is MaintenanceModeDisabling:
        return MaintenanceModeDisabling(server)
    return _client_request(kind, server, body)


def _client_request(
    kind: type[ManagementRequest], server: SecurityServerId, body: _Element
) -> ManagementRequest:
    client = _client(body)
    if kind is ClientRegistration:
        return ClientRegistration(server, client, body.text_of("subsystemName"))
    if kind is ClientRenaming:
        return ClientRenaming(server, client, _required(body, "subsystemName"))
    make = _OF_CLIENT[kind]
    return make(server, client)


_OF_CLIENT: dict[type[ManagementRequest], Callable[[SecurityServerId, ClientId], ManagementRequest]] = {
    ClientDeletion: ClientDeletion,
    ClientDisabling: ClientDisabling,
    ClientEnabling: ClientEnabling,
    OwnerChange: OwnerChange,
}


def _server(body: _Element) -> SecurityServerId:
    element = body.child(XROAD, "server")
    if element is None:
        raise _invalid("the request names no security server")
    _ensure_type(element, "SERVER")
    return SecurityServerId(ClientId(*_parts(element, _MEMBER)), *_parts(element, ("serverCode",)))


def _client(body: _Element) -> ClientId:
    element = body.child(XROAD, "client")
    if element is None:
        raise _invalid("the request names no client")
    object_type = _ensure_type(element, "MEMBER", "SUBSYSTEM")
    member = ClientId(*_parts(element, _MEMBER))
    subsystem = element.child(IDENTIFIERS, "subsystemCode")
    if (subsystem is not None) != (object_type == "SUBSYSTEM"):
        raise PeerError("objectType and subsystemCode of the client disagree", code="invalid_xml")
    return member if subsystem is None else member.with_subsystem(*_parts(element, ("subsystemCode",)))


def _ensure_type(element: _Element, *types: str) -> str:
    found = element.attributes.get((IDENTIFIERS, "objectType"))
    if found not in types:
        raise PeerError(f"missing or unexpected objectType: {(found or '')[:20]!r}", code="invalid_xml")
    return found


def _parts(element: _Element, names: tuple[str, ...]) -> tuple[str, ...]:
    found = []
    for name in names:
        part = element.child(IDENTIFIERS, name)
        if part is None or not part.text:
            raise PeerError(f"an identifier has no {name}", code="invalid_xml")
        found.append(part.text)
    return tuple(found)


def _required(body: _Element, name: str) -> str:
    value = body.text_of(name)
    if value is None:
        raise _invalid(f"the request has no {name}")
    return value


def _certificate(body: _Element) -> bytes:
    try:
        return b64decode("".join(_required(body, "authCert").split()), validate=True)
    except (binascii.Error, ValueError):
        raise _invalid("authCert is not base64") from None


def _boolean(body: _Element, name: str) -> bool:
    """xs:boolean; false when absent."""
    value = (body.text_of(name) or "false").strip()
    if value not in ("true", "false", "1", "0"):
        raise _invalid(f"{name} is neither true nor false")
    return value in ("true", "1")


def _invalid(why: str) -> PeerError:
    return PeerError(why, code="invalid_request")


# --- the Body as a tree ---------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Element:
    name: Name
    attributes: dict[Name, str]
    texts: list[str] = field(default_factory=list)
    children: list[_Element] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.texts)

    def child(self, namespace: str, name: str) -> _Element | None:
        """Raises PeerError (`invalid_request`) when it stands twice."""
        found = [child for child in self.children if child.name == (namespace, name)]
        if len(found) > 1:
            raise _invalid(f"{name} stands twice")
        return found[0] if found else None

    def text_of(self, name: str) -> str | None:
        element = self.child(XROAD, name)
        return None if element is None else element.text


def _read_body(data: bytes) -> _Element | None:
    """The element in the Body. `data` has been read by `parse_soap`: one Body, one element, no DTD."""
    reader = _BodyReader()
    parser = expat.ParserCreate("utf-8", "\n")
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.characters
    try:
        parser.Parse(utf8_document(data), True)
    except expat.ExpatError as error:
        raise PeerError(f"not well-formed XML: {error}", code="invalid_soap") from None
    finally:
        parser.StartElementHandler = parser.EndElementHandler = parser.CharacterDataHandler = None
    return reader.found


class _BodyReader:
    def __init__(self) -> None:
        self.found: _Element | None = None
        self._depth = 0
        self._in_body = False
        self._open: list[_Element] = []

    def start(self, expanded: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        name = _name(expanded)
        if self._depth == _BODY_DEPTH:
            self._in_body = name == _BODY
            return
        if not self._in_body or self._depth > _DEEPEST:
            return
        element = _Element(name, {_name(key): value for key, value in attributes.items()})
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.found = element
        self._open.append(element)

    def characters(self, text: str) -> None:
        if self._open and self._depth <= _DEEPEST:
            self._open[-1].texts.append(text)

    def end(self, _expanded: str) -> None:
        if self._open and self._depth <= _DEEPEST:
            self._open.pop()
        self._depth -= 1


def _name(expanded: str) -> Name:
    namespace, _, local = expanded.rpartition("\n")
    return namespace, local
