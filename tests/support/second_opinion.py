"""A second implementation's word on signatures and containers: libxmlsec for XML-DSig, asn1crypto and lxml for hash chains.

    confirm_signature(signatures_xml, {"/message.xml": message})      # every reference and the signature value
    confirm_container(path_or_file)                                   # the same from a .asice, and its hash chains

Nothing of `sild.signatures` is used here. Raises AssertionError or xmlsec.Error.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Final
from zipfile import ZipFile

import xmlsec
from asn1crypto import core
from lxml import etree

_NS: Final = {
    "ds": "http://www.w3.org/2000/09/xmldsig#",
    "xades": "http://uri.etsi.org/01903/v1.3.2#",
    "hc": "http://cyber.ee/hashchain",
}
_DIGESTS: Final = {
    "http://www.w3.org/2001/04/xmlenc#sha256": "sha256",
    "http://www.w3.org/2001/04/xmldsig-more#sha384": "sha384",
    "http://www.w3.org/2001/04/xmlenc#sha512": "sha512",
}
_parts: dict[str, bytes] = {}


def _read(context: list[bytes], buffer: memoryview) -> int:
    piece, context[0] = context[0][: len(buffer)], context[0][len(buffer) :]
    buffer[: len(piece)] = piece
    return len(piece)


xmlsec.cleanup_callbacks()  # or URIs would be looked up as files and on the network
xmlsec.register_callbacks(
    lambda name: name.decode() in _parts, lambda name: [_parts[name.decode()]], _read, lambda context: None
)


def confirm_signature(signatures_xml: bytes, parts: Mapping[str, bytes]) -> None:
    """libxmlsec verifies the first ds:Signature with the certificate in its KeyInfo."""
    _parts.clear()
    _parts.update(parts)
    root = etree.fromstring(signatures_xml)
    node = next(root.iter(f"{{{_NS['ds']}}}Signature"))
    xmlsec.tree.add_ids(root, ["Id"])
    context = xmlsec.SignatureContext()
    der = base64.b64decode(node.findtext("ds:KeyInfo/ds:X509Data/ds:X509Certificate", namespaces=_NS) or "")
    context.key = xmlsec.Key.from_memory(der, xmlsec.constants.KeyDataFormatCertDer)
    context.verify(node)


def confirm_hash_chain(result: bytes, files: Mapping[str, bytes]) -> set[str]:
    """Compute the tree from the files themselves; returns the names of those it covers."""
    root = etree.fromstring(result)
    covered: set[str] = set()
    method = root.find("ds:DigestMethod", _NS)
    assert method is not None
    digest = hashlib.new(
        _DIGESTS[method.get("Algorithm", "")], _step(root.get("URI", ""), files, covered)
    ).digest()
    assert digest == base64.b64decode(root.findtext("ds:DigestValue", namespaces=_NS) or "")
    return covered


class _Nothing(core.SequenceOf):  # type: ignore[misc]
    _child_spec = core.Integer


class _Item(core.Sequence):  # type: ignore[misc]  # asn1crypto has no types
    _fields = [("digest", core.OctetString), ("method", core.UTF8String), ("transforms", _Nothing)]  # noqa: RUF012


class _Step(core.SequenceOf):  # type: ignore[misc]
    _child_spec = _Item


def _step(uri: str, files: Mapping[str, bytes], covered: set[str], inside: str = "") -> bytes:
    name, _, step_id = uri.partition("#")
    chain = etree.fromstring(files[name or inside])
    default = chain.find("hc:DefaultDigestMethod", _NS)
    items = []
    for value in chain.xpath("hc:HashStep[@id=$id]/*", id=step_id, namespaces=_NS):
        method = value.find("ds:DigestMethod", _NS)
        algorithm = (default if method is None else method).get("Algorithm")
        declared = base64.b64decode(value.findtext("ds:DigestValue", namespaces=_NS) or "")
        match etree.QName(value).localname:
            case "StepRef":
                content = _step(value.get("URI"), files, covered, name or inside)
                declared = hashlib.new(_DIGESTS[algorithm], content).digest()
            case "DataRef":
                covered.add(value.get("URI"))
                assert declared == hashlib.new(_DIGESTS[algorithm], files[value.get("URI")]).digest()
        items.append({"digest": declared, "method": algorithm, "transforms": []})
    der: bytes = _Step([_Item(item) for item in items]).dump()
    return der


def confirm_container(file: Path | IO[bytes]) -> None:
    """Signature, every reference, and both hash chains of an evidence container."""
    with ZipFile(file) as archive:
        files = {f"/{name}": archive.read(name) for name in archive.namelist()}
    signature = files["/META-INF/signatures.xml"]
    confirm_signature(signature, files)
    covered = {
        reference.get("URI") for reference in etree.fromstring(signature).iter(f"{{{_NS['ds']}}}Reference")
    }
    if "/sig-hashchainresult.xml" in covered:
        covered |= confirm_hash_chain(files["/sig-hashchainresult.xml"], files)
    assert "/message.xml" in covered
    if "/ts-hashchainresult.xml" in files:
        assert confirm_hash_chain(files["/ts-hashchainresult.xml"], files) == {"/META-INF/signatures.xml"}
