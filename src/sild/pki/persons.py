"""Whose personal signature is believed: certificates of natural persons for signatures (ETSI EN 319 412-1 5.1.3, 319 412-2).

1 use        keyUsage says nonRepudiation and nothing that logs in; it is no authority's, nor one for time-stamps or OCSP answers.
2 person     its subject has one serialNumber `PNOEE-38001085718`, and names no organization: a body's certificate is nobody's.
3 authority  it leads to one the verifier named, all valid at the time of the time-stamp over the signature value.
4 time       that stamp is of an authority the verifier named.
5 status     an OCSP answer says good, and was made no earlier than shortly before the stamp.

Whether such a signature is *qualified* (Regulation 910/2014, article 3) depends on who runs the authority and the device of the
key. Nothing here can tell; the verifier does, by whom they name.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.x509 import Certificate
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sild.errors import PeerError, TrustError
from sild.pki.certificates import extension, key_usage
from sild.pki.ocsp import ocsp_response_for, verify_ocsp_response
from sild.pki.path import is_issued_by, verify_path
from sild.pki.seals import may_certify, stamped

__all__ = ["natural_person", "person_number", "verify_personal_certificate", "verify_stamp"]

_NUMBER = re.compile(r"PNO([A-Z]{2})-([A-Za-z0-9:.]{4,40})", re.ASCII)
OTHER_PURPOSES = (
    ExtendedKeyUsageOID.TIME_STAMPING,
    ExtendedKeyUsageOID.OCSP_SIGNING,
    ExtendedKeyUsageOID.CLIENT_AUTH,
    ExtendedKeyUsageOID.SERVER_AUTH,
)
ORGANIZATION = (NameOID.ORGANIZATION_NAME, NameOID.ORGANIZATION_IDENTIFIER, NameOID.BUSINESS_CATEGORY)
STATUS_BEFORE = timedelta(minutes=10)
"""How much older than the time-stamp an OCSP answer may be."""


def person_number(subject: str) -> str:
    """`EE38001085718` as a certificate's serialNumber writes it: `PNOEE-38001085718`."""
    return f"PNO{subject[:2]}-{subject[2:]}"


def natural_person(subject: x509.Name) -> str | None:
    """Code with country of the person a subject names, `EE38001085718`; None: it names none, or a body besides."""
    numbers = subject.get_attributes_for_oid(NameOID.SERIAL_NUMBER)
    found = _NUMBER.fullmatch(str(numbers[0].value)) if len(numbers) == 1 else None
    if found is None or any(subject.get_attributes_for_oid(kind) for kind in ORGANIZATION):
        return None
    return found[1] + found[2]


def verify_personal_certificate(
    certificate: Certificate, *, named: Sequence[Certificate], ocsp_responses: Sequence[bytes], at: datetime
) -> str:
    """Rules 1, 2, 3 and 5; gives whose it is, `EE38001085718`. at: of the time-stamp over the signature.

    named: authorities the verifier believes, intermediate ones as well. Raises TrustError: `not_for_signatures`, `no_person`,
    `untrusted_signer`, `signer_not_good`.
    """
    _ensure_for_signatures(certificate)
    person = natural_person(certificate.subject)
    if person is None:
        raise TrustError("the certificate names no natural person", code="no_person")
    issuer = _issuer(certificate, named, at)
    try:
        response = ocsp_response_for(certificate, issuer, ocsp_responses)
        if response is None:
            raise TrustError("no OCSP answer speaks of the certificate")
        verify_ocsp_response(
            response,
            certificate=certificate,
            issuer=issuer,
            responder_certificates=(),
            ca_certificates=(issuer,),
            at=at,
            freshness=STATUS_BEFORE,
        )
    except (PeerError, TrustError) as error:
        raise TrustError(f"the certificate was not good: {error.message}", code="signer_not_good") from error
    return person


def verify_stamp(token: bytes, value: bytes, named: Sequence[Certificate]) -> datetime:
    """Rule 4: when. value: what the stamp is over. Raises TrustError (`untrusted_stamp`)."""
    try:
        at, is_trusted = stamped(token, value, named)
    except TrustError as error:
        raise TrustError(error.message, code="untrusted_stamp") from error
    if not is_trusted:
        raise TrustError("its time-stamp is of nobody you named", code="untrusted_stamp")
    return at


def _ensure_for_signatures(certificate: Certificate) -> None:
    try:
        usage = key_usage(certificate)
        constraints = extension(certificate, x509.BasicConstraints)
        purposes = extension(certificate, x509.ExtendedKeyUsage) or ()
    except PeerError as error:
        raise TrustError(error.message, code="not_for_signatures") from error
    is_for_signatures = usage is not None and usage.content_commitment and not usage.key_cert_sign
    is_authority = constraints is not None and constraints.ca
    if not is_for_signatures or is_authority or any(one in OTHER_PURPOSES for one in purposes):
        raise TrustError("the certificate is not for signatures of people", code="not_for_signatures")


def _issuer(certificate: Certificate, named: Sequence[Certificate], at: datetime) -> Certificate:
    """Who issued it, on a path to an authority that was named."""
    for anchor in named:
        try:
            path = verify_path(certificate, anchor=anchor, intermediates=named, at=at)
        except TrustError:
            continue
        valid = anchor.not_valid_before_utc <= at <= anchor.not_valid_after_utc
        if (
            valid
            and may_certify(anchor, authorities_below=len(path) - 2)
            and is_issued_by(certificate, path[1])
        ):
            return path[1]
    raise TrustError("no authority you named stands behind the certificate", code="untrusted_signer")
