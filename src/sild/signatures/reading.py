"""Reading an XAdES signature: what it says and what of it is signed, not yet whether it is true (WIRE 6.1, 6.2).

Everything is found by its place in the tree, never by searching for a name or an Id, and every place holds exactly one
element: a second Signature, SignedProperties or KeyInfo (signature wrapping) has nowhere to stand. A signature received on
line must satisfy X-Road's schema as well; one in a container need not, as some were made by other software (DSS).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from hmac import compare_digest

from lxml import etree

from sild.clock import parse_xml_datetime
from sild.errors import PeerError
from sild.pki import Certificate, DigestAlgorithm, SignatureAlgorithm, certificate_hash, der, read_certificate
from sild.signatures.hash_chains import SignedPart
from sild.signatures.names import C14N, NS_ASIC, NS_ASIC_OLD, SIGNED_PROPERTIES_TYPE, ds, xades
from sild.signatures.recurring import recall, remember
from sild.signatures.signature import DEFAULT_LIMITS, MALFORMED, Signature, SignatureLimits
from sild.signatures.xml import (
    Element,
    canonicalize,
    decode_base64,
    ensure_known_names,
    ensure_plain_xml,
    parse_xml,
    xades_schema,
)

_ROOTS = (f"{{{NS_ASIC}}}XAdESSignatures", f"{{{NS_ASIC_OLD}}}XAdESSignatures")
_ids = etree.XPath(
    "//@*[local-name() = 'Id' or local-name() = 'ID' or local-name() = 'id']", smart_strings=False
)


def parse_signature(
    xml: bytes, *, strict_schema: bool = False, limits: SignatureLimits = DEFAULT_LIMITS
) -> Signature:
    """Read `xml` (signatures.xml). `strict_schema`: as on line, against X-Road's XAdES schema.

    Raises PeerError: `invalid_xml` (not well-formed, document type, too large), `malformed_signature` (anything else).
    """
    if len(xml) <= limits.max_bytes and limits.max_references >= 2:
        recalled = recall(xml)
        if recalled is not None:
            return recalled
    if strict_schema:
        ensure_plain_xml(xml, max_bytes=limits.max_bytes, code="invalid_xml")
        ensure_known_names(xml)
    root = parse_xml(xml, max_bytes=limits.max_bytes)
    element = _signature_element(root, strict_schema)
    if strict_schema and not xades_schema().validate(element):
        raise PeerError("the signature is not valid against the XAdES schema", code=MALFORMED)
    identifiers = _ids(root)
    if len(set(identifiers)) != len(identifiers):
        raise PeerError("two elements of the signature have the same Id", code=MALFORMED)
    signature = _read(element, limits)
    if strict_schema:
        remember(xml, signature)
    return signature


def canonical_signature_value(xml: bytes, limits: SignatureLimits = DEFAULT_LIMITS) -> bytes:
    """The canonical form of ds:SignatureValue in place, which a SignatureTimeStamp of XAdES covers (EN 319 132-1 5.3).

    By Canonical XML 1.0, whether the time-stamp names it or, as then means the same, no method. Raises PeerError.
    """
    signature = _signature_element(parse_xml(xml, max_bytes=limits.max_bytes), False)
    return canonicalize(_only(signature, ds("SignatureValue")), C14N)


def _signature_element(root: Element, strict: bool) -> Element:
    """The ds:Signature: only child of asic:XAdESSignatures, or in a container the root itself."""
    if root.tag in _ROOTS:
        if len(root) != 1 or (root.text and (strict or root.text.strip())):
            raise PeerError("asic:XAdESSignatures holds exactly one signature", code=MALFORMED)
        root = root[0]
    elif strict:
        raise PeerError("the root is not asic:XAdESSignatures", code=MALFORMED)
    if root.tag != ds("Signature"):
        raise PeerError("there is no ds:Signature", code=MALFORMED)
    return root


def _read(signature: Element, limits: SignatureLimits) -> Signature:
    if [child.tag for child in signature] != [
        ds("SignedInfo"),
        ds("SignatureValue"),
        ds("KeyInfo"),
        ds("Object"),
    ]:
        raise PeerError("ds:Signature is SignedInfo, SignatureValue, KeyInfo and one Object", code=MALFORMED)
    signed_info, signature_value, key_info, container = signature
    qualifying = _only(container, xades("QualifyingProperties"))
    if qualifying.get("Target") != f"#{signature.get('Id')}":
        raise PeerError("the qualifying properties belong to another signature", code=MALFORMED)
    signed_properties = _only(qualifying, xades("SignedProperties"))
    unsigned = _path(qualifying, xades("UnsignedProperties"), xades("UnsignedSignatureProperties"))
    certificate = _signing_certificate(key_info)
    settings = _only(signed_properties, xades("SignedSignatureProperties"))
    _ensure_names_certificate(settings, certificate)
    method, algorithm, references = _signed_info(signed_info, limits)
    parts, properties_reference, properties_method = _split(references, signed_properties.get("Id"))
    return Signature(
        signing_certificate=certificate,
        algorithm=algorithm,
        references=parts,
        signed_info=canonicalize(signed_info, method),
        signature_value=_bytes(signature_value),
        signed_properties=canonicalize(signed_properties, properties_method),
        signed_properties_reference=properties_reference,
        signing_time=_signing_time(settings),
        ocsp_responses=_ocsp_responses(unsigned),
        certificates=_certificates(unsigned),
        timestamp=_timestamp(unsigned),
    )


# SignedInfo: XML-DSig 4.4.


@dataclass(frozen=True, slots=True)
class _Reference:
    part: SignedPart
    is_signed_properties: bool
    transforms: tuple[str, ...]


def _signed_info(
    element: Element, limits: SignatureLimits
) -> tuple[str, SignatureAlgorithm, list[_Reference]]:
    if len(element) < 2:
        raise PeerError("ds:SignedInfo is cut short", code=MALFORMED)
    method, algorithm, *references = element
    if method.tag != ds("CanonicalizationMethod") or algorithm.tag != ds("SignatureMethod"):
        raise PeerError("ds:SignedInfo begins with its two methods", code=MALFORMED)
    if not 2 <= len(references) <= limits.max_references:
        raise PeerError(f"{len(references)} references in one signature", code=MALFORMED)
    return (
        _algorithm(method),
        SignatureAlgorithm.from_uri(_algorithm(algorithm)),
        [_reference(reference) for reference in references],
    )


def _reference(element: Element) -> _Reference:
    children = list(element)
    transforms: tuple[str, ...] = ()
    if children and children[0].tag == ds("Transforms"):
        transforms = tuple(_algorithm(transform, ds("Transform")) for transform in children.pop(0))
    if element.tag != ds("Reference") or [child.tag for child in children] != [
        ds("DigestMethod"),
        ds("DigestValue"),
    ]:
        raise PeerError("a ds:Reference is not what its schema says", code=MALFORMED)
    uri = element.get("URI")
    if not uri:
        raise PeerError("a reference without a URI", code=MALFORMED)
    digest_algorithm = DigestAlgorithm.from_uri(_algorithm(children[0]))
    part = SignedPart(uri, _bytes(children[1]), digest_algorithm)
    return _Reference(part, element.get("Type") == SIGNED_PROPERTIES_TYPE, transforms)


def _split(
    references: list[_Reference], properties_id: str | None
) -> tuple[tuple[SignedPart, ...], SignedPart, str]:
    """The parts, the one reference to the SignedProperties *present*, and that reference's canonicalisation.

    Parts are hashed as raw bytes, so a transform there is refused; and no other element of the document may be referred to.
    """
    own = [reference for reference in references if reference.is_signed_properties]
    others = [reference for reference in references if not reference.is_signed_properties]
    if (
        len(own) != 1
        or not properties_id
        or own[0].part.uri != f"#{properties_id}"
        or len(own[0].transforms) > 1
    ):
        raise PeerError("the signature does not cover its SignedProperties", code=MALFORMED)
    uris = {reference.part.uri for reference in others}
    if len(uris) != len(others) or any(r.transforms or r.part.uri.startswith("#") for r in others):
        raise PeerError("a reference that X-Road signatures do not have", code=MALFORMED)
    return tuple(reference.part for reference in others), own[0].part, (*own[0].transforms, C14N)[0]


# KeyInfo and properties: XAdES 7.2 to 7.6.


def _signing_certificate(key_info: Element) -> Certificate:
    """The certificate in KeyInfo; the first, where other software put a chain there."""
    element = _path(key_info, ds("X509Data"), ds("X509Certificate"))
    if element is None:
        raise PeerError("the signature has no signing certificate", code=MALFORMED)
    return _certificate(element)


def _ensure_names_certificate(settings: Element, certificate: Certificate) -> None:
    """The signed properties name the certificate (XAdES 7.2.2): X-Road's verifier does not look, we do."""
    for name in ("SigningCertificate", "SigningCertificateV2"):
        digest = _path(settings, xades(name), xades("Cert"), xades("CertDigest"))
        if digest is not None:
            return _ensure_digest(digest, certificate)
    raise PeerError("the signed properties do not name the signing certificate", code=MALFORMED)


def _ensure_digest(element: Element, certificate: Certificate) -> None:
    method, value = element.find(ds("DigestMethod")), element.find(ds("DigestValue"))
    if method is None or value is None:
        raise PeerError("a certificate's digest is missing", code=MALFORMED)
    algorithm = DigestAlgorithm.from_uri(_algorithm(method))
    if not compare_digest(certificate_hash(certificate, algorithm), _bytes(value)):
        raise PeerError("a certificate is not the one its digest names", code=MALFORMED)


def _signing_time(settings: Element) -> datetime | None:
    text = settings.findtext(xades("SigningTime"))
    if text is None:
        return None
    try:
        return parse_xml_datetime(text)
    except ValueError:
        raise PeerError("SigningTime is not a time", code=MALFORMED) from None


def _ocsp_responses(unsigned: Element | None) -> tuple[bytes, ...]:
    values = _path(unsigned, xades("RevocationValues"), xades("OCSPValues"))
    return tuple(map(_bytes, values.findall(xades("EncapsulatedOCSPValue")))) if values is not None else ()


def _certificates(unsigned: Element | None) -> tuple[Certificate, ...]:
    """Certificates that CompleteCertificateRefs names, as the reference verifier takes them."""
    references = _path(unsigned, xades("CompleteCertificateRefs"), xades("CertRefs"))
    values = _path(unsigned, xades("CertificateValues"))
    if references is None:
        return ()
    by_id = {f"#{element.get('Id')}": element for element in (values if values is not None else ())}
    found = []
    for reference in references.findall(xades("Cert")):
        element = by_id.get(reference.get("URI", ""))
        digest = reference.find(xades("CertDigest"))
        if element is None or digest is None:
            raise PeerError("a certificate that the signature names is not in it", code=MALFORMED)
        certificate = _certificate(element)
        _ensure_digest(digest, certificate)
        found.append(certificate)
    return tuple(found)


def _timestamp(unsigned: Element | None) -> bytes | None:
    """The first SignatureTimeStamp; containers before X-Road 6 have the token right in it."""
    element = _path(unsigned, xades("SignatureTimeStamp"))
    if element is None:
        return None
    encapsulated = element.find(xades("EncapsulatedTimeStamp"))
    return _bytes(element if encapsulated is None else encapsulated)


# Small readers.


def _only(parent: Element, name: str) -> Element:
    found = parent.findall(name)
    if len(found) != 1:
        raise PeerError(f"{len(found)} elements {name} where one belongs", code=MALFORMED)
    return found[0]


def _path(element: Element | None, *names: str) -> Element | None:
    for name in names:
        element = None if element is None else element.find(name)
    return element


def _algorithm(element: Element, name: str | None = None) -> str:
    """The Algorithm attribute of an element that has no parameters."""
    if len(element) or (name is not None and element.tag != name):
        raise PeerError("an algorithm with parameters", code=MALFORMED)
    return element.get("Algorithm", "")


def _bytes(element: Element) -> bytes:
    if len(element):
        raise PeerError("elements where base64 belongs", code=MALFORMED)
    return decode_base64(element.text, code=MALFORMED)


def _certificate(element: Element) -> Certificate:
    data = _bytes(element)
    try:
        certificate = read_certificate(data)
    except PeerError as error:
        raise PeerError(error.message, code=MALFORMED) from None
    if der(certificate) != data:
        raise PeerError("a certificate is not in DER", code=MALFORMED)
    return certificate
