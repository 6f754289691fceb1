"""Reading XML from strangers: no DTD, no entities, no network, no comments, UTF-8 only, a bound on size.

`<!` can stand in well-formed XML only where a document type, an entity, a comment or a CDATA section begins. X-Road writes
none of them, each is a known way to make two readers see two documents, so their first two bytes are refused.
"""

from __future__ import annotations

import base64
import binascii
import re
from functools import cache
from importlib.resources import as_file, files

from lxml import etree

from sild.errors import PeerError
from sild.signatures.names import C14N, EXCLUSIVE_C14N, NS_ASIC, NS_ASIC_OLD, NS_DS, NS_XADES, NS_XSI

Element = etree._Element  # lxml's only name for it

_PARSER = etree.XMLParser(
    encoding="utf-8",
    resolve_entities=False,
    no_network=True,
    load_dtd=False,
    huge_tree=False,
    collect_ids=False,
)


def ensure_plain_xml(xml: bytes, *, max_bytes: int, code: str, comments: bool = False) -> None:
    """Refuse what no reader of this room should be shown (`comments`: but those). Raises PeerError with `code`."""
    if len(xml) > max_bytes:
        raise PeerError(f"an XML document of {len(xml)} bytes is over the limit of {max_bytes}", code=code)
    if b"<!" in xml and not (comments and xml.count(b"<!") == xml.count(b"<!--")):
        raise PeerError("document types, comments and CDATA sections are not allowed here", code=code)
    if b"\0" in xml:
        # A reader may follow a byte order mark to UTF-16, where "<!" is spelt otherwise.
        raise PeerError("not UTF-8", code=code)
    if xml.find(b"<?", 1) != -1:
        raise PeerError("processing instructions are not allowed here", code=code)


def parse_xml(xml: bytes, *, max_bytes: int, comments: bool = False) -> Element:
    """The root element. Raises PeerError (`invalid_xml`)."""
    ensure_plain_xml(xml, max_bytes=max_bytes, code="invalid_xml", comments=comments)
    try:
        root = etree.fromstring(xml, _PARSER)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise PeerError(f"not well-formed XML: {error}", code="invalid_xml") from None
    return root


def canonicalize(element: Element, method: str) -> bytes:
    """Canonical form of `element` in place: Canonical XML 1.0, inclusive or exclusive, without comments.

    Raises PeerError (`malformed_signature`) for any other method.
    """
    if method not in (C14N, EXCLUSIVE_C14N):
        raise PeerError(f"unsupported canonicalisation {method!r}", code="malformed_signature")
    try:
        return etree.tostring(element, method="c14n", exclusive=method == EXCLUSIVE_C14N, with_comments=False)
    except (etree.C14NError, ValueError) as error:
        raise PeerError(f"cannot be canonicalised: {error}", code="malformed_signature") from None


def decode_base64(text: str | bytes | None, *, code: str) -> bytes:
    """xs:base64Binary: white space (the CR LF of Java's encoder too) is dropped, anything else must be base64.

    Raises PeerError with `code`.
    """
    data = b"".join((text.encode() if isinstance(text, str) else text or b"").split())
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise PeerError("not base64", code=code) from None


def ensure_known_names(xml: bytes) -> None:
    """Refuse names, and white space between elements, that no XAdES signature has. Raises PeerError (`malformed_signature`).

    libxml2 keeps every name of an element, attribute, prefix or namespace it has seen until the process ends, and so runs of
    white space before a tag: a peer that sent new ones with each message would fill the memory. Names are counted here
    without regard to where they stand. Prefixes are the reference's, whose verifier finds elements by them (WIRE 6.2).
    """
    names = {*_TAG_NAME.findall(xml), *_ATTRIBUTE_NAME.findall(xml)}
    prefixes = {name.rpartition(b":")[0] for name in names}
    declared = {name[6:] for name in names if name.startswith(b"xmlns:")}
    strange = {name.rpartition(b":")[2] for name in names} - _known_names() - declared
    if strange or not _KNOWN_PREFIXES.issuperset(prefixes | declared):
        raise PeerError("names that no signature has", code="malformed_signature", names=len(strange))
    if not _KNOWN_NAMESPACES.issuperset(_NAMESPACE.findall(xml)):
        raise PeerError("namespaces that no signature has", code="malformed_signature")
    if not all(map(_INDENTATION.fullmatch, _LONG_SPACE.findall(xml))):
        raise PeerError("white space that no signature has", code="malformed_signature")


_TAG_NAME = re.compile(rb"</?([^\s<>/]+)")
_ATTRIBUTE_NAME = re.compile(rb"[\s\"']([^\s<>=\"'/]+)\s*=\s*[\"']")
_NAMESPACE = re.compile(rb"xmlns(?::[a-z]{1,8})?\s*=\s*[\"']([^\"']*)[\"']")
_KNOWN_PREFIXES = frozenset({b"", b"asic", b"ds", b"xades", b"xsi", b"xml", b"xmlns"})
_KNOWN_NAMESPACES = frozenset(map(str.encode, (NS_ASIC, NS_ASIC_OLD, NS_DS, NS_XADES, NS_XSI)))
_LONG_SPACE = re.compile(rb">([ \t\r\n]{16,})(?=<)")  # shorter ones are kept with their node
_INDENTATION = re.compile(rb"(?:\r?\n)?(?: *|\t*)")


@cache
def _known_names() -> frozenset[bytes]:
    schemas = (
        files("sild.signatures") / "schemas" / name
        for name in ("xades-schema.xsd", "xmldsig-core-schema.xsd")
    )
    names = {name for schema in schemas for name in re.findall(rb'name="(\w+)"', schema.read_bytes())}
    return frozenset(names | {b"XAdESSignatures", b"?xml", b"version", b"encoding", b"standalone", b"xmlns"})


@cache
def xades_schema() -> etree.XMLSchema:
    """The schema X-Road's on-line verifier uses, compiled at first need (ETSI TS 101 903 v1.3.2 with XML-DSig)."""
    with as_file(files("sild.signatures") / "schemas") as directory:
        return etree.XMLSchema(etree.parse(str(directory / "xades-schema.xsd")))
