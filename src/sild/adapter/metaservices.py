"""What an instance offers: answers of listClients, listMethods, allowedMethods, getOpenAPI and getWsdl read (PR-META, PR-MREST; WIRE 14). Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sild.adapter.xml import parse_xml
from sild.errors import PeerError
from sild.xroad import ClientId, ServiceId
from sild.xroad.soap import IDENTIFIERS, XROAD

if TYPE_CHECKING:
    from lxml.etree import _Element

__all__ = [
    "Endpoint",
    "ListedClient",
    "ListedService",
    "OpenAPIDescription",
    "get_wsdl_body",
    "list_clients_target",
    "read_client_list",
    "read_rest_services",
    "read_soap_services",
]


@dataclass(frozen=True, slots=True)
class ListedClient:
    """A member or subsystem. name: the member's; subsystem_name: None where the server does not say."""

    id: ClientId
    name: str
    subsystem_name: str | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """method: `*` for any.  path: may hold `*` for a segment and `**` for the rest."""

    method: str
    path: str


@dataclass(frozen=True, slots=True)
class ListedService:
    """service_type: `REST` or `OPENAPI`; None for SOAP."""

    id: ServiceId
    service_type: str | None = None
    endpoints: tuple[Endpoint, ...] = ()


@dataclass(frozen=True, slots=True)
class OpenAPIDescription:
    """A description as the provider's security server gave it, its server addresses replaced."""

    content_type: str
    data: bytes

    def parse(self) -> dict[str, Any]:  # a document of any shape
        """JSON, or YAML. Raises PeerError (`invalid_body`)."""
        try:
            read = json.loads(self.data)
        except (ValueError, RecursionError):
            read = self._yaml()
        if not isinstance(read, dict):
            raise PeerError("the description is not an OpenAPI document", code="invalid_body")
        return read

    def _yaml(self) -> object:
        import yaml

        try:
            return yaml.safe_load(self.data)
        except (yaml.YAMLError, ValueError, *_TAGGED, RecursionError):
            raise PeerError("the description is neither JSON nor YAML", code="invalid_body") from None


# What PyYAML raises for a value that is not what its tag says: `!!int ""`, `!!timestamp x`, `!!bool x`.
_TAGGED = (AttributeError, IndexError, KeyError, TypeError, OverflowError)


def list_clients_target(instance_identifier: str | None) -> bytes:
    from urllib.parse import quote

    query = f"?xRoadInstance={quote(instance_identifier, safe='')}" if instance_identifier else ""
    return f"/listClients{query}".encode("ascii")


def read_client_list(data: bytes) -> tuple[ListedClient, ...]:
    """The answer of listClients in JSON, or in XML from servers that know no other. Raises PeerError (`invalid_body`)."""
    if data.lstrip()[:1] == b"<":
        return tuple(_clients_of_xml(parse_xml(data)))
    return tuple(
        ListedClient(_client(_object(entry, "id")), _text(entry, "name"), _optional(entry, "subsystem_name"))
        for entry in _entries(data, "member")
    )


def read_rest_services(data: bytes) -> tuple[ListedService, ...]:
    """The JSON of listMethods and allowedMethods. Raises PeerError (`invalid_body`)."""
    return tuple(
        ListedService(
            ServiceId(_client(entry), _required(entry, "service_code"), _optional(entry, "service_version")),
            _optional(entry, "service_type"),
            tuple(
                Endpoint(_required(endpoint, "method"), _required(endpoint, "path"))
                for endpoint in _objects(entry.get("endpoint_list") or [], "endpoint_list")
            ),
        )
        for entry in _entries(data, "service")
    )


Fields = dict[str, Any]  # JSON, checked field by field below


def _invalid(what: str) -> PeerError:
    return PeerError(f"unreadable answer of a metaservice: {what}", code="invalid_body")


def _entries(data: bytes, key: str) -> list[Fields]:
    try:
        read = json.loads(data)
    except (ValueError, RecursionError):
        raise _invalid("not JSON") from None
    return _objects(read.get(key, []) if isinstance(read, dict) else None, key)


def _objects(listed: object, name: str) -> list[Fields]:
    if not isinstance(listed, list) or not all(isinstance(entry, dict) for entry in listed):
        raise _invalid(f"no list {name!r}")
    return listed


def _object(entry: Fields, name: str) -> Fields:
    found = entry.get(name)
    if not isinstance(found, dict):
        raise _invalid(f"no {name}")
    return found


def _optional(entry: object, name: str) -> str | None:
    found = entry.get(name) if isinstance(entry, dict) else None
    return found if isinstance(found, str) and found else None


def _required(entry: object, name: str) -> str:
    found = _optional(entry, name)
    if found is None:
        raise _invalid(f"no {name}")
    return found


def _text(entry: Fields, name: str) -> str:
    return _optional(entry, name) or ""


def _client(entry: Fields) -> ClientId:
    return ClientId(
        _required(entry, "xroad_instance"),
        _required(entry, "member_class"),
        _required(entry, "member_code"),
        _optional(entry, "subsystem_code"),
    )


# --- XML ------------------------------------------------------------------------------------------------------------


def _clients_of_xml(root: _Element) -> Iterator[ListedClient]:
    for member in root.findall(f"{{{XROAD}}}member"):
        identifier = member.find(f"{{{XROAD}}}id")
        if identifier is None:
            raise _invalid("a member without id")
        yield ListedClient(
            _client_of_xml(identifier),
            member.findtext(f"{{{XROAD}}}name") or "",
            member.findtext(f"{{{XROAD}}}subsystemName"),
        )


def _client_of_xml(element: _Element) -> ClientId:
    instance, member_class, member_code = (
        _child(element, name) for name in ("xRoadInstance", "memberClass", "memberCode")
    )
    return ClientId(instance, member_class, member_code, element.findtext(f"{{{IDENTIFIERS}}}subsystemCode"))


def _child(element: _Element, name: str) -> str:
    text = element.findtext(f"{{{IDENTIFIERS}}}{name}")
    if not text:
        raise _invalid(f"no {name}")
    return text


def read_soap_services(body: bytes) -> tuple[ListedService, ...]:
    """The body of listMethods' and allowedMethods' SOAP answers. Raises PeerError (`invalid_body`, `invalid_xml`)."""
    return tuple(
        ListedService(
            ServiceId(
                _client_of_xml(service),
                _child(service, "serviceCode"),
                service.findtext(f"{{{IDENTIFIERS}}}serviceVersion"),
            )
        )
        for service in parse_xml(body).findall(f"{{{XROAD}}}service")
    )


def get_wsdl_body(service: ServiceId) -> str:
    from xml.sax.saxutils import escape

    version = service.service_version
    versioned = "" if version is None else f"<xroad:serviceVersion>{escape(version)}</xroad:serviceVersion>"
    return (
        f'<xroad:getWsdl xmlns:xroad="{XROAD}"><xroad:serviceCode>{escape(service.service_code)}</xroad:serviceCode>'
        f"{versioned}</xroad:getWsdl>"
    )
