"""SOAP 1.1 envelopes as a stream: the Header's fields, the name of the Body's one element, a Fault (WIRE 3; PR-MESS 2, 3).

Read with expat, not libxml2: a stranger chooses the names in a message, and libxml2 never forgets a name it has seen
(docs/adr/0007). Nothing below the Body's child is kept. What is wrong is found at the element where it stands, as the
reference's SAX reader finds it, so faults come in its order.

Offsets are in the document as UTF-8: the answer's requestHash is put in by splicing, every other byte stays (`soap.py`).
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from xml.parsers import expat

from sild.errors import PeerError

__all__ = ["Element", "EnvelopeEvents", "Name", "read_envelope", "utf8_document"]

SOAP_ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
XML_DECLARATION = b'<?xml version="1.0" encoding="UTF-8"?>\n'
Name = tuple[str, str]
"""Namespace (empty when none) and local name."""

_ENVELOPE, _HEADER, _BODY = ((SOAP_ENVELOPE, name) for name in ("Envelope", "Header", "Body"))
FAULT = (SOAP_ENVELOPE, "Fault")

# Bounds on what one message may make this process hold and do. The reference has none.
MAX_DEPTH = 512
MAX_NAMES = 50_000
MAX_ELEMENTS = 4_000_000

_ENCODINGS = frozenset(
    ["utf-8", "ascii", "utf-16", "utf-16-le", "utf-16-be", "koi8-r", "koi8-u"]
    + [f"iso8859-{n}" for n in (*range(1, 12), *range(13, 17))]
    + [f"cp{n}" for n in range(1250, 1259)]
)
_BEGINS_DECLARATION = re.compile(rb"<\?xml[ \t\r\n]")
_DECLARATION = re.compile(
    rb"<\?xml[ \t\r\n]+version[ \t\r\n]*=[ \t\r\n]*(?:'1\.0'|\"1\.0\")"
    rb"(?:[ \t\r\n]+encoding[ \t\r\n]*=[ \t\r\n]*(?P<quote>['\"])(?P<encoding>[A-Za-z][A-Za-z0-9._-]{0,39})(?P=quote))?"
    rb"(?:[ \t\r\n]+standalone[ \t\r\n]*=[ \t\r\n]*(?:'(?:yes|no)'|\"(?:yes|no)\"))?[ \t\r\n]*\?>"
)


@dataclass(slots=True)
class Element:
    """A header field, a fault, an element of the Body, or a child of one; deeper elements leave only their characters.

    text: its own characters.  content: those of all below it as well (of children; a root has none).
    start, end: offsets of a root's first `<` and behind its last `>`.
    """

    name: Name
    attributes: dict[Name, str]
    start: int = 0
    end: int = 0
    texts: list[str] = field(default_factory=list)
    contents: list[str] = field(default_factory=list)
    children: list[Element] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.texts)

    @property
    def content(self) -> str:
        return "".join(self.contents)


class EnvelopeEvents:
    """What a reader of envelopes is told, in document order; whoever wants some of it overrides that."""

    def envelope(self, attributes: dict[Name, str]) -> None: ...
    def header(self, start: int) -> None: ...
    def wants_field(self, name: Name) -> bool:
        """Asked when a field of the Header begins: whether to keep it for `field`. May refuse."""
        return False

    def field(self, element: Element) -> None: ...
    def body(self) -> None: ...
    def body_child(self, name: Name) -> bool:
        """An element of the Body begins: whether to keep it for `body_element`. May refuse."""
        return False

    def body_element(self, element: Element) -> None: ...
    def fault(self, element: Element) -> None: ...


def utf8_document(data: bytes, charset: str | None = None) -> bytes:
    """The document without byte order mark and XML declaration, in UTF-8. As it is, if that is what it is.

    Its encoding is what its byte order mark or declaration says; failing that `charset`; failing that UTF-8.
    Raises PeerError (`invalid_soap`): an unknown encoding, or bytes that are not of it.
    """
    data, utf16 = _without_mark(data)
    if utf16 is not None:
        return _without_declaration(_in_utf8(data, utf16))[1]
    declared, data = _without_declaration(data)
    name = _known_encoding(declared or charset or "utf-8")
    return data if name == "utf-8" else _in_utf8(data, name)


def _in_utf8(data: bytes, encoding: str) -> bytes:
    try:
        return data.decode(encoding).encode()
    except UnicodeDecodeError:
        raise _malformed(f"the document is not {encoding}") from None


def _without_declaration(data: bytes) -> tuple[str | None, bytes]:
    """The encoding an XML declaration names, and what follows it (XML 1.0, 2.8)."""
    if not _BEGINS_DECLARATION.match(data):
        return None, data
    declaration = _DECLARATION.match(data)
    if declaration is None:
        raise _malformed("the XML declaration is not one of XML 1.0")
    encoding, rest = declaration["encoding"], data[declaration.end() :]
    if _BEGINS_DECLARATION.match(rest):
        raise _malformed("two XML declarations")
    return None if encoding is None else encoding.decode(), rest


def _without_mark(data: bytes) -> tuple[bytes, str | None]:
    """The document behind its byte order mark, and what the mark or the first two characters say of UTF-16."""
    for mark, name in (
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ):
        if data.startswith(mark):
            return data[2:], name
    if data.startswith(b"<\x00"):
        return data, "utf-16-le"
    if data.startswith(b"\x00<"):
        return data, "utf-16-be"
    return data.removeprefix(codecs.BOM_UTF8), None


def _known_encoding(name: str) -> str:
    try:
        found = codecs.lookup(name).name
    except (LookupError, ValueError):
        found = ""
    if found not in _ENCODINGS:
        raise _malformed("the encoding of the document is not supported")
    return found


def _malformed(why: str) -> PeerError:
    return PeerError(f"not well-formed XML: {why}", code="invalid_soap")


def read_envelope(document: bytes, events: EnvelopeEvents) -> None:
    """Tell `events` what stands in `document`, which `utf8_document` has given.

    Raises PeerError (`invalid_soap`: not XML, a DTD, no SOAP envelope, over a limit) and what `events` raises.
    """
    if not document.strip():
        raise PeerError("an empty SOAP message", code="invalid_soap")
    _Reader(document, events).read()


_RAW_NAME = re.compile(rb"[^\s/>]+")


class _Reader:
    """Handlers of expat. The depth counts open elements; the Envelope is 1, Header and Body 2, their children 3."""

    def __init__(self, document: bytes, events: EnvelopeEvents) -> None:
        self._document = document
        self._events = events
        self._depth = 0
        self._elements = 0
        self._within: Name | None = None
        self._root: Element | None = None
        self._done: Callable[[Element], None] = events.field
        self._names: dict[str, str] = {}
        parser = expat.ParserCreate("utf-8", "\n", self._names)
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.StartDoctypeDeclHandler = self._doctype
        self._parser = parser

    def read(self) -> None:
        try:
            self._parser.Parse(self._document, True)
        except expat.ExpatError as error:
            raise _malformed(str(error)) from None
        except UnicodeDecodeError:
            raise _malformed("a character is not UTF-8") from None
        finally:
            # Parser and handlers hold one another: left to the collector, the names of many messages would pile up.
            self._parser.StartElementHandler = self._parser.EndElementHandler = None
            self._parser.CharacterDataHandler = self._parser.StartDoctypeDeclHandler = None

    def _doctype(self, *_: object) -> None:
        raise PeerError("a document type declaration is not allowed", code="invalid_soap")

    def _start(self, expanded: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        self._elements += 1
        if self._depth > MAX_DEPTH or self._elements > MAX_ELEMENTS or len(self._names) > MAX_NAMES:
            raise _malformed("too many elements or names, or nested too deeply")
        if self._depth > 4:
            return
        if self._depth == 4:
            if self._root is not None:
                self._root.children.append(Element(_name(expanded), _names(attributes)))
            return
        name = _name(expanded)
        if self._depth == 3:
            self._child(name, attributes)
        elif self._depth == 2:
            self._part(name)
        elif name != _ENVELOPE:
            raise PeerError("Malformed SOAP message: envelope missing", code="invalid_soap")
        else:
            self._events.envelope(_names(attributes))

    def _part(self, name: Name) -> None:
        self._within = name
        if name == _HEADER:
            self._events.header(self._parser.CurrentByteIndex)
        elif name == _BODY:
            self._events.body()

    def _child(self, name: Name, attributes: dict[str, str]) -> None:
        if self._within == _HEADER:
            if self._events.wants_field(name):
                self._keep(name, attributes, self._events.field)
        elif self._within == _BODY:
            if name == FAULT:
                self._keep(name, attributes, self._events.fault)
            elif self._events.body_child(name):
                self._keep(name, attributes, self._events.body_element)

    def _keep(self, name: Name, attributes: dict[str, str], done: Callable[[Element], None]) -> None:
        self._done = done
        self._root = Element(name, _names(attributes), self._parser.CurrentByteIndex)
        self._parser.CharacterDataHandler = self._characters

    def _characters(self, text: str) -> None:
        root = self._root
        if root is None:
            return
        if self._depth == 3:
            root.texts.append(text)
            return
        child = root.children[-1]
        child.contents.append(text)
        if self._depth == 4:
            child.texts.append(text)

    def _end(self, _: str) -> None:
        self._depth -= 1
        root = self._root
        if root is not None and self._depth == 2:
            self._root = None
            self._parser.CharacterDataHandler = None
            root.end = self._end_of(root)
            self._done(root)

    def _end_of(self, element: Element) -> int:
        """expat stands at the closing tag, or right behind an empty element, whose parent has another name."""
        document, at = self._document, self._parser.CurrentByteIndex
        raw = _RAW_NAME.match(document, element.start + 1)
        if raw is not None and document.startswith(b"</" + raw.group(), at):
            return document.index(b">", at) + 1
        return at


def _name(expanded: str) -> Name:
    namespace, _, local = expanded.rpartition("\n")
    return namespace, local


def _names(attributes: dict[str, str]) -> dict[Name, str]:
    return {_name(name): value for name, value in attributes.items()}
