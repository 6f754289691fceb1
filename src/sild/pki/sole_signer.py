"""CMS SignedData of one signer (RFC 5652) in one form only, as seals of papers and their time-stamps have it.

A signature covers little of its envelope. What it leaves out must follow from what it covers, or a changed seal would be as good.
"""

from __future__ import annotations

from cryptography.x509 import Certificate, ObjectIdentifier

from sild.errors import PeerError, TrustError
from sild.pki.asn1 import decode, encode, issuer_der, serial_number_of
from sild.pki.certificates import read_certificate
from sild.pki.timestamp_asn1 import (
    ID_SIGNED_DATA,
    ContentInfo,
    IssuerAndSerialNumber,
    SignedData,
    SignerInfo,
)

__all__ = ["certificates_of_sole_signer"]

ID_DATA = ObjectIdentifier("1.2.840.113549.1.7.1")
MAX_CERTIFICATES = 8


def certificates_of_sole_signer(signed: bytes) -> tuple[Certificate, ...]:
    """The certificates it holds, the signer's first. signed: ContentInfo; its signature is checked elsewhere.

    Raises TrustError (`bad_seal`): not DER, not one signer, known by issuer and serial number exactly as in its certificate, or with
    another version or list of digests than follows from that, revocation lists, or more certificates than a chain has.
    """
    try:
        outer = decode(ContentInfo, signed)
        data = decode(SignedData, encode(outer.content))
        infos = data.signer_infos.as_list()
        signers = [decode(SignerInfo, encode(info)) for info in infos]
        held = [read_certificate(encode(one)) for one in (data.certificates or ())[:MAX_CERTIFICATES]]
    except PeerError as error:
        raise _refused(error.message) from error
    if outer.content_type != ID_SIGNED_DATA or encode(outer) != signed or len(signers) != 1:
        raise _refused("not the signed data of one signer")
    (signer,) = signers
    version = 1 if data.encap_content_info.content_type == ID_DATA else 3  # RFC 5652 5.1
    digests = [encode(one) for one in data.digest_algorithms.as_list()]
    if (data.version, signer.version, digests) != (version, 1, [encode(signer.digest_algorithm)]):
        raise _refused("another version or list of digests")
    if data.crls is not None or len(held) != len(data.certificates or ()):
        raise _refused("more than a seal holds")
    try:
        first = [one for one in held if _is_named(one, signer)]
    except PeerError as error:
        raise _refused(error.message) from error
    if len(first) != 1:
        raise _refused("its signer's certificate is not there, or not as it is named")
    return (*first, *(one for one in held if one is not first[0]))


def _is_named(certificate: Certificate, signer: SignerInfo) -> bool:
    sid = signer.sid
    return (
        isinstance(sid, IssuerAndSerialNumber)
        and 0 < sid.serial_number == serial_number_of(certificate)
        and issuer_der(certificate) == encode(sid.issuer)
    )


def _refused(message: str) -> TrustError:
    return TrustError(f"the seal is spelled otherwise than it may be: {message}", code="bad_seal")
