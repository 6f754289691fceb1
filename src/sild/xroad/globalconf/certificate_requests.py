"""What a certificate request says of its subject, by the profile of the authority that shall certify it (WIRE 12, UG-SS 3).

The reverse of `certificate_profiles`, for authentication certificates too. Attributes stand in the reference's order. What the
reference leaves to whoever fills in the form (country, DNS name, Finland's organisation) are arguments here.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from cryptography import x509
from cryptography.x509.oid import NameOID

from sild.errors import CallerError
from sild.xroad.globalconf.certificate_profiles import JAVA_PACKAGE
from sild.xroad.identifiers import ClientId, SecurityServerId

__all__ = ["CertificateUse", "subject_for"]

CertificateUse = Literal["sign", "auth"]

C, O, OU, CN = (  # noqa: E741 - the names of X.500
    NameOID.COUNTRY_NAME,
    NameOID.ORGANIZATION_NAME,
    NameOID.ORGANIZATIONAL_UNIT_NAME,
    NameOID.COMMON_NAME,
)
SERIAL_NUMBER, BUSINESS_CATEGORY = NameOID.SERIAL_NUMBER, NameOID.BUSINESS_CATEGORY


@dataclass(frozen=True, slots=True)
class _Request:
    member: ClientId
    server: SecurityServerId
    member_name: str
    country: str
    dns_name: str


Fields = list[tuple[x509.ObjectIdentifier, str]]
Writer = Callable[[_Request], Fields]


def subject_for(
    profile: str,
    use: CertificateUse,
    *,
    member: ClientId,
    server: SecurityServerId,
    member_name: str,
    country: str = "",
    dns_name: str = "",
) -> x509.Name:
    """The subject of a request for `member`'s sign certificate, or for `server`'s auth certificate.

    profile: class name, as `ApprovedCA.certificate_profile_info` has it.  member_name: of the member, for "auth" of the
    server's owner.  country: two letters, where the profile does not fix it.  dns_name: of the server, for "auth".
    Raises CallerError (`bad_request`): a profile that is not known or describes no requests, a value that is missing.
    """
    writers = _WRITERS.get(profile)
    if writers is None:
        raise CallerError(f"certificate profile {profile!r} is not known, or has no certificate requests")
    write = writers[0] if use == "sign" else writers[1]
    attributes = []
    for oid, value in write(_Request(member, server, member_name, country, dns_name)):
        if not value:
            raise CallerError(f"the certificate profile wants {oid._name}: set it, or give the whole subject")
        attributes.append(_attribute(oid, value))
    return x509.Name(attributes)


def _attribute(oid: x509.ObjectIdentifier, value: str) -> x509.NameAttribute[str]:
    """Of any length: an instance identifier stands where X.520 wants a country of two letters."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return x509.NameAttribute(oid, value, _validate=False)


def _ejbca_sign(request: _Request) -> Fields:
    member = request.member
    return [(C, member.instance_identifier), (O, member.member_class), (CN, member.member_code)]


def _ejbca_auth(request: _Request) -> Fields:
    return [(C, request.server.owner.instance_identifier), (CN, request.server.server_code)]


def _fi_sign(request: _Request) -> Fields:
    member = request.member
    where = f"{member.instance_identifier}/{request.server.server_code}/{member.member_class}"
    return [(C, "FI"), (O, request.member_name), (SERIAL_NUMBER, where), (CN, member.member_code)]


def _fi_auth(request: _Request) -> Fields:
    owner = request.server.owner
    where = f"{owner.instance_identifier}/{request.server.server_code}/{owner.member_class}"
    return [(C, "FI"), (O, request.member_name), (SERIAL_NUMBER, where), (CN, request.dns_name)]


def _by_unit(country: str) -> Writer:
    def write(request: _Request) -> Fields:
        member = request.member
        return [
            (C, country),
            (O, member.instance_identifier),
            (OU, member.member_class),
            (CN, member.member_code),
            (SERIAL_NUMBER, "/".join(request.server.parts)),
        ]

    return write


def _is_auth(request: _Request) -> Fields:
    return [(C, "IS"), (CN, request.dns_name), (SERIAL_NUMBER, "/".join(request.server.parts))]


def _fo_auth(request: _Request) -> Fields:
    server = request.server
    return [(C, "FO"), (O, server.owner.instance_identifier), (CN, "/".join(server.parts))]


def _basic_sign(request: _Request) -> Fields:
    return [
        (CN, request.member_name),
        (O, request.member_name),
        (BUSINESS_CATEGORY, request.member.member_class),
        (C, request.country),
        (SERIAL_NUMBER, request.member.member_code),
    ]


def _basic_auth(request: _Request) -> Fields:
    return [
        (CN, request.dns_name),
        (SERIAL_NUMBER, request.server.owner.member_code),
        (C, request.country),
        (O, request.member_name),
    ]


def _acme_sign(request: _Request) -> Fields:
    return [
        (C, request.country),
        (O, request.member_name),
        (BUSINESS_CATEGORY, request.member.member_class),
        (SERIAL_NUMBER, request.member.member_code),
        (CN, request.member_name),
    ]


def _acme_auth(request: _Request) -> Fields:
    return [
        (C, request.country),
        (O, request.member_name),
        (SERIAL_NUMBER, request.server.owner.member_code),
        (CN, request.dns_name),
    ]


def _sk_sign(request: _Request) -> Fields:
    return [(SERIAL_NUMBER, request.member.member_code), (CN, request.member_name)]


def _sk_auth(request: _Request) -> Fields:
    return [(SERIAL_NUMBER, request.server.owner.member_code), (CN, request.member_name)]


_WRITERS: dict[str, tuple[Writer, Writer]] = {
    JAVA_PACKAGE + name: writers
    for name, writers in {
        "EjbcaCertificateProfileInfoProvider": (_ejbca_sign, _ejbca_auth),
        "FiVRKCertificateProfileInfoProvider": (_fi_sign, _fi_auth),
        "IsCertificateProfileInfoProvider": (_by_unit("IS"), _is_auth),
        "FoCertificateProfileInfoProvider": (_by_unit("FO"), _fo_auth),
        "BasicCertificateProfileInfoProvider": (_basic_sign, _basic_auth),
        "BasicACMECertificateProfileInfoProvider": (_acme_sign, _acme_auth),
        "SkKlass3CertificateProfileInfoProvider": (_sk_sign, _sk_auth),
    }.items()
}
