"""Who a sign certificate speaks for: its subject read by the profile of its CA (WIRE 12).

The profile's only name is a Java class name in the shared parameters; `PROFILES` maps those. Only sign profiles are read:
the subject of an authentication certificate proves nothing (the configuration registers its hash).

Where a subject has an attribute twice the last one encoded counts: the reference turns the name into RFC 2253 text, which is
the reverse order, and takes the first.
"""

from __future__ import annotations

from collections.abc import Callable

from cryptography import x509
from cryptography.x509.oid import NameOID

from sild.errors import TrustError
from sild.xroad.identifiers import ClientId

__all__ = ["PROFILES", "client_id_of_subject"]

JAVA_PACKAGE = "ee.ria.xroad.common.certificateprofile.impl."

Reader = Callable[[x509.Name, str], ClientId]


def client_id_of_subject(profile: str, subject: x509.Name, instance: str) -> ClientId:
    """The member named by `subject`. `profile`: class name of the issuing CA; `instance`: of the context.

    Raises TrustError: `internal_error` (unknown profile, as X-Road), `incorrect_certificate`, `invalid_certificate`.
    """
    reader = PROFILES.get(profile)
    if reader is None:
        raise TrustError(f"certificate profile {profile!r} is not known", code="internal_error")
    return reader(subject, instance)


def _value(subject: x509.Name, oid: x509.ObjectIdentifier) -> str | None:
    found = subject.get_attributes_for_oid(oid)
    return str(found[-1].value) if found else None


def _required(subject: x509.Name, oid: x509.ObjectIdentifier, what: str) -> str:
    value = _value(subject, oid)
    if not value:
        raise _incorrect(f"Certificate subject name does not contain {what}")
    return value


def _incorrect(message: str) -> TrustError:
    return TrustError(message, code="incorrect_certificate")


def _require_country(subject: x509.Name, country: str) -> None:
    if _value(subject, NameOID.COUNTRY_NAME) != country:
        raise _incorrect("Certificate subject name does not contain valid country code")


def _ejbca(subject: x509.Name, instance: str) -> ClientId:
    """C=instance, O=member class, CN=member code."""
    return ClientId(
        _required(subject, NameOID.COUNTRY_NAME, "country code"),
        _required(subject, NameOID.ORGANIZATION_NAME, "organization"),
        _required(subject, NameOID.COMMON_NAME, "common name"),
    )


def _by_unit(subject: x509.Name, country: str) -> ClientId:
    """C=`country`, O=instance, OU=member class, CN=member code."""
    _require_country(subject, country)
    return ClientId(
        _required(subject, NameOID.ORGANIZATION_NAME, "organization"),
        _required(subject, NameOID.ORGANIZATIONAL_UNIT_NAME, "organization unit"),
        _required(subject, NameOID.COMMON_NAME, "common name"),
    )


def _fi_vrk(subject: x509.Name, instance: str) -> ClientId:
    """Finland: serialNumber=instance/server code/member class and CN=member code; two older forms."""
    serial_number = _value(subject, NameOID.SERIAL_NUMBER)
    if serial_number is None:
        if _value(subject, NameOID.ORGANIZATIONAL_UNIT_NAME) is None:
            return _ejbca(subject, instance)
        return _by_unit(subject, "FI")
    _require_country(subject, "FI")
    _required(subject, NameOID.ORGANIZATION_NAME, "organization")
    member_code = _required(subject, NameOID.COMMON_NAME, "common name")
    parts = serial_number.split("/")
    if len(parts) != 3 or not parts[0] or not parts[2]:
        raise _incorrect("Certificate subject name's attribute serialNumber has invalid value")
    return ClientId(parts[0], parts[2], member_code)


def _is(subject: x509.Name, instance: str) -> ClientId:
    """Iceland."""
    has_serial_number = _value(subject, NameOID.SERIAL_NUMBER) is not None
    if not has_serial_number and _value(subject, NameOID.ORGANIZATIONAL_UNIT_NAME) is None:
        return _ejbca(subject, instance)
    client = _by_unit(subject, "IS")
    _required(subject, NameOID.SERIAL_NUMBER, "serial number")
    return client


def _fo(subject: x509.Name, instance: str) -> ClientId:
    """The Faroe Islands."""
    client = _by_unit(subject, "FO")
    _required(subject, NameOID.SERIAL_NUMBER, "serial number")
    return client


def _basic(subject: x509.Name, instance: str) -> ClientId:
    """businessCategory=member class, serialNumber=member code."""
    return ClientId(
        instance,
        _required(subject, NameOID.BUSINESS_CATEGORY, "business category"),
        _required(subject, NameOID.SERIAL_NUMBER, "serial number"),
    )


_REGISTERS = {"NTREE-": "COM", "GO:EE-": "GOV", "NP:EE-": "NGO"}
_CLASS_OF_FIRST_DIGIT = dict.fromkeys("123456", "COM") | {"7": "GOV", "8": "NGO", "9": "NGO"}


def _sk_klass3(subject: x509.Name, instance: str) -> ClientId:
    """Estonia: organizationIdentifier by register, else a register code of 8 digits whose first tells the class."""
    organization = _value(subject, NameOID.ORGANIZATION_IDENTIFIER)
    if organization:
        for prefix, member_class in _REGISTERS.items():
            if organization == prefix:
                raise TrustError("Organization identifier has no code", code="invalid_certificate")
            if organization.startswith(prefix):
                return ClientId(instance, member_class, organization.removeprefix(prefix))
        return ClientId(instance, "NEE", organization)
    serial_number = _value(subject, NameOID.SERIAL_NUMBER)
    if not serial_number:
        raise TrustError("Subject name does not contain serial number", code="invalid_certificate")
    if not (serial_number.isascii() and serial_number.isdigit()):
        raise TrustError("Serial number is not an integer", code="invalid_certificate")
    if len(serial_number) != 8:
        raise TrustError("Serial number must be 8 digits long", code="invalid_certificate")
    if serial_number[0] not in _CLASS_OF_FIRST_DIGIT:
        raise TrustError(f"Malformed serial number: {serial_number}", code="internal_error")
    return ClientId(instance, _CLASS_OF_FIRST_DIGIT[serial_number[0]], serial_number)


def _sk_est_eid(subject: x509.Name, instance: str) -> ClientId:
    """Estonian personal certificates."""
    serial_number = _value(subject, NameOID.SERIAL_NUMBER)
    if not serial_number:
        raise TrustError("Subject name does not contain serial number", code="invalid_certificate")
    return ClientId(instance, "PERSON", serial_number)


PROFILES: dict[str, Reader] = {
    JAVA_PACKAGE + name: reader
    for name, reader in {
        "EjbcaCertificateProfileInfoProvider": _ejbca,
        "FiVRKCertificateProfileInfoProvider": _fi_vrk,
        "IsCertificateProfileInfoProvider": _is,
        "FoCertificateProfileInfoProvider": _fo,
        "BasicCertificateProfileInfoProvider": _basic,
        "BasicACMECertificateProfileInfoProvider": _basic,
        "SkKlass3CertificateProfileInfoProvider": _sk_klass3,
        "SkEsteIdCertificateProfileInfoProvider": _sk_est_eid,
    }.items()
}
