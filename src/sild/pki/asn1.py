"""Reading and writing the ASN.1 of RFC 5280, 5652, 6960 and 3161 with cryptography's declarative DER coder.

The coder is strict: what is cut, doubled or followed by anything is refused. `decode(..., ber=True)` gives a structure
a second chance in `definite_form`, because some time-stamping authorities send CMS with indefinite lengths.
`TLV` stands where the standards say ANY. The coder has no optional ANY, so `[n] EXPLICIT ANY OPTIONAL` is declared as
the same bytes: `[n] IMPLICIT` over a list of TLVs (`Tagged0` and the like). Algorithms are looked up by their DER.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, TypeVar
from unicodedata import normalize

from cryptography.hazmat import asn1
from cryptography.hazmat.asn1 import TLV, Default, Explicit, Implicit, Null
from cryptography.x509 import Certificate, ObjectIdentifier

from sild.errors import PeerError
from sild.pki.algorithms import DigestAlgorithm, PrivateKey, SignatureAlgorithm, algorithm_for

__all__ = [
    "Algorithm",
    "Extension",
    "NameKey",
    "Tagged0",
    "Tagged1",
    "Tagged2",
    "content",
    "decode",
    "definite_form",
    "digest_algorithm",
    "digest_identifier",
    "encode",
    "issuer_der",
    "issuer_name_key",
    "key_bits",
    "name_key",
    "octets",
    "serial_number_of",
    "signature_algorithm",
    "signature_identifier",
    "subject_der",
    "subject_name_key",
    "tlv",
    "wrap",
]

Structure = TypeVar("Structure")

Tagged0 = Annotated[list[TLV] | None, Implicit(0)]
Tagged1 = Annotated[list[TLV] | None, Implicit(1)]
Tagged2 = Annotated[list[TLV] | None, Implicit(2)]

encode = asn1.encode_der

MAX_DEPTH = 24
"""Of nested BER constructions; CMS with certificates needs about ten."""


def decode(kind: type[Structure], data: bytes, *, ber: bool = False) -> Structure:
    """Read exactly one `kind` from DER, or from BER too. Raises PeerError (`invalid_message`)."""
    try:
        return asn1.decode_der(kind, data)
    except (ValueError, OverflowError) as error:
        if not ber:
            raise PeerError(f"not the DER of {kind.__name__}: {error}") from error
    try:
        return asn1.decode_der(kind, definite_form(data))
    except (ValueError, OverflowError) as error:
        raise PeerError(f"not an encoding of {kind.__name__}: {error}") from error


def tlv(data: bytes) -> TLV:
    """One element encoded elsewhere, to be put into a structure as it is. Raises ValueError."""
    return asn1.decode_der(TLV, data)


def content(element: TLV) -> bytes:
    return bytes(element.data)


def wrap(tag: int, data: bytes) -> bytes:
    """`data` under a one-byte tag and a definite length (X.690 8.1.3, 10.1)."""
    size = len(data)
    if size < 0x80:
        return bytes((tag, size)) + data
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + data


def octets(data: bytes) -> TLV:
    """An OCTET STRING around `data`."""
    return tlv(wrap(0x04, data))


def definite_form(data: bytes) -> bytes:
    """BER as DER would have its lengths, strings in one piece and sets in order. Raises ValueError.

    Primitive contents stay as they are, so bytes that were signed inside an OCTET STRING keep their value.
    """
    element, end = _definite(memoryview(data), 0, MAX_DEPTH)
    if end != len(data):
        raise ValueError("bytes after the end of the element")
    return element


def _definite(data: memoryview, start: int, depth: int) -> tuple[bytes, int]:
    """The element at `start` in definite form, and where it ends."""
    if depth == 0 or start + 2 > len(data):
        raise ValueError("too deep" if depth == 0 else "cut short")
    tag, first = data[start], data[start + 1]
    if tag & 0x1F == 0x1F:
        raise ValueError("a tag number above 30")
    position = start + 2
    indefinite = first == 0x80
    if indefinite:
        end = len(data)
    else:
        if first > 0x80:
            count = first & 0x7F
            if count > 4 or position + count > len(data):
                raise ValueError("a length that cannot be")
            first = int.from_bytes(data[position : position + count], "big")
            position += count
        end = position + first
        if end > len(data):
            raise ValueError("cut short")
    if not tag & 0x20:
        if indefinite:
            raise ValueError("a primitive element without a length")
        return wrap(tag, bytes(data[position:end])), end
    parts: list[bytes] = []
    while position < end:
        if indefinite and bytes(data[position : position + 2]) == b"\x00\x00":
            return _joined(tag, parts), position + 2
        part, position = _definite(data, position, depth - 1)
        parts.append(part)
    if indefinite or position != end:
        raise ValueError("an element that does not end where it should")
    return _joined(tag, parts), end


def _joined(tag: int, parts: list[bytes]) -> bytes:
    if tag == 0x24:  # an OCTET STRING in pieces
        if any(part[0] != 0x04 for part in parts):
            raise ValueError("an octet string of other things")
        return wrap(0x04, b"".join(content(tlv(part)) for part in parts))
    return wrap(tag, b"".join(sorted(parts) if tag == 0x31 else parts))


@asn1.sequence
class Algorithm:
    """AlgorithmIdentifier whose parameters are NULL or absent."""

    algorithm: ObjectIdentifier
    parameters: Null | None = None


@asn1.sequence
class Extension:
    """RFC 5280 4.1; `critical` may be spelled out although it is the default."""

    extension_id: ObjectIdentifier
    critical: bool | None = None
    value: bytes


@asn1.sequence
class _TBSCertificate:
    version: Annotated[int, Explicit(0), Default(0)]
    serial_number: int
    signature: TLV
    issuer: TLV
    validity: TLV
    subject: TLV
    public_key: TLV
    issuer_unique_id: Annotated[asn1.BitString | None, Implicit(1)]
    subject_unique_id: Annotated[asn1.BitString | None, Implicit(2)]
    extensions: Annotated[list[TLV] | None, Explicit(3)]


@asn1.sequence
class _PublicKeyInfo:
    algorithm: TLV
    key: asn1.BitString


@asn1.sequence
class _NameAttribute:
    kind: ObjectIdentifier
    value: TLV


@asn1.sequence
class _Names:
    names: list[asn1.SetOf[_NameAttribute]]


@lru_cache(maxsize=1024)
def _names_and_key(certificate: Certificate) -> tuple[bytes, bytes, bytes]:
    tbs = decode(_TBSCertificate, certificate.tbs_certificate_bytes)
    key = decode(_PublicKeyInfo, encode(tbs.public_key)).key
    return encode(tbs.issuer), encode(tbs.subject), key.as_bytes()


def issuer_der(certificate: Certificate) -> bytes:
    """The issuer's name exactly as the certificate encodes it."""
    return _names_and_key(certificate)[0]


def serial_number_of(certificate: Certificate) -> int:
    """As it is written, without the library's word about those that are not positive."""
    return decode(_TBSCertificate, certificate.tbs_certificate_bytes).serial_number


def subject_der(certificate: Certificate) -> bytes:
    return _names_and_key(certificate)[1]


def key_bits(certificate: Certificate) -> bytes:
    """The subjectPublicKey bit string: what OCSP's key hashes are of."""
    return _names_and_key(certificate)[2]


NameKey = tuple[frozenset[tuple[str, str | bytes]], ...]

_STRINGS = {
    b"\x0c": ("utf-8",),
    b"\x12": ("ascii",),  # NumericString
    b"\x13": ("ascii",),  # PrintableString
    b"\x14": ("utf-8", "latin-1"),  # TeletexString: what people put there
    b"\x16": ("ascii",),  # IA5String
    b"\x1a": ("ascii",),  # VisibleString
    b"\x1c": ("utf-32-be",),  # UniversalString
    b"\x1e": ("utf-16-be",),  # BMPString
}


@lru_cache(maxsize=4096)
def name_key(name: bytes) -> NameKey:
    """A key under which DER Names that are equal by RFC 5280 7.1 meet; the order of RDNs counts, that within one does not.

    Attribute values are compared by their text, whatever kind of string holds it: case folded, NFKC, white space at the ends
    dropped and elsewhere one space (RFC 4518 2.2, 2.3, 2.6.1, without its lists of prohibited characters, which only make
    names invalid). What is no text of its kind is compared byte by byte. Raises PeerError (`invalid_message`).
    """
    parts = decode(_Names, wrap(0x30, name)).names
    return tuple(
        frozenset((attribute.kind.dotted_string, _value_key(attribute.value)) for attribute in part.as_list())
        for part in parts
    )


def _value_key(value: TLV) -> str | bytes:
    for encoding in _STRINGS.get(value.tag_bytes, ()):
        try:
            text = content(value).decode(encoding)
        except UnicodeDecodeError:
            continue
        return " ".join(normalize("NFKC", text.casefold()).split())
    return encode(value)


def issuer_name_key(certificate: Certificate) -> NameKey:
    return name_key(issuer_der(certificate))


def subject_name_key(certificate: Certificate) -> NameKey:
    return name_key(subject_der(certificate))


_NULL = Null()
_RSA = "1.2.840.113549.1.1"
_PSS = f"{_RSA}.10"
_MGF1 = f"{_RSA}.8"
_DIGEST_OIDS = {
    DigestAlgorithm.SHA256: "2.16.840.1.101.3.4.2.1",
    DigestAlgorithm.SHA384: "2.16.840.1.101.3.4.2.2",
    DigestAlgorithm.SHA512: "2.16.840.1.101.3.4.2.3",
}
_SIGNATURE_OIDS = {
    SignatureAlgorithm.RSA_SHA256: f"{_RSA}.11",
    SignatureAlgorithm.RSA_SHA384: f"{_RSA}.12",
    SignatureAlgorithm.RSA_SHA512: f"{_RSA}.13",
    SignatureAlgorithm.ECDSA_SHA256: "1.2.840.10045.4.3.2",
    SignatureAlgorithm.ECDSA_SHA384: "1.2.840.10045.4.3.3",
    SignatureAlgorithm.ECDSA_SHA512: "1.2.840.10045.4.3.4",
}


def _identifier(oid: str, *, null: bool) -> bytes:
    return encode(Algorithm(algorithm=ObjectIdentifier(oid), parameters=_NULL if null else None))


def _oid(dotted: str) -> bytes:
    return _identifier(dotted, null=False)[2:]


def _pss_identifiers(digest: DigestAlgorithm) -> list[bytes]:
    """RSASSA-PSS with MGF1 over the same digest and a salt as long as it: RFC 4055 3.1, NULLs there or not."""
    salt = wrap(0xA2, wrap(0x02, bytes((digest.primitive.digest_size,))))
    found = []
    for inner in (
        _identifier(_DIGEST_OIDS[digest], null=True),
        _identifier(_DIGEST_OIDS[digest], null=False),
    ):
        mask = wrap(0x30, _oid(_MGF1) + inner)
        parameters = wrap(0x30, wrap(0xA0, inner) + wrap(0xA1, mask) + salt)
        found.append(wrap(0x30, _oid(_PSS) + parameters))
    return found


_DIGESTS = {
    _identifier(oid, null=null): algorithm
    for algorithm, oid in _DIGEST_OIDS.items()
    for null in (True, False)
}
_SIGNATURES = {
    _identifier(oid, null=null): algorithm
    for algorithm, oid in _SIGNATURE_OIDS.items()
    for null in (True, False)
} | {
    identifier: algorithm
    for algorithm in SignatureAlgorithm
    if algorithm.scheme == "rsa-pss"
    for identifier in _pss_identifiers(algorithm.digest_algorithm)
}
_PLAIN_RSA = frozenset({_identifier(f"{_RSA}.1", null=True), _identifier(f"{_RSA}.1", null=False)})


def digest_algorithm(identifier: TLV) -> DigestAlgorithm | None:
    """None for what we do not use, SHA-1 and older among it."""
    return _DIGESTS.get(encode(identifier))


def signature_algorithm(identifier: TLV, digest: DigestAlgorithm | None = None) -> SignatureAlgorithm | None:
    """None for what we do not use.  digest: CMS may name plain rsaEncryption and the digest beside it."""
    data = encode(identifier)
    if digest is not None and data in _PLAIN_RSA:
        return next(a for a in SignatureAlgorithm if a.scheme == "rsa" and a.digest_algorithm is digest)
    return _SIGNATURES.get(data)


def digest_identifier(algorithm: DigestAlgorithm) -> TLV:
    return tlv(_identifier(_DIGEST_OIDS[algorithm], null=True))


def signature_identifier(key: PrivateKey) -> tuple[SignatureAlgorithm, TLV]:
    """What our own services sign with: a digest that fits the key's strength (RFC 4055 5, RFC 5758 3.2)."""
    strong = not hasattr(key, "curve") or key.curve.key_size <= 256
    algorithm = algorithm_for(key, DigestAlgorithm.SHA256 if strong else DigestAlgorithm.SHA384)
    return algorithm, tlv(_identifier(_SIGNATURE_OIDS[algorithm], null=algorithm.scheme == "rsa"))
