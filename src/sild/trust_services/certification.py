"""What a certificate request may ask for (RFC 2986). Pure rules; the serial number and the times are the authority's.

The subject is certified as the request carries it: who may speak for which member is decided by the people who call
`TrustServices.issue`, not by a program. The rules here keep a subject unambiguous and apart from the authority's own.
"""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from sild.pki import Certificate, CertificateProfile, PublicKey, natural_person
from sild.trust_services.errors import CertificateRequestRefused

__all__ = [
    "CertificateRequest",
    "SubjectRules",
    "check_person_request",
    "check_request",
    "check_seal_request",
    "read_certificate_request",
]

MAX_REQUEST_BYTES = 16 * 1024
MAX_ATTRIBUTES = 16
MAX_VALUE_CHARACTERS = 256
MAX_NAMES = 32
RSA_BITS = range(2048, 8193)
CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
ISSUED_PROFILES = frozenset({CertificateProfile.SIGN, CertificateProfile.AUTH, CertificateProfile.TLS})
DNS_NAME = re.compile(r"(\*\.)?([A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.)*[A-Za-z0-9_-]{1,63}")


@dataclass(frozen=True, slots=True)
class SubjectRules:
    """required: at least one of these kinds.  allowed: all kinds that may occur."""

    required: frozenset[x509.ObjectIdentifier] = frozenset({NameOID.COMMON_NAME, NameOID.SERIAL_NUMBER})
    allowed: frozenset[x509.ObjectIdentifier] = frozenset(
        {
            NameOID.COUNTRY_NAME,
            NameOID.STATE_OR_PROVINCE_NAME,
            NameOID.LOCALITY_NAME,
            NameOID.ORGANIZATION_NAME,
            NameOID.ORGANIZATIONAL_UNIT_NAME,
            NameOID.ORGANIZATION_IDENTIFIER,
            NameOID.COMMON_NAME,
            NameOID.SERIAL_NUMBER,
            NameOID.BUSINESS_CATEGORY,
            NameOID.GIVEN_NAME,
            NameOID.SURNAME,
            NameOID.EMAIL_ADDRESS,
        }
    )


@dataclass(frozen=True, slots=True)
class CertificateRequest:
    """A PKCS#10 request whose signature proves possession of its key. dns_names: host names and IP addresses."""

    subject: x509.Name
    public_key: PublicKey
    dns_names: tuple[str, ...]


def read_certificate_request(data: bytes) -> CertificateRequest:
    """Read DER or PEM. Raises CertificateRequestRefused."""
    if len(data) > MAX_REQUEST_BYTES:
        raise CertificateRequestRefused("a certificate request is too large")
    try:
        request = x509.load_pem_x509_csr(data) if b"-----BEGIN" in data else x509.load_der_x509_csr(data)
        public_key = request.public_key()
        proven = request.is_signature_valid
        subject, names = request.subject, _names(request)
    except (
        ValueError,
        TypeError,
        UnsupportedAlgorithm,
        x509.InvalidVersion,
        x509.DuplicateExtension,
        x509.UnsupportedGeneralNameType,
    ) as error:
        raise CertificateRequestRefused(f"not a certificate request: {error}") from error
    if not isinstance(public_key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        raise CertificateRequestRefused("the key must be RSA or on an elliptic curve")
    if not proven:
        raise CertificateRequestRefused("the request is not signed with its own key")
    return CertificateRequest(subject, public_key, names)


def _names(request: x509.CertificateSigningRequest) -> tuple[str, ...]:
    try:
        wanted = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return (
        *wanted.get_values_for_type(x509.DNSName),
        *(str(address) for address in wanted.get_values_for_type(x509.IPAddress)),
    )


def check_request(
    request: CertificateRequest,
    profile: CertificateProfile,
    *,
    rules: SubjectRules,
    authority: Sequence[Certificate],
) -> None:
    """Check what is asked for against `profile`. authority: the services' own certificates.

    Raises CertificateRequestRefused.
    """
    if profile not in ISSUED_PROFILES:
        raise CertificateRequestRefused(f"{profile.name} is not issued on request")
    _check_key(request.public_key)
    _check_subject(request.subject, rules)
    if len(request.dns_names) > MAX_NAMES or not all(_is_host(name) for name in request.dns_names):
        raise CertificateRequestRefused(
            "a subject alternative name is no host name or address, or too many are given"
        )
    for own in authority:
        if own.subject == request.subject:
            # OCSP responders are found by name: nobody else may carry a service's
            raise CertificateRequestRefused("the subject is one of the authority's own")
        if own.public_key() == request.public_key:
            raise CertificateRequestRefused("the key is one of the authority's own")


def check_seal_request(request: CertificateRequest, profile: CertificateProfile, body: str) -> None:
    """That it is for the seal of this body, `INSTANCE/CLASS/CODE`, and of none besides. Raises CertificateRequestRefused."""
    named = [one.value for one in request.subject.get_attributes_for_oid(NameOID.ORGANIZATION_IDENTIFIER)]
    if profile is not CertificateProfile.SIGN or named != [body]:
        raise CertificateRequestRefused(f"this key is for the seals of {body} alone")


def check_person_request(
    request: CertificateRequest, profile: CertificateProfile, *, for_person: bool
) -> None:
    """A natural person's number (`PNOEE-...`) is certified for signing only, to whom that is given; and to them nothing else.

    Raises CertificateRequestRefused.
    """
    numbers = [str(one.value) for one in request.subject.get_attributes_for_oid(NameOID.SERIAL_NUMBER)]
    names_person = any(number.upper().startswith("PNO") for number in numbers)
    if not for_person:
        if names_person and profile is CertificateProfile.SIGN:
            raise CertificateRequestRefused("people's signing keys are certified for a signing service alone")
        return
    if profile is not CertificateProfile.SIGN or natural_person(request.subject) is None:
        raise CertificateRequestRefused("this key is for signing keys of natural persons alone")


def _check_key(key: PublicKey) -> None:
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size not in RSA_BITS or key.public_numbers().e < 3:
            raise CertificateRequestRefused("an RSA key must have 2048 to 8192 bits")
    elif not isinstance(key.curve, CURVES):
        raise CertificateRequestRefused("the curve must be P-256, P-384 or P-521")


def _check_subject(subject: x509.Name, rules: SubjectRules) -> None:
    kinds = Counter(attribute.oid for attribute in subject)
    if not 0 < len(list(subject)) <= MAX_ATTRIBUTES:
        raise CertificateRequestRefused("the subject is empty or too long")
    for kind, times in kinds.items():
        if kind not in rules.allowed:
            raise CertificateRequestRefused(f"the subject may not hold {kind.dotted_string}")
        if times > 1 and kind != NameOID.ORGANIZATIONAL_UNIT_NAME:
            # a certificate profile takes the first, another reader might take the last
            raise CertificateRequestRefused(f"the subject holds {kind.dotted_string} twice")
    if not rules.required & kinds.keys():
        raise CertificateRequestRefused("the subject names nobody: common name or serial number is missing")
    for attribute in subject:
        value = attribute.value
        if isinstance(value, bytes) or not value.strip() or len(value) > MAX_VALUE_CHARACTERS:
            raise CertificateRequestRefused("a value of the subject is empty or too long")
        if not value.isprintable():
            raise CertificateRequestRefused("a value of the subject holds control characters")


def _is_host(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return len(name) <= 253 and DNS_NAME.fullmatch(name) is not None
    return True
