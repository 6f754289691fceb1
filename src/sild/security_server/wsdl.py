"""Read a WSDL 1.1 description: the operations of its SOAP ports (UG-SS 6.1.1), and what the world may see of it (PR-META).

As the reference reads it: every operation of a binding for SOAP over HTTP that a port of a service uses; its version is the
text of a child element `version`; its address is the port's. Read with expat, nothing of the schemas is kept; nothing is
imported from elsewhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from xml.parsers import expat

from sild.errors import CallerError, PeerError
from sild.xroad.envelope import utf8_document

__all__ = ["ANONYMOUS_ADDRESS", "MAX_WSDL_BYTES", "WsdlOperation", "anonymised_wsdl", "parse_wsdl"]

MAX_WSDL_BYTES = 10 * 1024 * 1024
MAX_DEPTH = 200
MAX_NAMES = 50_000
ANONYMOUS_ADDRESS = b"http://example.org/xroad-endpoint"
WSDL = "http://schemas.xmlsoap.org/wsdl/"
SOAP = ("http://schemas.xmlsoap.org/wsdl/soap/", "http://schemas.xmlsoap.org/wsdl/soap12/")
HTTP_TRANSPORT = "http://schemas.xmlsoap.org/soap/http"
_XML_DECLARATION = b'<?xml version="1.0" encoding="UTF-8"?>'
_LOCATION = re.compile(rb"(\slocation\s*=\s*)(\"[^\"]*\"|'[^']*')")


@dataclass(frozen=True, slots=True)
class WsdlOperation:
    """One service. version: None when the description names none.  url: address of the port."""

    code: str
    version: str | None
    url: str


@dataclass(slots=True)
class _Binding:
    transport: str | None = None
    operations: dict[str, str | None] = field(default_factory=dict)


@dataclass(slots=True)
class _Port:
    binding: str
    address: str | None = None


Name = tuple[str, str]


class _Reader:
    """Handlers of expat. `_path` holds the names of the open elements."""

    def __init__(self, document: bytes) -> None:
        self.bindings: dict[str, _Binding] = {}
        self.ports: list[_Port] = []
        self.addresses: list[int] = []
        """Where the start tags of `address` elements begin, in document order."""
        self._path: list[Name] = []
        self._binding = _Binding()
        self._operation = ""
        self._text: list[str] | None = None
        names: dict[str, str] = {}
        self._names = names
        parser = expat.ParserCreate("utf-8", "\n", names)
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.StartDoctypeDeclHandler = self._doctype
        self._parser = parser
        try:
            parser.Parse(document, True)
        except (expat.ExpatError, UnicodeDecodeError) as error:
            raise _refused(f"not well-formed XML: {error}") from None
        finally:
            parser.StartElementHandler = parser.EndElementHandler = None
            parser.CharacterDataHandler = parser.StartDoctypeDeclHandler = None

    def _doctype(self, *_: object) -> None:
        raise _refused("a document type declaration is not allowed")

    def _start(self, expanded: str, attributes: dict[str, str]) -> None:
        if len(self._path) > MAX_DEPTH or len(self._names) > MAX_NAMES:
            raise _refused("too many names, or nested too deeply")
        namespace, _, local = expanded.rpartition("\n")
        name = (namespace, local)
        if not self._path and name != (WSDL, "definitions"):
            raise _refused("the document is no WSDL 1.1 description")
        parents = [inner for where, inner in self._path[1:] if where == WSDL]
        if len(parents) == len(self._path) - 1:
            self._within(parents, name, attributes)
        self._path.append(name)

    def _within(self, parents: list[str], name: Name, attributes: dict[str, str]) -> None:
        """An element all of whose parents are WSDL's own."""
        namespace, local = name
        match parents:
            case [] if name == (WSDL, "binding"):
                self._binding = self.bindings.setdefault(attributes.get("name", ""), _Binding())
            case ["binding"] if namespace in SOAP and local == "binding":
                if self._binding.transport is None:
                    self._binding.transport = attributes.get("transport", "")
            case ["binding"] if name == (WSDL, "operation"):
                self._operation = attributes.get("name", "")
                if self._operation in self._binding.operations:
                    raise _refused(f"the operation {self._operation!r} stands twice in a binding")
                self._binding.operations[self._operation] = None
            case ["binding", "operation"] if local == "version" and namespace != WSDL:
                self._text = []
                self._parser.CharacterDataHandler = self._text.append
            case ["service"] if name == (WSDL, "port"):
                self.ports.append(_Port(attributes.get("binding", "").rpartition(":")[2]))
            case ["service", "port"] if namespace in SOAP and local == "address":
                self.addresses.append(self._parser.CurrentByteIndex)
                if self.ports[-1].address is None:
                    self.ports[-1].address = attributes.get("location", "")

    def _end(self, _: str) -> None:
        self._path.pop()
        if self._text is not None:
            operations = self._binding.operations
            if operations[self._operation] is None:
                operations[self._operation] = "".join(self._text).strip() or None
            self._text = None
            self._parser.CharacterDataHandler = None


def parse_wsdl(data: bytes) -> tuple[WsdlOperation, ...]:
    """The services a description offers, in order. Raises CallerError (`bad_request`)."""
    reader = _Reader(_document(data))
    found: dict[tuple[str, str | None], WsdlOperation] = {}
    for port in reader.ports:
        binding = reader.bindings.get(port.binding)
        if binding is None or binding.transport != HTTP_TRANSPORT:
            continue
        for code, version in binding.operations.items():
            found[code, version] = WsdlOperation(code, version, port.address or "")
    return tuple(found.values())


def anonymised_wsdl(data: bytes) -> bytes:
    """The description with the addresses of its ports replaced, every other byte as it was; UTF-8.

    Raises CallerError (`bad_request`).
    """
    document = _document(data)
    pieces, position = [_XML_DECLARATION, b"" if document[:1].isspace() else b"\n"], 0
    for start in _Reader(document).addresses:
        end = _tag_end(document, start)
        pieces += [
            document[position:start],
            _LOCATION.sub(rb'\1"' + ANONYMOUS_ADDRESS + b'"', document[start:end], count=1),
        ]
        position = end
    return b"".join([*pieces, document[position:]])


_TAG = re.compile(rb"<(?:[^>\"']|\"[^\"]*\"|'[^']*')*>")


def _tag_end(document: bytes, start: int) -> int:
    tag = _TAG.match(document, start)
    return tag.end() if tag is not None else start


def _document(data: bytes) -> bytes:
    if len(data) > MAX_WSDL_BYTES:
        raise _refused("the description is longer than 10 MiB")
    try:
        return utf8_document(data)
    except PeerError as error:
        raise _refused(error.message) from None


def _refused(reason: str) -> CallerError:
    return CallerError(f"WSDL description refused: {reason}", code="bad_request")
