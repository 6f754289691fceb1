"""The one way this room reads XML: no DTD, no entities of their own, no network, bounded depth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sild.errors import PeerError

if TYPE_CHECKING:
    from lxml.etree import _Element

__all__ = ["parse_xml"]


def parse_xml(data: bytes) -> _Element:
    """The root element. Raises PeerError (`invalid_xml`), for a DTD too."""
    from lxml import etree  # late: most programs that call REST services never need it

    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError, LookupError) as error:
        raise PeerError(f"not well-formed XML: {error}", code="invalid_xml") from None
    if root.getroottree().docinfo.doctype:
        raise PeerError("a document type declaration is not allowed", code="invalid_xml")
    return root
