"""Who a certificate speaks for: a natural person's subject as ETSI EN 319 412-1 5.1.3 writes it (`PNOEE-60001019906`)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import TypeVar

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sild.errors import TrustError
from sild.openid.claims import Person, date_of_birth
from sild.pki import Certificate, verify_path

__all__ = ["person_of", "verify_person_certificate"]

Kind = TypeVar("Kind", bound=x509.ExtensionType)

_IDENTIFIER = re.compile(r"(?:PNO([A-Z]{2})-)?([A-Za-z0-9:.]{4,40})", re.ASCII)


def verify_person_certificate(
    certificate: Certificate,
    *,
    anchors: Sequence[Certificate],
    intermediates: Sequence[Certificate] = (),
    at: datetime,
) -> tuple[Certificate, ...]:
    """Check path and purpose of an authentication certificate; gives its path, leaf first. Status is the caller's to ask.

    Client authentication must be among its extended key usages, and digitalSignature among its key usages (Web eID's
    validation steps). Raises TrustError (`certificate_not_trusted`).
    """
    extended = _extension(certificate, x509.ExtendedKeyUsage)
    usage = _extension(certificate, x509.KeyUsage)
    if extended is None or ExtendedKeyUsageOID.CLIENT_AUTH not in extended:
        raise _refused("the certificate is not for authentication")
    if usage is None or not usage.digital_signature:
        raise _refused("the certificate's key may not sign")
    for anchor in anchors:
        try:
            return verify_path(certificate, anchor=anchor, intermediates=intermediates, at=at)
        except TrustError:
            continue
    raise _refused("no trusted certification authority stands behind the certificate")


def person_of(certificate: Certificate) -> Person:
    """Personal code with country, and names, out of the subject. Raises TrustError (`certificate_not_trusted`)."""
    number = _one(certificate, NameOID.SERIAL_NUMBER)
    found = _IDENTIFIER.fullmatch(number)
    country = (found and found[1]) or _one(certificate, NameOID.COUNTRY_NAME)
    if found is None or not re.fullmatch(r"[A-Z]{2}", country, re.ASCII):
        raise _refused("the certificate names no person by code and country")
    subject = country + found[2]
    return Person(
        subject,
        given_name=_one(certificate, NameOID.GIVEN_NAME),
        family_name=_one(certificate, NameOID.SURNAME),
        date_of_birth=date_of_birth(subject),
    )


def _one(certificate: Certificate, oid: x509.ObjectIdentifier) -> str:
    values = certificate.subject.get_attributes_for_oid(oid)
    if len(values) != 1 or not isinstance(values[0].value, str) or not values[0].value.strip():
        raise _refused("the certificate's subject must have one serial number, given name and surname")
    return values[0].value.strip()


def _extension(certificate: Certificate, kind: type[Kind]) -> Kind | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        raise _refused("the certificate's extensions cannot be read") from error


def _refused(message: str) -> TrustError:
    return TrustError(message, code="certificate_not_trusted")
