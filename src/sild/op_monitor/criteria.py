"""What a request for monitoring data asks for: the element in the SOAP body (op-monitoring.xsd; PR-OPMON 2, 3). Pure.

The element and its children are read by name and namespace, whatever is between them is passed over, as the reference does;
a value that is not of its type, or is missing, is refused, where the reference reads a 0.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

from sild.errors import CallerError, PlatformError
from sild.op_monitor.records import FIELDS
from sild.xroad.envelope import utf8_document
from sild.xroad.identifiers import ClientId
from sild.xroad.soap import IDENTIFIERS, SoapMessage

__all__ = [
    "OP_MONITORING",
    "SearchCriteria",
    "ensure_available",
    "parse_health_filter",
    "parse_search_criteria",
]

OP_MONITORING = "http://x-road.eu/xsd/op-monitoring.xsd"
MOST_ELEMENTS = 10_000
MOST_DEPTH = 32
_LONG = re.compile(r"[ \t\r\n]*([+-]?[0-9]{1,19})[ \t\r\n]*", re.ASCII)


@dataclass(slots=True)
class _Node:
    name: tuple[str, str]
    texts: list[str] = field(default_factory=list)
    children: list[_Node] = field(default_factory=list)

    def all(self, name: str, namespace: str = OP_MONITORING) -> Iterator[_Node]:
        return (child for child in self.children if child.name == (namespace, name))

    def first(self, name: str, namespace: str = OP_MONITORING) -> _Node | None:
        return next(self.all(name, namespace), None)

    @property
    def text(self) -> str:
        return "".join(self.texts)


@dataclass(frozen=True, slots=True)
class SearchCriteria:
    """records_from, records_to: seconds, both ends included.  service_provider: of the records wanted.

    output_fields: names on the wire; empty: all.
    """

    records_from: int
    records_to: int
    service_provider: ClientId | None = None
    output_fields: frozenset[str] = frozenset()


def parse_search_criteria(message: SoapMessage) -> SearchCriteria:
    """Of getSecurityServerOperationalData. Raises CallerError (`invalid_request`)."""
    asked = _body_child(message, "getSecurityServerOperationalData")
    criteria = asked.first("searchCriteria")
    if criteria is None:
        raise _invalid("The element searchCriteria is missing")
    spec = asked.first("outputSpec")
    fields = frozenset(node.text for node in spec.all("outputField")) if spec is not None else frozenset()
    return SearchCriteria(
        _long(criteria, "recordsFrom"), _long(criteria, "recordsTo"), _client(criteria), fields
    )


def ensure_available(criteria: SearchCriteria, available_before: int) -> None:
    """The checks of the reference, in its order and words. available_before: seconds; younger records are held back.

    Raises CallerError (`invalid_request`).
    """
    if criteria.records_from < 0:
        raise _invalid("Records from timestamp is a negative number")
    if criteria.records_to < 0:
        raise _invalid("Records to timestamp is a negative number")
    if criteria.records_to < criteria.records_from:
        raise _invalid("Records to timestamp is earlier than records from timestamp")
    if criteria.records_from >= available_before:
        raise _invalid(f"Records not available from {criteria.records_from} yet")
    for name in sorted(criteria.output_fields):
        if name not in FIELDS:
            raise _invalid(f"Unknown output field in search criteria: {name}")


def parse_health_filter(message: SoapMessage) -> ClientId | None:
    """Of getSecurityServerHealthData: the provider whose services alone are wanted. Raises CallerError (`invalid_request`)."""
    criteria = _body_child(message, "getSecurityServerHealthData").first("filterCriteria")
    return None if criteria is None else _client(criteria)


def _long(parent: _Node, name: str) -> int:
    node = parent.first(name)
    if node is None:
        raise _invalid(f"The element {name} is missing")
    found = _LONG.fullmatch(node.text)
    if found is None or node.children or not -(2**63) <= (value := int(found[1])) < 2**63:
        raise _invalid(f"The value of {name} is not a number of seconds")
    return value


def _client(parent: _Node) -> ClientId | None:
    node = parent.first("client")
    if node is None:
        return None
    parts = []
    for name in ("xRoadInstance", "memberClass", "memberCode"):
        part = node.first(name, IDENTIFIERS)
        if part is None or not part.text:
            raise _invalid(f"The element {name} of the client is missing")
        parts.append(part.text)
    subsystem = node.first("subsystemCode", IDENTIFIERS)
    instance, member_class, member_code = parts
    code = subsystem.text if subsystem is not None else None
    return ClientId(instance, member_class, member_code, code or None)


def _invalid(text: str) -> CallerError:
    error = CallerError(text, code="invalid_request")
    error.stages = ("client",)
    return error


def _body_child(message: SoapMessage, name: str) -> _Node:
    """The request's own element. The message has been read as SOAP already: no DTD, one element in the Body."""
    try:
        child = _BodyTree(name).read(utf8_document(message.data))
    except (expat.ExpatError, PlatformError):
        raise _invalid("The body of the request cannot be read") from None
    if child is None:
        raise _invalid(f"The element {name} is missing")
    return child


class _BodyTree:
    """Keeps the body's child and what is below it; expat, for the reason `sild.xroad.envelope` gives."""

    def __init__(self, name: str) -> None:
        self._wanted = (OP_MONITORING, name)
        self._path: list[_Node] = []
        self._depth = 0
        self._elements = 0
        self._found: _Node | None = None

    def read(self, document: bytes) -> _Node | None:
        parser = expat.ParserCreate("utf-8", namespace_separator=" ")
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.EntityDeclHandler = _no_entities
        parser.Parse(document, True)
        return self._found

    def _start(self, name: str, _attributes: dict[str, str]) -> None:
        self._depth += 1
        namespace, _, local = name.rpartition(" ")
        if not self._path:
            if self._depth != 3 or self._found is not None or (namespace, local) != self._wanted:
                return
            self._found = _Node((namespace, local))
            self._path.append(self._found)
            return
        self._elements += 1
        if self._elements > MOST_ELEMENTS or len(self._path) > MOST_DEPTH:
            raise _invalid("The body of the request is too large")
        node = _Node((namespace, local))
        self._path[-1].children.append(node)
        self._path.append(node)

    def _end(self, _name: str) -> None:
        self._depth -= 1
        if self._path:
            self._path.pop()

    def _text(self, data: str) -> None:
        if self._path:
            self._path[-1].texts.append(data)


def _no_entities(*_: object) -> None:
    raise _invalid("The body of the request cannot be read")
