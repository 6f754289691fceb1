"""The one way the messages of this room are read as XML: no DTD, no entities of their own, no network, bounded depth."""

from __future__ import annotations

from lxml import etree

from sild.errors import PeerError

__all__ = ["Element", "local_name", "parse_xml"]

Element = etree._Element


def parse_xml(data: bytes, *, code: str, encoding: str | None = None) -> Element:
    """The root element. `encoding` overrides the document's own. Raises PeerError(`code`), for a DTD too."""
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=False,
        encoding=encoding,
    )
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError, LookupError) as error:
        raise PeerError(f"not well-formed XML: {error}", code=code) from None
    document = root.getroottree()
    if document.docinfo.doctype or document.docinfo.internalDTD is not None:
        raise PeerError("a document type declaration is not allowed", code=code)
    return root


def local_name(element: Element) -> tuple[str, str]:
    """Namespace (empty when none) and local name; comments and instructions give two empty strings."""
    tag = element.tag
    if not isinstance(tag, str):
        return "", ""
    namespace, brace, name = tag.rpartition("}")
    return (namespace[1:], name) if brace else ("", tag)
