"""Another `source` in shared parameters: the one thing a configuration proxy changes in what it passes on (WIRE 13.5). Pure."""

from __future__ import annotations

from collections.abc import Sequence

from lxml import etree

from sild.errors import CallerError, PeerError
from sild.xroad.globalconf.documents import MALFORMED, Element, base64_text, escape, parse_document
from sild.xroad.globalconf.parameters import ConfigurationSource

__all__ = ["replace_sources"]

DECLARATION = b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'


def replace_sources(xml: bytes, sources: Sequence[ConfigurationSource]) -> bytes:
    """A shared-params.xml of version 3 or later with `sources` in the place of its own.

    Every other element is kept, also one that is not known here: the schemas are open at their end, and who passes a
    configuration on must not be the one who limits it. Comments go. Raises PeerError (`malformed_global_conf`), CallerError (no source).
    """
    if not sources:
        raise CallerError("from version 3 on shared parameters name their source", code="bad_request")
    root = parse_document(xml, "conf")
    identifier = root.find("instanceIdentifier")
    if identifier is None:
        raise PeerError("instanceIdentifier is missing", code=MALFORMED)
    for former in list(root.iterchildren("source")):
        root.remove(former)
    first = root.index(identifier) + 1
    for offset, source in enumerate(sources):
        root.insert(first + offset, _element(source, root.text))
    return DECLARATION + etree.tostring(root, encoding="UTF-8") + b"\n"


def _element(source: ConfigurationSource, space: str | None) -> Element:
    """`space`: what stands before a child of the root, line end and indentation."""
    element = etree.Element("source")
    texts = [
        ("address", source.address),
        *(("internalVerificationCert", base64_text(c)) for c in source.internal_verification_certs),
        *(("externalVerificationCert", base64_text(c)) for c in source.external_verification_certs),
    ]
    for name, text in texts:
        escape(text)  # refuses what XML cannot hold
        child = etree.SubElement(element, name)
        child.text = text
        child.tail = space and space + "    "
    if len(element):
        element.text = space and space + "    "
        element[-1].tail = space
    element.tail = space
    return element
