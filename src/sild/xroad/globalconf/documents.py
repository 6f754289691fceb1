"""Reading and writing the XML of a configuration: hardened parser, schemas, text.

A configuration file is signed, but its size and shape come from outside all the same: no document type, no entities, bounded
bytes and depth, and the schema of its version before anything is taken out of it. Children are unqualified, only the root has
a namespace (COMPAT I9); the texts of `xs:string` are kept to the character.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from lxml import etree

from sild.errors import CallerError, PeerError
from sild.xroad.globalconf.certificates import der_of
from sild.xroad.identifiers import ClientId, ServiceId

__all__ = [
    "IDENTIFIERS_NS",
    "XROAD_NS",
    "Element",
    "base64_of",
    "base64_text",
    "certificate_of",
    "client_id_of_element",
    "conforms",
    "discard",
    "escape",
    "optional_text",
    "parse_conforming",
    "parse_document",
    "render_client_id",
    "require_conformity",
    "service_id_of_element",
    "text_of",
]

XROAD_NS = "http://x-road.eu/xsd/xroad.xsd"
IDENTIFIERS_NS = "http://x-road.eu/xsd/identifiers"

MAX_DOCUMENT_BYTES = 128 * 1024 * 1024
"""A configuration of 100,000 members with five subsystems each has about 90 MiB."""

DOCUMENT_TYPE = b"<!DOCTYPE"
SLICE_BYTES = 1024 * 1024
MANY_CHILDREN = 1000

SCHEMAS = Path(__file__).parent / "schemas"

Element = etree._Element

MALFORMED = "malformed_global_conf"


def parse_document(data: bytes, root: str, *, code: str = MALFORMED) -> Element:
    """Parse `data` and check its root element's name (`root`, in X-Road's namespace). Raises PeerError (`code`)."""
    return _parse(data, root, code, None)


def parse_conforming(data: bytes, root: str, schema: str) -> Element | None:
    """The same, validated while it is read; None for what is not well-formed, or does not conform.

    Validated afterwards, libxml2 would keep a table of every `xs:ID`, which is freed in one long call. Without it nobody has
    seen whether an ID stands twice: the reader must.
    """
    try:
        return _parse(data, root, MALFORMED, schema)
    except _Unfit:
        return None


class _Unfit(PeerError):
    pass


def _parse(data: bytes, root: str, code: str, schema: str | None) -> Element:
    if len(data) > MAX_DOCUMENT_BYTES:
        raise PeerError("the document is too large", code=code, size=len(data))
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
        collect_ids=False,
        schema=None if schema is None else _schema(schema),
    )
    if _declares_type(data):
        raise PeerError("a document type is not allowed", code=code)
    try:
        element = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        kind = PeerError if schema is None else _Unfit
        raise kind(f"not well-formed XML: {error}", code=code) from None
    if (
        element.getroottree().docinfo.internalDTD is not None
    ):  # written in UTF-16, the marker above looks different
        raise PeerError("a document type is not allowed", code=code)
    if element.tag != f"{{{XROAD_NS}}}{root}":
        raise PeerError(f"the root element is {element.tag!s}, not {root}", code=code)
    return element


def _declares_type(data: bytes) -> bool:
    """In slices: looking through the whole of a large document at once holds the interpreter."""
    overlap = len(DOCUMENT_TYPE) - 1
    return any(
        data.find(DOCUMENT_TYPE, start, start + SLICE_BYTES + overlap) >= 0
        for start in range(0, len(data), SLICE_BYTES)
    )


def discard(root: Element) -> None:
    """Empty a document that has been read, piece by piece: libxml2 frees a whole one in a single call, which takes as long as
    parsing it and holds the interpreter. Nothing below `root` can be used any more."""
    for child in _first_ones(root):
        if (
            len(child) > MANY_CHILDREN
        ):  # before it leaves: lxml carries namespaces along, which costs the square of the number
            for grandchild in _first_ones(child):
                child.remove(grandchild)
        root.remove(child)


def _first_ones(parent: Element) -> Iterator[Element]:
    while (child := next(parent.iterchildren(), None)) is not None:
        yield child


@cache
def _schema(name: str) -> etree.XMLSchema:
    parser = etree.XMLParser(no_network=True)
    return etree.XMLSchema(etree.parse(SCHEMAS / name, parser))


def conforms(element: Element, schema: str) -> bool:
    """`schema`: path of the XSD below `schemas/`."""
    return bool(_schema(schema).validate(element.getroottree()))


def require_conformity(element: Element, schema: str, *, code: str = MALFORMED) -> None:
    """Raises PeerError (`code`) with the schema's first complaint."""
    checker = _schema(schema)
    if not checker.validate(element.getroottree()):
        complaint = checker.error_log[0] if len(checker.error_log) else None
        where = (
            f"line {complaint.line}: {complaint.message}" if complaint is not None else "does not validate"
        )
        raise PeerError(f"not valid by {schema}: {where}", code=code)


def text_of(parent: Element, name: str) -> str:
    """The text of a child, as it stands; "" for an empty or absent one."""
    return parent.findtext(name) or ""


def optional_text(parent: Element, name: str) -> str | None:
    child = parent.find(name)
    return None if child is None else child.text or ""


def base64_of(element: Element, *, code: str = MALFORMED) -> bytes:
    try:
        return base64.b64decode((element.text or "").encode(), validate=False)
    except ValueError as error:
        raise PeerError(f"{element.tag!s}: not base64: {error}", code=code) from None


def certificate_of(element: Element, *, code: str = MALFORMED) -> bytes:
    """DER, also of PEM text inside the base64."""
    return der_of(base64_of(element, code=code))


_PARTS = {
    f"{{{IDENTIFIERS_NS}}}{name}": index
    for index, name in enumerate(
        ("xRoadInstance", "memberClass", "memberCode", "subsystemCode", "serviceCode", "serviceVersion")
    )
}


def _identifier_parts(element: Element) -> list[str | None]:
    parts: list[str | None] = [None] * len(_PARTS)
    for child in element:
        index = _PARTS.get(str(child.tag))
        if index is not None:
            parts[index] = child.text or ""
    return parts


def client_id_of_element(element: Element) -> ClientId:
    instance, member_class, member_code, subsystem_code, _, _ = _identifier_parts(element)
    return ClientId(instance or "", member_class or "", member_code or "", subsystem_code)


def service_id_of_element(element: Element) -> ServiceId:
    *_, service_code, service_version = _identifier_parts(element)
    return ServiceId(client_id_of_element(element), service_code or "", service_version)


# -- writing -----------------------------------------------------------------------------------------------------------

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TO_ESCAPE = re.compile("[&<>\r]")
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"}


def escape(text: str) -> str:
    """Text content that reads back to the same characters. Raises CallerError for what XML cannot hold."""
    if text.isalnum():
        return text
    if _NOT_XML.search(text):
        raise CallerError(f"XML cannot hold a character of {text!r}", code="bad_request")
    return _TO_ESCAPE.sub(lambda found: _ESCAPES[found[0]], text)


def base64_text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def render_client_id(name: str, client: ClientId, indent: str) -> str:
    """An identifier element; the document binds `ns2` to the identifiers' namespace."""
    kind = "MEMBER" if client.subsystem_code is None else "SUBSYSTEM"
    names = ("xRoadInstance", "memberClass", "memberCode", "subsystemCode")
    lines = [f'{indent}<{name} ns2:objectType="{kind}">\n']
    lines += [
        f"{indent}    <ns2:{part}>{escape(value)}</ns2:{part}>\n"
        for part, value in zip(names, client.parts, strict=False)
    ]
    lines.append(f"{indent}</{name}>\n")
    return "".join(lines)
