"""The issuer's name as ds:X509IssuerName wants it: RFC 2253, most specific first (XML-DSig 4.5.4.1)."""

from __future__ import annotations

from cryptography import x509

from sild.pki import Certificate

# The attribute types RFC 2253 has short names for; any other is written `2.5.4.5=#<hex of the DER value>`.
_SHORT_NAMES = frozenset(
    {
        "2.5.4.3",
        "2.5.4.7",
        "2.5.4.8",
        "2.5.4.10",
        "2.5.4.11",
        "2.5.4.6",
        "2.5.4.9",
        "0.9.2342.19200300.100.1.25",
        "0.9.2342.19200300.100.1.1",
    }
)


def issuer_name(certificate: Certificate) -> str:
    """`CN=Test CA,O=Test,C=EE`, as Java's X500Principal writes it."""
    return ",".join("+".join(map(_attribute, rdn)) for rdn in reversed(certificate.issuer.rdns))


def canonical_text(text: str) -> str:
    """A text node in canonical form (Canonical XML 1.0, 2.3)."""
    for character, escape in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\r", "&#xD;")):
        text = text.replace(character, escape)
    return text


def _attribute(attribute: x509.NameAttribute[str | bytes]) -> str:
    oid = attribute.oid.dotted_string
    if oid in _SHORT_NAMES and isinstance(attribute.value, str) and attribute.value.isprintable():
        return attribute.rfc4514_string()
    # Name { RDN { AttributeTypeAndValue { type, value } } }: three headers to step over, then the type.
    der = x509.Name([attribute]).public_bytes()
    content = _content(_content(_content(der)))
    return f"{oid}=#{_after_first(content).hex()}"


def _content(der: bytes) -> bytes:
    """What stands inside the first element of `der`."""
    size = der[1] & 0x7F if der[1] & 0x80 else 0
    return der[2 + size :]


def _after_first(der: bytes) -> bytes:
    """What follows the first element, whose length is under 128 (an object identifier)."""
    return der[2 + der[1] :]
